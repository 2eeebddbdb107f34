//! What the venue says of our orders, in its words, made evidence for the follower.

use serde_json::Value;

use super::{Driver, Ended, PARKED_MAX, PARKED_TRIES};
use crate::{
    clock,
    feed::{
        account::{self, Message, Strange},
        socket::Bytes,
    },
    venue::polymarket::follow::{Evidence, OrderMessage, Read, TradeMessage},
};

impl Driver<'_> {
    pub(super) fn order_row(&self, row: &Value) -> Read<OrderMessage> {
        match account::order(row, &self.around.tokens) {
            Ok(message) => Read::Found(message),
            Err(strange) => self.unreadable(&strange),
        }
    }

    pub(super) fn trade_rows(&self, rows: &[Value]) -> Read<Vec<TradeMessage>> {
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            match account::trade(row, &self.ours, &self.around.tokens) {
                Ok(message) => found.push(message),
                // All or none: what is left out might be a fill of ours.
                Err(strange) => return self.unreadable(&strange),
            }
        }
        Read::Found(found)
    }

    fn unreadable<T>(&self, strange: &Strange) -> Read<T> {
        if let Strange::NewToken { token } = strange {
            (self.around.name_token)(token.clone());
        } else {
            self.desk.status.alarmed();
            tracing::error!(%strange, "a row of ours cannot be read: it is read again");
        }
        Read::Failed
    }

    pub(super) fn message(&mut self, bytes: &Bytes, tries: u32) -> Result<(), Ended> {
        let messages = match account::frame(bytes, &self.ours, &self.around.tokens) {
            Ok(messages) => messages,
            Err(strange) => {
                self.strange(&strange);
                return Ok(());
            }
        };
        for message in messages {
            match message {
                Ok(Message::Order(message)) => self.hear(&Evidence::Order(message))?,
                Ok(Message::Trade(message)) => self.hear(&Evidence::Trade(message))?,
                // Read again as a whole when the token has an id: what is told twice counts once.
                Err(Strange::NewToken { token }) if tries < PARKED_TRIES && self.parked.len() < PARKED_MAX => {
                    (self.around.name_token)(token);
                    self.parked.push_back((bytes.clone(), tries));
                    return Ok(());
                }
                Err(strange) => self.strange(&strange),
            }
        }
        Ok(())
    }

    fn strange(&self, strange: &Strange) {
        self.desk.status.alarmed();
        self.desk.channel.malformed(clock::now(), strange.to_string());
        tracing::error!(%strange, "a message of the user channel cannot be read");
    }
}
