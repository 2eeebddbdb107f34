pub mod domain; // the words
pub mod config; // files + environment -> settings
pub mod feed; // world -> input
pub mod engine; // input -> events
pub mod venue; // order -> world
pub mod journal; // events -> disk -> state
pub mod store; // events -> tables
pub mod metrics; // how long, how many
pub mod web; // what people see
pub mod report; // what it adds up to
pub mod sim; // a world to run on
pub mod hot_loop; // the hot thread: take an input, step, record, hand orders on
pub mod start; // start-up is recovery
pub mod actor; // who owns which lifetime
pub mod session; // one engine from start to stop
pub mod clock; // the only place where time is read
pub mod command; // what people type
