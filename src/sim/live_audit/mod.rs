//! An auditor of what a session with live orders left behind: the venue's truth log, the journal, the table of events. It reads
//! them when all processes are gone, shares no code with the engine beyond the journal's decoding, and names each violation by
//! its invariant (RELIABILITY.md 4.5).
//!
//! `venue` is what the truth log says, `books` what the journal says; `orders` compares the two, `money` adds the journal up.
//! Whether a restarted engine comes to the same state (I-8) the engine itself checks at each start, by the hash in the journal;
//! here only the chain of records is followed.

mod books;
mod money;
mod orders;
#[cfg(test)]
mod tests;
mod venue;

use std::{fmt, io, path::Path};

use serde_json::Value;

use crate::{
    domain::{Event, LeaderId, Mode, Nanos, PortfolioId, TokenId},
    journal::{JournalError, Reader, Record, Tail},
    sim::server::truth::{self, Line},
};
use books::Books;
use venue::Venue;

/// The latest that an order which nobody heard of again may be given up (RELIABILITY.md 5.3).
pub const WINDOW: Nanos = Nanos::from_secs(600);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// One intent, one live signature.
    OneOrder = 1,
    /// An order never gets more than it asked for.
    Exposure = 2,
    /// The books are the venue's.
    Ledger = 3,
    /// Nothing that was seen outside is lost.
    Acknowledged = 4,
    /// Nothing old is copied.
    Stale = 5,
    /// Nothing leaves after the switch said no.
    Switch = 6,
    /// The journal is whole.
    Replay = 8,
    /// The tables are the journal.
    Archive = 10,
    /// The books add up.
    Cash = 11,
    /// All that the wallet did is ours, or is told as not ours.
    Foreign = 14,
    /// What an order reserved comes back when, and only when, it surely ended.
    Released = 16,
    /// Nothing is done with what is not settled.
    Provisional = 17,
    /// No status goes back.
    Monotone = 18,
    /// Shadow sends nothing.
    Shadow = 20,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I-{}", *self as u8)
    }
}

/// What should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub invariant: Invariant,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// A record of the journal, without what only names things for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub seq: u64,
    pub at: Nanos,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Session,
    Token {
        id: TokenId,
        text: String,
    },
    Leader {
        id: LeaderId,
    },
    Portfolio {
        id: PortfolioId,
        mode: Mode,
    },
    Event(Event),
    /// Markets and checkpoints.
    Other,
}

/// Whether everything had time to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Orders may be open and matches unsettled.
    Moving,
    /// Faults had stopped, and the engine ran on for long enough.
    AtRest,
}

/// Whether the engine had a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    None,
    Loaded,
}

/// What is asked of the evidence.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub rest: Rest,
    pub keys: Keys,
    /// The longest that a leader's trade may be back when the first byte of its copy arrives, with the way there.
    pub age_max: Nanos,
    /// How long a byte may be on its way: what arrives so soon after the switch was turned left before.
    pub grace: Nanos,
    /// How long after its last send an order that nobody knows may be given up at the earliest.
    pub absent_after: Nanos,
}

/// What a session left behind.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub truth: Vec<Line>,
    pub journal: Vec<Kept>,
    /// The table of events: number and body. `None`: there is no database to look at.
    pub archive: Option<Vec<(u64, Value)>>,
}

/// How much there was to audit: a rule that was never at stake was not tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Extent {
    pub sessions: usize,
    pub signals: usize,
    /// Live orders that were submitted, and that the venue saw.
    pub submitted: usize,
    pub posted: usize,
    pub matched: usize,
    pub confirmed: usize,
    pub voided: usize,
    /// Orders that were in doubt for a while.
    pub unknown: usize,
    /// Requests that were done and not answered as such.
    pub withheld: usize,
    pub external: usize,
    /// Orders that were still in doubt at the end, within their window.
    pub waiting: usize,
}

impl Extent {
    /// Returns the sum of both.
    pub fn plus(self, more: Extent) -> Extent {
        Extent {
            sessions: self.sessions + more.sessions,
            signals: self.signals + more.signals,
            submitted: self.submitted + more.submitted,
            posted: self.posted + more.posted,
            matched: self.matched + more.matched,
            confirmed: self.confirmed + more.confirmed,
            voided: self.voided + more.voided,
            unknown: self.unknown + more.unknown,
            withheld: self.withheld + more.withheld,
            external: self.external + more.external,
            waiting: self.waiting + more.waiting,
        }
    }
}

/// Reads a journal that nobody writes. Fails where a record is damaged.
pub fn read_journal(dir: &Path) -> Result<Vec<Kept>, JournalError> {
    let tail = Tail::of(dir)?;
    let mut reader = Reader::open(dir, 0, tail)?;
    let mut kept = Vec::new();
    while let Some((seq, at, record)) = reader.read()? {
        let what = match record {
            Record::Session { .. } => What::Session,
            Record::Token { id, text } => What::Token { id, text: text.to_owned() },
            Record::Leader { id, .. } => What::Leader { id },
            Record::Portfolio { id, mode, .. } => What::Portfolio { id, mode },
            Record::Event(event) => What::Event(event),
            Record::Market { .. }
            | Record::Checkpoint { .. }
            | Record::Boot { .. }
            | Record::Wallet { .. }
            | Record::Changed { .. }
            | Record::Ended => What::Other,
        };
        kept.push(Kept { seq, at, what });
    }
    Ok(kept)
}

/// Reads the truth log of a venue that has ended.
pub fn read_truth(path: &Path) -> io::Result<Vec<Line>> {
    truth::read(path)
}

/// Returns everything that should not be, and how much was looked at.
pub fn audit(evidence: &Evidence, terms: &Terms) -> (Vec<Violation>, Extent) {
    let mut found = Findings::default();
    let venue = Venue::of(&evidence.truth);
    let books = Books::of(&evidence.journal, &mut found);
    chain(evidence, &mut found);
    orders::compare(&venue, &books, terms, &mut found);
    money::add_up(&evidence.journal, &mut found);
    (found.0, extent(&venue, &books, terms))
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, invariant: Invariant, what: impl Into<String>) {
        self.0.push(Violation { invariant, what: what.into() });
    }

    fn check(&mut self, holds: bool, invariant: Invariant, what: impl FnOnce() -> String) {
        if !holds {
            self.add(invariant, what());
        }
    }
}

/// I-8, I-10: numbers without a gap, and a row for each event.
fn chain(evidence: &Evidence, found: &mut Findings) {
    for (expected, kept) in (0..).zip(&evidence.journal) {
        if kept.seq != expected {
            found.add(Invariant::Replay, format!("record {expected} is numbered {}", kept.seq));
            break;
        }
    }
    let Some(archive) = &evidence.archive else { return };
    let events = evidence.journal.iter().filter_map(|kept| match &kept.what {
        What::Event(event) => Some((kept.seq, event)),
        What::Session | What::Token { .. } | What::Leader { .. } | What::Portfolio { .. } | What::Other => None,
    });
    let events: Vec<(u64, &Event)> = events.collect();
    found.check(events.len() == archive.len(), Invariant::Archive, || {
        format!("{} events in the journal, {} in the tables", events.len(), archive.len())
    });
    for ((seq, event), (row, body)) in events.iter().zip(archive) {
        let said = serde_json::to_value(event).expect("an event is JSON");
        if (seq, &said) != (row, body) {
            found.add(Invariant::Archive, format!("event {seq} is {said}; row {row} says {body}"));
            break;
        }
    }
}

fn extent(venue: &Venue, books: &Books, terms: &Terms) -> Extent {
    let legs = || books.orders.values().flat_map(|order| order.legs.values());
    let count = |stands: books::Stands| legs().filter(|leg| leg.matched.is_some() && leg.stands == stands).count();
    Extent {
        sessions: books.sessions,
        signals: books.signals.len(),
        submitted: books.orders.len(),
        posted: books.orders.values().filter(|order| venue.was_posted(order)).count(),
        matched: legs().filter(|leg| leg.matched.is_some()).count(),
        confirmed: count(books::Stands::Confirmed),
        voided: count(books::Stands::Void),
        unknown: books.orders.values().filter(|order| order.was_unknown).count(),
        withheld: venue.withheld,
        external: books.external.len(),
        waiting: match terms.rest {
            Rest::AtRest => books.orders.values().filter(|order| order.ended.is_none()).count(),
            Rest::Moving => 0,
        },
    }
}
