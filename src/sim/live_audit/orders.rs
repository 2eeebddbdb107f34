//! The venue's orders against the journal's.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Findings, Invariant, Keys, Rest, Terms,
    books::{Books, Order, Stands},
    venue::{Face, Fate, Leg, Venue},
};
use crate::domain::{Cause, LiveSwitch, Nanos, OrderEnd, OrderKind, Rejection, Side, event::Signed};

/// Amounts are rounded to ten-thousandths, as the venue asks: so little may be missing of what is wanted for the price.
const AMOUNT_GRID: u128 = 100;

/// Of one match: shares, cash and fee.
type Amounts = (u64, i64, i64);
/// How often there are the same.
type Counts = BTreeMap<Amounts, i64>;

pub fn compare(venue: &Venue, books: &Books, terms: &Terms, found: &mut Findings) {
    if terms.keys == Keys::None {
        found.check(venue.requests == 0, Invariant::Shadow, || {
            format!("there is no key, and {} private requests arrived", venue.requests)
        });
    }
    arrived(venue, books, terms, found);
    for order in books.orders.values() {
        signed_once(order, found);
        exposed(venue, order, found);
        matched(venue, order, terms, found);
        released(venue, order, terms, found);
    }
    one_for_each_intent(venue, books, found);
    if terms.rest == Rest::AtRest {
        foreign(venue, books, found);
    }
}

/// I-4, I-5, I-6, I-20: all that arrived had been recorded, was fresh, and was let out.
fn arrived(venue: &Venue, books: &Books, terms: &Terms, found: &mut Findings) {
    let orders = books.orders.values();
    let signed = orders.flat_map(|order| order.signed.iter().map(move |(signed, at)| (Face::of(signed), (order, *at))));
    let faces: BTreeMap<Face, (&Order, Nanos)> = signed.collect();
    let mut seen = BTreeSet::new();
    for post in &venue.posts {
        let Some((order, signed_at)) = faces.get(&post.face) else {
            let salt = post.face.salt;
            found.add(Invariant::Acknowledged, format!("request {}: salt {salt} is in no record", post.request));
            continue;
        };
        let (id, from) = (order.submitted.order.0, Nanos(post.at.0.saturating_sub(terms.grace.0)));
        found.check(*signed_at <= post.at, Invariant::Acknowledged, || {
            format!("order {id} arrived {} ms before it was recorded", signed_at.since(post.at).as_millis())
        });
        let submitted = &order.submitted;
        if !books.let_out(from, post.at, submitted.leader, submitted.side) {
            let stands = books.live_at(post.at);
            let invariant = if stands == LiveSwitch::Shadow { Invariant::Shadow } else { Invariant::Switch };
            found.add(
                invariant,
                format!("order {id} arrived while live is {} (request {})", stands.code(), post.request),
            );
        }
        let signal = books.signals.get(&submitted.signal.0);
        if let Some(signal) = signal.filter(|_| submitted.cause == Cause::Entry && seen.insert(id)) {
            let age = post.at.since(signal.traded_at);
            found.check(age <= terms.age_max, Invariant::Stale, || {
                format!("order {id} arrived {} ms after the leader's trade", age.as_millis())
            });
        }
    }
}

/// I-1: one signature for each order; I-2: it asks for no more than was decided.
fn signed_once(order: &Order, found: &mut Findings) {
    let submitted = &order.submitted;
    let id = submitted.order.0;
    found.check(order.signed.len() <= 1, Invariant::OneOrder, || {
        format!("order {id} was signed {} times", order.signed.len())
    });
    let Some((Signed { maker_amount, taker_amount, .. }, at)) = order.signed.first() else { return };
    found.check(order.at <= *at, Invariant::Acknowledged, || format!("order {id} was signed before it was submitted"));
    let (limit, shares) = (u128::from(submitted.limit.micros()), u128::from(submitted.shares.0));
    let (maker, taker) = (u128::from(*maker_amount), u128::from(*taker_amount));
    let holds = match submitted.side {
        Side::Buy => maker <= submitted.budget.0.max(0) as u128 && maker * 1_000_000 <= limit * (taker + AMOUNT_GRID),
        Side::Sell => maker <= shares && limit * maker <= (taker + AMOUNT_GRID) * 1_000_000,
    };
    found.check(holds, Invariant::Exposure, || {
        format!("order {id} was signed for {maker_amount} against {taker_amount}, beyond {submitted:?}")
    });
}

/// Yields the legs of an order that hold, or may yet.
fn kept<'a>(venue: &'a Venue, order: &Order) -> Vec<&'a Leg> {
    let ids = order.signed.iter().map(|(signed, _)| signed.id.to_string());
    let legs = ids.flat_map(|id| venue.legs_of(&id));
    legs.filter(|leg| !matches!(venue.fates.get(&leg.trade), Some(Fate::Failed(_)))).collect()
}

/// I-2: what the venue matched is within what was asked and reserved.
fn exposed(venue: &Venue, order: &Order, found: &mut Findings) {
    let submitted = &order.submitted;
    let legs = kept(venue, order);
    let shares: u64 = legs.iter().map(|leg| leg.part.shares_micros).sum();
    let cash: i64 = legs.iter().map(|leg| leg.part.collateral_micros).sum();
    let fee: i64 = legs.iter().map(|leg| leg.fee).sum();
    let holds = match submitted.side {
        Side::Buy => cash <= submitted.budget.0 && cash + fee <= submitted.reserved.0,
        Side::Sell => shares <= submitted.shares.0,
    };
    found.check(holds, Invariant::Exposure, || {
        format!("order {} got {shares} for {cash} and a fee of {fee}: more than {submitted:?}", submitted.order.0)
    });
}

/// Counts equal amounts.
fn counted(amounts: impl Iterator<Item = Amounts>) -> Counts {
    let mut counts = BTreeMap::new();
    amounts.for_each(|amounts| *counts.entry(amounts).or_default() += 1);
    counts
}

/// I-3: each match is in the books once, as far as the chain is with it. What the books do not know yet is a difference only at
/// rest; what they know and the venue does not is one at any time.
fn matched(venue: &Venue, order: &Order, terms: &Terms, found: &mut Findings) {
    let id = order.submitted.order.0;
    let ids = order.signed.iter().map(|(signed, _)| signed.id.to_string());
    let legs: Vec<&Leg> = ids.flat_map(|id| venue.legs_of(&id)).collect();
    let of = |leg: &Leg| (leg.part.shares_micros, leg.part.collateral_micros, leg.fee);
    let theirs = |is: &dyn Fn(&Fate) -> bool| {
        counted(legs.iter().filter(|leg| venue.fates.get(&leg.trade).is_some_and(is)).map(|leg| of(leg)))
    };
    let ours = |is: &dyn Fn(Stands) -> bool| {
        let told = order.legs_told().filter(|(_, stands)| is(*stands));
        counted(told.map(|(matched, _)| (matched.shares.0, matched.cash.0, matched.fee.0)))
    };
    let fates: [(&str, Counts, Counts); 3] = [
        ("matched", ours(&|_| true), theirs(&|_| true)),
        ("confirmed", ours(&|is| is == Stands::Confirmed), theirs(&|fate| matches!(fate, Fate::Confirmed(_)))),
        ("void", ours(&|is| is == Stands::Void), theirs(&|fate| matches!(fate, Fate::Failed(_)))),
    ];
    for (what, ours, theirs) in fates {
        for (amounts, count) in &ours {
            let there = theirs.get(amounts).copied().unwrap_or_default();
            found.check(*count <= there, Invariant::Ledger, || {
                format!("order {id}: {amounts:?} is {what} {count} times in the books, {there} times at the venue")
            });
        }
        // A match that failed before anybody told of it is none.
        let is_due = terms.rest == Rest::AtRest && what == "confirmed";
        for (amounts, count) in theirs.iter().filter(|_| is_due) {
            let here = ours.get(amounts).copied().unwrap_or_default();
            found.check(here == *count, Invariant::Ledger, || {
                format!("order {id}: {amounts:?} is {what} {count} times at the venue, {here} times in the books")
            });
        }
    }
    if terms.rest == Rest::AtRest {
        unsettled(venue, order, found);
    }
}

/// I-3 at rest: what the books still wait for, the chain has not done.
fn unsettled(venue: &Venue, order: &Order, found: &mut Findings) {
    let ids = order.signed.iter().map(|(signed, _)| signed.id.to_string());
    let legs = ids.flat_map(|id| venue.legs_of(&id));
    let theirs = legs.filter(|leg| venue.fates.get(&leg.trade) == Some(&Fate::Unsettled)).count();
    let ours = order.legs_told().filter(|(_, stands)| *stands == Stands::Provisional).count();
    found.check(ours == theirs, Invariant::Ledger, || {
        format!("order {}: {ours} matches wait in the books, {theirs} at the venue", order.submitted.order.0)
    });
}

/// I-16: an order ends when the venue surely ended it, and at rest it did.
fn released(venue: &Venue, order: &Order, terms: &Terms, found: &mut Findings) {
    let id = order.submitted.order.0;
    let Some((signed, _)) = order.signed.first() else {
        found.check(terms.rest == Rest::Moving || order.ended.is_some(), Invariant::Released, || {
            format!("order {id} was never signed, and did not end")
        });
        return;
    };
    let last = venue.posts_of(&Face::of(signed)).map(|post| post.at).max();
    let is_taken = venue.has_taken(signed);
    match order.ended {
        // The venue may take an order, hold it, and then find nobody for it.
        Some((OrderEnd::Rejected(Rejection::NoMatch | Rejection::NotFullyFilled), _))
            if order.submitted.kind != OrderKind::Gtc && venue.legs_of(&signed.id.to_string()).is_empty() => {}
        Some((OrderEnd::Rejected(no), _)) => found.check(!is_taken, Invariant::Released, || {
            format!("order {id} ended as {}, and the venue took it", no.code())
        }),
        Some((OrderEnd::NotSent(why), at)) => found.check(last.is_none(), Invariant::Released, || {
            format!("order {id} ended as {} at {}, and it arrived", why.code(), at.0)
        }),
        Some((OrderEnd::Absent, at)) => {
            let waited = last.map_or(Nanos::NEVER, |last| at.since(last));
            let is_over = terms.absent_after <= waited;
            found.check(!is_taken && is_over, Invariant::Released, || {
                format!("order {id} was given up {} ms after its last send (taken: {is_taken})", waited.as_millis())
            });
        }
        Some((OrderEnd::Filled | OrderEnd::Cancelled | OrderEnd::Expired | OrderEnd::Shadow, _)) => (),
        None if terms.rest == Rest::Moving => (),
        None => {
            let rests = order.submitted.kind == OrderKind::Gtc && !venue.cancelled.contains_key(&signed.id.to_string());
            // Nobody knows whether it may still land: it waits.
            let waits = !is_taken && venue.ended_at.since(last.unwrap_or(order.at)) < terms.absent_after;
            found.check(rests || waits, Invariant::Released, || format!("order {id} did not end (taken: {is_taken})"));
        }
    }
}

/// I-1: an entry after a signal is ordered again only after the venue's proven no.
fn one_for_each_intent(venue: &Venue, books: &Books, found: &mut Findings) {
    let mut intents: BTreeMap<(u16, u64), Vec<&Order>> = BTreeMap::new();
    for order in books.orders.values().filter(|order| order.submitted.side == Side::Buy) {
        intents.entry((order.submitted.portfolio.0, order.submitted.signal.0)).or_default().push(order);
    }
    for ((portfolio, signal), orders) in intents {
        for pair in orders.windows(2) {
            let is_refused = match pair[0].ended {
                Some((OrderEnd::Rejected(_) | OrderEnd::NotSent(_) | OrderEnd::Shadow, at)) => at <= pair[1].at,
                Some((OrderEnd::Filled | OrderEnd::Cancelled | OrderEnd::Expired | OrderEnd::Absent, _)) | None => {
                    false
                }
            };
            let has_bought = !kept(venue, pair[0]).is_empty();
            found.check(is_refused && !has_bought, Invariant::OneOrder, || {
                let (first, second) = (pair[0].submitted.order.0, pair[1].submitted.order.0);
                format!(
                    "signal {signal}, portfolio {portfolio}: order {second} after {first}, which was not surely refused"
                )
            });
        }
    }
}

/// I-14: what our account traded and we did not order is told as such.
fn foreign(venue: &Venue, books: &Books, found: &mut Findings) {
    let signed = books.orders.values().flat_map(|order| &order.signed);
    let ours: BTreeSet<String> = signed.map(|(signed, _)| signed.id.to_string()).collect();
    let accounts = venue.accounts_of(&ours);
    for (id, legs) in venue.legs.iter().filter(|(id, _)| !ours.contains(*id)) {
        let theirs = legs.iter().filter(|leg| accounts.contains(&leg.part.account));
        let theirs = theirs.filter(|leg| !matches!(venue.fates.get(&leg.trade), Some(Fate::Failed(_))));
        let shares: u64 = theirs.map(|leg| leg.part.shares_micros).sum();
        let told = books.external.iter().filter(|external| external.id.to_string() == *id);
        let told: u64 = told.map(|external| external.shares.0).sum();
        found.check(shares <= told, Invariant::Foreign, || {
            format!("order {id} is not ours and traded {shares} for us; told are {told}")
        });
    }
}
