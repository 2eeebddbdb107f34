pub mod domain; // the words
pub mod config; // files + environment -> settings
pub mod journal; // events -> disk -> state
pub mod metrics; // how long, how many
pub mod command; // what people type
