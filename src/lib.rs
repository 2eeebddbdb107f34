pub mod domain; // the words
pub mod journal; // events -> disk -> state
pub mod store; // events -> tables
pub mod metrics; // how long, how many
pub mod web; // what people see
