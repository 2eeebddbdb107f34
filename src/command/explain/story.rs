//! The question, put to the engine that trades: a book, a leader's trade, and what it says to them.

use crate::{
    domain::{
        Event, Input, LeaderId, LeaderTrade, Market, Millis, Mode, Nanos, PortfolioId, Price, Role, Settings, Shares,
        Side, SignalId, Source, TokenId, TradeKey, Usdc,
        event::{How, Signal},
        input::Best,
    },
    engine::{
        Engine, Options,
        book::Depth,
        score,
        strategy::{Situation, price, size, size::Sizes},
    },
    hot_loop::{Core, Log},
    journal::Full,
    metrics::Stages,
    venue::paper::{Paper, PaperOptions},
};

/// All that the answer depends on.
#[derive(Clone, Debug)]
pub struct Case {
    pub options: Options,
    pub paper: PaperOptions,
    pub settings: Settings,
    pub capital: Usdc,
    pub market: Market,
    /// `None`: nobody bids.
    pub bid: Option<Price>,
    pub ask: Price,
    /// At each of them.
    pub depth: Shares,
    pub side: Side,
    pub price: Price,
    pub shares: Shares,
    pub role: Role,
    /// The model's, in parts per million.
    pub probability_ppm: Option<u32>,
    pub leader_capital: Option<Usdc>,
    pub leader_exposure: Option<Usdc>,
}

/// What the engine and the paper venue said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    pub reckoning: Reckoning,
    /// To his buy: the one in question, or the one that must come before a sale.
    pub buy: Vec<Event>,
    /// To his sale, if that is in question.
    pub sale: Vec<Event>,
}

/// How the strategy came to the size of the buy, as far as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reckoning {
    /// The most that a share may cost; his price where no price may be paid.
    pub limit: Price,
    pub sizes: Option<Sizes>,
    /// How sure the score is that the settings go by.
    pub confidence_ppm: Option<u32>,
    pub bankroll_max: Usdc,
    /// The smallest buy there is at that limit.
    pub minimum: Usdc,
    /// What is to be ordered before the depth is looked at.
    pub wanted: Option<Usdc>,
    /// What is offered within the limit, and has been there for long enough.
    pub depth: Depth,
}

const TOKEN: TokenId = TokenId(0);
const LEADER: LeaderId = LeaderId(0);
const PORTFOLIO: PortfolioId = PortfolioId(0);
const START: Nanos = Nanos::from_secs(1_000_000);
const NEVER_FULL: &str = "memory takes it";

/// A log that keeps what was said.
#[derive(Default)]
struct Kept(Vec<Event>);

impl Log for Kept {
    fn reserve(&mut self) -> Result<(), Full> {
        Ok(())
    }

    fn append(&mut self, _: Nanos, event: &Event) {
        self.0.push(*event);
    }
}

/// Lets the case happen. A sale is that of all the shares that the leader bought, at the same price, just before.
pub fn tell(case: &Case) -> Story {
    let mut engine = Engine::new(Options { value_every: Nanos::NEVER, ..case.options });
    engine.install_token(TOKEN);
    engine.install_portfolio(PORTFOLIO, Mode::Paper, case.settings);
    engine.follow(LEADER, PORTFOLIO);
    let mut core = Core::new(engine, Paper::new(case.paper), Kept::default(), Stages::new().recorder());
    core.set_up(START, |engine, now, events| engine.fund(now, PORTFOLIO, case.capital, events)).expect(NEVER_FULL);
    let handle = |core: &mut Core<Kept>, input| core.handle(START, &input).expect(NEVER_FULL);
    handle(&mut core, Input::MarketKnown { token: TOKEN, market: case.market });
    let at = Millis(START.as_millis());
    handle(&mut core, Input::Snapshot { token: TOKEN, at });
    let levels = [(Side::Buy, case.bid), (Side::Sell, Some(case.ask))];
    for (side, price) in levels.into_iter().filter_map(|(side, price)| Some((side, price?))) {
        handle(&mut core, Input::Level { token: TOKEN, side, price, size: case.depth });
    }
    handle(&mut core, Input::BookDone { token: TOKEN, at, best: Best::Unstated });
    if let Some((capital, exposure)) = case.leader_capital.zip(case.leader_exposure) {
        handle(&mut core, Input::LeaderWorth { leader: LEADER, capital, exposure });
    }
    if let Some(ppm) = case.probability_ppm {
        handle(&mut core, Input::Probability { token: TOKEN, ppm, at: START });
    }
    // The book stands for as long as the settings want levels to stand.
    let wait = case.settings.guards.buy.depth_age_min;
    core.advance(START.plus(wait)).expect(NEVER_FULL);
    let reckoning = reckoned(&core, case);
    let buy = answered(&mut core, case, Side::Buy);
    let sale = match case.side {
        Side::Buy => vec![],
        Side::Sell => answered(&mut core, case, Side::Sell),
    };
    Story { reckoning, buy, sale }
}

/// Asks the strategy for its steps, before the trade happens.
fn reckoned(core: &Core<Kept>, case: &Case) -> Reckoning {
    let signal = Signal {
        signal: SignalId(1),
        group: SignalId(1),
        trade: TradeKey::default(),
        leader: LEADER,
        token: TOKEN,
        side: Side::Buy,
        price: case.price,
        shares: case.shares,
        group_price: case.price,
        group_shares: case.shares,
        leader_held: Shares::ZERO,
        role: case.role,
        source: Source::Activity,
        how: How::Traded,
        traded_at: core.now(),
    };
    // A signal is scored before it is decided; this one did not happen yet.
    let scored = core.engine.scored(core.now(), &signal);
    let probability = core.engine.token(TOKEN).probability;
    let confidence_ppm = score::confidence(&case.settings.scoring, &scored, probability, core.now());
    let situation = Situation { confidence_ppm, ..core.engine.situation_of(core.now(), PORTFOLIO, &signal) };
    let bound = price::best_ask(&situation)
        .and_then(|ask| price::buy_bound(situation.settings, situation.market, case.price, ask));
    let limit = bound.unwrap_or(case.price);
    let since = price::standing_since(&case.settings.guards.buy, core.now());
    Reckoning {
        limit,
        sizes: size::sizes(&situation, limit).ok(),
        confidence_ppm,
        bankroll_max: size::bankroll_max(&situation),
        minimum: size::minimum(situation.settings, situation.market, limit),
        wanted: size::wanted(&situation, limit).ok(),
        depth: situation.book.depth(Side::Sell, limit, since),
    }
}

/// Returns what is said to the leader's trade until the paper venue has answered.
fn answered(core: &mut Core<Kept>, case: &Case, side: Side) -> Vec<Event> {
    core.log.0.clear();
    let trade = LeaderTrade {
        trade: TradeKey([1, side as u64]),
        leader: LEADER,
        token: TOKEN,
        side,
        price: case.price,
        shares: case.shares,
        role: case.role,
        source: Source::Activity,
        traded_at: core.now(),
    };
    core.handle(core.now(), &Input::LeaderTrade(trade)).expect(NEVER_FULL);
    core.advance(core.now().plus(case.paper.fill_delay)).expect(NEVER_FULL);
    core.log.0.clone()
}
