//! One line of a list of trades: what a leader did, what one portfolio made of it, and what came of that.

use rust_decimal::Decimal;

use super::{LeaderName, MarketName, portfolio_name};
use crate::{
    domain::Nanos,
    store::query::TradeRow,
    web::{
        Web,
        figure::{self, Figure, When},
        words::{self, Verdict},
    },
};

/// One line.
pub struct Trade {
    pub link: String,
    pub at: When,
    pub portfolio: String,
    pub leader: LeaderName,
    pub market: MarketName,
    pub side: String,
    pub side_word: String,
    /// The leader's own trade; none where no leader led to the order.
    pub leader_price: Option<Figure>,
    pub leader_shares: Option<Figure>,
    pub leader_usdc: Option<Figure>,
    /// Where the trade is one of several that belong together.
    pub group: Option<Group>,
    pub verdict: Verdict,
    pub score: Option<Score>,
    /// Dollars of a copy that waits or waited, and the signal it was ordered with.
    pub wanted: Option<Figure>,
    pub merged_into: Option<i64>,
    /// What each dollar of a copy that was not made would have earned.
    pub would: Option<Figure>,
    pub why: Option<Why>,
    pub order: Option<Order>,
    /// From the leader's trade to our order, or to our decision.
    pub delay: Option<Figure>,
    pub delay_word: &'static str,
}

pub struct Group {
    pub id: i64,
    pub shares: Figure,
    pub price: Figure,
}

/// What the models made of it: probabilities that the outcome comes true.
pub struct Score {
    pub bayesian: Figure,
    pub additive: Figure,
    pub market: Figure,
    pub model: Option<Figure>,
}

impl Score {
    pub fn of(
        prior: Option<Decimal>,
        additive: Option<Decimal>,
        bayesian: Option<Decimal>,
        model: Option<Decimal>,
    ) -> Option<Score> {
        Some(Score {
            bayesian: Figure::percent(bayesian?),
            additive: Figure::percent(additive?),
            market: Figure::percent(prior?),
            model: model.map(Figure::percent),
        })
    }
}

/// Why not.
pub struct Why {
    pub text: String,
    pub numbers: Option<(Figure, Figure)>,
    pub knob: &'static str,
}

/// What we ordered and got.
pub struct Order {
    pub cause: String,
    /// Where it was sent again: how often.
    pub attempt: Option<i16>,
    pub limit: Figure,
    pub wanted: Figure,
    pub filled: Figure,
    pub has_fills: bool,
    pub average: Figure,
    pub cash: Figure,
    pub fee: Figure,
    pub against_leader: Figure,
    pub reference_word: &'static str,
    pub against_touch: Figure,
}

impl Trade {
    pub fn new(web: &Web, row: &TradeRow, now: Nanos) -> Trade {
        let order = order(row);
        let verdict = match &row.state {
            Some(state) => words::order_state(state, row.filled.unwrap_or_default()),
            None => words::outcome(&row.outcome),
        };
        let link = match (row.signal_id, row.order_id) {
            (Some(signal), _) => format!("/signals/{signal}"),
            (None, Some(order)) => format!("/orders/{order}"),
            (None, None) => String::new(),
        };
        let until = row.submitted_at.unwrap_or(row.at);
        Trade {
            link,
            at: When::new(row.at, now),
            portfolio: if row.portfolio_id < 0 { String::new() } else { portfolio_name(web, row.portfolio_id) },
            leader: LeaderName::new(&row.leader, &row.wallet, row.leader_id),
            market: MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id),
            side: figure::tame(&row.side, 10),
            side_word: words::side(&row.side).to_owned(),
            leader_price: row.price.map(Figure::price),
            leader_shares: row.shares.map(Figure::shares),
            leader_usdc: row.price.zip(row.shares).map(|(price, shares)| Figure::usd(price * shares)),
            group: group(row),
            score: Score::of(row.prior, row.additive, row.bayesian, row.model),
            wanted: row.wanted.map(Figure::usd),
            merged_into: row.merged_into,
            would: row.would.map(Figure::gain),
            why: why(row, &verdict),
            verdict,
            order,
            delay: row.traded_at.map(|traded| Figure::delay(traded, until)),
            delay_word: match (row.submitted_at, row.outcome.as_str()) {
                (Some(_), _) => "to our order",
                (None, "waiting") => "until we saw it",
                (None, _) => "to our decision",
            },
        }
    }
}

fn group(row: &TradeRow) -> Option<Group> {
    let (id, shares, price) = (row.group_id?, row.group_shares?, row.group_price?);
    let alone = Some(id) == row.signal_id && Some(shares) == row.shares;
    (!alone).then(|| Group { id, shares: Figure::shares(shares), price: Figure::price_average(price) })
}

fn why(row: &TradeRow, verdict: &Verdict) -> Option<Why> {
    if let Some(reason) = words::reason(&row.reason) {
        let numbers =
            words::numbers(reason.unit, row.limit_amount.unwrap_or_default(), row.actual_amount.unwrap_or_default());
        return Some(Why { text: reason.text.to_owned(), numbers, knob: reason.knob });
    }
    let text = match (verdict.text.as_str(), row.reason.as_str()) {
        ("", "") => return None,
        ("", code) => figure::tame(code, 80),
        (text, _) => text.to_owned(),
    };
    Some(Why { text, numbers: None, knob: "" })
}

/// Returns the average price of what was filled; none before a fill.
pub fn average(filled: Decimal, cash: Decimal) -> Option<Decimal> {
    (!filled.is_zero()).then(|| cash / filled)
}

/// Returns how much worse than `reference` the fills were, a share.
pub fn worse(side: &str, average: Decimal, reference: Decimal) -> Decimal {
    if side == "sell" { reference - average } else { average - reference }
}

fn order(row: &TradeRow) -> Option<Order> {
    let (filled, cash) = (row.filled?, row.cash?);
    let average = average(filled, cash);
    let against = |reference: Option<Decimal>| match (average, reference) {
        (Some(average), Some(reference)) => Figure::worse(worse(&row.side, average, reference), reference),
        (None, _) | (_, None) => Figure::none("nothing was filled"),
    };
    let cause = row.cause.as_deref().unwrap_or_default();
    Some(Order {
        cause: words::cause(cause),
        attempt: row.attempt.filter(|attempt| 1 < *attempt),
        limit: Figure::price(row.limit_price?),
        wanted: if row.side == "buy" {
            Figure::usd(row.budget?)
        } else {
            Figure::shares(row.order_shares?).with_unit("shares")
        },
        filled: Figure::shares(filled),
        has_fills: average.is_some(),
        average: average.map_or_else(|| Figure::none("nothing was filled"), Figure::price_average),
        cash: Figure::usd(cash),
        fee: Figure::usd(row.fee?),
        against_leader: against(row.reference),
        reference_word: if row.signal_id.is_some() { "vs leader" } else { "vs our price" },
        against_touch: against(row.touch),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worse_is_against_us_on_both_sides() {
        let cents = |text: &str| text.parse::<Decimal>().expect("a number");
        assert_eq!(worse("buy", cents("0.51"), cents("0.50")), cents("0.01"));
        assert_eq!(worse("sell", cents("0.51"), cents("0.50")), cents("-0.01"));
    }
}
