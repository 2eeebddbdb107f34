//! DISK -> TABLES: Postgres holds what the journal says in a form that can be asked. It is an archive: the engine
//! never waits for it, and everything in it can be made again from the journal.
//!
//! - [`private`] finds or starts a Postgres of our own; [`Database`] is that one or the one `DATABASE_URL` names.
//! - [`writer`] folds journal records into the tables, one transaction a batch; [`follow`] is its loop.
//! - [`lease`] says which engine may trade with a wallet, and [`copyability`] what was said of one that somebody scored: these two
//!   tables are not made from the journal, and neither are those of [`alerts`].
//! - [`testing`] gives each test a fresh migrated database: `TestDatabase::create().await -> PgPool`.

pub mod alerts;
pub mod copyability;
pub mod database;
pub mod follow;
pub mod lease;
pub mod private;
pub mod query;
pub mod testing;
pub mod writer;

pub(crate) mod fold;
mod rows;
mod statements;

pub use database::{Database, DatabaseChoice, DatabaseError};
pub use follow::{Batches, Follower, Progress};
pub use writer::{Writer, WriterError};

#[cfg(test)]
mod tests;
