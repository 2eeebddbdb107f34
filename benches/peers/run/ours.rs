//! Remora's own cases: the functions that the engine itself uses, set up as a session sets them up.

use std::{hint::black_box, path::Path, sync::Arc};

use remora::{
    config::{Config, Overrides, Written},
    domain::{
        Generation, Input, LiveOrders, LiveSwitch, Market, Millis, Mode, Nanos, OrderEnd, PortfolioId, Shares, Side,
        Tick, Usdc, input::Best,
    },
    engine::{Engine, Events, Options},
    feed::{
        leader::{LeaderDecoder, Sighting},
        market::{Batch, MarketDecoder},
        registry::Registry,
    },
    hot_loop::{Core, Live},
    journal::{self, Journal},
    metrics::Stages,
    start::{engine_options, paper_options},
    venue::{
        gate::Gate,
        outbox::Outbox,
        paper::Paper,
        polymarket::{
            SignatureType,
            prepare::{ahead, signer::Signer},
        },
    },
};

use super::{
    foresight::{self, BOUND, Foresight, NOW, TOKEN, price, sizes},
    frames::{self, DOWN, UP},
    measure::{Case, Spent, spent},
};

const AHEAD: &str =
    "order decided -> bytes of its request ready; found signed ahead: hash and signature were made before";
const DEMAND: &str = "order decided -> bytes of its request ready: hash, signature, JSON, headers";
const FRAME_AHEAD: &str = "leader's frame -> read, decided by the whole engine, journaled, request in the queue to the \
                           wire; found signed ahead: hash and signature were made before";
const FRAME_DEMAND: &str = "leader's frame -> read, decided by the whole engine, journaled, request in the queue to \
                            the wire: with hash and signature";
const DECODE: &str = "frame -> its updated book in the engine";

/// Returns all of our cases. A journal of theirs is kept in `folder`.
pub fn cases(folder: &Path, frames: &[(&'static str, Vec<String>)]) -> Vec<Case<'static>> {
    let mut cases = Vec::new();
    for (ahead, demand, signature_type) in [
        ("order_safe_ahead", "order_safe", SignatureType::Safe),
        ("order_deposit_ahead", "order_deposit", SignatureType::DepositWallet),
    ] {
        cases.push(signed_ahead(ahead, signature_type));
        cases.push(on_demand(demand, signature_type));
    }
    for (name, work, foresight) in
        [("frame_ahead", FRAME_AHEAD, SignedWhen::Ahead), ("frame_demand", FRAME_DEMAND, SignedWhen::Asked)]
    {
        let mut way = Way::new(&folder.join(name), foresight);
        let run = move |count| (0..count).map(|_| way.once()).fold(Spent::default(), Spent::plus);
        cases.push(Case { name, work, run: Box::new(run) });
    }
    cases.extend(frames.iter().map(|(name, frames)| decode(name, frames.clone())));
    cases
}

fn signed_ahead(name: &'static str, signature_type: SignatureType) -> Case<'static> {
    let mut foresight = Foresight::new(signature_type, Generation::V2);
    let run = move |count| {
        let mut sum = Spent::default();
        foresight.take_many(count, |part| sum = sum.plus(spent(part)));
        sum
    };
    Case { name, work: AHEAD, run: Box::new(run) }
}

fn on_demand(name: &'static str, signature_type: SignatureType) -> Case<'static> {
    let (mut prepared, market) = (foresight::prepared(signature_type), foresight::market(Generation::V2));
    let orders: Vec<_> = sizes(foresight::SIZES).map(foresight::order).collect();
    Case::new(name, DEMAND, move |nth| {
        let order = black_box(&orders[nth % orders.len()]);
        let signed = prepared.order(NOW, NOW, order, &market, Usdc::ZERO).expect("amounts");
        black_box((signed, prepared.outgoing()));
    })
}

/// Returns what is signed for each order, in the way of the peers.
pub fn amounts(signature_type: SignatureType) -> Vec<[String; 2]> {
    let (mut prepared, market) = (foresight::prepared(signature_type), foresight::market(Generation::V2));
    let mut of = |dollars| {
        let signed = prepared.order(NOW, NOW, &foresight::order(dollars), &market, Usdc::ZERO).expect("amounts");
        [signed.maker_amount, signed.taker_amount].map(|amount| amount.to_string())
    };
    sizes(foresight::SIZES).map(&mut of).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SignedWhen {
    Ahead,
    Asked,
}

const WALLET: &str = "0x510F4963b66B1B18505faaB74b0bB943D1dDa43C";
/// In the leader's frames.
const FRAME_TIME: (&str, u64) = ("1787102287", 1_787_102_287);
const FRAME_HASH: &str = "b6acf6859bc84216f4b3e2567fb392a2eae19d275340ad96ea17218ccfec27b7";
/// Each of the leader's trades is a group of its own.
const BETWEEN: u64 = 5;

/// The way of a leader's trade through the engine: one portfolio with the default strategy follows him with real money.
struct Way {
    core: Core<Journal>,
    outbox: Arc<Outbox>,
    signer: Option<Signer>,
    registry: Registry,
    decoder: LeaderDecoder,
    frame: String,
    trades: u64,
}

impl Way {
    fn new(folder: &Path, signed_when: SignedWhen) -> Way {
        let config = Config::load(&Written::DefaultsOnly, &Overrides::default()).expect("the defaults are right");
        let (journal, _) = Journal::open(folder, &journal::Options::default()).expect("a journal");
        let engine = Engine::new(Options { live_orders: LiveOrders::Ready, ..engine_options(&config) });
        let mut core = Core::new(engine, Paper::new(paper_options(&config)), journal, Stages::new().recorder());
        let mut registry = Registry::new();
        registry.add_token(UP).expect("room");
        let (leader, _) = registry.add_leader(WALLET).expect("room");
        core.engine.install_token(TOKEN);
        core.engine.set_market(TOKEN, foresight::market(Generation::V2));
        core.engine.install_portfolio(PortfolioId(0), Mode::Live, config.strategy_default);
        core.engine.follow(leader, PortfolioId(0));
        let begin = Nanos::from_secs(FRAME_TIME.1);
        let mut prepared = foresight::prepared(SignatureType::Safe);
        let signer = (signed_when == SignedWhen::Ahead).then(|| prepared.sign_ahead(ahead::Options::USUAL, begin));
        let outbox = Arc::new(Outbox::default());
        core.set_live_polymarket(Live::new(prepared, Arc::clone(&outbox), Arc::new(Gate::default())));
        let frame = frames::leader_frame(WALLET).replace("\"price\":0.26", "\"price\":0.49");
        let frame = frame.replace("\"size\":2.7027", "\"size\":1000");
        let mut way = Way { core, outbox, signer, registry, decoder: LeaderDecoder::new(), frame, trades: 0 };
        way.core.advance(begin).expect("room");
        way.tell(Input::Deposit { portfolio: PortfolioId(0), amount: Usdc::whole(10_000) });
        way.tell(Input::SwitchLive { to: LiveSwitch::On });
        // He is known from now on, and so is what he trades.
        way.once();
        way
    }

    fn tell(&mut self, input: Input) {
        self.core.handle(self.core.now(), &input).expect("room");
    }

    /// A fresh book, and what the threads do while nothing comes.
    fn wait(&mut self) {
        let at = Nanos::from_secs(FRAME_TIME.1 + BETWEEN * self.trades);
        self.core.advance(at).expect("room");
        let (token, at) = (TOKEN, Millis(at.as_millis()));
        self.tell(Input::Snapshot { token, at });
        for (side, micros) in [(Side::Buy, BOUND - 20_000), (Side::Sell, BOUND - 10_000)] {
            let (price, size) = (price(micros), Shares::whole(50_000));
            self.tell(Input::Level { token, side, price, size });
        }
        self.tell(Input::BookDone { token, at, best: Best::Unstated });
        while self.core.prepare() <= self.core.now() {}
        if let Some(signer) = &mut self.signer {
            signer.sign(self.core.now(), 1_000);
        }
        self.core.prepare();
    }

    /// Lets the leader trade once. Measured is the way of his frame only.
    fn once(&mut self) -> Spent {
        self.wait();
        let second = (FRAME_TIME.1 + BETWEEN * self.trades).to_string();
        let frame = self.frame.replace(FRAME_HASH, &format!("{:064x}", self.trades)).replace(FRAME_TIME.0, &second);
        self.trades += 1;
        let (hits, now) = (self.core.ahead_now().hits, self.core.now());
        let spent = spent(|| {
            let sighting = self.decoder.decode_rtds(black_box(frame.as_bytes()), &self.registry);
            let Ok(Sighting::Trade(trade)) = sighting else { panic!("not a trade: {frame}") };
            self.core.handle(now, &Input::LeaderTrade(trade)).expect("room");
        });
        let order = self.outbox.orders.pop().expect("an order is ready");
        self.outbox.sent.pop().expect("and its name");
        // The first finds nothing signed: nobody knew what he would trade.
        let is_hit = self.core.ahead_now().hits == hits + 1;
        assert_eq!(is_hit, self.signer.is_some() && 1 < self.trades, "trade {}", self.trades);
        self.tell(Input::Closed { order: order.sent.order, end: OrderEnd::Cancelled });
        spent
    }
}

fn decode(name: &'static str, frames: Vec<String>) -> Case<'static> {
    let (mut engine, mut events) = (Engine::new(Options::default()), Events::default());
    let (mut registry, mut decoder, mut batch) = (Registry::new(), MarketDecoder::new(), Batch::default());
    let tick = Tick::from_micros(1_000).expect("a tick");
    let mut chance = frames::Chance(1);
    for text in [UP, DOWN] {
        let (token, _) = registry.add_token(text).expect("room");
        engine.install_token(token);
        engine.set_market(token, Market { tick, ..Market::COMMON });
        let book = frames::snapshot(&mut chance, text);
        decoder.decode(book.as_bytes(), &registry, &mut batch).expect("a book");
        batch.inputs.iter().for_each(|input| engine.step(NOW, input, &mut events));
        events.clear();
    }
    Case::new(name, DECODE, move |nth| {
        let frame = black_box(frames[nth % frames.len()].as_bytes());
        decoder.decode(frame, &registry, &mut batch).expect("a good frame");
        batch.inputs.iter().for_each(|input| engine.step(NOW, input, &mut events));
        // A book that is not as its message says would be an event.
        assert!(events.as_slice().is_empty(), "{:?}", events.as_slice());
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given;

    /// The trading path asks for no memory, here as in `tests/no_alloc.rs`.
    #[test]
    fn every_case_does_what_it_says_and_asks_for_no_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        for mut case in cases(folder.path(), &given::frames()) {
            (case.run)(20);
            assert_eq!((case.run)(20).allocations, 0, "{}", case.name);
        }
    }
}
