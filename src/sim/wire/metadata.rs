//! What the CLOB says of a market (PROTOCOL.md 2.6, 4.4).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{number, version};
use crate::domain::money::ONE;
use crate::domain::{Price, Shares, Tick, Usdc};
use crate::sim::listing::{Listing, iso};
use crate::sim::message::{Outcome, Resolution};

/// Where a market is in its life, for the metadata answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Open,
    Closed,
    Resolved(Resolution),
}

/// A market at one moment, as the metadata answers show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketImage {
    pub listing: Arc<Listing>,
    pub phase: Phase,
    pub tick: Tick,
    /// The best prices of the first token; `None` where nobody quotes.
    pub bid: Option<Price>,
    pub ask: Option<Price>,
    /// The last trade, in prices of the first token; `None`: never traded.
    pub traded: Option<Price>,
    /// Traded since the market opened.
    pub volume: Usdc,
    /// What rests on the bids of both tokens, at its price.
    pub liquidity: Usdc,
}

impl MarketImage {
    /// Returns what a share of `outcome` is worth, in millionths: its payout, else the midpoint, else the last trade, else
    /// a half.
    pub fn worth(&self, outcome: Outcome) -> u64 {
        let first = match self.phase {
            Phase::Resolved(Resolution::Won(won)) => return if won == outcome { ONE } else { 0 },
            Phase::Resolved(Resolution::Even) => return ONE / 2,
            Phase::Open | Phase::Closed => match (self.bid, self.ask, self.traded) {
                (Some(bid), Some(ask), _) => u64::from(bid.micros() + ask.micros()) / 2,
                (None, _, Some(traded)) | (_, None, Some(traded)) => u64::from(traded.micros()),
                (None, _, None) | (_, None, None) => ONE / 2,
            },
        };
        match outcome {
            Outcome::Yes => first,
            Outcome::No => ONE - first,
        }
    }

    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Returns whether it is over for good: closed to trading and resolved.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Resolved(_))
    }

    fn is_won(&self, outcome: Outcome) -> bool {
        self.phase == Phase::Resolved(Resolution::Won(outcome))
    }
}

/// Whole shares without a point.
pub(super) fn minimum(minimum: Shares) -> Value {
    number(minimum.0)
}

fn tokens(market: &MarketImage) -> [Value; 2] {
    Outcome::BOTH.map(|outcome| {
        json!({
            "token_id": market.listing.tokens[outcome.index()], "outcome": market.listing.outcomes[outcome.index()],
            "price": number(market.worth(outcome)), "winner": market.is_won(outcome),
        })
    })
}

fn rewards() -> Value {
    json!({"rates": null, "min_size": 0, "max_spread": 0})
}

/// Writes `/markets/{condition}` (PROTOCOL.md 4.4).
pub fn market_answer(market: &MarketImage) -> Value {
    let listing = &market.listing;
    json!({
        "enable_order_book": market.is_open(), "active": true, "closed": market.is_over(), "archived": false,
        "accepting_orders": market.is_open(), "accepting_order_timestamp": iso(listing.opens_at),
        "minimum_order_size": minimum(listing.minimum), "minimum_tick_size": number(market.tick.micros().into()),
        "version": version(listing), "condition_id": listing.condition, "question_id": listing.condition,
        "question": listing.title, "description": "Simulated.", "market_slug": listing.slug,
        "end_date_iso": iso(listing.closes_at), "game_start_time": null, "seconds_delay": listing.delay_secs,
        "fpmm": "", "maker_base_fee": 1000, "taker_base_fee": 1000, "notifications_enabled": true,
        "neg_risk": listing.neg_risk, "neg_risk_market_id": listing.neg_risk_id, "neg_risk_request_id": "", "icon": "", "image": "",
        "is_50_50_outcome": market.phase == Phase::Resolved(Resolution::Even), "rewards": rewards(),
        "tokens": tokens(market), "tags": [listing.category],
    })
}

/// Writes a row of `/simplified-markets`.
pub fn simplified_market_answer(market: &MarketImage) -> Value {
    json!({
        "condition_id": market.listing.condition, "tokens": tokens(market), "rewards": rewards(), "active": true,
        "closed": market.is_over(), "archived": false, "accepting_orders": market.is_open(),
    })
}

/// Writes `/clob-markets/{condition}` (PROTOCOL.md 2.6).
pub fn clob_market_answer(market: &MarketImage) -> Value {
    let listing = &market.listing;
    let tokens = Outcome::BOTH
        .map(|outcome| json!({"t": listing.tokens[outcome.index()], "o": listing.outcomes[outcome.index()]}));
    json!({
        "c": listing.condition, "t": tokens, "mts": number(market.tick.micros().into()),
        "mos": minimum(listing.minimum), "nr": listing.neg_risk,
        "fd": {"r": number(listing.fee_rate_ppm.into()), "e": 1, "to": true}, "mbf": 1000, "tbf": 1000,
        "ao": market.is_open(), "aot": iso(listing.opens_at), "sd": listing.delay_secs, "gst": null, "cbos": false,
        "itode": listing.taker_delay, "rfqe": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Millis;
    use crate::sim::random::Random;

    #[test]
    fn a_share_is_worth_its_payout_then_the_midpoint_then_the_last_trade() {
        let price = |cents: u32| Price::from_micros(cents * 10_000);
        let check = |phase, bid, ask, traded, expected: [u64; 2]| {
            let listing = Arc::new(Listing::standing(0, &mut Random::new(1), Millis(0)));
            let (volume, liquidity) = (Usdc::ZERO, Usdc::ZERO);
            let market = MarketImage { listing, phase, tick: Tick::CENT, bid, ask, traded, volume, liquidity };
            assert_eq!(Outcome::BOTH.map(|outcome| market.worth(outcome)), expected, "{market:?}");
        };
        check(Phase::Open, price(40), price(43), price(1), [415_000, 585_000]);
        check(Phase::Open, None, price(43), price(30), [300_000, 700_000]);
        check(Phase::Closed, None, None, None, [500_000, 500_000]);
        check(Phase::Resolved(Resolution::Won(Outcome::No)), price(99), None, price(99), [0, 1_000_000]);
        check(Phase::Resolved(Resolution::Even), None, None, price(99), [500_000, 500_000]);
    }
}
