//! Finds what the wallet holds of resolved markets and redeems it, step by step: asks the chain and the venue what
//! [`Redemptions`] wants to know, and sends what it wants sent.

use std::collections::{HashMap, HashSet};

use alloy::primitives::U256;

use super::{ChainError, Purse, purse::Reported};
use crate::domain::{Generation, Nanos};
use crate::feed::rest::{Metadata, generation};
use crate::venue::polymarket::redeem::{Market, Redemptions, Step, Verdict};

pub struct Collector {
    purse: Purse,
    metadata: Metadata,
    pub redemptions: Redemptions,
    /// When shares that can be redeemed were first seen, also by a process before this one.
    pub seen: HashMap<U256, Nanos>,
    /// What is known of tokens that are or were held.
    known: HashMap<U256, Known>,
    /// Held, and worth nothing for ever.
    lost: HashSet<U256>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    market: Market,
    /// What a share pays, in millionths, if the venue has said so.
    word: Option<u32>,
    /// As last seen.
    shares: u64,
}

impl Collector {
    pub fn new(purse: Purse, metadata: Metadata) -> Collector {
        let redemptions = Redemptions::new(purse.power());
        Collector { purse, metadata, redemptions, known: HashMap::new(), lost: HashSet::new(), seen: HashMap::new() }
    }

    /// Looks through all tokens for shares that can be redeemed. Texts that are no token ids are passed over. What the venue
    /// does not say of a token this time is asked again the next.
    pub async fn search(&mut self, tokens: &[String], now: Nanos) -> Result<(), ChainError> {
        let mut held = Vec::new();
        for of in [Generation::V2, Generation::V3] {
            let ids: Vec<U256> = tokens
                .iter()
                .filter(|text| generation(text) == Some(of))
                .filter_map(|text| text.parse().ok())
                .filter(|token| !self.lost.contains(token))
                .collect();
            let balances = self.purse.held(of, &ids).await?;
            held.extend(ids.into_iter().zip(balances).filter(|(_, shares)| *shares > 0));
        }
        // The newest first: they are worth something more often.
        held.reverse();
        let mut asked = Vec::new();
        self.seen.retain(|token, _| held.iter().any(|(of, _)| of == token));
        for (token, shares) in held {
            if let Some(known) = self.learn(token, shares).await {
                asked.push((token, shares, known.market));
            }
        }
        let reported = self.purse.reported(&asked).await?;
        for ((token, shares, _), reported) in asked.into_iter().zip(reported) {
            match self.verdict(token, shares, reported).await {
                Verdict::Open => {}
                Verdict::Lost => drop(self.lost.insert(token)),
                Verdict::Pays(pays) => {
                    let since = *self.seen.entry(token).or_insert(now);
                    self.redemptions.found(token, pays, since, now);
                }
            }
        }
        Ok(())
    }

    /// Does what is to be done now, if anything is; returns when there is something to do next. A service that did not answer
    /// is asked again then.
    pub async fn step(&mut self, now: Nanos) -> Result<Nanos, ChainError> {
        match self.redemptions.next(now) {
            Step::Rest(until) => return Ok(until),
            Step::Look(token) => self.look(token, now).await?,
            Step::Send(token) | Step::SendAgain(token) => self.send(token, now).await,
            Step::Ask(token) => {
                let tickets = self.redemptions.under_way(token).map(|(_, tickets)| tickets.to_vec());
                match self.purse.progress(&tickets.unwrap_or_default()).await {
                    Ok(progress) => self.redemptions.told(token, progress, now),
                    Err(error) => return self.unanswered(token, error, now),
                }
            }
        }
        Ok(now)
    }

    async fn look(&mut self, token: U256, now: Nanos) -> Result<(), ChainError> {
        match self.read(token).await {
            Ok((shares, verdict)) => self.redemptions.looked(token, shares, verdict, now),
            Err(error) => return self.unanswered(token, error, now).map(drop),
        }
        Ok(())
    }

    /// Returns what is held of a token and what it is worth.
    async fn read(&mut self, token: U256) -> Result<(u64, Verdict), ChainError> {
        let Some(Known { market, .. }) = self.known.get(&token).copied() else { return Ok((0, Verdict::Open)) };
        let of = match market {
            Market::V2 { .. } => Generation::V2,
            Market::V3 => Generation::V3,
        };
        let shares = self.purse.held(of, &[token]).await?[0];
        if shares == 0 {
            return Ok((0, Verdict::Open));
        }
        let reported = self.purse.reported(&[(token, shares, market)]).await?[0];
        Ok((shares, self.verdict(token, shares, reported).await))
    }

    async fn send(&mut self, token: U256, now: Nanos) {
        let Some(Known { market, shares, .. }) = self.known.get(&token).copied() else { return };
        let before = self.redemptions.under_way(token).map(|(signed, _)| signed.clone());
        let signed = match self.purse.sign(&[market.redemption(token, shares)], before.as_ref()).await {
            Ok(signed) => signed,
            // What was sent stays what is asked about.
            Err(_) if before.is_some() => return self.redemptions.not_replaced(token, now),
            Err(error) => return self.redemptions.not_sent(token, &error.to_string(), now),
        };
        self.redemptions.signed(token, signed.clone(), now);
        crate::fault::point("in_redeem");
        let answer = self.purse.send(&signed).await;
        self.redemptions.answered(token, answer, now);
    }

    fn unanswered(&mut self, token: U256, error: ChainError, now: Nanos) -> Result<Nanos, ChainError> {
        self.redemptions.unanswered(token, now);
        Err(error)
    }

    /// Returns what is known of a token that is held; `None` while the venue says nothing of it.
    async fn learn(&mut self, token: U256, shares: u64) -> Option<Known> {
        if let Some(known) = self.known.get_mut(&token) {
            known.shares = shares;
            return Some(*known);
        }
        let text = token.to_string();
        let (market, word) = match generation(&text)? {
            Generation::V3 => (Market::V3, None),
            Generation::V2 => match self.metadata.token(&text).await {
                Ok(known) => {
                    let condition = known.about.condition.parse().ok()?;
                    (Market::V2 { condition, neg_risk: known.market.neg_risk }, known.payout)
                }
                Err(error) => {
                    tracing::warn!(%error, token = text, "shares are held of a token whose market is not known; asking again");
                    return None;
                }
            },
        };
        let known = Known { market, word, shares };
        self.known.insert(token, known);
        Some(known)
    }

    /// Returns what shares are worth. Where the chain knows the end and we do not know which outcome it is of, the venue is
    /// asked.
    async fn verdict(&mut self, token: U256, shares: u64, reported: Reported) -> Verdict {
        let Some(known) = self.known.get_mut(&token) else { return Verdict::Open };
        known.shares = shares;
        let verdict = reported.verdict(shares, known.word);
        let (Reported::Outcomes(_), Verdict::Open) = (reported, verdict) else { return verdict };
        match self.metadata.token(&token.to_string()).await {
            Ok(told) => known.word = told.payout,
            Err(error) => tracing::warn!(%error, %token, "the venue does not say how a market ended; asking again"),
        }
        reported.verdict(shares, known.word)
    }
}
