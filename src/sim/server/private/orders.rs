//! Orders come in: checked against their key, their signature and the state of the venue, then matched (PROTOCOL.md 2.7 to
//! 2.10). What is refused has changed nothing.

use std::sync::Arc;

use alloy::primitives::Address;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::auth::Call;
use super::identity::{ApiKey, Standing};
use super::limits::Cost;
use super::meter;
use super::payload::{self, Entry};
use super::records::Record;
use super::refusal::Refusal;
use super::wire::{self, Answer};
use crate::clock::now;
use crate::domain::{Nanos, Side};
use crate::sim::exchange::{AccountId, NewOrder, OrderId, Placed, Reject, TradeId};
use crate::sim::server::World;
use crate::sim::server::hub::Hub;
use crate::sim::server::spot::Spot;
use crate::venue::polymarket::{Exchange as Contract, Network, SignatureType, Signer, signature};

pub fn routes() -> Router<World> {
    Router::new()
        .route("/order", post(place).delete(super::cancels::one))
        .route("/orders", post(place_batch).delete(super::cancels::several))
}

/// An order that its key may place, in a market that is there, signed by whom it must be.
struct Checked {
    entry: Entry,
    id: OrderId,
    spot: Spot,
    account: AccountId,
}

/// What became of an order that was taken.
enum Taken {
    Answered(Answer),
    /// The request waits for the end of the hold.
    Held(oneshot::Receiver<Result<Placed, Reject>>),
}

/// A hold of so long is not waited for.
const ANSWERED_BEFORE: Nanos = Nanos::from_secs(1);

/// What one order is answered.
enum Reply {
    Accepted(OrderId, Answer),
    /// After a hold: HTTP 200.
    RefusedLate(OrderId, Reject),
    Refused(Refusal),
}

async fn place(State(world): State<World>, call: Call) -> Response {
    let stamp = meter::admit(&world, call.key.address, Cost::Orders(1));
    if let Some(refusal) = stamp.refusal() {
        return stamp.on(refusal);
    }
    let taken = Entry::read(&call.body).and_then(|entry| take(&world, &call.key, entry));
    let reply = finish(&world, taken).await;
    stamp.on(match reply {
        Reply::Accepted(id, answer) => Json(wire::accepted(&id, &answer, &world.hub().desk.identity)).into_response(),
        Reply::RefusedLate(id, reject) => Json(wire::refused_late(&id, &reject)).into_response(),
        Reply::Refused(refusal) => refusal.into_response(),
    })
}

async fn place_batch(State(world): State<World>, call: Call) -> Response {
    let bodies = match payload::batch(&call.body) {
        Ok(bodies) => bodies,
        Err(refusal) => return refusal.into_response(),
    };
    let stamp = meter::admit(&world, call.key.address, Cost::Orders(bodies.len() as u64));
    if let Some(refusal) = stamp.refusal() {
        return stamp.on(refusal);
    }
    let entries: Vec<Result<Entry, Refusal>> = bodies.iter().map(|body| Entry::read(body.get().as_bytes())).collect();
    if let Some(refusal) = entries.iter().flatten().find_map(|entry| closed_to(&world, entry)) {
        return stamp.on(refusal);
    }
    // All are taken before the first hold is waited for: they are independent.
    let taken = entries.into_iter().map(|entry| entry.and_then(|entry| take(&world, &call.key, entry)));
    let taken: Vec<Result<(OrderId, Taken), Refusal>> = taken.collect();
    let mut answers: Vec<Value> = Vec::with_capacity(taken.len());
    for taken in taken {
        answers.push(match finish(&world, taken).await {
            Reply::Accepted(id, answer) => wire::accepted(&id, &answer, &world.hub().desk.identity),
            Reply::RefusedLate(_, reject) => wire::refused_in_batch(&reject.to_string()),
            Reply::Refused(refusal) => wire::refused_in_batch(&refusal.to_string()),
        });
    }
    stamp.on(Json(json!(answers)))
}

/// Returns why the venue as a whole does not take this order now: that answers a whole batch.
fn closed_to(world: &World, entry: &Entry) -> Option<Refusal> {
    let refusal = world.hub().desk.mode.refuses_order(entry.post_only, now())?;
    (refusal.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(refusal)
}

fn take(world: &World, key: &Arc<ApiKey>, entry: Entry) -> Result<(OrderId, Taken), Refusal> {
    let (spot, account) = world.hub().terms(key, &entry, now())?;
    let contract = Contract::of(spot.listing.generation, spot.listing.neg_risk);
    // The costly part, outside the lock.
    check_signature(&entry, key.address, contract)?;
    let id = OrderId(entry.order.id(contract, Network::Polygon).0);
    let taken = world.hub().take(key, Checked { entry, id, spot, account }, now())?;
    Ok((id, taken))
}

async fn finish(world: &World, taken: Result<(OrderId, Taken), Refusal>) -> Reply {
    let (id, taken) = match taken {
        Ok(taken) => taken,
        Err(refusal) => return Reply::Refused(refusal),
    };
    let result = match taken {
        Taken::Answered(answer) => return Reply::Accepted(id, answer),
        // Only a venue that stops drops the other end.
        Taken::Held(released) => released.await.unwrap_or(Err(Reject::NotReady)),
    };
    match result {
        Ok(Placed::Live | Placed::Held { .. }) => Reply::Accepted(id, Answer::Unmatched),
        Ok(Placed::Matched { making, taking, trades }) => {
            Reply::Accepted(id, world.hub().matched(making, taking, trades))
        }
        Err(reject) => Reply::RefusedLate(id, reject),
    }
}

/// Refuses what the key's address did not sign for the market's exchange.
fn check_signature(entry: &Entry, address: Address, contract: Contract) -> Result<(), Refusal> {
    let check = |contract| signature::check(&entry.order, &entry.signature, contract, Network::Polygon);
    match check(contract) {
        Ok(Signer::Owner(signer) | Signer::Session(signer)) if signer == address => Ok(()),
        Ok(Signer::Owner(_) | Signer::Session(_)) => Err(Refusal::NotTheKeysAddress),
        Err(_) if Contract::ALL.into_iter().any(|other| other != contract && check(other).is_ok()) => {
            Err(Refusal::Version)
        }
        Err(_) => Err(Refusal::Signature),
    }
}

impl Hub {
    /// Returns where an order goes and whose account pays, if its key may place it at all.
    fn terms(&self, key: &ApiKey, entry: &Entry, now: Nanos) -> Result<(Spot, AccountId), Refusal> {
        if entry.owner != key.id {
            return Err(Refusal::NotTheKeysOwner);
        }
        let identity = &self.desk.identity;
        let order = &entry.order;
        let wallet = identity.wallet(order.maker);
        let is_the_keys = match order.signature_type {
            SignatureType::Eoa | SignatureType::Proxy | SignatureType::Safe => order.signer == key.address,
            SignatureType::DepositWallet => {
                order.signer == order.maker
                    && (wallet.is_some_and(|wallet| wallet.owner == key.address)
                        || identity.is_authorised(key.address, order.maker, now)
                        || self.has_session_on_chain(order.maker, key.address, now))
            }
        };
        if !is_the_keys {
            return Err(Refusal::NotTheKeysAddress);
        }
        if let Some(refusal) = self.desk.mode.refuses_order(entry.post_only, now) {
            return Err(refusal);
        }
        if self.pending.region.blocked && order.side == Side::Buy {
            return Err(Refusal::Region);
        }
        let standing =
            if self.pending.is_closed_only(now) { Standing::ClosedOnly } else { identity.standing(key.address) };
        match (standing, order.side) {
            (Standing::Banned, _) => return Err(Refusal::Banned(key.address)),
            (Standing::PausedOnChain, _) => return Err(Refusal::PausedOnChain),
            (Standing::ClosedOnly, Side::Buy) => return Err(Refusal::ClosedOnly(key.address)),
            (Standing::ClosedOnly, Side::Sell) | (Standing::Good, _) => {}
        }
        let spot = self.spot(&entry.token).ok_or_else(|| Refusal::UnknownToken(entry.token.clone()))?;
        // Whoever signs for a wallet that is not derived from his key signs in vain.
        Ok((spot, wallet.ok_or(Refusal::Signature)?.account))
    }

    fn take(&mut self, key: &Arc<ApiKey>, checked: Checked, now: Nanos) -> Result<Taken, Refusal> {
        let Checked { entry, id, spot, account } = checked;
        if self.desk.orders.is_known(&id) {
            return Err(Refusal::Rejected(Reject::Duplicated { order: id }));
        }
        if let Some(trouble) = self.desk.mode.take_trouble() {
            return Err(Refusal::Trouble(trouble, id));
        }
        let new = NewOrder {
            id,
            account,
            market: spot.market,
            outcome: spot.outcome,
            side: entry.order.side,
            maker_amount: entry.order.maker_amount,
            taker_amount: entry.order.taker_amount,
            kind: entry.kind,
            post_only: entry.post_only,
        };
        // What the exchange says of the order is told by the record.
        self.desk.orders.insert(id, Record { entry, owner: Arc::clone(key), listing: spot.listing, buckets: 0 });
        let placed = match self.exchange_mut().place(now, new) {
            Ok(placed) => placed,
            Err(reject) => {
                self.refused(&new, reject, now);
                return Err(reject.into());
            }
        };
        // Only what was told is on the chain, and has its transaction.
        self.tell(now);
        Ok(match placed {
            Placed::Live => Taken::Answered(Answer::Live),
            Placed::Matched { making, taking, trades } => Taken::Answered(self.matched(making, taking, trades)),
            // Who would have to wait for seconds is answered at once.
            Placed::Held { until } if until.since(now) >= ANSWERED_BEFORE => Taken::Answered(Answer::Delayed),
            Placed::Held { .. } => Taken::Held(self.desk.wait_for(id)),
        })
    }

    /// Forgets an order that was refused, but for what came to the engine and found nothing there.
    fn refused(&mut self, new: &NewOrder, reject: Reject, now: Nanos) {
        let Some(record) = self.desk.orders.remove(&new.id) else { return };
        match reject {
            Reject::NotFilled => {
                self.desk.orders.kill(new.id);
                let event = wire::killed_event(new, &record, now, &self.desk.identity);
                self.send_to_user(record.owner.address, &record.listing.condition, &event.to_string());
            }
            Reject::NoMatch => self.desk.orders.kill(new.id),
            Reject::NotReady
            | Reject::BadPayload
            | Reject::BadPrice
            | Reject::BreaksTick { .. }
            | Reject::TooSmall { .. }
            | Reject::BelowDollar { .. }
            | Reject::Precision { .. }
            | Reject::Duplicated { .. }
            | Reject::CrossesPostOnly
            | Reject::NotEnoughBalance { .. }
            | Reject::NotEnoughAllowance { .. }
            | Reject::BadExpiration => {}
        }
    }

    fn matched(&self, making: u64, taking: u64, trades: Vec<TradeId>) -> Answer {
        let with_hash = trades.into_iter().filter_map(|id| {
            let (trade, _) = self.exchange().trade(id)?;
            Some((id, trade.transaction.to_string()))
        });
        Answer::Matched { making, taking, trades: with_hash.collect() }
    }
}
