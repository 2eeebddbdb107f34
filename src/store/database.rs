//! The database: one that the operator runs (`DATABASE_URL`), or our private one. Migrated before anybody uses it.

use std::{
    fmt,
    path::PathBuf,
    str::FromStr,
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::private::{self, Private, PrivateError};

/// The tables, in order of their making; compiled in.
static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// The private cluster's database.
const NAME: &str = "remora";
/// Postgres gives up on a statement after this time, whoever sent it.
const STATEMENT_TIMEOUT: &str = "3s";
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
const CONNECTIONS_MAX: u32 = 12;

/// Where the tables live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseChoice {
    /// `DATABASE_URL`: somebody else runs it; we start and stop nothing.
    Url(String),
    /// A private Postgres in this folder.
    Private { root: PathBuf },
}

/// An open, migrated database.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
    choice: DatabaseChoice,
}

#[derive(Debug)]
pub enum DatabaseError {
    /// `DATABASE_URL` is no address.
    Url {
        reason: String,
    },
    Private(PrivateError),
    Unreachable {
        tried: String,
        error: sqlx::Error,
    },
    Migration {
        tried: String,
        error: MigrateError,
    },
}

impl Database {
    /// Starts the private Postgres where that is the choice, connects, and brings the tables up to date.
    pub async fn open(choice: &DatabaseChoice) -> Result<Database, DatabaseError> {
        let options = match choice {
            DatabaseChoice::Url(url) => parse(url)?,
            DatabaseChoice::Private { root } => {
                let private = open_private(root.clone()).await?;
                create(&private.connect_options("postgres"), NAME).await?;
                private.connect_options(NAME)
            }
        };
        migrate(&options).await?;
        Ok(Database { pool: connect(&options), choice: choice.clone() })
    }

    /// Connects to read what somebody else keeps: starts nothing, and makes and changes no table. It may be down now, and come.
    pub fn visit(choice: &DatabaseChoice) -> Result<PgPool, DatabaseError> {
        let options = match choice {
            DatabaseChoice::Url(url) => parse(url)?,
            DatabaseChoice::Private { root } => private::options_at(root, NAME),
        };
        Ok(connect(&options))
    }

    /// Returns the connections: shared by the writer and the web, cheap to clone. Statements time out after 3 s.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Starts the private Postgres again if it is down; does nothing for `DATABASE_URL`.
    pub async fn revive(&self) -> Result<(), DatabaseError> {
        match &self.choice {
            DatabaseChoice::Url(_) => Ok(()),
            DatabaseChoice::Private { root } => open_private(root.clone()).await.map(|_| ()),
        }
    }

    /// Closes the connections, and stops the Postgres if it is our private one.
    pub async fn stop(self) -> Result<(), DatabaseError> {
        self.pool.close().await;
        match self.choice {
            DatabaseChoice::Url(_) => Ok(()),
            DatabaseChoice::Private { root } => {
                let private = open_private(root).await?;
                blocking(move || private.stop()).await
            }
        }
    }
}

fn parse(url: &str) -> Result<PgConnectOptions, DatabaseError> {
    // sqlx would take any scheme for its own.
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(DatabaseError::Url { reason: "it does not begin with postgres://".to_owned() });
    }
    PgConnectOptions::from_str(url).map_err(|error| DatabaseError::Url { reason: error.to_string() })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PrivateError> + Send + 'static,
) -> Result<T, DatabaseError> {
    let done = tokio::task::spawn_blocking(work).await.expect("starting Postgres does not panic");
    done.map_err(DatabaseError::Private)
}

async fn open_private(root: PathBuf) -> Result<Private, DatabaseError> {
    blocking(move || Private::open(&root)).await
}

/// Returns connections, made when they are needed.
pub(super) fn connect(options: &PgConnectOptions) -> PgPool {
    let options = options.clone().options([("statement_timeout", STATEMENT_TIMEOUT)]);
    let options = options.options([("timezone", "UTC")]).application_name("remora").disable_statement_logging();
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(Duration::from_secs(3));
    pool.connect_lazy_with(options)
}

/// Brings the tables up to date, however long that takes. Waits while the database says that it is starting up.
pub(super) async fn migrate(options: &PgConnectOptions) -> Result<(), DatabaseError> {
    let mut connection = wait_until_up(options).await?;
    let migrated = MIGRATIONS.run(&mut connection).await;
    migrated.map_err(|error| DatabaseError::Migration { tried: name_of(options), error })?;
    let _ = connection.close().await;
    Ok(())
}

pub(super) async fn wait_until_up(options: &PgConnectOptions) -> Result<PgConnection, DatabaseError> {
    let began = Instant::now();
    loop {
        let error = match tokio::time::timeout(CONNECT_PATIENCE, options.connect()).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::PoolTimedOut,
        };
        // 57P03: the database system is starting up.
        let starting = error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "57P03");
        if !starting || began.elapsed() > CONNECT_PATIENCE {
            return Err(DatabaseError::Unreachable { tried: name_of(options), error });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Creates the database `name` unless it is there. `name` is ours: it is not escaped.
pub(super) async fn create(server: &PgConnectOptions, name: &str) -> Result<(), DatabaseError> {
    let mut connection = wait_until_up(server).await?;
    let created = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&mut connection).await;
    // 42P04: there is one. 23505: somebody else is making it at this moment.
    match created {
        Ok(_) => {}
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "42P04" || code == "23505") => {}
        Err(error) => return Err(DatabaseError::Unreachable { tried: name_of(server), error }),
    }
    let _ = connection.close().await;
    Ok(())
}

/// Says which database was meant, without the password.
fn name_of(options: &PgConnectOptions) -> String {
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    format!("database {} of user {} at {place}", options.get_database().unwrap_or("(default)"), options.get_username())
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabaseError::Url { reason } => write!(
                f,
                "DATABASE_URL is not a Postgres address: {reason}\n  fix: postgres://user:password@host:5432/name, or \
                 unset it to use a private Postgres"
            ),
            DatabaseError::Private(error) => write!(f, "the private Postgres: {error}"),
            DatabaseError::Unreachable { tried, error } => write!(
                f,
                "cannot connect to {tried}: {error}\n  fix: start that server or correct DATABASE_URL; unset it to use a \
                 private Postgres"
            ),
            DatabaseError::Migration { tried, error } => write!(
                f,
                "the tables of {tried} cannot be brought up to date: {error}\n  fix: use the program's version that made \
                 them, or an empty database; the tables are rebuilt from the journal"
            ),
        }
    }
}

impl std::error::Error for DatabaseError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::TestDatabase;

    async fn refused(url: &str) -> String {
        Database::open(&DatabaseChoice::Url(url.to_owned())).await.expect_err(url).to_string()
    }

    #[tokio::test]
    async fn a_wrong_address_is_told_without_its_password() {
        assert!(refused("mysql://x").await.contains("postgres://user:password@host:5432/name"));
        let unreachable = refused("postgres://me:secret@127.0.0.1:1/tables").await;
        assert!(unreachable.contains("database tables of user me at 127.0.0.1:1"), "{unreachable}");
        assert!(!unreachable.contains("secret"), "{unreachable}");
    }

    #[tokio::test]
    async fn a_database_of_the_operator_is_used_and_left_running() {
        let theirs = TestDatabase::create().await;
        let options = theirs.connect_options();
        let socket = options.get_socket().expect("a socket").display().to_string();
        let name = options.get_database().expect("a name");
        let choice = DatabaseChoice::Url(format!("postgres:///{name}?host={socket}&user=remora"));
        let database = Database::open(&choice).await.expect("opened");
        let timeout: String =
            sqlx::query_scalar("show statement_timeout").fetch_one(database.pool()).await.expect("a row");
        assert_eq!(timeout, STATEMENT_TIMEOUT);
        database.revive().await.expect("nothing to do");
        database.stop().await.expect("only our connections");
        let one: i32 = sqlx::query_scalar("select 1").fetch_one(&theirs).await.expect("it still runs");
        assert_eq!(one, 1);
    }
}
