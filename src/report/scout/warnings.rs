//! What makes a wallet one to keep away from, or its numbers ones not to believe.

use std::collections::BTreeMap;

use super::{
    Deed, History, What,
    summary::{Summary, ppm, tokens_bought},
};
use crate::domain::{Nanos, Price, Shares, Usdc, money::ONE};

/// A round trip is one token bought and sold within so long.
const ROUND_TRIP: Nanos = Nanos::from_secs(600);
/// It is like a wash at prices this near, in millionths, and within so long.
const WASH_PRICE: u32 = 10_000;
const WASH: Nanos = Nanos::from_secs(60);
/// So many round trips in one market are those of somebody who makes it.
const ROUND_TRIPS_MANY: usize = 3;
/// Less is dust.
const DUST: Usdc = Usdc::whole(1);
/// Dearer than this a share has no more to win than 5 %.
const END_GAME: u32 = 950_000;
const TRADES_FEW: usize = 30;
const ENDED_FEW: usize = 10;
/// From which part on it is said, in parts per million.
const TWO_SIDED_PPM: u32 = 300_000;
const DUST_PPM: u32 = 300_000;
const END_GAME_PPM: u32 = 300_000;
const WASH_PPM: u32 = 100_000;
const ONE_MARKET_PPM: u32 = 600_000;
const UNKNOWN_PPM: u32 = 200_000;

/// Each with the part that it is about, in parts per million, where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// He trades both sides of markets, there and back: his edge is the spread, which a copy pays.
    MarketMaker { ppm: u32 },
    /// He gets the venue's rebates for orders that rest.
    MakerRebates,
    /// Most of his trades are too small to copy.
    Dust { ppm: u32 },
    /// He buys what is nearly sure: many small wins, and one loss that takes them back.
    EndGame { ppm: u32 },
    /// He sells what he just bought at the same price: volume for its own sake.
    Wash { ppm: u32 },
    /// Luck looks the same in so few.
    TooFew { trades: usize, ended: usize },
    /// Nearly all of it is one market.
    OneMarket { ppm: u32 },
    /// The end of many positions is not known.
    Unknown { ppm: u32 },
    /// There is more history than was read.
    Cut,
}

impl Warning {
    pub const fn code(self) -> &'static str {
        match self {
            Warning::MarketMaker { .. } => "market_maker",
            Warning::MakerRebates => "maker_rebates",
            Warning::Dust { .. } => "dust",
            Warning::EndGame { .. } => "end_game",
            Warning::Wash { .. } => "wash",
            Warning::TooFew { .. } => "too_few",
            Warning::OneMarket { .. } => "one_market",
            Warning::Unknown { .. } => "unknown_ends",
            Warning::Cut => "cut",
        }
    }

    pub fn text(self) -> String {
        let percent = |ppm: u32| ppm / 10_000;
        match self {
            Warning::MarketMaker { ppm } => format!(
                "{} % of his volume is in markets that he trades on both sides, or there and back: his edge is the spread, \
                 and a copy pays it",
                percent(ppm)
            ),
            Warning::MakerRebates => {
                "he gets rebates for resting orders: what he earns by them a copy does not".to_owned()
            }
            Warning::Dust { ppm } => {
                format!("{} % of his trades are below {DUST} dollar: too small to copy", percent(ppm))
            }
            Warning::EndGame { ppm } => format!(
                "{} % of what he bought was above 0.95: many small wins, until one loss takes them back",
                percent(ppm)
            ),
            Warning::Wash { ppm } => format!(
                "{} % of his volume is bought and sold within a minute at nearly the same price: made for its own sake",
                percent(ppm)
            ),
            Warning::TooFew { trades, ended } => {
                format!("{trades} trades and {ended} ended positions are too few to tell skill from luck")
            }
            Warning::OneMarket { ppm } => format!("{} % of his volume is one market", percent(ppm)),
            Warning::Unknown { ppm } => format!(
                "how {} % of his positions ended is not known: they are in no result, and may be the bad ones",
                percent(ppm)
            ),
            Warning::Cut => {
                "there is more history than was read; the oldest is missing (fewer --days read it whole)".to_owned()
            }
        }
    }
}

/// Returns what there is to warn of, worst first.
pub fn warnings(history: &History, summary: &Summary) -> Vec<Warning> {
    let volume = summary.volume();
    let trips = round_trips(history);
    let washed: Usdc = trips.iter().filter(|trip| trip.is_wash).fold(Usdc::ZERO, |sum, trip| sum + trip.dollars);
    let buys = |deed: &&Deed| matches!(deed.what, What::Bought(_));
    let late = |deed: &&Deed| matches!(deed.what, What::Bought(price) if END_GAME < price.micros());
    let bought_late = history.deeds.iter().filter(buys).filter(late).fold(Usdc::ZERO, |sum, deed| sum + deed.dollars);
    let is_trade = |deed: &&Deed| matches!(deed.what, What::Bought(_) | What::Sold(_));
    let small = history.deeds.iter().filter(is_trade).filter(|deed| deed.dollars < DUST).count();
    let of_counts = |part: usize, whole: usize| ppm(Usdc(part as i64), Usdc(whole as i64));
    let largest = summary.top.first().map_or(Usdc::ZERO, |market| market.1);
    let all_ends = summary.ended + summary.unknown;
    let over = |warning: fn(u32) -> Warning, found: u32, least: u32| (least <= found).then(|| warning(found));
    let rebates = history.deeds.iter().any(|deed| deed.what == What::MakerRebate);
    let few = summary.trades() < TRADES_FEW || summary.ended < ENDED_FEW;
    let all = [
        over(|ppm| Warning::Wash { ppm }, ppm(washed, volume), WASH_PPM),
        over(|ppm| Warning::MarketMaker { ppm }, ppm(two_sided(history, &trips), volume), TWO_SIDED_PPM),
        rebates.then_some(Warning::MakerRebates),
        over(|ppm| Warning::EndGame { ppm }, ppm(bought_late, summary.bought), END_GAME_PPM),
        over(|ppm| Warning::Dust { ppm }, of_counts(small, summary.trades()), DUST_PPM),
        few.then_some(Warning::TooFew { trades: summary.trades(), ended: summary.ended }),
        over(|ppm| Warning::OneMarket { ppm }, ppm(largest, volume), ONE_MARKET_PPM),
        over(|ppm| Warning::Unknown { ppm }, of_counts(summary.unknown, all_ends), UNKNOWN_PPM),
        history.is_cut.then_some(Warning::Cut),
    ];
    all.into_iter().flatten().collect()
}

/// A token bought and soon sold.
struct Trip<'a> {
    condition: &'a str,
    /// Both ways.
    dollars: Usdc,
    is_wash: bool,
}

/// Each sale with the last buy before it that it undoes; a buy is undone once.
fn round_trips(history: &History) -> Vec<Trip<'_>> {
    let mut bought: BTreeMap<&str, Vec<(Nanos, Price, Shares)>> = BTreeMap::new();
    let mut trips = Vec::new();
    for deed in &history.deeds {
        match deed.what {
            What::Bought(price) => bought.entry(&deed.token).or_default().push((deed.at, price, deed.shares)),
            What::Sold(price) => {
                let Some((at, paid, shares)) = bought.get_mut(deed.token.as_str()).and_then(Vec::pop) else { continue };
                let held = deed.at.since(at);
                if ROUND_TRIP < held {
                    continue;
                }
                let moved = shares.min(deed.shares);
                let is_near = paid.micros().abs_diff(price.micros()) <= WASH_PRICE;
                trips.push(Trip {
                    condition: &deed.condition,
                    dollars: paid.cost_floor(moved) + price.cost_floor(moved),
                    is_wash: is_near && held <= WASH,
                });
            }
            What::Split
            | What::Merged
            | What::Converted
            | What::Redeemed
            | What::Rewarded
            | What::MakerRebate
            | What::Moved => {}
        }
    }
    trips
}

/// Returns the volume in markets of which he bought more than one outcome, or that he went there and back in again and again.
fn two_sided(history: &History, trips: &[Trip<'_>]) -> Usdc {
    let tokens = tokens_bought(history);
    let is_two_sided = |condition: &str| {
        let trips = trips.iter().filter(|trip| trip.condition == condition).count();
        tokens.get(condition).is_some_and(|count| *count > 1) || ROUND_TRIPS_MANY <= trips
    };
    let mut known: BTreeMap<&str, bool> = BTreeMap::new();
    let mut volume = Usdc::ZERO;
    for deed in history.deeds.iter().filter(|deed| matches!(deed.what, What::Bought(_) | What::Sold(_))) {
        if *known.entry(&deed.condition).or_insert_with(|| is_two_sided(&deed.condition)) {
            volume = volume + deed.dollars;
        }
    }
    volume
}

const _: () = assert!(TWO_SIDED_PPM < ONE as u32);
