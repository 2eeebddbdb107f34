//! A private Postgres: Debian's programs, an own data folder, a Unix socket and nothing else. No port, no password, no
//! service.
//!
//! It outlives us: killed or stopped, the engine finds it running the next time, and starts it if it is not.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
        net::UnixStream,
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use sqlx::postgres::PgConnectOptions;

mod error;
pub use error::PrivateError;

/// A postmaster that was killed stays a zombie until its parent reaps it, and blocks a start as long (5.3 s was seen).
const START_PATIENCE: Duration = Duration::from_secs(20);
/// A Unix socket's path has 108 bytes, and Postgres adds `/.s.PGSQL.5432.lock`.
const SOCKET_FOLDER_BYTES_MAX: usize = 85;
const SOCKET_NAME: &str = ".s.PGSQL.5432";
/// Who may own the cluster when we are root: Postgres refuses to run as root.
const USERS: [&str; 3] = ["remora", "postgres", "nobody"];

/// A running private cluster. Dropping it leaves it running.
#[derive(Clone, Debug)]
pub struct Private {
    programs: PathBuf,
    /// `<root>/postgres`: everything of the cluster lives in it.
    home: PathBuf,
    socket: PathBuf,
    user: Option<User>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct User {
    uid: u32,
    gid: u32,
}

impl Private {
    /// Opens the cluster under `root`: creates it the first time, starts it if it is not up. Blocks for about 3 s the
    /// first time and 0.2 s later. Safe to call from several processes at once.
    pub fn open(root: &Path) -> Result<Private, PrivateError> {
        let programs = find_programs()?;
        let user = match own_uid()? {
            0 => Some(USERS.iter().find_map(|name| look_up(name)).ok_or(PrivateError::NoUser)?),
            _ => None,
        };
        fs::DirBuilder::new().recursive(true).mode(0o755).create(root).map_err(at(root))?;
        let root = root.canonicalize().map_err(at(root))?;
        let home = root.join("postgres");
        own_folder(&home, user)?;
        if let Some(user) = user {
            reachable(&home, user)?;
        }
        let socket = socket_folder(&home);
        own_folder(&socket, user)?;

        let opening = home.join("opening.lock");
        let lock = fs::File::create(&opening).map_err(at(&opening))?;
        lock.lock().map_err(at(&opening))?;
        let mut private = Private { programs, home, socket, user };
        private.create()?;
        private.match_version()?;
        private.start()?;
        Ok(private)
    }

    /// Returns whether a cluster under `root` seems to be up; one that was killed seems so, too.
    pub fn seems_up(root: &Path) -> bool {
        root.join("postgres/data/postmaster.pid").exists()
    }

    /// Returns how to connect to one of its databases.
    pub fn connect_options(&self, database: &str) -> PgConnectOptions {
        options(&self.socket, database)
    }

    /// Returns the folder of the socket, for `psql -h`.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Stops the cluster and waits for it; connections are cut. Opening it again starts it.
    pub fn stop(&self) -> Result<(), PrivateError> {
        self.run(
            "pg_ctl",
            ["stop", "-w", "-m", "fast", "-D"].map(OsStr::new).into_iter().chain([self.data().as_os_str()]),
        )
    }

    /// Returns the command that stops the cluster in the hardest way that keeps it whole, to be run by somebody else.
    pub(super) fn stop_command(&self) -> String {
        format!("{} stop -m immediate -D {}", quoted(&self.programs.join("pg_ctl")), quoted(&self.data()))
    }

    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env("LC_ALL", "C").stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn run<'a>(
        &self,
        program: &'static str,
        arguments: impl IntoIterator<Item = &'a OsStr>,
    ) -> Result<(), PrivateError> {
        // A file takes the output, not a pipe: the server keeps what it inherits open, and a pipe would never end.
        let path = self.home.join("command.log");
        let log = fs::File::create(&path).map_err(at(&path))?;
        let program_path = self.programs.join(program);
        let status = self
            .command(&program_path.to_string_lossy())
            .args(arguments)
            .stdout(log.try_clone().map_err(at(&path))?)
            .stderr(log)
            .status()
            .map_err(at(&program_path))?;
        if status.success() {
            return Ok(());
        }
        Err(PrivateError::Failed { command: program, output: fs::read_to_string(&path).unwrap_or_default() })
    }

    /// Makes the cluster in a folder of its own and renames it: a kill half-way leaves rubbish, never half a cluster.
    fn create(&self) -> Result<(), PrivateError> {
        if self.data().join("PG_VERSION").exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.home).map_err(at(&self.home))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with("init.") {
                fs::remove_dir_all(entry.path()).map_err(at(&entry.path()))?;
            }
        }
        let unfinished = self.home.join(format!("init.{}", std::process::id()));
        let options =
            ["-U", "remora", "--auth-local=trust", "--auth-host=reject", "-E", "UTF8", "--locale=C", "-k", "-D"];
        self.run("initdb", options.map(OsStr::new).into_iter().chain([unfinished.as_os_str()]))?;
        fs::rename(&unfinished, self.data()).map_err(at(&unfinished))?;
        fs::File::open(&self.home).and_then(|home| home.sync_all()).map_err(at(&self.home))
    }

    /// An upgrade may bring a new major version of the programs; the data stay with the old one's.
    fn match_version(&mut self) -> Result<(), PrivateError> {
        let path = self.data().join("PG_VERSION");
        let data = fs::read_to_string(&path).map_err(at(&path))?.trim().to_owned();
        let programs = version(&self.programs)?;
        if programs == data {
            return Ok(());
        }
        let old = PathBuf::from(format!("/usr/lib/postgresql/{data}/bin"));
        if !has_programs(&old) {
            return Err(PrivateError::Version { home: self.home.clone(), data, programs });
        }
        self.programs = old;
        Ok(())
    }

    fn start(&self) -> Result<(), PrivateError> {
        // `pg_ctl status` believes a zombie and initdb's own single-user server; only the socket tells the truth.
        let answers = || UnixStream::connect(self.socket.join(SOCKET_NAME)).is_ok();
        // Given here and not in postgresql.conf: a kill between initdb and an edit would leave a server on a public
        // port.
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories={} -c unix_socket_permissions=0700 -c max_connections=100 \
             -c shared_buffers=64MB -c wal_compression=on -c log_min_duration_statement=250",
            self.socket.display()
        );
        let (data, log) = (self.data(), self.home.join("server.log"));
        let began = Instant::now();
        while !answers() {
            let arguments = ["start", "-w", "-t", "60", "-o", &options, "-l"].map(OsStr::new);
            let arguments = arguments.into_iter().chain([log.as_os_str(), OsStr::new("-D"), data.as_os_str()]);
            let started = self.run("pg_ctl", arguments);
            if began.elapsed() > START_PATIENCE && !answers() {
                return Err(match started {
                    Ok(()) => PrivateError::Silent { socket: self.socket.clone() },
                    Err(PrivateError::Failed { command, output }) => {
                        PrivateError::Failed { command, output: output + &last_lines(&log) }
                    }
                    Err(other) => other,
                });
            }
            sleep(Duration::from_millis(if started.is_ok() { 10 } else { 200 }));
        }
        Ok(())
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PrivateError {
    let path = path.to_owned();
    |error| PrivateError::Io { path, error }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let from = text.lines().count().saturating_sub(10);
    text.lines().skip(from).collect::<Vec<_>>().join("\n")
}

fn own_uid() -> Result<u32, PrivateError> {
    let path = Path::new("/proc/self");
    Ok(fs::metadata(path).map_err(at(path))?.uid())
}

fn look_up(name: &str) -> Option<User> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    find_user(&users, name)
}

fn find_user(users: &str, name: &str) -> Option<User> {
    let mut fields = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':').skip(1);
    Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
}

fn has_programs(folder: &Path) -> bool {
    ["initdb", "postgres", "pg_ctl"].iter().all(|program| folder.join(program).is_file())
}

/// Looks in `PG_BIN`, then in Debian's folders (newest first), then in `PATH`.
pub fn find_programs() -> Result<PathBuf, PrivateError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    look_for_programs(std::env::var_os("PG_BIN"), Path::new("/usr/lib/postgresql"), &path)
}

fn look_for_programs(named: Option<OsString>, debian: &Path, path: &OsStr) -> Result<PathBuf, PrivateError> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(debian)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    let mut looked_in: Vec<PathBuf> = named.map(PathBuf::from).into_iter().collect();
    looked_in.extend(versions.into_iter().map(|(_, folder)| folder));
    looked_in.extend(std::env::split_paths(path));
    match looked_in.iter().find(|folder| has_programs(folder)) {
        Some(folder) => Ok(folder.clone()),
        None => {
            looked_in.push(debian.join("*/bin"));
            Err(PrivateError::Missing { looked_in })
        }
    }
}

/// Returns the major version of the server program.
fn version(programs: &Path) -> Result<String, PrivateError> {
    let program = programs.join("postgres");
    let output = Command::new(&program).arg("--version").output().map_err(at(&program))?;
    let text = String::from_utf8_lossy(&output.stdout); // "postgres (PostgreSQL) 15.14 (Debian ...)"
    let number = text.split_whitespace().nth(2).unwrap_or_default();
    Ok(number.split('.').next().unwrap_or_default().to_owned())
}

/// Makes `folder` ours alone; refuses one that somebody else made, as anybody may in /tmp.
fn own_folder(folder: &Path, user: Option<User>) -> Result<(), PrivateError> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {
            if let Some(user) = user {
                chown(folder, Some(user.uid), Some(user.gid)).map_err(at(folder))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(at(folder)(error)),
    }
    let owner = match user {
        Some(user) => user.uid,
        None => own_uid()?,
    };
    let found = fs::symlink_metadata(folder).map_err(at(folder))?;
    // A kill between the two lines above leaves a folder of root's.
    if found.is_dir() && found.uid() == 0 && user.is_some() {
        chown(folder, user.map(|user| user.uid), user.map(|user| user.gid)).map_err(at(folder))?;
    } else if !found.is_dir() || found.uid() != owner {
        return Err(PrivateError::Stranger { folder: folder.to_owned() });
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(at(folder))
}

/// Fails where `user` cannot enter `home`: /root, for one, is closed to everybody else.
fn reachable(home: &Path, user: User) -> Result<(), PrivateError> {
    let test = Command::new("test").arg("-x").arg(home).uid(user.uid).gid(user.gid).current_dir("/").status();
    if test.map_err(at(home))?.success() {
        return Ok(());
    }
    Err(PrivateError::Unreachable { home: home.to_owned(), uid: user.uid })
}

/// Returns how to connect to a cluster's database, whether it is up or not.
pub fn options_at(root: &Path, database: &str) -> PgConnectOptions {
    let home = root.canonicalize().unwrap_or_else(|_| root.to_owned()).join("postgres");
    options(&socket_folder(&home), database)
}

fn options(socket: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass().socket(socket).username("remora").database(database)
}

/// Returns `home`, or a short plain name in /tmp where its path is too long for a socket or needs quoting.
fn socket_folder(home: &Path) -> PathBuf {
    let path = home.as_os_str().as_encoded_bytes();
    let plain = path.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte));
    if plain && path.len() <= SOCKET_FOLDER_BYTES_MAX {
        return home.to_owned();
    }
    PathBuf::from(format!("/tmp/remora-{:08x}", crc32c::crc32c(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:8::/:\npostgres:x:101:104:x:/var:/bin/bash\nbad:x:no:1\n";
        assert_eq!(find_user(users, "postgres"), Some(User { uid: 101, gid: 104 }));
        assert_eq!(find_user(users, "post"), None);
        assert_eq!(find_user(users, "bad"), None);
    }

    #[test]
    fn a_socket_path_is_short_and_plain() {
        assert_eq!(socket_folder(Path::new("/var/lib/remora")), Path::new("/var/lib/remora"));
        for home in [format!("/{}", "x".repeat(85)), "/with space".into(), "/with'quote".into(), "/with,comma".into()] {
            let folder = socket_folder(Path::new(&home));
            assert!(folder.starts_with("/tmp") && folder.as_os_str().len() < 30, "{folder:?}");
        }
    }

    /// Creation, a folder with a space and a long path, use after a kill of the server, rubbish of a killed initdb,
    /// stop.
    #[test]
    fn a_cluster_survives_what_happens_to_it() {
        let parent = tempfile::tempdir().expect("a folder");
        fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        let root = parent.path().join("a long name ".repeat(8));
        let first = Private::open(&root).expect("created");
        let pid = || -> u32 {
            let text = fs::read_to_string(first.data().join("postmaster.pid")).expect("a pid file");
            text.lines().next().and_then(|line| line.parse().ok()).expect("a pid")
        };
        let began_as = pid();
        Private::open(&root).expect("found running");
        assert_eq!(pid(), began_as, "the same server is used again");

        assert!(Command::new("kill").args(["-9", &began_as.to_string()]).status().expect("kill").success());
        fs::create_dir_all(first.home.join("init.1/rubbish")).expect("rubbish");
        // The socket file stays behind, and nobody listens on it.
        while UnixStream::connect(first.socket.join(SOCKET_NAME)).is_ok() {
            sleep(Duration::from_millis(5));
        }
        Private::open(&root).expect("started again");
        assert_ne!(pid(), began_as);

        first.stop().expect("stopped");
        assert!(UnixStream::connect(first.socket.join(SOCKET_NAME)).is_err());
        fs::write(first.data().join("PG_VERSION"), "7\n").expect("an old version");
        let refusal = Private::open(&root).expect_err("refused").to_string();
        assert!(refusal.contains("postgresql-7"), "{refusal}");
        fs::remove_dir_all(&first.socket).expect("socket folder removed");
    }

    #[test]
    fn programs_are_looked_for_and_missing_ones_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let debian = folder.path().join("postgresql");
        let look = |named: Option<&Path>| look_for_programs(named.map(OsString::from), &debian, OsStr::new("/nowhere"));
        for (version, programs) in
            [("13", &["initdb", "postgres", "pg_ctl"][..]), ("9", &["initdb"]), ("15", &["initdb"])]
        {
            fs::create_dir_all(debian.join(version).join("bin")).expect("a folder");
            let said = look(None).expect_err("nothing there yet").to_string();
            assert!(said.contains("/nowhere") && said.contains("apt-get install -y postgresql"), "{said}");
            for program in programs.iter().skip(1) {
                fs::write(debian.join(version).join("bin").join(program), "").expect("a file");
            }
        }
        fs::write(debian.join("13/bin/initdb"), "").expect("a file");
        assert_eq!(look(None).expect("the whole one"), debian.join("13/bin"));
        assert_eq!(look(Some(&debian.join("15/bin"))).expect("the whole one"), debian.join("13/bin"));
    }

    #[test]
    fn errors_say_what_would_help() {
        let cases = [
            (PrivateError::Missing { looked_in: vec!["/x".into()] }, "apt-get install -y postgresql"),
            (PrivateError::NoUser, "useradd --system remora"),
            (PrivateError::Unreachable { home: "/root/x".into(), uid: 101 }, "--data /var/lib/remora"),
            (PrivateError::Stranger { folder: "/tmp/x".into() }, "--data"),
        ];
        for (error, fix) in cases {
            assert!(error.to_string().contains(fix), "{error}");
        }
    }
}
