//! What is asked of the venue, each in a task of its own that comes back as a message: orders out, cancels, reads, heartbeats,
//! and whether it lets us trade.

use std::sync::Arc;

use tokio::time::timeout;

use super::{super::opening, Asked, BEAT_PATIENCE, Done, Driver, Ended, Kept, PLACE_EVERY};
use crate::{
    clock,
    domain::{LeaderId, LiveOrders, Nanos, NotSent, OrderKind, Side, VenueOrderId},
    fault,
    venue::{
        outbox::Outgoing,
        polymarket::{
            answer::Answer,
            dispatch::Leaving,
            follow::{Action, Evidence},
            rest::signed,
        },
    },
};

impl Driver<'_> {
    /// Exits first; each waits for a connection on its own, and is looked at again after that.
    pub(super) fn let_out(&mut self) -> Result<(), Ended> {
        let mut leaving = self.desk.outbox.take(|sent| self.hear(&Evidence::Registered(sent)))?;
        leaving.sort_by_key(|outgoing| outgoing.sent.side == Side::Buy);
        for outgoing in leaving {
            self.send(outgoing)?;
        }
        while let Some((_, id)) = self.desk.outbox.cancels.pop() {
            self.cancel(id);
        }
        Ok(())
    }

    fn send(&mut self, outgoing: Outgoing) -> Result<(), Ended> {
        let Outgoing { sent, leave_by, .. } = outgoing;
        if sent.kind == OrderKind::Gtc && !self.heart.is_well(clock::now()) {
            let answer = Answer::NotSent(NotSent::NoConnection);
            return self.hear(&Evidence::Answered { id: sent.id, answer });
        }
        let request = outgoing.request[..outgoing.len].to_vec();
        let body = String::from_utf8_lossy(&outgoing.request[outgoing.body_at..outgoing.len]).into_owned();
        self.kept.insert(sent.id, Kept { body, leader: sent.leader, side: sent.side });
        self.dispatch(sent.id, request, sent.leader, sent.side, leave_by)
    }

    fn dispatch(
        &self,
        id: VenueOrderId,
        request: Vec<u8>,
        leader: LeaderId,
        side: Side,
        leave_by: Nanos,
    ) -> Result<(), Ended> {
        self.desk.books().map_err(Ended::Failed)?.in_flight.insert(id);
        let (dispatch, done) = (self.dispatch.clone(), self.done.clone());
        tokio::spawn(async move {
            let began = clock::mono();
            let dispatched = dispatch.send(Leaving { request: &request, leader, side, leave_by }).await;
            let _ = done.send(Done::Sent { id, dispatched, began });
        });
        Ok(())
    }

    fn cancel(&self, id: VenueOrderId) {
        let (rest, done) = (self.rest.clone(), self.done.clone());
        tokio::spawn(async move {
            let answer = rest.cancel(id).await.map_err(|failure| failure.to_string());
            fault::point("in_cancel");
            let _ = done.send(Done::Cancel { id, answer });
        });
    }

    pub(super) fn act(&mut self, action: Action) -> Result<(), Ended> {
        let done = self.done.clone();
        match action {
            // The price is good: it is the order's own bound, which the venue keeps, and `by` is early.
            Action::SendAgain { id, by, .. } => match self.kept.remove(&id) {
                Some(kept) => {
                    let request = self.request(&kept.body);
                    self.dispatch(id, request, kept.leader, kept.side, by)?;
                }
                None => {
                    let answer = Answer::NotSent(NotSent::TooOld);
                    self.hear(&Evidence::Answered { id, answer })?;
                }
            },
            Action::ReadOrder { id, .. } => {
                let rest = self.rest.clone();
                tokio::spawn(async move {
                    let read = rest.order(id).await.map_err(|failure| failure.to_string());
                    let _ = done.send(Done::Order { id, read });
                });
            }
            Action::ReadTrades { number, after_s } => {
                let rest = self.rest.clone();
                tokio::spawn(async move {
                    let read = rest.trades(after_s).await.map_err(|failure| failure.to_string());
                    let _ = done.send(Done::Trades { number, read });
                });
            }
            Action::Cancel { id, .. } => self.cancel(id),
        }
        Ok(())
    }

    /// Returns the request of a body under the headers of now.
    fn request(&self, body: &str) -> Vec<u8> {
        let target = self.dispatch.connections.target();
        let mut head = format!(
            "POST /order HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\naccept: application/json\r\n\
             user-agent: remora/{}\r\n",
            target.host,
            env!("CARGO_PKG_VERSION")
        );
        let address = self.desk.wallet.key.address();
        for (name, value) in signed(&self.api, address, "POST", "/order", body, clock::now()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// While an order rests, the venue hears that we live.
    pub(super) fn beat(&mut self) {
        let sent_at = clock::now();
        let Some(id) = self.heart.beat(sent_at, self.has_resting()) else { return };
        let (rest, done) = (self.rest.clone(), self.done.clone());
        tokio::spawn(async move {
            let answer = match timeout(BEAT_PATIENCE, rest.heartbeat(&id)).await {
                Ok(answer) => answer.map_err(|failure| failure.to_string()),
                Err(_) => Err(format!("no answer within {} s", BEAT_PATIENCE.as_secs())),
            };
            let _ = done.send(Done::Beat { sent_at, answer });
        });
    }

    pub(super) fn asked(&self, asked: Asked) {
        let Asked::CancelAll(answer) = asked;
        let rest = self.rest.clone();
        tokio::spawn(async move {
            let cancelled = rest.cancel_all().await;
            fault::point("in_cancel");
            let result = match cancelled {
                Ok((cancelled, 0)) => Ok(cancelled),
                Ok((cancelled, kept)) => Err(format!("cancelled: {cancelled}; {kept} could not be cancelled")),
                Err(failure) => Err(failure.to_string()),
            };
            let _ = answer.send(result);
        });
    }

    /// Asks whether the world lets us trade; where the venue does not take our key, whether that is still the one.
    pub(super) fn check(&mut self) {
        self.checks += 1;
        let asks_place = self.checks.is_multiple_of(PLACE_EVERY) || self.world.wants_check();
        let (public, rest, done) = (self.public.clone(), self.rest.clone(), self.done.clone());
        let (desk, id) = (Arc::clone(&self.desk), self.api.id.clone());
        tokio::spawn(async move {
            let mut found = Vec::new();
            let mut result = opening::checks(&public, &rest, &mut found).await;
            if result.as_ref().is_err_and(|failed| failed.state == LiveOrders::AuthMissing)
                && opening::credentials(&desk, &public).await.is_ok_and(|api| api.id != id)
            {
                let _ = done.send(Done::Rekeyed);
                return;
            }
            if result.is_ok() && asks_place {
                result = opening::place(&public, &mut found).await;
            }
            let _ = done.send(Done::Checked { found, result });
        });
    }
}
