//! A fresh database for each test, in one private Postgres that all test programs share.
//!
//! `TestDatabase::create().await` returns a [`PgPool`] on an empty, migrated database. The cluster is under
//! `target/remora-test-postgres-<uid>` (in /tmp where Postgres' user cannot enter that) and is started by whoever
//! comes first. Each test program holds a shared lock while it lives, and leaves a shell that waits for the lock alone
//! and then stops the cluster: nothing runs on after the last one, however it ended. What a test wrote stays until the
//! next program starts.
//!
//! Part of the library and not of its tests, because integration tests and benches see the library from outside.

use std::{
    fs::File,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use sqlx::{Connection, PgConnection, PgPool};

use super::{
    database,
    private::{Private, PrivateError},
};

/// Names the one thing this file gives.
pub enum TestDatabase {}

struct Shared {
    private: Private,
    _in_use: File,
}

impl TestDatabase {
    /// Returns connections to a new, migrated, empty database. Panics with the reason where there is no Postgres.
    pub async fn create() -> PgPool {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let shared = tokio::task::spawn_blocking(shared).await.expect("a private Postgres");
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let server = shared.private.connect_options("postgres");
        database::create(&server, &name).await.unwrap_or_else(|error| panic!("{error}"));
        let options = shared.private.connect_options(&name);
        database::migrate(&options).await.unwrap_or_else(|error| panic!("{error}"));
        database::connect(&options)
    }
}

impl TestDatabase {
    /// Drops a database that nobody needs any more: for programs that make hundreds. One that cannot be dropped stays.
    pub async fn drop(pool: PgPool) {
        let shared = tokio::task::spawn_blocking(shared).await.expect("a private Postgres");
        let name = pool.connect_options().get_database().unwrap_or_default().to_owned();
        pool.close().await;
        let options = shared.private.connect_options("postgres");
        if let Ok(mut server) = PgConnection::connect_with(&options).await {
            let _ = run(&mut server, format!("drop database if exists {name} with (force)")).await;
            let _ = server.close().await;
        }
    }
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| open().unwrap_or_else(|error| panic!("{error}")))
}

fn open() -> Result<Shared, PrivateError> {
    let (root, in_use, private) = match open_in(&in_target()) {
        Err(PrivateError::Unreachable { .. }) => open_in(&std::env::temp_dir())?,
        opened => opened?,
    };
    // flock(1) gets the lock when the last test program is gone; nobody can start the cluster before it is stopped.
    let mut last_one_out = private.command("sh");
    last_one_out.args(["-c", r#"flock "$0" -c "$1" >/dev/null 2>&1 &"#]).arg(root.join("in_use.lock"));
    last_one_out.arg(private.stop_command()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    assert!(last_one_out.status().is_ok_and(|status| status.success()), "sh and flock (of util-linux) are needed");
    tidy(&private);
    Ok(Shared { private, _in_use: in_use })
}

fn open_in(folder: &Path) -> Result<(PathBuf, File, Private), PrivateError> {
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("/proc"));
    let root = folder.join(format!("remora-test-postgres-{uid}"));
    std::fs::create_dir_all(&root).expect("a folder for the test cluster");
    let in_use = File::create(root.join("in_use.lock")).expect("a lock file");
    in_use.lock_shared().expect("a shared lock");
    let private = Private::open(&root)?;
    Ok((root, in_use, private))
}

/// `target/debug/deps/remora-1234` -> `target`.
fn in_target() -> PathBuf {
    let program = std::env::current_exe().expect("a test program");
    program.ancestors().nth(3).expect("a target folder").to_owned()
}

/// Speeds the cluster up (a test does not survive a power cut) and drops what dead test programs left behind.
fn tidy(private: &Private) {
    let options = private.connect_options("postgres");
    let work = async move {
        let mut server = database::wait_until_up(&options).await.unwrap_or_else(|error| panic!("{error}"));
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            // Fails where another program does the same at this moment: then it is done.
            let _ = run(&mut server, format!("alter system set {setting} = off")).await;
        }
        run(&mut server, "select pg_reload_conf()".to_owned()).await?;
        let names: Vec<String> =
            sqlx::query_scalar("select datname::text from pg_database where datname like 'test_%'")
                .fetch_all(&mut server)
                .await?;
        for name in names {
            let alive = name.split('_').nth(1).is_some_and(|pid| Path::new("/proc").join(pid).exists());
            if !alive {
                let _ = run(&mut server, format!("drop database if exists {name} with (force)")).await;
            }
        }
        server.close().await
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // A thread of its own, because the caller may be inside a runtime.
    std::thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join())
        .expect("no panic")
        .expect("the test cluster answers");
}

async fn run(server: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(server).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_database_is_empty_and_its_own() {
        let (one, other) = tokio::join!(TestDatabase::create(), TestDatabase::create());
        sqlx::query("insert into leaders (id, wallet, name) values (1, 'w', 'n')").execute(&one).await.expect("a row");
        let count = |pool: PgPool| async move {
            sqlx::query_scalar::<_, i64>("select count(*) from leaders").fetch_one(&pool).await.expect("a count")
        };
        assert_eq!((count(one.clone()).await, count(other.clone()).await), (1, 0));
        TestDatabase::drop(one).await;
        assert_eq!(count(other).await, 0, "only that one is gone");
    }
}
