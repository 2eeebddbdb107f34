//! The private wire as a stranger's client sees it: real HTTP, real sockets, keys and signatures of its own.

mod channel;
mod client;
mod deeds;
mod holds;
mod identity;
mod limits;
mod orders;
mod refusals;
mod struck;

use client::{start, token};
