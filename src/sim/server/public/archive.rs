//! What the Data API remembers: fills, and what wallets did beside trading, in the order in which they were told.

use std::collections::VecDeque;

use serde_json::Value;

use super::positions::{Positions, fold};
use crate::domain::{Millis, Nanos, Shares, Side, Usdc};
use crate::sim::listing::Listing;
use crate::sim::message::{Activity, Deed};
use crate::sim::wire;

/// How many fills are remembered one by one; older ones only as positions.
const FILLS_MAX: usize = 20_000;
/// How many positions are remembered of fills that are not.
const POSITIONS_MAX: usize = 50_000;

/// What the Data API tells of wallets.
#[derive(Clone, Debug)]
pub enum What {
    Fill(Activity),
    Deed(Deed),
}

impl What {
    pub fn at(&self) -> Millis {
        match self {
            What::Fill(fill) => fill.traded_at,
            What::Deed(deed) => deed.at,
        }
    }

    pub fn listing(&self) -> &Listing {
        match self {
            What::Fill(fill) => &fill.listing,
            What::Deed(deed) => &deed.listing,
        }
    }

    pub fn wallet(&self) -> &str {
        match self {
            What::Fill(fill) => &fill.wallet,
            What::Deed(deed) => &deed.wallet,
        }
    }

    /// Returns the name of its type; `None` for what the Data API shows in positions only.
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            What::Fill(_) => Some("TRADE"),
            What::Deed(deed) => wire::deed_type(deed),
        }
    }

    pub fn fill(&self) -> Option<&Activity> {
        match self {
            What::Fill(fill) => Some(fill),
            What::Deed(_) => None,
        }
    }

    pub fn side(&self) -> Option<Side> {
        self.fill().map(|fill| fill.side)
    }

    pub fn shares(&self) -> Shares {
        match self {
            What::Fill(fill) => fill.size,
            What::Deed(deed) => deed.moved.shares[0].max(deed.moved.shares[1]),
        }
    }

    pub fn dollars(&self) -> Usdc {
        match self {
            What::Fill(fill) => fill.price.cost_floor(fill.size),
            What::Deed(deed) => wire::deed_dollars(deed),
        }
    }

    pub fn row(&self) -> Value {
        match self {
            What::Fill(fill) => wire::activity_row(fill),
            What::Deed(deed) => wire::deed_row(deed),
        }
    }
}

/// A fill or deed as the Data API keeps it, counted.
#[derive(Debug)]
pub struct Told {
    pub number: u64,
    pub what: What,
    known_at: Nanos,
}

/// Everything that was told, and when it is indexed.
#[derive(Debug, Default)]
pub struct Archive {
    told: VecDeque<Told>,
    /// Those that are indexed after others that came behind them, and when.
    late: Vec<(Nanos, What)>,
    count: u64,
    fills: u64,
    /// What the forgotten fills left.
    before: Positions,
}

impl Archive {
    pub fn add(&mut self, what: What, known_at: Nanos) {
        self.count += 1;
        self.fills += u64::from(what.fill().is_some());
        // Rows never overtake each other, also when the lag gets shorter.
        let known_at = known_at.max(self.told.back().map_or(Nanos::ZERO, |told| told.known_at));
        self.told.push_back(Told { number: self.count, what, known_at });
        if self.told.len() > FILLS_MAX
            && let Some(oldest) = self.told.pop_front()
        {
            fold(&mut self.before, &oldest.what);
        }
        if self.before.len() > POSITIONS_MAX {
            let mut last: Vec<u64> = self.before.values().map(|position| position.last_at.0).collect();
            last.sort_unstable();
            let median = last[last.len() / 2];
            self.before.retain(|_, position| position.last_at.0 > median);
        }
    }

    /// Keeps what is indexed late, and behind what came after it.
    pub fn add_late(&mut self, what: What, known_at: Nanos) {
        self.late.push((known_at, what));
    }

    /// Indexes what is late and due.
    pub fn catch_up(&mut self, now: Nanos) {
        let due: Vec<(Nanos, What)> = self.late.extract_if(.., |(known_at, _)| *known_at <= now).collect();
        due.into_iter().for_each(|(known_at, what)| self.add(what, known_at));
    }

    /// Returns how many fills were told.
    pub fn fills(&self) -> u64 {
        self.fills
    }

    /// Yields what is indexed by `now`, oldest first.
    pub fn known(&self, now: Nanos) -> impl DoubleEndedIterator<Item = &Told> {
        let known = self.told.partition_point(|told| told.known_at <= now);
        self.told.range(..known)
    }

    /// Returns the newest fill from before `moment`, else the oldest there is.
    pub fn older_than(&self, moment: Nanos) -> Option<&Activity> {
        let fills = || self.told.iter().filter_map(|told| told.what.fill());
        let older = fills().take_while(|fill| fill.traded_at.nanos() <= moment).last();
        older.or_else(|| fills().next())
    }

    /// Returns the positions that the indexed fills make.
    pub fn positions(&self, now: Nanos) -> Positions {
        let mut positions = self.before.clone();
        self.known(now).for_each(|told| fold(&mut positions, &told.what));
        positions
    }
}
