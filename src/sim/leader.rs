//! The wallets worth following in the simulated world, and what each would do next.

use std::collections::BTreeMap;

use super::message::Outcome;
use super::place::Kind;
use super::random::Random;
use crate::domain::{Price, Shares, Side, Usdc, market::SHARES_STEP};

/// Which habits a leader has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Buys what rises, sells in parts.
    Momentum,
    /// Buys what is cheap, in large sizes; sells seldom.
    Value,
    /// Trades little and often; each of his orders meets several makers.
    Small,
}

#[derive(Debug)]
pub struct Leader {
    pub name: &'static str,
    pub wallet: &'static str,
    /// Mean time between two of his trades.
    pub pause_ms: u64,
    style: Style,
    /// What he holds, by market and outcome. Never zero.
    pub holdings: BTreeMap<(u64, Outcome), Shares>,
}

/// An open market as a leader looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    pub market: u64,
    pub kind: Kind,
    pub fair: i64,
    pub anchor: i64,
    pub rise: i64,
    pub best_bid: Option<Price>,
    pub best_ask: Option<Price>,
}

/// What somebody sends to the market: take up to `size` from the best `depth` levels.
#[derive(Clone, Copy, Debug)]
pub struct Intent {
    pub market: u64,
    pub outcome: Outcome,
    pub side: Side,
    pub size: Shares,
    pub depth: usize,
    /// How many makers stand at each level.
    pub makers: u64,
}

/// Who leads: the wallets that `remora demo` follows.
pub fn all() -> [Leader; 3] {
    let leader = |name, wallet, pause_ms, style| Leader { name, wallet, pause_ms, style, holdings: BTreeMap::new() };
    [
        leader("Ada", "0x1ead000000000000000000000000000000000001", 8_000, Style::Momentum),
        leader("Bo", "0x1ead000000000000000000000000000000000002", 20_000, Style::Value),
        leader("Cy", "0x1ead000000000000000000000000000000000003", 6_000, Style::Small),
    ]
}

/// More open positions than this make a leader sell.
const POSITIONS_MAX: usize = 5;

impl Leader {
    /// Returns what he does next; `None` if there is nothing to do. Never sells more than he holds.
    pub fn decide(&self, sights: &[Sight], random: &mut Random) -> Option<Intent> {
        let sell_percent = match self.style {
            Style::Momentum => 45,
            Style::Value => 25,
            Style::Small => 45,
        };
        let open: Vec<&Sight> = sights.iter().filter(|sight| self.holds_some(sight.market)).collect();
        if open.len() >= POSITIONS_MAX || (!open.is_empty() && random.chance(sell_percent)) {
            return self.sell(random.pick(&open).market, random);
        }
        match self.style {
            Style::Momentum => {
                let fastest = sights.iter().max_by_key(|sight| sight.rise.abs())?;
                let outcome = if fastest.rise < 0 { Outcome::No } else { Outcome::Yes };
                buy(fastest, outcome, random.range(50, 401), 4, 1)
            }
            Style::Value => {
                let standing: Vec<&Sight> =
                    sights.iter().filter(|sight| matches!(sight.kind, Kind::Standing(_))).collect();
                let cheapest = standing.into_iter().max_by_key(|sight| (sight.anchor - sight.fair).abs())?;
                let outcome = if cheapest.fair < cheapest.anchor { Outcome::Yes } else { Outcome::No };
                buy(cheapest, outcome, random.range(1_000, 5_001), 8, 1)
            }
            Style::Small => {
                let sight = (!sights.is_empty()).then(|| random.pick(sights))?;
                let outcome = *random.pick(&Outcome::BOTH);
                buy(sight, outcome, random.range(5, 31), 2, random.range(2, 4))
            }
        }
    }

    fn holds_some(&self, market: u64) -> bool {
        Outcome::BOTH.iter().any(|outcome| self.holdings.contains_key(&(market, *outcome)))
    }

    /// Sells a part of what he holds in a market; all of it when little is left.
    fn sell(&self, market: u64, random: &mut Random) -> Option<Intent> {
        let outcome = *Outcome::BOTH.iter().find(|outcome| self.holdings.contains_key(&(market, **outcome)))?;
        let held = self.holdings[&(market, outcome)];
        let part = held.part_floor(random.range(300_000, 600_000)).floor_to(SHARES_STEP);
        let size = if part < Shares::whole(10) { held } else { part };
        Some(Intent { market, outcome, side: Side::Sell, size, depth: 6, makers: 1 })
    }

    /// Notes a fill of his. Panics if he sold what he did not hold.
    pub fn fill(&mut self, market: u64, outcome: Outcome, side: Side, size: Shares) {
        let held = self.holdings.entry((market, outcome)).or_default();
        *held = match side {
            Side::Buy => *held + size,
            Side::Sell => *held - size,
        };
        if *held == Shares::ZERO {
            self.holdings.remove(&(market, outcome));
        }
    }

    /// The market paid out: what he held in it is dollars now.
    pub fn redeem(&mut self, market: u64) {
        self.holdings.retain(|(held_in, _), _| *held_in != market);
    }
}

/// A buy for about so many dollars; `None` where nothing is offered.
fn buy(sight: &Sight, outcome: Outcome, dollars: u64, depth: usize, makers: u64) -> Option<Intent> {
    let ask = match outcome {
        Outcome::Yes => sight.best_ask?,
        Outcome::No => sight.best_bid?.complement(),
    };
    let size = ask.shares_floor(Usdc::whole(dollars as i64)).floor_to(SHARES_STEP);
    Some(Intent { market: sight.market, outcome, side: Side::Buy, size, depth, makers })
}
