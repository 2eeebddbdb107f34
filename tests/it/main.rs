//! END TO END: real processes, sockets, journals and Postgres, on a simulated venue with the real one's wire. What must
//! hold at the end of each session is in `tables`.

mod alerts;
mod canary;
mod chain;
mod disk;
mod door;
mod engine;
mod faults;
mod lease;
mod live;
mod orders;
mod parts;
mod postgres;
mod session;
mod settings;
mod sources;
mod stage;
mod start;
mod switches;
mod tables;
