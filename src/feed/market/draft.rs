//! Messages -> inputs: what both readers of JSON (scanner and tape) hand their findings to.

use super::{
    Batch, LEVELS_MAX, Messages, Proof, TOKENS_PER_MESSAGE_MAX,
    malformed::{Malformed, MalformedCode},
    message::{Change, Head, Key, Kind},
};
use crate::{
    domain::{Input, Millis, Price, Shares, Side, Tick, TokenId, input::Best, money::ONE},
    feed::{
        decimal,
        hash::Said,
        hex,
        registry::{Registry, is_token},
        scan,
        text::Text,
    },
};

/// What a price change says about one token in all.
#[derive(Clone, Copy)]
pub(super) struct Done {
    token: TokenId,
    best: Best,
    hash: Option<[u8; 20]>,
}

/// Stands in levels for a token that is not known yet.
const NO_TOKEN: TokenId = TokenId(u32::MAX);

pub(super) struct Draft<'d> {
    registry: &'d Registry,
    batch: &'d mut Batch,
    done: &'d mut Vec<Done>,
    /// Messages by kind so far; added to the decoder's counters if the frame is accepted.
    pub counts: Messages,
    /// Where the frame lies in memory, to say at which offset a bad text is.
    frame: std::ops::Range<usize>,
    prove: bool,
    /// Where the current message's inputs begin.
    start: usize,
    levels: usize,
    token: TokenId,
}

impl<'d> Draft<'d> {
    pub fn new(
        frame: &[u8],
        registry: &'d Registry,
        batch: &'d mut Batch,
        done: &'d mut Vec<Done>,
        prove: bool,
    ) -> Draft<'d> {
        batch.clear();
        let begin = frame.as_ptr() as usize;
        let frame = begin..begin + frame.len();
        Draft { registry, batch, done, counts: Messages::default(), frame, prove, start: 0, levels: 0, token: NO_TOKEN }
    }

    #[inline(always)]
    pub fn begin(&mut self) {
        self.start = self.batch.inputs.len();
        self.levels = 0;
        self.token = NO_TOKEN;
        self.done.clear();
    }

    /// Before the levels of a book or of old `changes`: finds the token if the message already named it.
    #[inline(always)]
    pub fn begin_levels(&mut self, head: &Head<'_>) {
        self.token = self.registry.token(head.get(Key::AssetId)).unwrap_or(NO_TOKEN);
    }

    /// Before the first side of a book: keeps the place for its `Snapshot`.
    #[inline(always)]
    pub fn begin_side(&mut self, head: &Head<'_>) {
        if self.batch.inputs.len() == self.start {
            self.begin_levels(head);
            self.batch.inputs.push(Input::Snapshot { token: NO_TOKEN, at: Millis(0) });
        }
    }

    #[inline(always)]
    pub fn level(&mut self, side: Side, price: Price, size: Shares) {
        self.levels += 1;
        self.batch.inputs.push(Input::Level { token: self.token, side, price, size });
    }

    #[inline(always)]
    pub fn known(&self, token: &[u8]) -> Option<TokenId> {
        self.registry.token(token)
    }

    /// An entry of `price_changes` by its token's text.
    pub fn named_change(&mut self, token: &[u8], change: &Change<'_>) -> Result<(), Malformed> {
        match self.known(token) {
            Some(token) => self.change(token, change),
            None => {
                self.levels += 1;
                self.unknown(token, Key::AssetId)
            }
        }
    }

    #[inline(always)]
    pub fn change(&mut self, token: TokenId, change: &Change<'_>) -> Result<(), Malformed> {
        self.levels += 1;
        let Change { side, price, size, .. } = *change;
        self.batch.inputs.push(Input::Level { token, side, price, size });
        let hash = if self.prove { hex::bytes(change.hash) } else { None };
        let best = match (change.bid, change.ask) {
            (Some(bid), Some(ask)) => Best::Stated { bid, ask },
            _ => Best::Unstated,
        };
        let full = self.done.len() == TOKENS_PER_MESSAGE_MAX;
        match self.done.iter_mut().find(|done| done.token == token) {
            Some(done) => {
                done.hash = hash.or(done.hash);
                if best != Best::Unstated {
                    done.best = best;
                }
            }
            None if full => {
                return Err(self.bad(MalformedCode::TooManyTokens, Key::AssetId, change.hash));
            }
            None => self.done.push(Done { token, best, hash }),
        }
        Ok(())
    }

    /// Says at which byte a text of this frame is bad.
    #[cold]
    pub fn bad(&self, code: MalformedCode, key: Key, text: &[u8]) -> Malformed {
        let offset = (text.as_ptr() as usize).clamp(self.frame.start, self.frame.end) - self.frame.start;
        Malformed { code, field: key.name(), offset }
    }

    #[cold]
    fn unknown(&mut self, text: &[u8], key: Key) -> Result<(), Malformed> {
        if !is_token(text) {
            return Err(self.bad(MalformedCode::BadToken, key, text));
        }
        self.counts.unknown_tokens += 1;
        let known = self.batch.unknown.iter().any(|token| token.as_bytes() == text);
        if !known && self.batch.unknown.len() < super::UNKNOWN_MAX {
            self.batch.unknown.push(String::from_utf8_lossy(text).into_owned());
        }
        Ok(())
    }

    /// The message is over: completes its inputs, or says what is wrong.
    #[inline(always)]
    pub fn finish(&mut self, head: &Head<'_>) -> Result<(), Malformed> {
        let kind = head.kind();
        if !matches!(kind, Kind::NewMarket | Kind::Unknown) {
            if let Some(fault) = head.fault {
                return Err(fault);
            }
            self.check_shape(kind, head)?;
        }
        match kind {
            Kind::Book => {
                self.counts.book += 1;
                self.finish_book(head)
            }
            Kind::PriceChange => {
                self.counts.price_change += 1;
                self.finish_changes(head)
            }
            Kind::LastTradePrice => {
                self.counts.last_trade_price += 1;
                self.finish_last_trade(head)
            }
            Kind::TickSizeChange => {
                self.counts.tick_size_change += 1;
                self.finish_tick(head)
            }
            Kind::BestBidAsk => {
                self.counts.best_bid_ask += 1;
                self.finish_best(head)
            }
            // Its payouts were pushed as its tokens were read; see `resolved`.
            Kind::MarketResolved => {
                self.counts.market_resolved += 1;
                head.need(Key::AssetsIds).map(|_| ())
            }
            Kind::NewMarket => {
                self.counts.new_market += 1;
                self.batch.inputs.truncate(self.start);
                Ok(())
            }
            Kind::Unknown => {
                self.counts.unknown_type += 1;
                self.batch.inputs.truncate(self.start);
                Ok(())
            }
        }
    }

    /// Levels may only stand in the kind of message they belong to.
    #[inline(always)]
    fn check_shape(&self, kind: Kind, head: &Head<'_>) -> Result<(), Malformed> {
        let has = |key| head.seen.has(key);
        let book = has(Key::Bids) || has(Key::Asks);
        let changes = usize::from(has(Key::PriceChanges)) + usize::from(has(Key::Changes));
        let good = match kind {
            Kind::Book => changes == 0,
            Kind::PriceChange => !book && changes <= 1,
            Kind::LastTradePrice
            | Kind::TickSizeChange
            | Kind::BestBidAsk
            | Kind::MarketResolved
            | Kind::NewMarket
            | Kind::Unknown => !book && changes == 0,
        };
        let code = match (good, self.levels <= LEVELS_MAX) {
            (true, true) => return Ok(()),
            (true, false) => MalformedCode::TooManyLevels,
            (false, _) => MalformedCode::MixedShapes,
        };
        Err(Malformed { code, field: "", offset: head.at })
    }

    /// Returns the token of the message; `None` if we do not know it, which drops the message's inputs.
    #[inline(always)]
    fn token(&mut self, head: &Head<'_>) -> Result<Option<TokenId>, Malformed> {
        let text = head.need(Key::AssetId)?;
        if self.token != NO_TOKEN {
            return Ok(Some(self.token));
        }
        let Some(token) = self.registry.token(text) else {
            self.batch.inputs.truncate(self.start);
            return self.unknown(text, Key::AssetId).map(|()| None);
        };
        // The levels came before the token's name.
        for input in &mut self.batch.inputs[self.start..] {
            if let Input::Level { token: placeholder, .. } = input {
                *placeholder = token;
            }
        }
        Ok(Some(token))
    }

    #[inline(always)]
    fn at(&self, head: &Head<'_>) -> Result<Millis, Malformed> {
        let text = head.need(Key::Timestamp)?;
        let millis = match text.try_into() {
            Ok(text) => scan::thirteen_digits(text),
            Err(_) => decimal::millis(text),
        };
        millis.map(Millis).ok_or_else(|| self.bad(MalformedCode::BadTime, Key::Timestamp, text))
    }

    fn tick(&self, head: &Head<'_>, key: Key) -> Result<Tick, Malformed> {
        let text = head.need(key)?;
        decimal::micros(text, decimal::Excess::Refuse)
            .and_then(|micros| Tick::from_micros(u32::try_from(micros).ok()?))
            .ok_or_else(|| self.bad(MalformedCode::BadTick, key, text))
    }

    #[inline(always)]
    fn finish_book(&mut self, head: &Head<'_>) -> Result<(), Malformed> {
        head.need(Key::Bids)?;
        head.need(Key::Asks)?;
        let at = self.at(head)?;
        let tick = if head.get(Key::TickSize).is_empty() { None } else { Some(self.tick(head, Key::TickSize)?) };
        let Some(token) = self.token(head)? else { return Ok(()) };
        self.batch.inputs[self.start] = Input::Snapshot { token, at };
        if let Some(tick) = tick {
            self.batch.inputs.insert(self.start, Input::TickChanged { token, tick });
        }
        self.batch.inputs.push(Input::BookDone { token, at, best: Best::Unstated });
        self.prove(token, at, head);
        Ok(())
    }

    #[inline(always)]
    fn finish_changes(&mut self, head: &Head<'_>) -> Result<(), Malformed> {
        let at = self.at(head)?;
        if !head.seen.has(Key::PriceChanges) {
            return self.finish_old_changes(head, at);
        }
        for n in 0..self.done.len() {
            let Done { token, best, hash } = self.done[n];
            self.batch.inputs.push(Input::BookDone { token, at, best });
            if self.prove {
                self.push_proof(token, at, hash, head);
            }
        }
        Ok(())
    }

    /// The shapes before 2025-09: `changes`, or (2024) a single level at the top.
    fn finish_old_changes(&mut self, head: &Head<'_>, at: Millis) -> Result<(), Malformed> {
        if !head.seen.has(Key::Changes) {
            let text = head.need(Key::Price)?;
            let price = decimal::price(text).ok_or_else(|| self.bad(MalformedCode::BadPrice, Key::Price, text))?;
            let text = head.need(Key::Size)?;
            let size = decimal::size(text).ok_or_else(|| self.bad(MalformedCode::BadSize, Key::Size, text))?;
            let text = head.need(Key::Side)?;
            let side = parse_side(text).ok_or_else(|| self.bad(MalformedCode::BadSide, Key::Side, text))?;
            self.begin_levels(head);
            self.level(side, price, size);
        }
        let Some(token) = self.token(head)? else { return Ok(()) };
        self.batch.inputs.push(Input::BookDone { token, at, best: Best::Unstated });
        self.prove(token, at, head);
        Ok(())
    }

    fn finish_last_trade(&mut self, head: &Head<'_>) -> Result<(), Malformed> {
        head.need(Key::Price)?;
        let at = self.at(head)?;
        if let Some(token) = self.token(head)? {
            self.prove(token, at, head);
        }
        Ok(())
    }

    fn finish_tick(&mut self, head: &Head<'_>) -> Result<(), Malformed> {
        let tick = self.tick(head, Key::NewTickSize)?;
        let at = if head.seen.has(Key::Timestamp) { self.at(head)? } else { Millis(0) };
        if let Some(token) = self.token(head)? {
            self.batch.inputs.push(Input::TickChanged { token, tick });
            self.prove(token, at, head);
        }
        Ok(())
    }

    fn finish_best(&mut self, head: &Head<'_>) -> Result<(), Malformed> {
        let text = head.need(Key::BestBid)?;
        let bid = decimal::best_bid(text).ok_or_else(|| self.bad(MalformedCode::BadBest, Key::BestBid, text))?;
        let text = head.need(Key::BestAsk)?;
        let ask = decimal::best_ask(text).ok_or_else(|| self.bad(MalformedCode::BadBest, Key::BestAsk, text))?;
        let at = self.at(head)?;
        if let Some(token) = self.token(head)? {
            self.batch.inputs.push(Input::BookDone { token, at, best: Best::Stated { bid, ask } });
        }
        Ok(())
    }

    /// One token of a resolved market: a winner's share pays a dollar, another's nothing.
    pub fn resolved(&mut self, token: &[u8], winner: &[u8]) -> Result<(), Malformed> {
        self.levels += 1;
        match self.registry.token(token) {
            Some(id) => {
                let payout = if token == winner { ONE as u32 } else { 0 };
                self.batch.inputs.push(Input::Resolved { token: id, payout });
                Ok(())
            }
            None => self.unknown(token, Key::AssetsIds),
        }
    }

    /// Proves by the hash at the top of the message, if there is one.
    #[inline(always)]
    fn prove(&mut self, token: TokenId, at: Millis, head: &Head<'_>) {
        if self.prove {
            self.push_proof(token, at, hex::bytes(head.get(Key::Hash)), head);
        }
    }

    #[inline(never)]
    fn push_proof(&mut self, token: TokenId, at: Millis, hash: Option<[u8; 20]>, head: &Head<'_>) {
        let after = self.batch.inputs.len();
        self.batch.proofs.push(Proof { token, after, at, hash, said: said(head) });
    }
}

/// Collects what the message says of the hash's ingredients.
fn said(head: &Head<'_>) -> Said {
    let text = |key| if head.seen.has(key) { Text::new(head.get(key)) } else { None };
    let trade = matches!(head.kind(), Kind::LastTradePrice);
    Said {
        market: if head.get(Key::Market).is_empty() { None } else { Text::new(head.get(Key::Market)) },
        min_order_size: text(Key::MinOrderSize),
        tick_size: text(Key::NewTickSize).or(text(Key::TickSize)),
        neg_risk: head.seen.has(Key::NegRisk).then_some(head.neg_risk),
        last_trade_price: if trade { text(Key::Price) } else { text(Key::LastTradePrice) },
    }
}

pub(super) fn parse_side(text: &[u8]) -> Option<Side> {
    match text {
        b"BUY" => Some(Side::Buy),
        b"SELL" => Some(Side::Sell),
        _ => None,
    }
}
