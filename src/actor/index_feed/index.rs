//! The venue's index as it is asked here: in its pace, again where that helps, and never without end.

use std::sync::{Mutex, PoisonError};

use super::pace::{Ask, Pace};
use crate::{
    clock,
    domain::Nanos,
    feed::leader::Read,
    venue::polymarket::rest::{DataApi, Failure, OpenPosition},
};

/// Pages of one read. A wallet that has more is read on from there.
const PAGES_MAX: usize = 50;
/// How often a page is asked for.
const TRIES: u32 = 3;
/// How far it is behind is asked so often.
const LAG_EVERY: Nanos = Nanos::from_secs(60);
/// Taken for its lag while it does not say: more than it was ever seen to have.
const LAG_USUAL: Nanos = Nanos::from_secs(120);
/// Rows are looked for so long behind the newest one; longer where it is that far behind.
const OVERLAP: Nanos = Nanos::from_secs(600);
const OVERLAP_MAX: Nanos = Nanos::from_secs(7_200);

pub struct Index {
    api: DataApi,
    pace: Pace,
    lag: Mutex<Lag>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Lag {
    asked_at: Nanos,
    said: Option<Nanos>,
}

/// Whether a read came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    /// There is more than was read.
    Cut,
}

impl Index {
    pub fn new(url: &str) -> Index {
        Index { api: DataApi::new(url), pace: Pace::new(clock::now), lag: Mutex::default() }
    }

    /// Returns what a wallet did from a moment on.
    pub async fn activity(&self, wallet: &str, from: Nanos) -> Result<(Read, End), Failure> {
        let (mut read, mut cursor) = (Read::default(), None);
        for _ in 0..PAGES_MAX {
            let page = self.ask(Ask::Activity, || self.api.activity(wallet, from, cursor.as_deref())).await?;
            let malformed = |malformed| Failure::Unlike {
                what: "GET /v2/activity".to_owned(),
                expected: "rows of activity",
                found: format!("{malformed}"),
            };
            read.page(&page.json).map_err(malformed)?;
            cursor = page.next;
            if cursor.is_none() {
                return Ok((read, End::Whole));
            }
        }
        Ok((read, End::Cut))
    }

    /// Returns what a wallet holds, all of it.
    pub async fn positions(&self, wallet: &str) -> Result<Vec<OpenPosition>, Failure> {
        self.ask(Ask::Positions, || self.api.open_positions(wallet)).await
    }

    /// Returns the tokens that a wallet holds of markets that are over.
    pub async fn redeemable(&self, wallet: &str) -> Result<Vec<String>, Failure> {
        self.ask(Ask::Positions, || self.api.redeemable_tokens(wallet)).await
    }

    /// Returns how far it is behind.
    pub async fn lag(&self) -> Nanos {
        self.ask_lag().await.unwrap_or(LAG_USUAL)
    }

    /// Returns how late a row may be that is still found.
    pub async fn overlap(&self) -> Nanos {
        let lag = self.ask_lag().await.unwrap_or(Nanos::ZERO);
        Nanos(lag.0.saturating_mul(3)).clamp(OVERLAP, OVERLAP_MAX)
    }

    async fn ask_lag(&self) -> Option<Nanos> {
        let (now, known) = (clock::now(), *self.lag.lock().unwrap_or_else(PoisonError::into_inner));
        if now.since(known.asked_at) < LAG_EVERY && known.asked_at > Nanos::ZERO {
            return known.said;
        }
        self.pace.turn(Ask::Activity).await;
        let said = self.api.lag().await.inspect_err(|failure| {
            self.pace.heard(failure);
            tracing::debug!(%failure, "the index does not say how far it is behind");
        });
        let said = said.ok().map(|lag| Nanos(u64::try_from(lag.as_nanos()).unwrap_or(u64::MAX)));
        *self.lag.lock().unwrap_or_else(PoisonError::into_inner) = Lag { asked_at: now, said };
        said
    }

    async fn ask<T, Answer: Future<Output = Result<T, Failure>>>(
        &self,
        what: Ask,
        request: impl Fn() -> Answer,
    ) -> Result<T, Failure> {
        let mut tried = 1;
        loop {
            self.pace.turn(what).await;
            let failure = match request().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            self.pace.heard(&failure);
            if tried == TRIES || !failure.may_pass() {
                return Err(failure);
            }
            tried += 1;
        }
    }
}
