//! WORLD -> INPUT: sockets and metadata reads. (The decoders join on their own branch.)

pub mod rest;
pub mod socket;
pub mod tls;

pub use tls::{client_tls, install_tls};
