//! What wallets hold and what it cost them, folded from their fills (PROTOCOL.md 6).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::archive::What;

use crate::domain::money::ONE;
use crate::domain::{Millis, Shares, Side, Usdc};
use crate::sim::exchange::{Move, MoveKind};
use crate::sim::listing::{Listing, iso};
use crate::sim::message::Outcome;
use crate::sim::wire::{self, MarketImage};

/// One token in one wallet.
#[derive(Clone, Debug)]
pub struct Position {
    pub listing: Arc<Listing>,
    pub outcome: Outcome,
    pub wallet: String,
    pub name: String,
    pub size: Shares,
    /// What the shares that are held cost, without fees.
    pub cost: Usdc,
    /// Ever bought, not what is held.
    pub bought: Shares,
    pub spent: Usdc,
    pub realized: Usdc,
    pub first_at: Millis,
    pub last_at: Millis,
}

/// Positions by wallet (lower case) and token.
pub type Positions = BTreeMap<(String, String), Position>;

/// Takes a fill, or what somebody did beside trading, into the positions. More than is known to be held (bought before our
/// memory begins) cannot go: what is known goes.
pub fn fold(positions: &mut Positions, what: &What) {
    match what {
        What::Fill(fill) => {
            let position = position(positions, &fill.listing, fill.outcome, [&fill.wallet, &fill.name], fill.traded_at);
            match fill.side {
                Side::Buy => position.add(fill.size, fill.price.cost_floor(fill.size)),
                Side::Sell => {
                    let sold = fill.size.min(position.size);
                    position.remove(sold, fill.price.cost_floor(sold));
                }
            }
        }
        What::Deed(deed) => {
            let Move { kind, shares, collateral, .. } = deed.moved;
            for outcome in Outcome::BOTH {
                let (shares, dollars) = (shares[outcome.index()], collateral[outcome.index()]);
                if shares == Shares::ZERO {
                    continue;
                }
                let position = position(positions, &deed.listing, outcome, [&deed.wallet, &deed.name], deed.at);
                match kind {
                    MoveKind::Split | MoveKind::Receive => position.add(shares, dollars),
                    MoveKind::Merge | MoveKind::Redeem | MoveKind::Convert => position.remove(shares, dollars),
                    // What is given away is neither gain nor loss.
                    MoveKind::Send => {
                        let cost = share(position.cost, shares.min(position.size), position.size);
                        position.remove(shares, cost);
                    }
                }
            }
        }
    }
}

fn position<'a>(
    positions: &'a mut Positions,
    listing: &Arc<Listing>,
    outcome: Outcome,
    [wallet, name]: [&String; 2],
    at: Millis,
) -> &'a mut Position {
    let key = (wallet.to_ascii_lowercase(), listing.tokens[outcome.index()].clone());
    let position = positions.entry(key).or_insert_with(|| Position {
        listing: Arc::clone(listing),
        outcome,
        wallet: wallet.clone(),
        name: name.clone(),
        size: Shares::ZERO,
        cost: Usdc::ZERO,
        bought: Shares::ZERO,
        spent: Usdc::ZERO,
        realized: Usdc::ZERO,
        first_at: at,
        last_at: at,
    });
    position.last_at = at;
    position
}

/// The part of a cost that belongs to `part` of `whole` shares.
fn share(cost: Usdc, part: Shares, whole: Shares) -> Usdc {
    if whole == Shares::ZERO {
        return Usdc::ZERO;
    }
    Usdc((i128::from(cost.0) * i128::from(part.0) / i128::from(whole.0)) as i64)
}

/// Where a position stands, for the filter of `/v2/positions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Open,
    Redeemable,
    Closed,
}

impl Position {
    fn add(&mut self, shares: Shares, cost: Usdc) {
        self.size = self.size + shares;
        self.bought = self.bought + shares;
        self.cost = Usdc(self.cost.0 + cost.0);
        self.spent = Usdc(self.spent.0 + cost.0);
    }

    /// At most what is held goes.
    fn remove(&mut self, shares: Shares, proceeds: Usdc) {
        let gone = shares.min(self.size);
        let cost = share(self.cost, gone, self.size);
        self.size = self.size - gone;
        self.cost = Usdc(self.cost.0 - cost.0);
        self.realized = Usdc(self.realized.0 + proceeds.0 - cost.0);
    }

    pub fn status(&self, market: Option<&MarketImage>) -> Status {
        match (self.size, market.is_none_or(MarketImage::is_over)) {
            (Shares::ZERO, _) => Status::Closed,
            (_, true) => Status::Redeemable,
            (_, false) => Status::Open,
        }
    }

    /// Returns the worth of a share in millionths. A market that nobody remembers is worth nothing.
    pub fn worth(&self, market: Option<&MarketImage>) -> u64 {
        market.map_or(0, |market| market.worth(self.outcome))
    }

    /// Returns what is held, in dollars.
    pub fn value(&self, market: Option<&MarketImage>) -> Usdc {
        Usdc((u128::from(self.worth(market)) * u128::from(self.size.0) / u128::from(ONE)) as i64)
    }

    pub fn unrealized(&self, market: Option<&MarketImage>) -> Usdc {
        Usdc(self.value(market).0 - self.cost.0)
    }

    /// Writes a row of `/v2/positions`. `is_mergeable`: the wallet holds the other token, too.
    pub fn row(&self, market: Option<&MarketImage>, is_mergeable: bool) -> Value {
        let (listing, other) = (&self.listing, self.outcome.other());
        let (value, unrealized) = (self.value(market), self.unrealized(market));
        let total = Usdc(self.realized.0 + unrealized.0);
        let status = match self.status(market) {
            Status::Open => "OPEN",
            Status::Redeemable => "REDEEMABLE",
            Status::Closed => "CLOSED",
        };
        let average = if self.bought == Shares::ZERO { 0 } else { ONE * self.spent.0 as u64 / self.bought.0.max(1) };
        json!({
            "proxy_wallet": self.wallet, "token_id": listing.tokens[self.outcome.index()],
            "condition_id": listing.condition, "current_size": wire::number(self.size.0),
            "avg_price": wire::number(average), "entry_cost_usdc": dollars(self.cost), "entry_fees_usdc": 0,
            "total_cost_usdc": dollars(self.spent), "current_price": wire::number(self.worth(market)),
            "current_value": dollars(value), "total_size": wire::number(self.bought.0),
            "realized_pnl": dollars(self.realized), "unrealized_pnl": dollars(unrealized), "total_pnl": dollars(total),
            "percent_pnl": percent(total, self.spent), "percent_realized_pnl": percent(self.realized, self.spent),
            "status": status, "redeemable": status == "REDEEMABLE", "mergeable": is_mergeable && status == "OPEN",
            "negative_risk": listing.neg_risk, "archived": false, "verified": false, "title": listing.title,
            "slug": listing.slug, "icon": "", "event_slug": listing.event_slug,
            "event_id": wire::gamma_event_id(listing).parse::<u64>().unwrap_or_default(),
            "outcome": listing.outcomes[self.outcome.index()], "outcome_index": self.outcome.index(),
            "opposite_outcome": listing.outcomes[other.index()], "opposite_token_id": listing.tokens[other.index()],
            "end_date": iso(listing.closes_at)[..10], "last_event_at": self.last_at.0 / 1_000,
            "first_entry_at": self.first_at.0 / 1_000, "name": self.name, "profile_image": "",
        })
    }
}

/// Dollars as a JSON number, which may be negative.
pub fn dollars(amount: Usdc) -> Value {
    match amount.0 {
        0.. => wire::number(amount.0 as u64),
        _ => json!(amount.0 as f64 / ONE as f64),
    }
}

fn percent(part: Usdc, whole: Usdc) -> Value {
    if whole.0 == 0 { json!(0) } else { json!(part.0 as f64 * 100.0 / whole.0 as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Price;
    use crate::sim::message::{Activity, Role};
    use crate::sim::random::Random;

    #[test]
    fn a_sale_takes_its_part_of_the_cost() {
        let listing = Arc::new(Listing::standing(0, &mut Random::new(1), Millis(0)));
        let mut positions = Positions::new();
        let mut fill = |side, cents: u32, size| {
            let fill = Activity {
                listing: Arc::clone(&listing),
                outcome: Outcome::Yes,
                wallet: "0xAB".to_owned(),
                name: "a".to_owned(),
                role: Role::Taker,
                side,
                price: Price::from_micros(cents * 10_000).expect("a price"),
                size: Shares::whole(size),
                traded_at: Millis(1),
                transaction: String::new(),
            };
            fold(&mut positions, &What::Fill(fill));
            let position = &positions[&("0xab".to_owned(), listing.tokens[0].clone())];
            [position.size.0 as i64, position.cost.0, position.bought.0 as i64, position.realized.0].map(|n| n / 10_000)
        };
        assert_eq!(fill(Side::Buy, 40, 10), [1_000, 400, 1_000, 0]);
        assert_eq!(fill(Side::Buy, 60, 10), [2_000, 1_000, 2_000, 0]);
        assert_eq!(fill(Side::Sell, 80, 5), [1_500, 750, 2_000, 150]);
        // More than is known to be held.
        assert_eq!(fill(Side::Sell, 20, 100), [0, 0, 2_000, -300]);
    }
}
