//! The wallets worth following in the simulated world, and what each would do next.

use super::exchange::MarketId;
use super::message::Outcome;
use super::place::Kind;
use super::random::Random;
use crate::domain::{Price, Shares, Usdc, market::SHARES_STEP};

/// Which habits a leader has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Buys what rises, sells in parts.
    Momentum,
    /// Buys what is cheap, in large sizes; sells seldom.
    Value,
    /// Trades little and often.
    Small,
}

#[derive(Debug)]
pub struct Leader {
    pub name: &'static str,
    pub wallet: &'static str,
    /// Mean time between two of his trades.
    pub pause_ms: u64,
    style: Style,
}

/// An open market as a leader looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    pub market: MarketId,
    pub kind: Kind,
    pub fair: i64,
    pub anchor: i64,
    pub rise: i64,
    pub best_bid: Option<Price>,
    pub best_ask: Option<Price>,
    /// What he can sell of each outcome.
    pub held: [Shares; 2],
}

/// What somebody sends to the market: take from the best `depth` levels, at most so much.
#[derive(Clone, Copy, Debug)]
pub struct Intent {
    pub market: MarketId,
    pub outcome: Outcome,
    pub size: Size,
    pub depth: usize,
}

/// How much is to be taken: a buy is bounded by its dollars, a sale by its shares.
#[derive(Clone, Copy, Debug)]
pub enum Size {
    Buy(Usdc),
    Sell(Shares),
}

/// Less cannot be sold.
const SALE_MINIMUM: Shares = Shares::whole(5);

/// Who leads: the wallets that `remora demo` follows.
pub fn all() -> [Leader; 3] {
    let leader = |name, wallet, pause_ms, style| Leader { name, wallet, pause_ms, style };
    [
        leader("Ada", "0x1ead000000000000000000000000000000000001", 8_000, Style::Momentum),
        leader("Bo", "0x1ead000000000000000000000000000000000002", 20_000, Style::Value),
        leader("Cy", "0x1ead000000000000000000000000000000000003", 6_000, Style::Small),
    ]
}

/// Name and wallet of who tricks his copiers, where the knobs or the control endpoint ask for it; else he does nothing.
pub const TRICKSTER: (&str, &str) = ("Di", "0x1ead000000000000000000000000000000000004");
/// The wallet that nobody knows to be his.
pub const SECOND_WALLET: (&str, &str) = ("stranger-0d1ce5", "0x0d1ce50000000000000000000000000000000005");

/// More open positions than this make a leader sell.
const POSITIONS_MAX: usize = 5;

impl Leader {
    /// Returns what he does next; `None` if there is nothing to do. Never sells more than he can.
    pub fn decide(&self, sights: &[Sight], random: &mut Random) -> Option<Intent> {
        let sell_percent = match self.style {
            Style::Momentum => 45,
            Style::Value => 25,
            Style::Small => 45,
        };
        let open: Vec<&Sight> =
            sights.iter().filter(|sight| sight.held.iter().any(|held| *held >= SALE_MINIMUM)).collect();
        if open.len() >= POSITIONS_MAX || (!open.is_empty() && random.chance(sell_percent)) {
            let sight = *random.pick(&open);
            return sell(sight, random);
        }
        match self.style {
            Style::Momentum => {
                let fastest = sights.iter().max_by_key(|sight| sight.rise.abs())?;
                let outcome = if fastest.rise < 0 { Outcome::No } else { Outcome::Yes };
                buy(fastest, outcome, random.range(50, 401), 4)
            }
            Style::Value => {
                let standing: Vec<&Sight> =
                    sights.iter().filter(|sight| matches!(sight.kind, Kind::Standing(_))).collect();
                let cheapest = standing.into_iter().max_by_key(|sight| (sight.anchor - sight.fair).abs())?;
                let outcome = if cheapest.fair < cheapest.anchor { Outcome::Yes } else { Outcome::No };
                buy(cheapest, outcome, random.range(1_000, 5_001), 8)
            }
            Style::Small => {
                let sight = (!sights.is_empty()).then(|| random.pick(sights))?;
                let outcome = *random.pick(&Outcome::BOTH);
                buy(sight, outcome, random.range(5, 31), 2)
            }
        }
    }
}

/// Sells a part of what he holds in a market; all of it when little is left, so that no rest remains that cannot be sold.
fn sell(sight: &Sight, random: &mut Random) -> Option<Intent> {
    let outcome = *Outcome::BOTH.iter().find(|outcome| sight.held[outcome.index()] >= SALE_MINIMUM)?;
    let held = sight.held[outcome.index()].floor_to(SHARES_STEP);
    let part = held.part_floor(random.range(300_000, 600_000)).floor_to(SHARES_STEP);
    let size = if part < Shares::whole(10) || held - part < SALE_MINIMUM { held } else { part };
    Some(Intent { market: sight.market, outcome, size: Size::Sell(size), depth: 6 })
}

/// A buy for so many dollars; `None` where nothing is offered.
fn buy(sight: &Sight, outcome: Outcome, dollars: u64, depth: usize) -> Option<Intent> {
    match outcome {
        Outcome::Yes => sight.best_ask?,
        Outcome::No => sight.best_bid?,
    };
    Some(Intent { market: sight.market, outcome, size: Size::Buy(Usdc::whole(dollars as i64)), depth })
}
