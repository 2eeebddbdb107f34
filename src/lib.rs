pub mod domain; // the words
pub mod journal; // events -> disk -> state
pub mod store; // the journal as tables
pub mod metrics; // how long, how many
