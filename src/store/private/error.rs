//! What may keep a private Postgres from running, and what helps.

use std::{fmt, io, path::PathBuf};

use super::{SOCKET_NAME, USERS};

/// Why there is no private Postgres, and what would help.
#[derive(Debug)]
pub enum PrivateError {
    Missing { looked_in: Vec<PathBuf> },
    NoUser,
    Unreachable { home: PathBuf, uid: u32 },
    Stranger { folder: PathBuf },
    Version { home: PathBuf, data: String, programs: String },
    Failed { command: &'static str, output: String },
    Silent { socket: PathBuf },
    Io { path: PathBuf, error: io::Error },
}

impl fmt::Display for PrivateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrivateError::Missing { looked_in } => {
                write!(f, "no Postgres programs found; looked in")?;
                looked_in.iter().try_for_each(|folder| write!(f, " {}", folder.display()))?;
                write!(
                    f,
                    "\n  fix: apt-get install -y postgresql    (or sh scripts/setup.sh)\n  or:  set DATABASE_URL to a Postgres \
                     that you run, or PG_BIN to the folder of initdb and pg_ctl"
                )
            }
            PrivateError::NoUser => write!(
                f,
                "we are root, Postgres refuses to be, and none of the users {} exists\n  fix: useradd --system remora",
                USERS.join(", ")
            ),
            PrivateError::Unreachable { home, uid } => write!(
                f,
                "Postgres runs as uid {uid}, and that user cannot enter {}\n  fix: keep the data elsewhere, e.g. \
                 --data /var/lib/remora, or run as an ordinary user",
                home.display()
            ),
            PrivateError::Stranger { folder } => write!(
                f,
                "{} belongs to somebody else\n  fix: remove it, or choose another folder with --data",
                folder.display()
            ),
            PrivateError::Version { home, data, programs } => write!(
                f,
                "the data in {} are of Postgres {data}, the programs of {programs}\n  fix: apt-get install -y \
                 postgresql-{data}\n  or:  move that folder aside; the tables are rebuilt from the journal",
                home.display()
            ),
            PrivateError::Failed { command, output } => write!(f, "{command} failed:\n{}", output.trim_end()),
            PrivateError::Silent { socket } => {
                write!(f, "Postgres was started, but nobody answers on {}", socket.join(SOCKET_NAME).display())
            }
            PrivateError::Io { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for PrivateError {}
