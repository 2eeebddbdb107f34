//! What was traded at what price: last trades, price histories, volumes; and their two answers (PROTOCOL.md 2.4).

use std::collections::{HashMap, VecDeque};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::quotes::{Batch, check_size};
use crate::clock::now;
use crate::domain::{Nanos, Price, Side, Usdc};
use crate::sim::message::{Message, Outcome};
use crate::sim::server::World;
use crate::sim::server::params::Params;
use crate::sim::server::refusal::{Refused, bad_request, not_found};
use crate::sim::wire;

/// How many traded markets are remembered.
const MARKETS_MAX: usize = 256;
/// How many seconds with trades are remembered of each market.
const POINTS_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    pub price: Price,
    /// The taker's.
    pub side: Side,
}

/// The memory of the market channel's trades.
#[derive(Debug, Default)]
pub struct Tape {
    markets: HashMap<String, Market>,
}

#[derive(Debug, Default)]
struct Market {
    volume: Usdc,
    last: [Option<Last>; 2],
    last_at: u64,
    /// Seconds and the last price of the first token in each.
    points: VecDeque<(u64, Price)>,
}

impl Tape {
    /// Takes in what the market channel says. Forgets the market that was quiet for longest when there are too many.
    pub fn note(&mut self, message: &Message) {
        let Message::LastTrade { listing, outcome, at, side, price, size, .. } = message else { return };
        if !self.markets.contains_key(&listing.condition) && self.markets.len() >= MARKETS_MAX {
            let quietest = self.markets.iter().min_by_key(|(_, market)| market.last_at);
            if let Some(condition) = quietest.map(|(condition, _)| condition.clone()) {
                self.markets.remove(&condition);
            }
        }
        let market = self.markets.entry(listing.condition.clone()).or_default();
        market.volume = Usdc(market.volume.0 + price.cost_floor(*size).0);
        market.last[outcome.index()] = Some(Last { price: *price, side: *side });
        market.last_at = at.0;
        let of_first = match outcome {
            Outcome::Yes => *price,
            Outcome::No => price.complement(),
        };
        let second = at.0 / 1_000;
        match market.points.back_mut() {
            Some((last, price)) if *last == second => *price = of_first,
            Some(_) | None => market.points.push_back((second, of_first)),
        }
        if market.points.len() > POINTS_MAX {
            market.points.pop_front();
        }
    }

    /// Returns the last trade of a token; `None` if it was never traded.
    pub fn last(&self, condition: &str, outcome: Outcome) -> Option<Last> {
        self.markets.get(condition)?.last[outcome.index()]
    }

    pub fn volume(&self, condition: &str) -> Usdc {
        self.markets.get(condition).map_or(Usdc::ZERO, |market| market.volume)
    }

    /// Returns the last price in each `bucket` seconds between the two moments, in seconds, oldest first.
    pub fn history(&self, condition: &str, outcome: Outcome, from: u64, to: u64, bucket: u64) -> Vec<(u64, Price)> {
        let mut kept: Vec<(u64, Price)> = Vec::new();
        let points = self.markets.get(condition).into_iter().flat_map(|market| &market.points);
        for (second, price) in points.filter(|(second, _)| (from..=to).contains(second)) {
            let price = match outcome {
                Outcome::Yes => *price,
                Outcome::No => price.complement(),
            };
            match kept.last_mut() {
                Some(last) if last.0 / bucket == second / bucket => *last = (*second, price),
                Some(_) | None => kept.push((*second, price)),
            }
        }
        kept
    }
}

pub fn routes() -> Router<World> {
    Router::new()
        .route("/last-trade-price", get(last_trade_price))
        .route("/last-trades-prices", post(last_trades_prices).get(last_trades_prices))
        .route("/prices-history", get(history))
}

/// An untraded token has the price 0.5 and no side, as a placeholder.
fn last_answer(last: Option<Last>) -> Value {
    match last {
        Some(Last { price, side }) => json!({"price": price.to_string(), "side": wire::side_name(side)}),
        None => json!({"price": "0.5", "side": ""}),
    }
}

async fn last_trade_price(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    let token = params.text("token_id").unwrap_or_default();
    let hub = world.hub();
    let (market, outcome) = hub.token(token, now()).ok_or_else(|| not_found("market not found"))?;
    Ok(Json(last_answer(hub.tape.last(&market.listing.condition, outcome))))
}

async fn last_trades_prices(State(world): State<World>, Batch(tokens): Batch) -> Result<Json<Value>, Refused> {
    check_size(&tokens)?;
    let hub = world.hub();
    let answers = tokens.iter().filter_map(|asked| {
        let (market, outcome) = hub.token(&asked.token_id, now())?;
        let mut answer = last_answer(hub.tape.last(&market.listing.condition, outcome));
        answer["token_id"] = json!(asked.token_id);
        Some(answer)
    });
    Ok(Json(Value::Array(answers.collect())))
}

/// `interval` reaches back from now, `startTs` and `endTs` (seconds) say exactly; `fidelity` is in minutes.
async fn history(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    let token = params.text("market").ok_or_else(|| bad_request("market is required"))?;
    let to = params.get::<u64>("end_ts")?.unwrap_or_else(|| now().as_secs());
    let from = match (params.get::<u64>("start_ts")?, params.text("interval")) {
        (Some(start), _) => start,
        (None, Some(interval)) => now().since(reach(interval)?).as_secs(),
        (None, None) => 0,
    };
    let bucket = params.get::<u64>("fidelity")?.unwrap_or(1).max(1) * 60;
    let hub = world.hub();
    let points = hub
        .token(token, now())
        .map(|(market, outcome)| hub.tape.history(&market.listing.condition, outcome, from, to, bucket));
    let point = |(second, price): (u64, Price)| json!({"t": second, "p": wire::number(price.micros().into())});
    Ok(Json(json!({"history": points.into_iter().flatten().map(point).collect::<Vec<Value>>()})))
}

fn reach(interval: &str) -> Result<Nanos, Refused> {
    const HOUR: u64 = 3_600;
    let hours = match interval {
        "1m" => 30 * 24,
        "1w" => 7 * 24,
        "1d" => 24,
        "6h" => 6,
        "1h" => 1,
        "max" | "all" => return Ok(Nanos::NEVER),
        _ => return Err(bad_request("interval is invalid: use 1h, 6h, 1d, 1w, 1m, max or all")),
    };
    Ok(Nanos::from_secs(hours * HOUR))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Millis, Shares};
    use crate::sim::listing::Listing;
    use crate::sim::random::Random;

    fn trade(listing: &Arc<Listing>, at: u64, outcome: Outcome, cents: u32) -> Message {
        let price = Price::from_micros(cents * 10_000).expect("a price");
        let (listing, transaction) = (Arc::clone(listing), String::new());
        let (side, size) = (Side::Buy, Shares::whole(10));
        Message::LastTrade { listing, outcome, at: Millis(at), side, price, size, transaction }
    }

    #[test]
    fn both_tokens_have_one_history_and_each_its_last_trade() {
        let listing = Arc::new(Listing::standing(0, &mut Random::new(1), Millis(0)));
        let mut tape = Tape::default();
        for (at, outcome, cents) in [
            (1_000, Outcome::Yes, 40),
            (1_900, Outcome::Yes, 41),
            (61_000, Outcome::No, 58),
            (65_000, Outcome::Yes, 43),
        ] {
            tape.note(&trade(&listing, at, outcome, cents));
        }
        let cents = |outcome, from, to, bucket| {
            let history = tape.history(&listing.condition, outcome, from, to, bucket);
            history.iter().map(|(at, price)| (*at, price.micros() / 10_000)).collect::<Vec<(u64, u32)>>()
        };
        assert_eq!(cents(Outcome::Yes, 0, 99, 1), [(1, 41), (61, 42), (65, 43)]);
        assert_eq!(cents(Outcome::No, 0, 99, 60), [(1, 59), (65, 57)]);
        assert_eq!(cents(Outcome::Yes, 2, 61, 1), [(61, 42)]);
        let last = |outcome| tape.last(&listing.condition, outcome).map(|last| last.price.micros());
        assert_eq!((last(Outcome::Yes), last(Outcome::No)), (Some(430_000), Some(580_000)));
        assert_eq!(tape.volume(&listing.condition), Usdc(18_200_000));
        assert_eq!(tape.volume("0x"), Usdc::ZERO);
    }

    #[test]
    fn the_quietest_market_is_forgotten_first() {
        let mut tape = Tape::default();
        let listings: Vec<Arc<Listing>> = (0..=MARKETS_MAX as u64)
            .map(|seed| Arc::new(Listing::standing(0, &mut Random::new(seed), Millis(0))))
            .collect();
        for (at, listing) in (1..).zip(&listings[..MARKETS_MAX]) {
            tape.note(&trade(listing, at, Outcome::Yes, 50));
        }
        tape.note(&trade(&listings[0], 9_000, Outcome::Yes, 50));
        tape.note(&trade(&listings[MARKETS_MAX], 9_001, Outcome::Yes, 50));
        let known = |nth: usize| tape.last(&listings[nth].condition, Outcome::Yes).is_some();
        assert_eq!((known(0), known(1), known(MARKETS_MAX)), (true, false, true));
    }
}
