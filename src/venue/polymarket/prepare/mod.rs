//! ORDERS READY TO GO: an order of ours becomes the bytes of a request. What is the same for every order is made once
//! ([`Pen`], [`Head`]), the rest is signed ahead where it could be foreseen ([`ahead`]), and otherwise on demand. Nothing here
//! allocates or locks once it is set up.
//!
//! How a request is laid out, so that little is left to do at the last moment:
//!
//! ```text
//! POST /order ... POLY_ADDRESS, POLY_API_KEY, POLY_PASSPHRASE ...    the same for every order
//! POLY_TIMESTAMP, POLY_SIGNATURE, content-length                     this second's, this body's
//! {"owner":...,"order":{"maker":...,"builder":"0x00",                the same for every order: its MAC is begun once a second
//! "tokenId":...,"salt":...,"signature":"0x..."}                      what is signed
//! ,"postOnly":false,"orderType":"FAK"}                               not signed, so one signature serves FAK and FOK
//! ```
//!
//! The struct hash has no midstate worth keeping: only the first of its three blocks could be kept, and only with one salt
//! for all orders. That would save a hundredth of a signature. Each order has a salt of its own instead, so two orders of
//! the same millisecond and the same fields have two ids.

pub mod account;
pub mod names;
pub mod pen;
pub mod head;
pub mod text;
pub mod signer;
pub mod ahead;

pub use account::{Account, SignedBy, Unfit};
pub use ahead::{Ahead, Wanted};
pub use head::Head;
pub use names::{Name, Names};
pub use pen::{Asked, Pen, Written};

use signer::Signer;

use crate::{
    domain::{
        FeeSchedule, LeaderId, Market, Nanos, NotSent, OrderId, OrderKind, PortfolioId, Price, Shares, Side, Tick,
        TokenId, Usdc, VenueOrderId,
        event::{Signed, Submitted},
        money::ONE,
    },
    engine::{Engine, foresee::Foreseen},
    metrics::AheadNow,
    venue::outbox::{Outgoing, REQUEST_MAX, Sent},
};

use super::{
    Exchange,
    amounts::{self, Amounts},
    curve,
};

/// Salts stay below this: they are JSON numbers, and clients that know only doubles must be able to read them.
pub const SALT_END: u64 = 1 << 53;

/// Everything that is known of an account's orders before they are wanted, and the request that was made last.
pub struct Prepared {
    pen: Pen,
    head: Head,
    names: Names,
    salt: u64,
    ahead: Option<Ahead>,
    /// How long ago the last order was signed, if that was ahead.
    age: Option<Nanos>,
    blind_at: Nanos,
    outgoing: Box<Outgoing>,
}

/// How long the signing context goes on under one blinding, once it was used.
const BLIND_EVERY: Nanos = Nanos::from_secs(1);

impl Prepared {
    /// Sets it up. `began` makes the salts of this process unlike those of the last: the moment at which it began.
    pub fn new(account: &Account, began: Nanos) -> Result<Prepared, Unfit> {
        account.check()?;
        let pen = Pen::new(account);
        Ok(Prepared {
            head: Head::new(account, pen.lead()),
            pen,
            names: Names::default(),
            // One for each microsecond since 1970 at most, so they stay below those of what is signed ahead.
            salt: began.0 / 1_000 % signer::AHEAD,
            ahead: None,
            age: None,
            blind_at: Nanos::ZERO,
            outgoing: Box::new(Outgoing {
                sent: NO_ORDER,
                leave_by: Nanos::ZERO,
                request: [0; REQUEST_MAX],
                len: 0,
                body_at: 0,
            }),
        })
    }

    /// Learns the venue's name of a token. Ids are given in order.
    pub fn add_token(&mut self, token: TokenId, text: &str) {
        self.names.add(token, text);
    }

    /// Lets orders be signed ahead by what is returned, once it is started.
    #[must_use = "nothing is signed until it is started"]
    pub fn sign_ahead(&mut self, options: ahead::Options, began: Nanos) -> Signer {
        let (ahead, signer) = Ahead::new(options, self.pen.clone(), began);
        self.ahead = Some(ahead);
        signer
    }

    /// Makes ready what a thread needs once, and the MACs of this second and the next. To be called by the thread that will
    /// sign, and now and then when it has nothing else to do.
    pub fn warm(&mut self, now: Nanos) {
        self.head.begin(now.as_secs());
        self.head.begin(now.as_secs() + 1);
        if self.blind_at <= now {
            self.blind_at = now.plus(BLIND_EVERY);
            curve::blind();
        }
    }

    /// Returns what is signed ahead, if anything is to be.
    pub fn ahead(&mut self) -> Option<&mut Ahead> {
        self.ahead.as_mut()
    }

    pub fn ahead_now(&self) -> AheadNow {
        self.ahead.as_ref().map(Ahead::now).unwrap_or_default()
    }

    pub fn age(&self) -> Option<Nanos> {
        self.age
    }

    /// Looks at what the next orders may be, a token at a time. Returns when to come again.
    pub fn look_ahead(&mut self, now: Nanos, engine: &Engine) -> Nanos {
        self.ahead.as_mut().map_or(Nanos::NEVER, |ahead| ahead.look(now, engine, &self.names))
    }

    /// Makes the request of an order at `now`, to be read from [`Prepared::outgoing`]: one that was signed ahead, or signed now.
    /// Fails where rounding leaves nothing of it, or leaves something else than what was decided. On failure there is no
    /// request and nothing was signed. `least`: an entry below this is not worth sending.
    pub fn order(
        &mut self,
        now: Nanos,
        leave_by: Nanos,
        order: &Submitted,
        market: &Market,
        least: Usdc,
    ) -> Result<Signed, NotSent> {
        let asked = asked(order, market)?;
        let name = self.names.get(order.token).ok_or(NotSent::NoAmounts)?;
        let taken = match (order.kind, &mut self.ahead) {
            (OrderKind::Fak | OrderKind::Fok, Some(ahead)) => ahead.take(now, &Wanted::new(asked, order, least)).ok(),
            // What rests in the book is in no hurry.
            (OrderKind::Gtc, _) | (OrderKind::Fak | OrderKind::Fok, None) => None,
        };
        self.age = taken.map(|taken| now.since(taken.timestamp.nanos()));
        let written = match taken {
            Some(taken) => taken,
            None => {
                self.salt = (self.salt + 1) % signer::AHEAD;
                self.pen.write(&asked, name, self.salt, now)
            }
        };
        let Outgoing { request, len, body_at, .. } = &mut *self.outgoing;
        (*body_at, *len) = self.head.request(now, self.pen.lead(), &written, terms(order.kind), request);
        self.outgoing.leave_by = leave_by;
        self.outgoing.sent = sent(now, order, market, &written);
        Ok(Signed {
            order: order.order,
            id: written.id,
            salt: written.salt,
            maker_amount: written.amounts.maker,
            taker_amount: written.amounts.taker,
            timestamp: written.timestamp,
        })
    }

    /// Returns the request that was made last.
    pub fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }
}

/// Returns what is to be signed for an order: amounts that imply its bound and nothing worse, at the market's exchange.
pub fn asked(order: &Submitted, market: &Market) -> Result<Asked, NotSent> {
    let Submitted { token, side, kind, limit, budget, shares, .. } = *order;
    asked_for(token, &Foreseen { side, limit, budget, shares }, kind, market)
}

/// Returns the same for an order that has no number yet.
pub fn asked_for(token: TokenId, order: &Foreseen, kind: OrderKind, market: &Market) -> Result<Asked, NotSent> {
    let amounts = match (kind, order.side) {
        (OrderKind::Fak | OrderKind::Fok, Side::Buy) => amounts::market_buy(market.tick, order.limit, order.budget),
        (OrderKind::Fak | OrderKind::Fok, Side::Sell) => amounts::market_sell(market.tick, order.limit, order.shares),
        (OrderKind::Gtc, side) => amounts::limit(market.tick, side, order.limit, order.shares),
    };
    let amounts = amounts.ok().filter(|amounts| implies(*amounts, order.side, order.limit, market.tick));
    let amounts = amounts.ok_or(NotSent::NoAmounts)?;
    let exchange = Exchange::of(market.generation, market.neg_risk);
    Ok(Asked { token, exchange, side: order.side, amounts })
}

/// Returns whether amounts imply the bound. The venue takes the price from the amounts (RELIABILITY.md F36): a buy whose price
/// came out a hair below its bound would silently miss the ask at the bound, one a tick above it could pay more than was
/// decided; a hair above it cannot, because what rests is on the grid. A sale has its bound exactly.
fn implies(amounts: Amounts, side: Side, bound: Price, tick: Tick) -> bool {
    let (maker, taker) = (u128::from(amounts.maker), u128::from(amounts.taker));
    let (bound, tick, one) = (u128::from(bound.micros()), u128::from(tick.micros()), u128::from(ONE));
    match side {
        Side::Buy => bound * taker <= maker * one && maker * one < (bound + tick) * taker,
        Side::Sell => taker * one == bound * maker,
    }
}

/// What is said of an order beside what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    Fak,
    Fok,
    Gtc,
    /// Rests, or is refused: never takes.
    PostOnly,
}

impl Terms {
    pub const ALL: [Terms; 4] = [Terms::Fak, Terms::Fok, Terms::Gtc, Terms::PostOnly];

    /// Returns the end of the body.
    const fn json(self) -> &'static str {
        match self {
            Terms::Fak => r#","postOnly":false,"orderType":"FAK"}"#,
            Terms::Fok => r#","postOnly":false,"orderType":"FOK"}"#,
            Terms::Gtc => r#","postOnly":false,"orderType":"GTC"}"#,
            Terms::PostOnly => r#","postOnly":true,"orderType":"GTC"}"#,
        }
    }
}

const fn terms(kind: OrderKind) -> Terms {
    match kind {
        OrderKind::Fak => Terms::Fak,
        OrderKind::Fok => Terms::Fok,
        OrderKind::Gtc => Terms::Gtc,
    }
}

fn sent(now: Nanos, order: &Submitted, market: &Market, written: &Written) -> Sent {
    Sent {
        order: order.order,
        id: written.id,
        portfolio: order.portfolio,
        leader: order.leader,
        token: order.token,
        side: order.side,
        kind: order.kind,
        limit: order.limit,
        shares: order.shares,
        budget: budget_of(order, written.amounts.maker),
        fees: market.fees,
        at: now,
    }
}

/// Returns what an order really spends at most: what was signed, which may be a little less than was decided.
pub fn budget_of(order: &Submitted, maker_amount: u64) -> Usdc {
    match (order.side, order.kind) {
        (Side::Buy, OrderKind::Fak | OrderKind::Fok) => Usdc(maker_amount as i64),
        (Side::Sell, _) | (Side::Buy, OrderKind::Gtc) => order.budget,
    }
}

/// What stands in the outgoing request before there is one.
const NO_ORDER: Sent = Sent {
    order: OrderId(0),
    id: VenueOrderId([0; 32]),
    portfolio: PortfolioId::NONE,
    leader: LeaderId(0),
    token: TokenId(0),
    side: Side::Buy,
    kind: OrderKind::Fak,
    limit: Price::from_micros(1).expect("a price"),
    shares: Shares::ZERO,
    budget: Usdc::ZERO,
    fees: FeeSchedule::NONE,
    at: Nanos::ZERO,
};

#[cfg(test)]
mod tests;
