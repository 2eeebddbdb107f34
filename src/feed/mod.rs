//! WORLD -> INPUT: what arrives as bytes leaves as [`crate::domain::Input`]. No sockets but in `socket.rs` and `rest.rs`.

mod decimal;
pub mod hash;
pub mod market;
pub mod registry;
mod scan;
pub mod text;
