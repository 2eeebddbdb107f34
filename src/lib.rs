pub mod domain; // the words
pub mod feed; // world -> input
pub mod journal; // events -> disk -> state
pub mod metrics; // how long, how many
pub mod sim; // a world to run on
