//! Remora: a low-latency copy-trading engine for Polymarket. It follows the wallets of leaders, decides within microseconds
//! whether and how much to copy, places signed orders and follows each to its end, and keeps exact books of money and shares.
//!
//! This is the map for those who carry on; `README.md` is for those who use it.
//!
//! ```text
//!          WORLD IN                      ENGINE (one thread, no IO)                  WORLD OUT
//!
//!  market sockets --+  feed: bytes   +------------------------------------+
//!  activity sockets +  -> Input      | step(now, input):                  | Submitted  +-----------+
//!  node's socket ---+                |                                    |            |           |
//!  user channel ----+  ------------> |   book                             | ---------> | venue:    |
//!  REST ------------+  rings         |   signal    who, new, grouped      |            |   paper,  |
//!     ^             +--- commands -> |   strategy  what would we do?      |            |   gateway |
//!     |                              |                                    |            +-----+-----+
//!     |                              |   risk      may we?                |                  |
//!  +--+------------------+           |   order     on the grid, in a slot |   fills, ends    |
//!  | actors (ractor)     |           |   ledger    reserve, settle, free  | <----------------+
//!  | feeds, tokens,      |           +------------------+-----------------+
//!  | strategies, writer, |                              | every Event, before its effect
//!  | web                 |                              v
//!  +---------------------+                   journal (mmap segments, group sync)
//!                                                       | cursor
//!                                   writer -> Postgres: events and projections
//!                                                       v
//!                              web: pages, API, live stream        /metrics for Prometheus
//! ```
//!
//! Follow a leader's trade: [`feed::leader`] decodes its frame, [`actor::activity_feed`] hands it to the hot thread
//! ([`hot_loop`]), whichever of its sockets told it first (those sockets, and the connections on which orders leave, are polled
//! by the hot thread itself, between its turns: from the frame to our request no thread must wake); from a node of the chain [`feed::chain`] and [`actor::chain_feed`] do,
//! and whoever is first counts. What all of them miss [`actor::index_feed`] reads from the venue's index.
//! [`engine::Engine::step`] decides it for every portfolio that follows him, [`hot_loop::Core`] appends the
//! events to the [`journal`], then gives the order to [`venue::paper`]; its fill comes back as an input. A live order is signed
//! by [`venue::polymarket::prepare`], ahead where it could be foreseen ([`engine::foresee`]), has its name in the journal, and waits in the [`venue::outbox`] for the gateway's
//! task on the hot thread ([`actor::gateway`]), which looks at the [`venue::gate`] a last time and writes its bytes; whatever the venue says of it is
//! evidence for the follower ([`venue::polymarket::follow`]), which tells the engine what became of it; the reconciler
//! ([`actor::reconciler`]) compares the wallet with the books. [`store`] folds the
//! journal into Postgres, [`web`] shows it; what somebody should hear of, [`alert`] and [`actor::alerter`] have told. [`session`] starts and stops all that; [`start`] is recovery. [`report`] plays
//! recordings through the same engine, adds up which source saw what ([`report::coverage`]) and looks at wallets before they are
//! followed ([`report::scout`]), [`sim`] is the world of the demo and the tests: an exchange, a chain and the venue's
//! whole wire, also as a program of its own (`remora venue`), on which the official clients of others live their day
//! (`tests/clients`); and, in virtual time, seeded trials of the engine ([`sim::trial`]) before an auditor that shares no
//! code with it ([`sim::auditor`]).
//!
//! # Invariants
//!
//! 1. [`domain`] and [`engine`] touch nothing: no clock, socket, task, lock, log or float, and after set-up no heap.
//!    (`tests/tidy.rs`, `tests/no_alloc.rs`)
//! 2. Only [`engine::Engine::apply`] changes money and orders. `step` decides, then applies and records; recovery is `apply`
//!    over the journal, and the state hash must match. (`engine/tests/recovery.rs`)
//! 3. Inputs and events are `Copy` and small. Strings and 256-bit ids stop at [`feed::registry`]; inside, an id is an index.
//! 4. Journal before effect: an order reaches its venue after its record is in the journal. A full journal stops the engine
//!    before it decides anything. ([`hot_loop::Core`])
//! 5. Every signal ends once for every portfolio that follows: skipped (the strategy's no), refused (risk's no), an order
//!    that ends, merged into the order of a later one, or a sale that is owed until it is sold or its market ends.
//! 6. A fill of a leader is copied once, wherever and however often it is seen, also after a restart.
//! 7. Nothing on the trading path waits for Postgres, a log, a metric or a browser. A full queue makes its feed wait and is
//!    counted; nothing is dropped in silence.
//! 8. A book that disagrees with what the venue says of it is not traded on until a new snapshot. ([`engine::book`])
//! 9. Exits are never blocked by entry filters, limits, pauses, breakers or faults; only what was bought with real money
//!    waits while live is not on. What is on sale is never more than is held. ([`engine::exit`])
//! 10. The web never holds the engine: it reads Postgres and the published [`metrics::Snapshot`], and says what people turn at
//!     the engine's socket, as the terminal does ([`control`], [`web::door`]).
//! 11. Money and shares are typed integers in millionths; rounding names its direction and is against us. Money moves only by
//!     transfer between accounts that sum to zero; nothing is clamped. ([`engine::ledger`])
//! 12. Paper says the same, byte for byte, whatever live does; and no start opens a switch further than a person left it.
//!     ([`engine::switch`], `engine/tests/modes.rs`)
//! 13. A match of a live order moves money and shares once, and a void moves the very same back, in whatever order and number
//!     the venue tells of it; nothing provisional is sold or cools down, and results are reported of what settled.
//!     ([`engine`]'s `settlement`)
//! 14. One engine trades with a wallet: it holds the wallet's lease, and its gate shuts by itself before anybody else may take
//!     that. ([`session`]'s `lease`, [`store::lease`], [`venue::gate`])
//! 15. Every reason for a no and every key of a strategy has a test that shows it bind. (`tests/limits.rs`, `tests/LIMITS.md`)
//!
//! Where our design differs from the first draft: a group of fills is not waited for. Each fill is decided at once for the
//! group's total less what the group already ordered, so the sum is the rule's and nothing is late ([`engine::leader`]).

pub mod domain; // the words
pub mod config; // files + environment -> settings
pub mod feed; // world -> input
pub mod engine; // input -> events
pub mod secret; // files -> one key, sealed
pub mod venue; // order -> world
pub mod journal; // events -> disk -> state
pub mod store; // events -> tables
pub mod metrics; // how long, how many
pub mod web; // what people see
pub mod report; // what it adds up to
pub mod alert; // what somebody should hear of
pub mod sim; // a world to run on
pub mod hot_loop; // the hot thread: take an input, step, record, hand orders on
pub mod start; // start-up is recovery
pub mod control; // what people turn
pub mod actor; // who owns which lifetime
pub mod session; // one engine from start to stop
pub mod clock; // the only place where time is read
pub mod fault; // where a trial may kill the process
pub mod command; // what people type
