//! The whole life of one signal or order, stage by stage: who told it when, what each portfolio decided with which numbers,
//! what became of each order, and how long every step took.

use serde::Serialize;
use time::OffsetDateTime;

use crate::store::query::{EventRow, FillRow, OrderRow, Reader, SightingRow, SignalRow, TradeRow};

/// What to trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceId {
    Signal(i64),
    Order(i64),
    /// An order by its name at the venue.
    Venue(String),
}

impl TraceId {
    /// Reads `120` (a signal), `order-157` (an order), or the 0x name that an order has at the venue.
    pub fn parse(text: &str) -> Option<TraceId> {
        let number = |text: &str| text.parse().ok().filter(|id| 0 < *id);
        if let Some(digits) = text.strip_prefix("0x") {
            let is_name = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            return is_name.then(|| TraceId::Venue(text.to_ascii_lowercase()));
        }
        match text.strip_prefix("order-") {
            Some(id) => id.parse().ok().filter(|id| 0 <= *id).map(TraceId::Order),
            None => number(text.strip_prefix("signal-").unwrap_or(text)).map(TraceId::Signal),
        }
    }
}

/// All that the tables know of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Trace {
    /// None where no signal led to the order.
    pub signal: Option<SignalRow>,
    pub sightings: Vec<SightingRow>,
    /// Of each portfolio: what it decided.
    pub decisions: Vec<TradeRow>,
    pub orders: Vec<OrderRow>,
    pub fills: Vec<FillRow>,
    pub events: Vec<EventRow>,
    /// The stages with their times: up to the decision, then of each order.
    pub chains: Vec<Chain>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chain {
    /// None: what is before all orders.
    pub order: Option<i64>,
    pub portfolio_id: Option<i32>,
    pub steps: Vec<Step>,
}

/// A stage that was reached. Microseconds; negative where clocks disagree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    pub stage: &'static str,
    pub text: String,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Since the stage before; none for the first.
    pub elapsed_us: Option<i64>,
    /// Since the leader's trade, or since the order where there is no such trade.
    pub since_start_us: i64,
}

/// Reads the trace; `None` where the tables have nothing of that name.
pub async fn read(reader: &mut Reader, id: &TraceId) -> sqlx::Result<Option<Trace>> {
    let mut trace = Trace::default();
    let signal = match id {
        TraceId::Signal(signal) => Some(*signal),
        TraceId::Order(order) => match reader.order(*order).await? {
            Some(order) => of_order(&mut trace, order),
            None => return Ok(None),
        },
        TraceId::Venue(name) => match reader.order_at_venue(name).await? {
            Some(order) => of_order(&mut trace, order),
            None => return Ok(None),
        },
    };
    if let Some(signal) = signal {
        trace.signal = reader.signal(signal).await?;
        if let Some(signal) = &trace.signal {
            trace.decisions = reader.decisions_of(signal).await?;
            trace.sightings = reader.sightings_of(signal.id).await?;
        }
    }
    match (id, &trace.signal) {
        (TraceId::Signal(_), None) => return Ok(None),
        (TraceId::Signal(signal), Some(_)) => trace.orders = reader.orders_of(*signal).await?,
        (TraceId::Order(_) | TraceId::Venue(_), _) => {
            let portfolio = trace.orders[0].portfolio_id;
            trace.decisions.retain(|decision| decision.portfolio_id == portfolio);
        }
    }
    let ids: Vec<i64> = trace.orders.iter().map(|order| order.id).collect();
    trace.fills = reader.fills_of(&ids).await?;
    trace.events = reader.events_of(signal.unwrap_or(0), &ids).await?;
    trace.chains = chains(&trace);
    Ok(Some(trace))
}

/// Takes the order in; returns its signal.
fn of_order(trace: &mut Trace, order: OrderRow) -> Option<i64> {
    let signal = order.signal_id;
    trace.orders.push(order);
    signal
}

/// Returns the stages that were reached, with the time that each took.
fn chains(trace: &Trace) -> Vec<Chain> {
    let mut all = Vec::new();
    let mut start = None;
    let mut decided = None;
    if let Some(signal) = &trace.signal {
        let mut reached = vec![("traded", "The leader traded".to_owned(), signal.traded_at)];
        if let Some(first) = trace.sightings.iter().find(|sighting| sighting.is_first) {
            reached.push(("seen", format!("Seen first by {}", first.source), first.seen_at));
        }
        reached.push(("taken_in", "Taken in".to_owned(), signal.at));
        (start, decided) = (Some(signal.traded_at), Some(signal.at));
        all.push(Chain { order: None, portfolio_id: None, steps: steps(None, signal.traded_at, reached) });
    }
    for order in &trace.orders {
        let reached = reached(trace, order);
        let steps = steps(decided, start.unwrap_or(order.submitted_at), reached);
        all.push(Chain { order: Some(order.id), portfolio_id: Some(order.portfolio_id), steps });
    }
    all
}

/// Returns the stages of an order, in the order they were reached.
fn reached(trace: &Trace, order: &OrderRow) -> Vec<(&'static str, String, OffsetDateTime)> {
    let is_its = |event: &&EventRow| {
        let fields = event.body.0.as_object().and_then(|body| body.values().next());
        fields.is_some_and(|fields| fields["order"] == order.id)
    };
    let event = |kind: &str| trace.events.iter().filter(is_its).find(|event| event.kind == kind).map(|event| event.at);
    let last =
        |kind: &str| trace.events.iter().rev().filter(is_its).find(|event| event.kind == kind).map(|event| event.at);
    let fills = || trace.fills.iter().filter(|fill| fill.order_id == order.id);
    let first = fills().map(|fill| fill.at).min();
    let latest = fills().map(|fill| fill.at).max().filter(|latest| Some(*latest) != first);
    let mut all = vec![("submitted", "Decided and submitted".to_owned(), order.submitted_at)];
    let mut add = |stage, text: &str, at: Option<OffsetDateTime>| all.extend(at.map(|at| (stage, text.to_owned(), at)));
    add("signed", "Signed", event("signed"));
    add("accepted", "Taken by the venue", order.accepted_at);
    add("unknown", "Outcome not known", event("unknown"));
    add("filled", "First fill", first);
    add("filled_last", "Last fill", latest);
    add("settled", "Last match settled", last("confirmed"));
    add("voided", "A match became void", last("voided"));
    add("closed", "Ended", order.closed_at);
    all[1..].sort_by_key(|(.., at)| *at);
    all
}

fn steps(
    before: Option<OffsetDateTime>,
    start: OffsetDateTime,
    reached: Vec<(&'static str, String, OffsetDateTime)>,
) -> Vec<Step> {
    let micros = |from: OffsetDateTime, to: OffsetDateTime| (to - from).whole_microseconds() as i64;
    let mut previous = before;
    let step = |(stage, text, at)| {
        let elapsed_us = previous.map(|previous| micros(previous, at));
        previous = Some(at);
        Step { stage, text, at, elapsed_us, since_start_us: micros(start, at) }
    };
    reached.into_iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    #[test]
    fn a_name_says_what_is_traced() {
        let name = format!("0x{}", "aB".repeat(32));
        for (text, expected) in [
            ("120", Some(TraceId::Signal(120))),
            ("signal-7", Some(TraceId::Signal(7))),
            ("order-0", Some(TraceId::Order(0))),
            (name.as_str(), Some(TraceId::Venue(name.to_ascii_lowercase()))),
            ("0", None),
            ("-1", None),
            ("order--1", None),
            ("0xab", None),
            ("", None),
            ("1' or 1=1", None),
        ] {
            assert_eq!(TraceId::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn each_step_says_what_it_took() {
        let start = datetime!(2026-11-01 12:00 UTC);
        let at = |ms: i64| start + Duration::milliseconds(ms);
        let reached = vec![("submitted", String::new(), at(250)), ("accepted", String::new(), at(281))];
        let times: Vec<_> =
            steps(Some(at(240)), start, reached).iter().map(|step| (step.elapsed_us, step.since_start_us)).collect();
        assert_eq!(times, [(Some(10_000), 250_000), (Some(31_000), 281_000)]);
        assert_eq!(steps(None, start, vec![("traded", String::new(), start)])[0].elapsed_us, None);
    }
}
