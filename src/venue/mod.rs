//! ORDER -> WORLD: where orders go. Today the paper venue, which answers with the same inputs as a real one; and what
//! Polymarket signs and checks, which the simulated venue uses already.

pub mod paper;
pub mod polymarket;
