//! The paper venue: honest fills against the live books.
//!
//! An order is matched after a delay, against the book as it then is, level by level, at the venue's rules (tick, minimums,
//! precision, FAK, FOK, GTC, price improvement to the taker) and fee. Depth we took is gone for us until the level itself ends
//! or is forgotten, so ten copies do not eat the same ten shares. It never trades on a book that is not trusted.
//!
//! What a GTC sale leaves rests: it fills at its own price, without a fee (PROTOCOL.md 7: makers pay none), when the book
//! shows bids at or above it. Our orders are not in the book, so none fills another. A cancellation takes the same way as an
//! order and is answered; what fills before it arrives, fills.

use std::collections::VecDeque;

use crate::{
    domain::{
        Input, Market, Nanos, OrderEnd, OrderId, OrderKind, Price, Rejection, Shares, Side, TokenId, Usdc,
        event::Submitted,
        market::{BUY_MINIMUM, SHARES_STEP},
    },
    engine::{
        Engine, Token,
        book::{Book, Trust},
        order::ORDERS_OPEN_MAX,
    },
};

/// Levels whose depth we took that are remembered; the oldest is forgotten first.
const TAKEN_MAX: usize = 4_096;
/// Dollars of a buy left over below this are dust: the order counts as filled.
const DUST: Usdc = Usdc(10_000);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaperOptions {
    /// From our order to its match: the way to the venue and its taker delay.
    pub fill_delay: Nanos,
    /// How long depth that we took stays gone while its level stands.
    pub depth_memory: Nanos,
}

impl Default for PaperOptions {
    fn default() -> PaperOptions {
        PaperOptions { fill_delay: Nanos::from_millis(250), depth_memory: Nanos::from_secs(60) }
    }
}

/// What happens at the venue, and when.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    due: Nanos,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Arrives(Submitted),
    Cancels(OrderId),
    /// The token's book shows somebody for an order that rests, or its market is over.
    Meets(TokenId),
}

/// The venue's answers to one thing that happened, in their order.
pub type Answers = [Option<Input>; 3];

/// Depth that earlier fills of ours used up.
#[derive(Clone, Copy, Debug)]
struct Taken {
    token: TokenId,
    side: Side,
    price: Price,
    shares: Shares,
    at: Nanos,
}

#[derive(Debug)]
pub struct Paper {
    options: PaperOptions,
    /// In the order in which it happens.
    waiting: VecDeque<Waiting>,
    /// Sales that rest, oldest first; `shares` is what is left of each.
    resting: Vec<Submitted>,
    taken: VecDeque<Taken>,
}

/// What a match came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Match {
    shares: Shares,
    cash: Usdc,
}

impl Paper {
    pub fn new(options: PaperOptions) -> Paper {
        Paper {
            options,
            // Each open order may arrive and be cancelled, and its token be met.
            waiting: VecDeque::with_capacity(3 * ORDERS_OPEN_MAX),
            resting: Vec::with_capacity(ORDERS_OPEN_MAX),
            taken: VecDeque::with_capacity(TAKEN_MAX),
        }
    }

    /// Takes an order; its answers come when it is due.
    pub fn submit(&mut self, now: Nanos, order: &Submitted) {
        self.waiting.push_back(Waiting { due: now.plus(self.options.fill_delay), what: What::Arrives(*order) });
    }

    /// Takes a cancellation. One for an order that is no longer open has no answer: its end was told.
    pub fn cancel(&mut self, now: Nanos, order: OrderId) {
        self.waiting.push_back(Waiting { due: now.plus(self.options.fill_delay), what: What::Cancels(order) });
    }

    /// Looks whether a token's new book fills orders that rest, or its market is over: their answers are due at once.
    /// Call after each message about the token's book, and its end.
    pub fn book_changed(&mut self, now: Nanos, token: TokenId, engine: &Engine) {
        if self.resting.iter().any(|order| order.token == token && is_met(order, engine)) {
            self.waiting.push_front(Waiting { due: now, what: What::Meets(token) });
        }
    }

    /// Returns when the next answers are due. The delay is the same for all, so they are due in the order they were asked for.
    pub fn next_due(&self) -> Nanos {
        self.waiting.front().map_or(Nanos::NEVER, |waiting| waiting.due)
    }

    /// Lets the next thing happen that is due by `now`, if one is, and returns the venue's answers in their order; none
    /// where it leads to nothing.
    pub fn answer(&mut self, now: Nanos, engine: &Engine) -> Option<Answers> {
        let waiting = self.waiting.pop_front_if(|waiting| waiting.due <= now)?;
        Some(match waiting.what {
            What::Arrives(order) => self.arrive(now, &order, engine),
            What::Cancels(order) => match self.resting.iter().position(|resting| resting.order == order) {
                Some(at) => [Some(closed(self.resting.remove(at).order, OrderEnd::Cancelled)), None, None],
                None => [None; 3],
            },
            What::Meets(token) => {
                let answers = self.meet(now, token, engine);
                // One order at a time: until there is nobody left to meet.
                if answers != [None; 3] {
                    self.waiting.push_front(waiting);
                }
                answers
            }
        })
    }

    fn arrive(&mut self, now: Nanos, order: &Submitted, engine: &Engine) -> Answers {
        let token = engine.token(order.token);
        if let Err(rejection) = admit(order, &token.market, token.payout) {
            return [Some(closed(order.order, OrderEnd::Rejected(rejection))), None, None];
        }
        let matched = self.sweep(now, order, &token.book);
        let is_whole = is_whole(order, matched);
        let rejection = match order.kind {
            OrderKind::Fok if !is_whole => Some(Rejection::NotFullyFilled),
            OrderKind::Fak if matched.shares == Shares::ZERO => Some(Rejection::NoMatch),
            OrderKind::Fak | OrderKind::Fok | OrderKind::Gtc => None,
        };
        if let Some(rejection) = rejection {
            return [Some(closed(order.order, OrderEnd::Rejected(rejection))), None, None];
        }
        self.use_up(now, order, &token.book, matched);
        let fee = token.market.fees.fee(matched.shares, matched.cash);
        let filled = (matched.shares > Shares::ZERO).then_some(Input::Filled {
            order: order.order,
            shares: matched.shares,
            cash: matched.cash,
            fee,
        });
        let end = match order.kind {
            OrderKind::Fak | OrderKind::Fok | OrderKind::Gtc if is_whole => Some(OrderEnd::Filled),
            OrderKind::Gtc if order.side == Side::Sell => None,
            // Nobody lays a buy that rests.
            OrderKind::Fak | OrderKind::Fok | OrderKind::Gtc => Some(OrderEnd::Cancelled),
        };
        if end.is_none() {
            self.resting.push(Submitted { shares: order.shares - matched.shares, ..*order });
        }
        [Some(Input::Accepted { order: order.order }), filled, end.map(|end| closed(order.order, end))]
    }

    /// Fills the oldest order that rests in this token as far as the book has somebody for it.
    fn meet(&mut self, now: Nanos, token: TokenId, engine: &Engine) -> Answers {
        for at in 0..self.resting.len() {
            let order = self.resting[at];
            if order.token != token || !is_met(&order, engine) {
                continue;
            }
            let Token { book, payout, .. } = engine.token(token);
            if payout.is_some() {
                self.resting.remove(at);
                return [Some(closed(order.order, OrderEnd::Cancelled)), None, None];
            }
            let matched = self.sweep(now, &order, book);
            if matched.shares == Shares::ZERO {
                continue; // What is there was taken before.
            }
            self.use_up(now, &order, book, matched);
            // Whoever rests gets his own price, not the better one of whom he meets.
            let cash = order.limit.cost_floor(matched.shares);
            let filled = Input::Filled { order: order.order, shares: matched.shares, cash, fee: Usdc::ZERO };
            let is_whole = matched.shares == order.shares;
            if is_whole {
                self.resting.remove(at);
            } else {
                self.resting[at].shares = order.shares - matched.shares;
            }
            return [Some(filled), is_whole.then_some(closed(order.order, OrderEnd::Filled)), None];
        }
        [None; 3]
    }

    /// Returns what the order would get now; changes nothing.
    fn sweep(&self, now: Nanos, order: &Submitted, book: &Book) -> Match {
        let mut matched = Match::default();
        if book.trust() != Trust::Good {
            return matched;
        }
        self.each_level(now, order, book, |price, offered| {
            let take = offered.min(self.wanted(order, matched, price));
            matched.shares = matched.shares + take;
            matched.cash = matched.cash + cash(order.side, price, take);
            take == offered
        });
        matched
    }

    /// Calls `take` with each level the order crosses, best first, less what we took before, until it returns false.
    fn each_level(&self, now: Nanos, order: &Submitted, book: &Book, mut take: impl FnMut(Price, Shares) -> bool) {
        let left = |side, price: Price, size: Shares| size.minus(self.taken(now, order.token, side, price));
        match order.side {
            Side::Buy => {
                let crossed = book.asks_up().take_while(|(price, _)| *price <= order.limit);
                let _ = crossed.map(|(price, size)| take(price, left(Side::Sell, price, size))).find(|more| !more);
            }
            Side::Sell => {
                let crossed = book.bids_down().take_while(|(price, _)| order.limit <= *price);
                let _ = crossed.map(|(price, size)| take(price, left(Side::Buy, price, size))).find(|more| !more);
            }
        }
    }

    fn wanted(&self, order: &Submitted, matched: Match, price: Price) -> Shares {
        match order.side {
            Side::Buy => price.shares_floor(order.budget - matched.cash),
            Side::Sell => order.shares - matched.shares,
        }
    }

    fn taken(&self, now: Nanos, token: TokenId, side: Side, price: Price) -> Shares {
        let same = |taken: &&Taken| taken.token == token && taken.side == side && taken.price == price;
        let fresh = |taken: &&Taken| now.since(taken.at) <= self.options.depth_memory;
        self.taken.iter().filter(same).filter(fresh).fold(Shares::ZERO, |sum, taken| sum + taken.shares)
    }

    /// Remembers the depth a match used, and forgets that of levels which ended.
    fn use_up(&mut self, now: Nanos, order: &Submitted, book: &Book, matched: Match) {
        let memory = self.options.depth_memory;
        self.taken.retain(|taken| {
            let stands = taken.token != order.token || book.size(taken.side, taken.price) > Shares::ZERO;
            stands && now.since(taken.at) <= memory
        });
        let side = match order.side {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        };
        let mut left = matched.shares;
        let mut used = [None; 128];
        let mut count = 0;
        self.each_level(now, order, book, |price, offered| {
            let part = offered.min(left);
            left = left - part;
            used[count] = Some(Taken { token: order.token, side, price, shares: part, at: now });
            count += 1;
            left > Shares::ZERO && count < used.len()
        });
        for taken in used.into_iter().flatten().filter(|taken| taken.shares > Shares::ZERO) {
            if self.taken.len() == TAKEN_MAX {
                self.taken.pop_front();
            }
            self.taken.push_back(taken);
        }
    }
}

/// Checks what the venue checks before it matches (PROTOCOL.md 2.9, 2.10).
fn admit(order: &Submitted, market: &Market, payout: Option<u32>) -> Result<(), Rejection> {
    if payout.is_some() {
        return Err(Rejection::MarketClosed);
    }
    if !market.tick.holds(order.limit) || order.limit < market.tick.first() || market.tick.last() < order.limit {
        return Err(Rejection::OffTick);
    }
    if order.shares < market.minimum {
        return Err(Rejection::BelowMinimumSize);
    }
    match order.side {
        Side::Buy if order.budget < BUY_MINIMUM => Err(Rejection::BelowMinimumAmount),
        Side::Buy if order.budget != order.budget.floor_cents() => Err(Rejection::Precision),
        Side::Sell if order.shares != order.shares.floor_to(SHARES_STEP) => Err(Rejection::Precision),
        Side::Buy | Side::Sell => Ok(()),
    }
}

/// Returns whether something may come of a sale that rests: somebody bids its price, or its market is over.
fn is_met(order: &Submitted, engine: &Engine) -> bool {
    let token = engine.token(order.token);
    let is_bid = token.book.best_bid().is_some_and(|bid| order.limit <= bid);
    token.payout.is_some() || token.book.trust() == Trust::Good && is_bid
}

fn cash(side: Side, price: Price, shares: Shares) -> Usdc {
    match side {
        Side::Buy => price.cost_ceil(shares),
        Side::Sell => price.cost_floor(shares),
    }
}

fn is_whole(order: &Submitted, matched: Match) -> bool {
    match order.side {
        Side::Buy => order.budget - matched.cash < DUST,
        Side::Sell => matched.shares == order.shares,
    }
}

fn closed(order: OrderId, end: OrderEnd) -> Input {
    Input::Closed { order, end }
}

#[cfg(test)]
mod tests;
