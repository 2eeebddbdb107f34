//! The checks of `remora doctor`, one function each.

use std::{
    fs,
    io::{ErrorKind, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread::available_parallelism,
    time::Duration,
};

use sqlx::{Connection, PgConnection};
use tokio::{net::TcpListener, time::timeout};

use super::{super::status, Check};
use crate::{
    clock,
    config::{Config, Problems, Wait, without_password},
    store::private::find_programs,
};

/// Less free space than this is a warning: a day's journal and tables fit in it with ease.
const FREE_MIB_MIN: u64 = 1_024;
/// With less than this nothing can be promised.
const FREE_MIB_NEEDED: u64 = 64;
/// Seconds from 1970 to 2025-01-01: before this program was written.
const YEAR_2025: u64 = 1_735_689_600;
const DATABASE_PATIENCE: Duration = Duration::from_secs(5);

pub fn settings_right(config: &Config) -> Check {
    let (leaders, strategies) = (config.leaders.len(), config.strategies.len());
    match strategies {
        0 => Check::warning(
            "settings",
            "right, but there is no strategy, so nothing would be copied",
            "give a file: --config my.toml (config/demo.toml is one to begin with)",
        ),
        _ => Check::good("settings", format!("right; leaders {leaders}, strategies {strategies}")),
    }
}

pub fn settings_wrong(problems: &Problems) -> Check {
    let first = problems.0.first().map_or(String::new(), |problem| format!("{}: {}", problem.place, problem.wrong));
    Check::failed("settings", format!("mistakes: {}; the first: {first}", problems.0.len()), "remora config check")
}

/// Writes into the folder, and removes what it wrote. The folder itself stays.
pub fn data_folder(folder: &Path) -> Check {
    const NAME: &str = "data folder";
    let shown = folder.display();
    let fix = "choose a folder this user may write in: --data FOLDER";
    if let Err(error) = fs::create_dir_all(folder).and_then(|()| write_and_remove(folder)) {
        return Check::failed(NAME, format!("{shown}: {error}"), fix);
    }
    match free_mib(folder) {
        None => Check::warning(NAME, format!("{shown}; its free space cannot be told"), "look at `df`"),
        Some(free) if free < FREE_MIB_NEEDED => Check::failed(NAME, format!("{shown}; {free} MiB free"), "make room"),
        Some(free) if free < FREE_MIB_MIN => Check::warning(NAME, format!("{shown}; {free} MiB free"), "make room"),
        Some(free) => Check::good(NAME, format!("{shown}; {} GiB free", free / 1_024)),
    }
}

fn write_and_remove(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!("doctor.{}.tmp", std::process::id()));
    let mut file = fs::File::create(&path)?;
    let written = file.write_all(b"remora doctor").and_then(|()| file.sync_all());
    fs::remove_file(&path)?;
    written
}

fn free_mib(folder: &Path) -> Option<u64> {
    let output = Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let free_kib: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(free_kib / 1_024)
}

pub async fn database(url: Option<&str>) -> Check {
    const NAME: &str = "Postgres";
    let Some(url) = url else { return programs(find_programs().ok()) };
    let shown = without_password(url);
    let fix = "start it, correct DATABASE_URL, or unset it: Remora then keeps a Postgres of its own";
    match timeout(DATABASE_PATIENCE, PgConnection::connect(url)).await {
        Err(_) => Check::failed(NAME, format!("{shown}: no answer in {} s", DATABASE_PATIENCE.as_secs()), fix),
        Ok(Err(error)) => Check::failed(NAME, format!("{shown}: {error}"), fix),
        Ok(Ok(connection)) => {
            // It has answered; whether it also hears the good-bye does not matter.
            let _ = connection.close().await;
            Check::good(NAME, format!("{shown} answers"))
        }
    }
}

fn programs(found: Option<PathBuf>) -> Check {
    match found {
        Some(folder) => Check::good("Postgres", format!("programs in {}", folder.display())),
        None => Check::failed(
            "Postgres",
            "no DATABASE_URL, and no programs (initdb, postgres, pg_ctl)",
            "scripts/install, or apt-get install postgresql, or set DATABASE_URL",
        ),
    }
}

pub async fn port(listen: SocketAddr, data: &Path) -> Check {
    const NAME: &str = "port";
    let error = match TcpListener::bind(listen).await {
        Ok(_free) => return Check::good(NAME, format!("{listen} is free")),
        Err(error) => error,
    };
    let in_use = error.kind() == ErrorKind::AddrInUse;
    let token = status::local_token(data, listen.port());
    if in_use && status::ask_as(&format!("http://{listen}/api/v1/status"), token.as_deref()).await.is_ok() {
        return Check::warning(NAME, format!("an engine already answers on {listen}"), "`remora status` shows it");
    }
    let fix = "choose another: --listen 127.0.0.1:9000";
    match in_use {
        true => Check::failed(NAME, format!("another program has {listen}"), fix),
        false => Check::failed(NAME, format!("{listen}: {error}"), fix),
    }
}

/// Says whether the way the hot thread waits fits this machine.
pub fn cores(wait: Wait) -> Check {
    cores_for(wait, available_parallelism().map_or(1, usize::from))
}

fn cores_for(wait: Wait, cores: usize) -> Check {
    const NAME: &str = "cores";
    match wait {
        Wait::Spin if cores < 2 => {
            Check::failed(NAME, format!("{cores}, and the hot thread would take it all"), "hot.wait = \"park\"")
        }
        Wait::Spin if cores < 4 => Check::warning(
            NAME,
            format!("{cores}; one spins, so the rest share {}", cores - 1),
            "hot.wait = \"park\", unless nothing else runs here",
        ),
        Wait::Park if 4 <= cores => Check::warning(
            NAME,
            format!("{cores}; the hot thread sleeps, which costs some 30 us a trade"),
            "hot.wait = \"spin\", if at least two are always free",
        ),
        Wait::Spin | Wait::Park => Check::good(NAME, format!("{cores}; hot.wait fits")),
    }
}

/// Checks that need no settings.
pub fn machine() -> Vec<Check> {
    vec![clock(), clock_source(), kernel()]
}

fn clock() -> Check {
    clock_at(clock::system().as_secs())
}

fn clock_at(seconds: u64) -> Check {
    const NAME: &str = "clock";
    match seconds {
        0..YEAR_2025 => Check::failed(NAME, "is before 2025", "set it: timedatectl set-ntp true, or install chrony"),
        seconds => Check::good(NAME, format!("the year is {}", year(seconds))),
    }
}

fn year(seconds: u64) -> i32 {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    time::OffsetDateTime::from_unix_timestamp(seconds).map_or(9999, |moment| moment.year())
}

/// Stages are timed with the kernel's monotonic clock; some sources of it cost a system call and a microsecond to read.
fn clock_source() -> Check {
    const NAME: &str = "clock source";
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    match fs::read_to_string(path).as_deref().map(str::trim) {
        Ok(fast @ ("tsc" | "kvm-clock" | "hyperv_clocksource_tsc_page" | "arch_sys_counter")) => {
            Check::good(NAME, fast)
        }
        Ok(slow) => Check::warning(
            NAME,
            format!("{slow} is slow to read"),
            "boot with clocksource=tsc, if the host keeps it steady",
        ),
        Err(_) => Check::warning(NAME, "cannot be told", "none needed; times of stages may be coarse"),
    }
}

fn kernel() -> Check {
    match fs::read_to_string("/proc/sys/kernel/osrelease") {
        Ok(release) => Check::good("kernel", format!("Linux {}", release.trim())),
        Err(_) => Check::failed("kernel", "this is not Linux", "run it on Linux, or in a container"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    #[test]
    fn the_way_to_wait_is_judged_by_the_cores() {
        let check = |wait, count, expected| assert_eq!(cores_for(wait, count).verdict, expected, "{wait:?} {count}");
        check(Wait::Spin, 1, Verdict::Failed);
        check(Wait::Spin, 2, Verdict::Warning);
        check(Wait::Spin, 4, Verdict::Good);
        check(Wait::Park, 1, Verdict::Good);
        check(Wait::Park, 4, Verdict::Warning);
    }

    #[test]
    fn a_clock_from_before_this_program_is_wrong() {
        assert_eq!(clock_at(YEAR_2025 - 1).verdict, Verdict::Failed);
        assert_eq!(clock_at(YEAR_2025).found, "the year is 2025");
    }

    #[tokio::test]
    async fn a_port_is_free_or_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stranger = tokio::spawn(async move {
            // Hangs up on whoever asks whether it is an engine.
            listener.accept().await.expect("asked");
            listener
        });
        assert_eq!(port(address, Path::new("/nonexistent")).await.verdict, Verdict::Failed);
        drop(stranger.await.expect("it was asked"));
        assert_eq!(port(address, Path::new("/nonexistent")).await.verdict, Verdict::Good);
    }

    #[test]
    fn a_folder_that_is_a_file_is_no_data_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_ne!(data_folder(&folder.path().join("new")).verdict, Verdict::Failed);
        let file = folder.path().join("file");
        fs::write(&file, "x").expect("written");
        let check = data_folder(&file);
        assert_eq!(check.verdict, Verdict::Failed);
        assert!(check.fix.contains("--data"), "{check:?}");
    }

    #[tokio::test]
    async fn a_database_that_does_not_answer_is_named_without_its_password() {
        let check = database(Some("postgres://me:secret@127.0.0.1:1/remora")).await;
        assert_eq!(check.verdict, Verdict::Failed);
        assert!(check.found.contains("postgres://me:***@127.0.0.1:1/remora"), "{check:?}");
        assert!(!check.found.contains("secret"), "{check:?}");
        assert_eq!(programs(None).verdict, Verdict::Failed);
    }
}
