//! One token: learns its market, keeps its book subscribed, has it fetched again when it diverged, and ends with its market.

use std::time::Duration;

use super::{Plant, market_feed::MarketFeedMessage, tokens::TokensMessage};
use crate::{
    clock,
    domain::{Nanos, TokenId},
    feed::rest::Metadata,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};

pub enum TokenMessage {
    Learn,
    Resync,
    ResyncNow,
    Ended,
}

pub struct TokenActor;

pub struct TokenArguments {
    pub plant: Plant,
    pub token: TokenId,
    pub text: String,
    /// Its market stands in the journal already.
    pub is_known: bool,
    pub metadata: Metadata,
}

pub struct TokenState {
    arguments: TokenArguments,
    resyncs: Backoff,
    learns: u32,
}

/// New markets take minutes to appear at the venue.
const LEARN_AGAIN: Duration = Duration::from_secs(15);
/// What is known is read again this often: rules change.
const LEARN_AFRESH: Duration = Duration::from_secs(3_600);
/// More often on its last day, and after: how it ended is told here, too.
const LEARN_ENDING: Duration = Duration::from_secs(300);
const A_DAY: Nanos = Nanos::from_secs(86_400);
const RESYNC_MAX: Duration = Duration::from_secs(30);
const QUIET: Nanos = Nanos::from_secs(60);

/// Spaces out what must not be asked for in a loop: at once the first time, then 1, 2, 4 ... 30 s; a quiet minute forgives.
struct Backoff {
    last: Option<Nanos>,
    wait: Duration,
    is_waiting: bool,
}

impl Backoff {
    /// Returns how long to wait; `None` while an earlier one still waits.
    fn next(&mut self, now: Nanos) -> Option<Duration> {
        if self.is_waiting {
            return None;
        }
        let is_quiet = self.last.is_none_or(|last| now.since(last) > QUIET);
        self.wait = match (is_quiet, self.wait.is_zero()) {
            (true, _) => Duration::ZERO,
            (false, true) => Duration::from_secs(1),
            (false, false) => (self.wait * 2).min(RESYNC_MAX),
        };
        self.last = Some(now.plus(Nanos(self.wait.as_nanos() as u64)));
        self.is_waiting = true;
        Some(self.wait)
    }
}

impl Actor for TokenActor {
    type Msg = TokenMessage;
    type State = TokenState;
    type Arguments = TokenArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: TokenArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        arguments.plant.market_feed.cast(MarketFeedMessage::Subscribe(arguments.token));
        myself.cast(TokenMessage::Learn)?;
        let resyncs = Backoff { last: None, wait: Duration::ZERO, is_waiting: false };
        Ok(TokenState { arguments, resyncs, learns: 0 })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let TokenArguments { plant, token, text, is_known, metadata } = &state.arguments;
        match message {
            TokenMessage::Learn => {
                let wait = match metadata.token(text).await {
                    Ok(known) => {
                        let is_ending = known.market.closes_at <= clock::now().plus(A_DAY);
                        plant.tokens.cast(TokensMessage::Known(*token, Box::new(known)));
                        if is_ending { LEARN_ENDING } else { LEARN_AFRESH }
                    }
                    Err(error) => {
                        // Said once for each token; the skip says it for each signal.
                        if state.learns == 0 && *is_known {
                            tracing::info!(%error, token = text, "a token's market was not read again; what was known stays");
                        } else if state.learns == 0 {
                            tracing::warn!(%error, token = text, "nothing learned about a token; asking again");
                        }
                        plant.tokens.cast(TokensMessage::Unknown(*token));
                        LEARN_AGAIN
                    }
                };
                state.learns += 1;
                myself.send_after(wait, || TokenMessage::Learn);
            }
            TokenMessage::Resync => {
                if let Some(wait) = state.resyncs.next(clock::now()) {
                    myself.send_after(wait, || TokenMessage::ResyncNow);
                }
            }
            TokenMessage::ResyncNow => {
                state.resyncs.is_waiting = false;
                plant.market_feed.cast(MarketFeedMessage::Resync(*token));
            }
            TokenMessage::Ended => {
                plant.market_feed.cast(MarketFeedMessage::Unsubscribe(*token));
                myself.stop(None);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_that_keeps_diverging_is_fetched_ever_more_rarely() {
        let mut backoff = Backoff { last: None, wait: Duration::ZERO, is_waiting: false };
        let mut now = Nanos::from_secs(1_000);
        let mut waits = vec![];
        for _ in 0..8 {
            let wait = backoff.next(now).expect("none waits");
            assert_eq!(backoff.next(now), None, "one waits already");
            backoff.is_waiting = false;
            now = now.plus(Nanos(wait.as_nanos() as u64));
            waits.push(wait.as_secs());
        }
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff.next(now.plus(Nanos::from_secs(61))), Some(Duration::ZERO));
    }
}
