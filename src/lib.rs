pub mod domain; // the words
pub mod engine; // input -> events
pub mod venue; // order -> world
pub mod journal; // events -> disk -> state
pub mod store; // events -> tables
pub mod metrics; // how long, how many
