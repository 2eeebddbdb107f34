//! What is asked of the venue, each in a task of its own that comes back as a message: cancels, reads, heartbeats, and whether
//! it lets us trade.

use std::sync::Arc;

use tokio::time::timeout;

use super::{super::opening, Asked, BEAT_PATIENCE, Done, Driver, Ended, PLACE_EVERY, departure::Departure};
use crate::{
    clock,
    domain::{LiveOrders, NotSent, VenueOrderId},
    fault,
    venue::polymarket::{
        answer::Answer,
        follow::{Action, Evidence},
        rest::signed,
    },
};

impl Driver<'_> {
    /// Learns the names of the orders that left, and cancels what shall not rest.
    pub(super) fn hear_names(&mut self) -> Result<(), Ended> {
        self.desk.outbox.names().try_for_each(|sent| self.hear(&Evidence::Registered(sent)))
    }

    pub(super) fn cancel_what_waits(&self) {
        while let Some((_, id)) = self.desk.outbox.cancels.pop() {
            self.cancel(id);
        }
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
                    let (request, body_at) = self.request(kept.body());
                    self.departures.begin(Departure { request, body_at, leave_by: by, ..kept });
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

    /// Returns the request of a body under the headers of now, and where in it the body begins.
    fn request(&self, body: &str) -> (Vec<u8>, usize) {
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
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        (format!("{head}{body}").into_bytes(), head.len())
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
