//! ORDER -> WORLD: where orders go. Today the paper venue, which answers with the same inputs as a real one.

pub mod paper;
