//! Orders of an account that is ready to trade: foreseen by an engine with a book and signed ahead, or signed on demand.

use std::{hint::black_box, ops::Range, sync::Arc};

use remora::{
    domain::{
        Cause, FeeSchedule, Generation, Input, LeaderId, LiveOrders, Market, Millis, Mode, Nanos, OrderId, OrderKind,
        PortfolioId, Price, Settings, Shares, Side, SignalId, SizeRule, TokenId, Usdc, event::Submitted, input::Best,
    },
    engine::{Engine, Events, Options},
    secret::Sealed,
    venue::polymarket::{
        Credentials, Network, SignatureType,
        auth::Secret,
        prepare::{Account, Prepared, SignedBy, ahead, signer::Signer},
    },
};
use zeroize::Zeroizing;

pub const NAME: &str = "71321045679252212594626385532706912750332728571942532289631379312455583992563";
pub const TOKEN: TokenId = TokenId(0);
pub const NOW: Nanos = Nanos::from_secs(1_794_700_800);
/// What an order may pay, in millionths. At half a dollar whole dollars are whole shares, so that others, who say how many
/// shares they want, sign the very same amounts.
pub const BOUND: u32 = 500_000;

pub fn account(signature_type: SignatureType) -> Account {
    let key = Arc::new(Sealed::new(&Zeroizing::new([1; 32])).expect("a page"));
    let id = "01234567-89ab-cdef-0123-456789abcdef".to_owned();
    let api = Credentials::new(id, Secret::from_bytes(vec![7; 32]), "ab".repeat(32));
    let (funder, host) = (key.address(), "clob.polymarket.com".to_owned());
    Account { key, signed_by: SignedBy::Owner, signature_type, funder, network: Network::Polygon, api, host }
}

pub fn market(generation: Generation) -> Market {
    Market { generation, fees: FeeSchedule::NONE, ..Market::COMMON }
}

pub fn price(micros: u32) -> Price {
    Price::from_micros(micros).expect("a price")
}

pub fn order(dollars: i64) -> Submitted {
    let budget = Usdc::whole(dollars);
    Submitted {
        order: OrderId(OrderId::LIVE.0 + 1),
        signal: SignalId(1),
        portfolio: PortfolioId(0),
        leader: LeaderId(0),
        token: TOKEN,
        side: Side::Buy,
        kind: OrderKind::Fak,
        cause: Cause::Entry,
        limit: price(BOUND),
        shares: Shares::ZERO,
        budget,
        reserved: budget,
        touch: price(BOUND - 10_000),
        reference: price(BOUND - 10_000),
        attempt: 1,
    }
}

pub fn prepared(signature_type: SignatureType) -> Prepared {
    let mut prepared = Prepared::new(&account(signature_type), NOW).expect("a fit account");
    prepared.add_token(TOKEN, NAME);
    prepared.warm(NOW);
    prepared
}

/// Orders of fifteen sizes at one bound, foreseen by an engine with a book, and signed again whenever they are used up.
pub struct Foresight {
    pub engine: Engine,
    pub prepared: Prepared,
    pub now: Nanos,
    signer: Signer,
    market: Market,
}

pub const SIZES: i64 = 15;
/// The first is the least that the venue takes at this bound, in whole dollars.
pub const FIRST: i64 = 3;

pub fn sizes(count: i64) -> Range<i64> {
    FIRST..FIRST + count
}

impl Foresight {
    pub fn new(signature_type: SignatureType, generation: Generation) -> Foresight {
        let mut engine = Engine::new(Options { live_orders: LiveOrders::Ready, ..Options::default() });
        let (mut events, market) = (Events::default(), market(generation));
        engine.install_token(TOKEN);
        engine.set_market(TOKEN, market);
        let mut settings = Settings::OPEN;
        settings.sizing.rule = SizeRule::Percent(100_000);
        settings.guards.buy.book_age_max = Nanos::from_secs(1_000_000);
        // A cent, at this price.
        settings.guards.buy.slippage_ppm = 25_000;
        engine.install_portfolio(PortfolioId(0), Mode::Live, settings);
        engine.fund(NOW, PortfolioId(0), Usdc::whole(1_000_000), &mut events);
        let at = Millis(NOW.as_millis());
        let level = |side, micros| {
            let size = Shares::whole(1_000_000);
            Input::Level { token: TOKEN, side, price: price(micros), size }
        };
        for input in [
            Input::Snapshot { token: TOKEN, at },
            level(Side::Buy, BOUND - 20_000),
            level(Side::Sell, BOUND - 10_000),
            Input::BookDone { token: TOKEN, at, best: Best::Unstated },
        ] {
            engine.step(NOW, &input, &mut events);
        }
        let mut prepared = prepared(signature_type);
        let mut options = ahead::Options::USUAL;
        options.ladder.iter_mut().zip(sizes(SIZES)).for_each(|(rung, dollars)| *rung = Usdc::whole(dollars));
        let signer = prepared.sign_ahead(options, NOW);
        prepared.ahead().expect("set up").watch(TOKEN);
        let mut foresight = Foresight { engine, prepared, now: NOW, signer, market };
        foresight.refill();
        foresight
    }

    /// Off the measured path: the other thread's work, and the hot thread's while it waits.
    pub fn refill(&mut self) {
        self.now = self.now.plus(Nanos::from_millis(100));
        self.prepared.look_ahead(self.now, &self.engine);
        self.signer.sign(self.now, 100);
        self.prepared.look_ahead(self.now, &self.engine);
        self.prepared.warm(self.now);
    }

    pub fn take(&mut self, dollars: i64) {
        let order = order(dollars);
        let signed = self.prepared.order(self.now, self.now, &order, &self.market, Usdc::ZERO).expect("amounts");
        black_box((signed, self.prepared.outgoing()));
        assert!(self.prepared.age().is_some(), "found signed");
    }

    /// Takes so many orders; `measured` is called with each part of it that counts, fifteen orders at most.
    pub fn take_many(&mut self, orders: u64, mut measured: impl FnMut(&mut dyn FnMut())) {
        let mut left = orders;
        while left > 0 {
            let some = left.min(SIZES as u64);
            measured(&mut || sizes(some as i64).for_each(|dollars| self.take(dollars)));
            left -= some;
            self.refill();
        }
    }
}
