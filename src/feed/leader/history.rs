//! What a wallet did, read from the index again and again -> each row once. Pure.
//!
//! Rows are indexed late, some later than others, and their times are whole seconds. So each read begins a while before the
//! newest row that is known, and what it says again is known by its key. Equal rows (two fills of one size in one transaction)
//! are counted over the whole read. Of those that stand on two pages it is not sure that they are not one, told twice because
//! rows moved between the pages: the next read must count as many.

use std::collections::{BTreeMap, HashMap};

use super::{
    Sighting,
    fields::{Doing, Values},
    rows::{RawRow, each_raw},
};
use crate::{
    domain::{LeaderId, LeaderLeft, Nanos, Source, TokenId, TradeKey},
    feed::{market::Malformed, registry::Registry},
};

/// What a row means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Sighting(Sighting),
    /// He gave up shares of both tokens of a market.
    Left(Left),
    /// He did something that made positions larger or smaller, and the row does not say which.
    Changed,
}

/// A way out that is no sale, of a market's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub leader: LeaderId,
    doing: Doing,
    kind: Kind,
    ordinal: u32,
}

/// What is done with shares beside trading. The numbers are in keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Merge = 16,
    Redeem = 17,
    /// Not told of a token: a split adds to both, a conversion takes one and gives others.
    Unclear = 18,
}

#[derive(Clone, Copy, Debug)]
enum Row {
    Trade(Values),
    Doing(Kind, Doing),
}

/// One read of what a wallet did, page by page.
#[derive(Debug, Default)]
pub struct Read {
    /// With the number of their page.
    rows: Vec<(u32, Row)>,
    pages: u32,
    pub refused: u64,
}

/// What is remembered of a wallet.
#[derive(Debug)]
pub struct History {
    /// From here on everything was read.
    begun: Nanos,
    newest: Nanos,
    known: HashMap<TradeKey, Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    at: Nanos,
    /// How many equal rows were passed on, and how many the last read had.
    passed: u32,
    counted: u32,
}

/// Equal rows of one read: all, those of the page they came on last, and the most of one page.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: u32,
    page: u32,
    on_page: u32,
    most: u32,
    told: u32,
}

impl Left {
    pub fn condition(&self) -> &str {
        self.doing.condition.as_str()
    }

    /// Returns what it means for one of the market's tokens.
    pub fn of(&self, token: TokenId, text: &str) -> LeaderLeft {
        let Left { leader, doing, kind, ordinal } = *self;
        let trade = doing.key(kind as u64, text, ordinal);
        LeaderLeft { trade, leader, token, shares: doing.shares, source: Source::Index, left_at: doing.at }
    }
}

impl Row {
    fn parse(json: &[u8]) -> Result<Row, Malformed> {
        let row = RawRow::of_any_type(json)?;
        let doing = |kind| Ok(Row::Doing(kind, row.fields().doing(row.condition())?));
        match row.kind().as_str() {
            "TRADE" => Ok(Row::Trade(row.fields().values()?)),
            "MERGE" => doing(Kind::Merge),
            "REDEEM" => doing(Kind::Redeem),
            _ => doing(Kind::Unclear),
        }
    }

    fn at(&self) -> Nanos {
        match self {
            Row::Trade(values) => values.traded_at,
            Row::Doing(_, doing) => doing.at,
        }
    }

    /// Returns the key of the first of equal rows.
    fn key(&self) -> TradeKey {
        match self {
            Row::Trade(values) => values.key(0),
            Row::Doing(kind, doing) => doing.key(*kind as u64, "", 0),
        }
    }

    fn heard(&self, ordinal: u32, registry: &Registry) -> Option<Heard> {
        match self {
            Row::Trade(values) => Some(Heard::Sighting(values.sighting(ordinal, Source::Index, registry))),
            Row::Doing(Kind::Unclear, _) => Some(Heard::Changed),
            Row::Doing(kind, doing) => {
                let leader = registry.leader(doing.wallet.as_bytes())?;
                Some(Heard::Left(Left { leader, doing: *doing, kind: *kind, ordinal }))
            }
        }
    }
}

impl Read {
    /// Takes a page in. A row that cannot be read is counted and passed over: the others are still true.
    pub fn page(&mut self, json: &[u8]) -> Result<usize, Malformed> {
        self.pages += 1;
        let (rows, refused, page) = (&mut self.rows, &mut self.refused, self.pages);
        each_raw(json, |row| match Row::parse(row) {
            Ok(row) => rows.push((page, row)),
            Err(malformed) => {
                *refused += 1;
                tracing::debug!(%malformed, row = %String::from_utf8_lossy(row), "a row of the index was refused");
            }
        })
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl History {
    /// Begins where somebody looked before, or now: what was done earlier is no news.
    pub fn begin(from: Nanos) -> History {
        History { begun: from, newest: Nanos::ZERO, known: HashMap::new() }
    }

    /// Returns from when the next read asks, rows being late by up to `overlap`. `gap`: something may be missing from there on.
    pub fn from(&self, overlap: Nanos, gap: Option<Nanos>) -> Nanos {
        let usual = Nanos(self.newest.0.saturating_sub(overlap.0)).max(self.begun);
        // What lies behind the beginning was never read.
        gap.filter(|gap| *gap < self.begun).unwrap_or(usual)
    }

    /// Takes a read in that began at `from`, and calls `each` with what is new in it, oldest first.
    pub fn take(&mut self, from: Nanos, read: &Read, overlap: Nanos, registry: &Registry, mut each: impl FnMut(Heard)) {
        let mut counts: HashMap<TradeKey, Count> = HashMap::with_capacity(read.rows.len());
        for (page, row) in &read.rows {
            let count = counts.entry(row.key()).or_default();
            count.on_page = if count.page == *page { count.on_page + 1 } else { 1 };
            (count.page, count.all, count.most) = (*page, count.all + 1, count.most.max(count.on_page));
        }
        let mut in_time: BTreeMap<Nanos, Vec<Heard>> = BTreeMap::new();
        for (_, row) in &read.rows {
            let (key, at) = (row.key(), row.at());
            let known = self.known.entry(key).or_insert(Known { at, passed: 0, counted: 0 });
            let Some(count) = counts.get_mut(&key) else { continue };
            let sure = count.most.max(count.all.min(known.counted));
            let ordinal = count.told;
            count.told += 1;
            if known.passed <= ordinal && ordinal < sure {
                known.passed = ordinal + 1;
                in_time.entry(at).or_default().extend(row.heard(ordinal, registry));
            }
            if count.told == count.all {
                known.counted = count.all;
            }
            self.newest = self.newest.max(at);
        }
        self.begun = self.begun.min(from);
        let oldest = self.from(overlap, None);
        self.known.retain(|_, known| oldest <= known.at);
        in_time.into_values().flatten().for_each(&mut each);
    }

    /// Returns how many rows are remembered.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests;
