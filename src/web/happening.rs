//! An event of the journal as a person reads it.

use super::{
    figure::{self, Figure},
    words,
};
use crate::domain::{
    Event, Nanos, Numbers, OrderEnd, Price, Shares, Unit, Usdc,
    event::{Choice, Scored},
    money::SHARES_MAX,
};

type Parts = Vec<(&'static str, String)>;

/// Returns what became true.
pub fn sentence(event: &Event) -> &'static str {
    match event {
        Event::Deposited { .. } => "Money was put in",
        Event::Withdrawn { .. } => "Money was taken out",
        Event::Signal(_) => "The leader's trade was taken in",
        Event::Repeated { .. } => "The same trade was seen again",
        Event::Parked { .. } => "It waits for its market and book",
        Event::Skipped { .. } => "The strategy said no",
        Event::Refused { .. } => "Risk said no",
        Event::ExitDue { .. } => "A sale became due",
        Event::Submitted(_) => "An order was submitted",
        Event::Accepted { .. } => "The venue took the order",
        Event::Filled(_) => "A fill came",
        Event::Closed { end: OrderEnd::Filled, .. } => "The order ended: filled",
        Event::Closed { end: OrderEnd::Cancelled, .. } => "The order ended: the rest was cancelled",
        Event::Closed { end: OrderEnd::Rejected(_), .. } => "The venue said no",
        Event::Resolved { .. } => "The market was resolved",
        Event::Settled(_) => "The position was settled",
        Event::Released { .. } => "Cooled money became available",
        Event::Valued(_) => "The portfolio was valued",
        Event::Diverged { .. } => "The book was no longer trusted",
        Event::Resynced { .. } => "The book was trusted again",
        Event::Faulted { .. } => "A fault: entries stopped",
        Event::Paused { .. } => "The strategy was paused: no entries",
        Event::Unpaused { .. } => "The strategy goes on",
        Event::Closed { end: OrderEnd::Expired, .. } => "The order ended: its time was over",
        Event::Closed { end: OrderEnd::NotSent(_), .. } => "The order was not sent",
        Event::Closed { end: OrderEnd::Absent, .. } => "The venue never knew the order",
        Event::Closed { end: OrderEnd::Shadow, .. } => "Shadow: the order was not sent",
        Event::Scored(_) => "The signal was scored",
        Event::Buffered { .. } => "Too small alone: it waits for more",
        Event::Merged { .. } => "It went into the order of a later signal",
        Event::LeaderHolds { .. } => "The leader's position was read",
        Event::LeaderBlocked { .. } => "The leader is not followed for now",
        Event::LeaderUnblocked { .. } => "The leader is followed again",
        Event::Peaked { .. } => "The highest bid since the entry rose",
        Event::CancelDue { .. } => "A cancellation was asked for",
        Event::PlanRepaired { .. } => "The resting sale is replaced: it was not what is held",
        Event::Unplanned { .. } => "No sale rests for the exit plan",
        Event::Unknown { .. } => "The outcome of the order is not known",
        Event::DayBegan { .. } => "A day began: daily counters are zero",
        Event::Tripped { .. } => "A breaker tripped: no entries",
        Event::BreakerReset { .. } => "A breaker was reset",
        Event::BalanceLow { .. } => "Available cash is low",
        Event::Moved { .. } => "Money was moved between portfolios",
        Event::Funded { .. } => "The capital of the settings is in",
        Event::Signed(_) => "The order was signed",
        Event::Matched(_) => "Matched; not settled yet",
        Event::Confirmed { .. } => "The match settled",
        Event::Voided { .. } => "The match failed to settle, and is undone",
        Event::Adopted { .. } => "A match of an order that had ended is taken in: somebody should look",
        Event::HeldBack { .. } => "Cash is held back for orders that may have been forgotten",
        Event::HoldEnded { .. } => "The cash that was held back is free again",
        Event::External(_) => "Something of the wallet's that no order of ours explains",
        Event::Differs(differs) if differs.ours == differs.theirs => "Our books and the wallet agree again",
        Event::Differs(_) => "Our books and the wallet differ",
        Event::WalletHolds(_) => "What the wallet holds was read",
        Event::Explained { choice: Choice::Ignored, .. } => "The operator knows of a difference: it is left as it is",
        Event::Explained { choice: Choice::Own, .. } => "The operator says that what is too much is his own",
        Event::TakenIn(_) => "Shares of the wallet were taken into the books",
        Event::WrittenOff(_) => "Shares that the wallet does not have were written off",
        Event::Gap(_) => "A source of leaders' trades may have missed something",
        Event::Declined { .. } => "A command could not be done",
        Event::Configured { .. } => "The settings changed",
        Event::PaperSwitched { .. } => "The paper switch was turned",
        Event::LiveSwitched { .. } => "The live switch was turned",
        Event::LeaderSwitched { .. } => "The leader's live switch was turned",
    }
}

/// Returns what is worth reading of it.
#[expect(clippy::too_many_lines, reason = "one arm for each event")]
pub fn parts(event: &Event) -> Parts {
    let portfolio = |id: crate::domain::PortfolioId| ("portfolio", id.0.to_string());
    match event {
        Event::Deposited { portfolio: id, amount }
        | Event::Withdrawn { portfolio: id, amount }
        | Event::Released { portfolio: id, amount } => vec![portfolio(*id), ("amount", usd(*amount))],
        Event::Signal(signal) => vec![
            ("side", signal.side.code().to_owned()),
            ("price", price(signal.price)),
            ("shares", shares(signal.shares)),
            ("group", signal.group.0.to_string()),
            ("group so far", format!("{} @ {}", shares(signal.group_shares), price(signal.group_price))),
            ("leader held", shares(signal.leader_held)),
        ],
        Event::Repeated { trade, source, .. } => {
            let trade = format!("{:016x}{:016x}", trade.0[0], trade.0[1]);
            vec![("trade", trade), ("source", source.code().to_owned())]
        }
        Event::Parked { until, .. } => vec![("until", figure::stamp(figure::moment(*until)))],
        Event::Skipped { portfolio: id, reason, numbers, .. } => {
            no(portfolio(*id), reason.text(), reason.unit(), *numbers, reason.knob())
        }
        Event::Refused { portfolio: id, reason, numbers, .. } => {
            no(portfolio(*id), reason.text(), reason.unit(), *numbers, reason.knob())
        }
        Event::ExitDue { portfolio: id, cause, shares: owed, .. } => {
            vec![
                portfolio(*id),
                ("cause", words::cause(cause.code())),
                ("shares", if *owed == SHARES_MAX { "all".to_owned() } else { shares(*owed) }),
            ]
        }
        Event::Submitted(order) => vec![
            ("order", order.order.0.to_string()),
            portfolio(order.portfolio),
            ("cause", words::cause(order.cause.code())),
            ("side", order.side.code().to_owned()),
            ("kind", order.kind.code().to_uppercase()),
            ("limit", price(order.limit)),
            ("shares", shares(order.shares)),
            ("budget", usd(order.budget)),
            ("reserved", usd(order.reserved)),
            ("touch", price(order.touch)),
            ("reference", price(order.reference)),
        ],
        Event::Accepted { order } => vec![("order", order.0.to_string())],
        Event::Filled(fill) => vec![
            ("order", fill.order.0.to_string()),
            ("shares", shares(fill.shares)),
            ("cash", usd(fill.cash)),
            ("fee", usd(fill.fee)),
            ("had cost", usd(fill.basis)),
            ("cools until", moment_or_none(fill.release_at)),
        ],
        Event::Closed { order, end, released } => {
            let mut parts = vec![("order", order.0.to_string()), ("released", usd(*released))];
            if let OrderEnd::Rejected(rejection) = end {
                parts.push(("why", rejection.text().to_owned()));
            }
            parts
        }
        Event::Resolved { payout, .. } => vec![("pays", Figure::price(figure::micros((*payout).into())).text)],
        Event::Settled(settled) => vec![
            portfolio(settled.portfolio),
            ("shares", shares(settled.shares)),
            ("had cost", usd(settled.basis)),
            ("paid", usd(settled.proceeds)),
            ("cools until", moment_or_none(settled.release_at)),
        ],
        Event::Valued(valued) => vec![portfolio(valued.portfolio), ("unrealised", usd(valued.unrealised))],
        Event::Diverged { cause, .. } => vec![("cause", cause.code().replace('_', " "))],
        Event::Paused { portfolio: id } | Event::Unpaused { portfolio: id } => vec![portfolio(*id)],
        Event::Resynced { token } => vec![("token", token.0.to_string())],
        Event::Faulted { fault, order } => {
            vec![("fault", words::fault(*fault).to_owned()), ("order", order.0.to_string())]
        }
        Event::Scored(scored) => score(scored),
        Event::Buffered { portfolio: id, shares: added, wanted, until, .. } => vec![
            portfolio(*id),
            ("leader's shares", shares(*added)),
            ("copy", usd(*wanted)),
            ("until", moment_or_none(*until)),
        ],
        Event::Merged { portfolio: id, into, .. } => vec![portfolio(*id), ("signal", into.0.to_string())],
        Event::LeaderHolds { shares: held, .. } => vec![("holds", shares(*held))],
        Event::LeaderBlocked { until, numbers, .. } => {
            vec![("round trips", numbers.actual.to_string()), ("until", moment_or_none(*until))]
        }
        Event::LeaderUnblocked { leader } => vec![("leader", leader.0.to_string())],
        Event::Peaked { portfolio: id, bid, .. } => vec![portfolio(*id), ("bid", price(*bid))],
        Event::CancelDue { order } | Event::Unknown { order } => vec![("order", order.0.to_string())],
        Event::PlanRepaired { portfolio: id, resting, held, .. } => {
            vec![portfolio(*id), ("rested", shares(*resting)), ("held", shares(*held))]
        }
        Event::Unplanned { portfolio: id, reason, .. } => {
            vec![portfolio(*id), ("why", reason.text().to_owned())]
        }
        Event::DayBegan { day } => vec![("day", day.to_string())],
        Event::Tripped { portfolio: id, breaker, .. } | Event::BreakerReset { portfolio: id, breaker } => {
            vec![portfolio(*id), ("breaker", breaker.code().replace('_', " "))]
        }
        Event::BalanceLow { portfolio: id, available } => vec![portfolio(*id), ("available", usd(*available))],
        Event::Funded { portfolio: id, capital } => vec![portfolio(*id), ("capital", usd(*capital))],
        Event::Signed(signed) => vec![("order", signed.order.0.to_string()), ("at the venue", signed.id.to_string())],
        Event::Matched(matched) => vec![
            ("order", matched.order.0.to_string()),
            ("shares", shares(matched.shares)),
            ("cash", usd(matched.cash)),
            ("fee", usd(matched.fee)),
        ],
        Event::Adopted { order, brought, .. } => {
            vec![("order", order.0.to_string()), ("brought from outside", usd(*brought))]
        }
        Event::HeldBack { portfolio: id, amount, .. } => vec![portfolio(*id), ("held back", usd(*amount))],
        Event::HoldEnded { portfolio: id } => vec![portfolio(*id)],
        Event::Confirmed { order, .. } | Event::Voided { order, .. } => vec![("order", order.0.to_string())],
        Event::External(external) => vec![
            ("side", external.side.code().to_owned()),
            ("shares", shares(external.shares)),
            ("cash", usd(external.cash)),
            ("order at the venue", external.id.to_string()),
        ],
        Event::TakenIn(taken) => {
            vec![portfolio(taken.portfolio), ("shares", shares(taken.shares)), ("count as", usd(taken.cost))]
        }
        Event::WrittenOff(off) => {
            vec![portfolio(off.portfolio), ("shares", shares(off.shares)), ("lost", usd(off.basis))]
        }
        Event::Differs(differs) | Event::Explained { differs, .. } => {
            let amount = |amount: i64| match differs.what {
                crate::domain::event::Difference::Shares => shares(Shares(amount.max(0) as u64)),
                crate::domain::event::Difference::Cash => usd(Usdc(amount)),
                crate::domain::event::Difference::OpenOrders => amount.to_string(),
            };
            vec![("ours", amount(differs.ours)), ("the wallet's", amount(differs.theirs))]
        }
        Event::WalletHolds(holds) => {
            let amount = |amount: i64| match holds.token {
                Some(_) => shares(Shares(amount.max(0) as u64)),
                None => usd(Usdc(amount)),
            };
            vec![("ours", amount(holds.ours)), ("the wallet's", amount(holds.theirs))]
        }
        Event::Gap(gap) => vec![
            ("source", gap.source.code().to_owned()),
            ("why", gap.cause.code().to_owned()),
            ("for", format!("{} ms", gap.until.since(gap.from).as_millis())),
        ],
        Event::Moved { from, to, amount } => {
            vec![portfolio(*from), ("to", to.0.to_string()), ("amount", usd(*amount))]
        }
        Event::Declined { portfolio: id, reason, numbers } => {
            no(portfolio(*id), reason.text(), reason.unit(), *numbers, reason.knob())
        }
        Event::Configured { portfolio: id, digest } => vec![portfolio(*id), ("settings", format!("{digest:016x}"))],
        Event::PaperSwitched { to } => vec![("to", to.code().to_owned())],
        Event::LiveSwitched { to } => vec![("to", to.code().to_owned())],
        Event::LeaderSwitched { leader, to } => {
            vec![("leader", leader.0.to_string()), ("to", to.code().replace('_', " "))]
        }
    }
}

fn score(scored: &Scored) -> Parts {
    let percent = |ppm: u32| Figure::percent(figure::micros(ppm.into())).text;
    let mut parts = vec![
        ("market", percent(scored.prior_ppm)),
        ("additive", percent(scored.additive.confidence_ppm)),
        ("Bayesian", percent(scored.bayesian.confidence_ppm)),
    ];
    parts.extend(scored.model_ppm.map(|ppm| ("model", percent(ppm))));
    parts
}

fn no(portfolio: (&'static str, String), text: &str, unit: Unit, numbers: Numbers, knob: &str) -> Parts {
    let mut parts = vec![portfolio, ("why", text.to_owned())];
    let places = if matches!(unit, Unit::Milliseconds | Unit::Count) { 0 } else { 6 };
    let scaled = |number| rust_decimal::Decimal::new(number, places);
    if let Some((limit, actual)) = words::numbers(unit, scaled(numbers.limit), scaled(numbers.actual)) {
        parts.extend([("limit", limit.text), ("actual", actual.text)]);
    }
    if !knob.is_empty() {
        parts.push(("setting", knob.to_owned()));
    }
    parts
}

fn price(price: Price) -> String {
    Figure::price(figure::micros(price.micros().into())).text
}

fn shares(shares: Shares) -> String {
    Figure::shares(rust_decimal::Decimal::from_i128_with_scale(shares.0.into(), 6)).text
}

fn usd(amount: Usdc) -> String {
    Figure::usd(figure::micros(amount.0)).text
}

fn moment_or_none(at: Nanos) -> String {
    if at == Nanos::ZERO { "–".to_owned() } else { figure::stamp(figure::moment(at)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{OrderId, PortfolioId, Refusal, Rejection, SignalId, Skip};

    #[test]
    fn events_read_in_their_units() {
        let check = |event: Event, expected: &str| {
            let parts: Vec<String> = parts(&event).into_iter().map(|(name, text)| format!("{name} {text}")).collect();
            assert_eq!(parts.join(", "), expected);
        };
        let (signal, portfolio) = (SignalId(1), PortfolioId(2));
        let numbers = Numbers { limit: 3_000, actual: 7_250 };
        check(
            Event::Skipped { signal, portfolio, reason: Skip::TooOld, numbers },
            "portfolio 2, why The leader traded too long ago., limit 3 s, actual 7.25 s, setting trade_age_ms_max",
        );
        let numbers = Numbers { limit: 12_500_000, actual: 0 };
        check(
            Event::Refused { signal, portfolio, reason: Refusal::AvailableCash, numbers },
            "portfolio 2, why There is not enough available cash., limit $12.50, actual $0.00, setting capital_usdc",
        );
        let end = OrderEnd::Rejected(Rejection::NoMatch);
        check(
            Event::Closed { order: OrderId(9), end, released: Usdc(10_250_000) },
            "order 9, released $10.25, why Nothing was on offer within the limit when the order arrived.",
        );
    }
}
