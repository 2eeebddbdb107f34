//! The engine against small stories: books and leader trades in, what it said out.

mod breakers;
mod buffers;
mod conduct;
mod entries;
mod exits;
mod judgement;
mod keys;
mod left;
mod leaving;
mod limits;
mod lots;
mod modes;
mod operator;
mod wallet;
mod plans;
mod recovery;
mod settlement;

use super::*;
use crate::{
    domain::{Input, LeaderTrade, Millis, OrderId, Role, SizeRule, Source, TradeKey, input::Best, settings::Guard},
    venue::paper::{Paper, PaperOptions},
};

pub const TOKEN: TokenId = TokenId(0);
pub const LEADER: LeaderId = LeaderId(0);
pub const PAPER: PortfolioId = PortfolioId(0);

pub fn price(text: f64) -> Price {
    Price::from_micros((text * 1e6).round() as u32).expect("a price")
}

pub fn shares(count: f64) -> Shares {
    Shares((count * 1e6).round() as u64)
}

/// Wide-open settings with usual guards: a test narrows the one it is about.
pub fn open_settings() -> Settings {
    let mut settings = Settings::OPEN;
    settings.guards.buy =
        Guard { spread_max: 100_000, price_guard_ppm: 20_000, depth_factor_ppm_min: 1_250_000, ..Guard::OPEN };
    settings
}

/// Open settings with this rule for the size.
pub fn sized(rule: SizeRule) -> Settings {
    let mut settings = open_settings();
    settings.sizing.rule = rule;
    settings
}

/// An engine, its paper venue (and another one that stands for live's), and a clock that only the test moves.
pub struct World {
    pub engine: Engine,
    pub paper: Paper,
    pub live: Paper,
    pub now: Nanos,
    /// What was said since somebody asked, and all of it.
    pub log: Vec<(Nanos, Event)>,
    pub all: Vec<(Nanos, Event)>,
    events: Events,
    trades: u64,
}

impl World {
    /// One token with a known market, one leader, one paper portfolio of 1,000 dollars.
    pub fn new(settings: Settings) -> World {
        World::with(settings, Options { value_every: Nanos::NEVER, ..Options::default() })
    }

    pub fn with(settings: Settings, options: Options) -> World {
        let mut engine = Engine::new(options);
        engine.install_token(TOKEN);
        engine.install_portfolio(PAPER, Mode::Paper, settings);
        engine.follow(LEADER, PAPER);
        let now = Nanos::from_secs(1_000_000);
        let mut world = World {
            engine,
            paper: Paper::new(PaperOptions::default()),
            live: Paper::new(PaperOptions::default()),
            now,
            log: vec![],
            all: vec![],
            events: Events::default(),
            trades: 0,
        };
        world.input(Input::Timer);
        world.log.retain(|(_, event)| matches!(event, Event::DayBegan { .. }));
        world.fund(1_000);
        world.input(Input::MarketKnown { token: TOKEN, market: Market::COMMON });
        world
    }

    pub fn fund(&mut self, dollars: i64) {
        self.engine.fund(self.now, PAPER, Usdc::whole(dollars), &mut self.events);
        self.drain();
    }

    pub fn input(&mut self, input: Input) {
        self.engine.step(self.now, &input, &mut self.events);
        self.drain();
        if let Input::BookDone { token, .. } | Input::Resolved { token, .. } = input {
            self.paper.book_changed(self.now, token, &self.engine);
            self.live.book_changed(self.now, token, &self.engine);
        }
    }

    fn drain(&mut self) {
        for event in self.events.as_slice() {
            self.log.push((self.now, *event));
            self.all.push((self.now, *event));
            // A shadow has ended by now.
            if let Event::Submitted(order) = event
                && self.engine.orders().get(order.order).is_some()
            {
                match self.engine.portfolios()[order.portfolio.index()].mode {
                    Mode::Paper => self.paper.submit(self.now, order),
                    Mode::Live => self.live.submit(self.now, order),
                }
            }
            if let Event::CancelDue { order } = event {
                let venue = if *order < OrderId::LIVE { &mut self.paper } else { &mut self.live };
                venue.cancel(self.now, *order);
            }
        }
        self.events.clear();
    }

    /// A fresh snapshot with these levels (price, shares).
    pub fn book(&mut self, bids: &[(f64, f64)], asks: &[(f64, f64)]) {
        self.book_of(TOKEN, bids, asks);
    }

    pub fn book_of(&mut self, token: TokenId, bids: &[(f64, f64)], asks: &[(f64, f64)]) {
        let at = Millis(self.now.as_millis());
        self.input(Input::Snapshot { token, at });
        for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
            for (at, size) in levels {
                self.input(Input::Level { token, side, price: price(*at), size: shares(*size) });
            }
        }
        self.input(Input::BookDone { token, at, best: Best::Unstated });
    }

    /// A trade of any leader in any token, just now.
    pub fn trade(&mut self, leader: LeaderId, token: TokenId, side: Side, at: f64, count: f64) {
        self.trades += 1;
        self.input(Input::LeaderTrade(LeaderTrade {
            trade: TradeKey([self.trades, 1]),
            leader,
            token,
            side,
            price: price(at),
            shares: shares(count),
            role: Role::Unknown,
            source: Source::Activity,
            traded_at: self.now,
        }));
    }

    pub fn leader(&mut self, side: Side, at: f64, count: f64) {
        self.leader_late(side, at, count, Nanos::ZERO);
    }

    pub fn leader_late(&mut self, side: Side, at: f64, count: f64, late: Nanos) {
        self.trade_of(LEADER, side, at, count, late);
    }

    pub fn trade_of(&mut self, leader: LeaderId, side: Side, at: f64, count: f64, late: Nanos) {
        self.trades += 1;
        self.input(Input::LeaderTrade(LeaderTrade {
            trade: TradeKey([self.trades, 1]),
            leader,
            token: TOKEN,
            side,
            price: price(at),
            shares: shares(count),
            role: Role::Unknown,
            source: Source::Activity,
            traded_at: Nanos(self.now.0 - late.0),
        }));
    }

    /// Lets time pass: deadlines and paper orders happen when they are due.
    pub fn wait(&mut self, length: Nanos) {
        let until = self.now.plus(length);
        loop {
            let next = self.engine.next_deadline().min(self.paper.next_due()).min(self.live.next_due());
            if until < next {
                break;
            }
            self.now = self.now.max(next);
            while let Some(answers) = self.paper.answer(self.now, &self.engine) {
                answers.into_iter().flatten().for_each(|answer| self.input(answer));
            }
            while let Some(answers) = self.live.answer(self.now, &self.engine) {
                answers.into_iter().flatten().for_each(|answer| self.input(answer));
            }
            self.input(Input::Timer);
        }
        self.now = until;
    }

    /// Returns what was said since the last call, one phrase per event.
    pub fn said(&mut self) -> String {
        let phrases: Vec<String> = self.log.drain(..).filter_map(|(_, event)| phrase(&event)).collect();
        phrases.join("; ")
    }

    pub fn position(&self) -> Option<&position::Position> {
        self.engine.positions().iter().next()
    }

    /// Checks what must hold after every event.
    pub fn audit(&self) {
        use ledger::Account::{Available, Cooling, Deployed, Reserved};
        for (index, portfolio) in self.engine.portfolios().iter().enumerate() {
            let ledger = &portfolio.ledger;
            let held: i64 =
                [Available, Reserved, Deployed, Cooling].iter().map(|account| ledger.balance(*account).0).sum();
            assert_eq!(Usdc(held), ledger.deposits() + ledger.realised());
            let ours = || self.engine.positions().iter().filter(|position| position.portfolio.index() == index);
            assert_eq!(ledger.balance(Deployed), ours().fold(Usdc::ZERO, |sum, position| sum + position.cost));
            assert_eq!(ledger.balance(Reserved), ours().fold(Usdc::ZERO, |sum, position| sum + position.reserved));
        }
    }
}

fn phrase(event: &Event) -> Option<String> {
    Some(match event {
        Event::Signal(_) | Event::Scored(_) | Event::Accepted { .. } | Event::Peaked { .. } => return None,
        Event::DayBegan { .. } | Event::Funded { .. } | Event::Signed(_) => return None,
        Event::Matched(matched) => format!("matched {} for {}", matched.shares, matched.cash),
        Event::Confirmed { .. } => "confirmed".to_owned(),
        Event::Voided { .. } => "voided".to_owned(),
        Event::Adopted { brought, .. } => format!("adopted, ${brought} brought"),
        Event::HeldBack { amount, .. } => format!("held back ${amount}"),
        Event::HoldEnded { .. } => "hold ended".to_owned(),
        Event::External(external) => format!("external {}", external.shares),
        Event::Differs(differs) => format!("differs {:?}", differs.what),
        Event::WalletHolds(holds) => format!("wallet holds {}", holds.theirs),
        Event::Explained { choice, .. } => choice.code().to_owned(),
        Event::TakenIn(taken) => format!("taken in {} for ${}", taken.shares, taken.cost),
        Event::WrittenOff(off) => format!("written off {} of ${}", off.shares, off.basis),
        Event::Gap(gap) => format!("gap of {}", gap.source.code()),
        Event::Skipped { reason, .. } => format!("skipped {}", reason.code()),
        Event::Refused { reason, .. } => format!("refused {}", reason.code()),
        Event::Submitted(order) if order.side == Side::Buy => format!("buy ${} @ {}", order.budget, order.limit),
        Event::Submitted(order) => format!("sell {} @ {}", order.shares, order.limit),
        Event::Filled(filled) => format!("filled {} for ${} fee {}", filled.shares, filled.cash, filled.fee),
        Event::Closed { end, .. } => end.code().to_owned(),
        Event::ExitDue { cause, .. } => format!("due {}", cause.code()),
        Event::Settled(settled) => format!("settled {} for ${}", settled.shares, settled.proceeds),
        Event::Released { amount, .. } => format!("released ${amount}"),
        Event::Deposited { amount, .. } => format!("deposited ${amount}"),
        Event::Withdrawn { amount, .. } => format!("withdrawn ${amount}"),
        Event::Diverged { cause, .. } => format!("diverged {}", cause.code()),
        Event::Faulted { fault, .. } => format!("fault {}", fault.code()),
        Event::Repeated { .. } => "repeated".to_owned(),
        Event::Parked { .. } => "parked".to_owned(),
        Event::Resolved { payout, .. } => format!("resolved {payout}"),
        Event::Resynced { .. } => "resynced".to_owned(),
        Event::Paused { .. } => "paused".to_owned(),
        Event::Unpaused { .. } => "unpaused".to_owned(),
        Event::Buffered { wanted, .. } => format!("buffered ${wanted}"),
        Event::Merged { signal, into, .. } => format!("{} merged into {}", signal.0, into.0),
        Event::LeaderHolds { shares, .. } => format!("leader holds {shares}"),
        Event::LeaderBlocked { .. } => "leader blocked".to_owned(),
        Event::LeaderUnblocked { .. } => "leader unblocked".to_owned(),
        Event::CancelDue { order } => format!("cancel {}", order.0),
        Event::PlanRepaired { resting, held, .. } => format!("plan repaired: {resting} rested, {held} held"),
        Event::Unplanned { reason, .. } => reason.code().to_owned(),
        Event::Unknown { order } => format!("order {} unknown", order.0),
        Event::Tripped { breaker, .. } => format!("tripped {}", breaker.code()),
        Event::BreakerReset { breaker, .. } => format!("reset {}", breaker.code()),
        Event::BalanceLow { available, .. } => format!("balance low ${available}"),
        Event::Moved { amount, .. } => format!("moved ${amount}"),
        Event::Declined { reason, .. } => format!("declined {}", reason.code()),
        Event::Configured { .. } => "configured".to_owned(),
        Event::PaperSwitched { to } => format!("paper {}", to.code()),
        Event::LiveSwitched { to } => format!("live {}", to.code()),
        Event::LeaderSwitched { to, .. } => format!("leader {}", to.code()),
        Event::Valued(valued) => format!("valued {}", valued.available),
    })
}

/// A liquid book around 0.50.
pub fn liquid(world: &mut World) {
    world.book(&[(0.48, 5_000.0), (0.49, 5_000.0)], &[(0.50, 5_000.0), (0.51, 5_000.0)]);
}
