//! Postgres: what the journal says, as tables.

pub mod query;
