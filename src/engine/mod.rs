//! INPUT -> EVENTS: the deterministic core. One input in, what it made true out.
//!
//! It touches nothing: no clock, socket, log, lock; after set-up no heap. `step` decides (reading), then `emit` applies and
//! records; [`Engine::apply`] alone changes money and orders, here and in recovery.
//!
//! ```text
//! step(now, input) -- Level, BookDone ----> book ----------------> exits and plans that are due
//!                  \- LeaderTrade --------> signal -> score -> strategy -> (buffer) -> risk -> order + ledger
//!                  \- Filled, Closed -----> order -> position + ledger -> breakers
//!                  \- Matched, Confirmed -> settlement: a live match is provisional until it is confirmed or void
//!                  \- Pause, Deposit, ... -> operator
//!                  \- Timer --------------> cooling, parked signals, buffers, exits to retry, values, days
//! ```
//!
//! What is remembered, each in a bounded table that `apply` rebuilds: of live orders `leg` (their matches); of leaders `leader` (fills seen, groups), `holdings`,
//! `conduct`; of portfolios `ledger`, `position`, `stake` and `dealing` (sums for limits), `standing` (days, losses, peaks).

mod answer;
pub mod apply;
pub mod book;
pub mod breaker;
pub mod buffer;
pub mod conduct;
pub mod dealing;
pub mod exit;
pub mod foresee;
pub mod headroom;
pub mod holdings;
mod kin;
pub mod leader;
mod left;
pub mod ledger;
pub mod leg;
pub mod operator;
pub mod order;
pub mod position;
pub mod risk;
pub mod score;
mod settle;
mod settlement;
pub mod signal;
pub mod stake;
pub mod standing;
pub mod strategy;
pub mod switch;
pub mod timer;
pub mod unsettled;
mod wallet;

use apply::Cooling;
use book::{Book, Change, Ladders, Trust};
use buffer::{BUFFERED_MAX, Buffers};
use conduct::{Repute, Ways};
use dealing::Dealings;
use holdings::Holdings;
use kin::Kin;
use leader::{Groups, Seen};
use ledger::Ledger;
use leg::{Legs, Voids};
use order::{Ended, ORDERS_OPEN_MAX, Orders};
use position::{POSITIONS_MAX, Positions};
use risk::Approved;
use score::{Scores, Trail};
use settlement::Told;
use signal::Parked;
use stake::Stakes;
use standing::Standing;
use strategy::{Probability, entered::Entered, policy};
use switch::Switches;
use unsettled::Unsettled;

use crate::domain::{
    Cause, Divergence, Event, Input, LeaderId, LiveOrders, LiveSwitch, Market, Mode, Nanos, Noted, OrderEnd, OrderId,
    OrderKind, PaperSwitch, PortfolioId, PortfolioSet, Price, Settings, Shares, Side, SignalId, Tick, TokenId, Usdc,
    event, ids::PORTFOLIOS_MAX, money::ONE, settings::score::Weights,
};

/// Tokens one engine knows.
pub const TOKENS_MAX: usize = 65_536;
/// Leaders one engine knows.
pub const LEADERS_MAX: usize = 4_096;
/// Books held at once, on grids of 0.001 and coarser, and on finer ones. One more stays cold.
pub const BOOKS_MAX: usize = 1_024;
pub const BOOKS_FINE_MAX: usize = 128;
/// Events one input can lead to: each position may peak and owe a sale, each order may begin or be cancelled, each portfolio
/// may decide a few signals, trip its breakers or have them reset, each copy that waits may end.
pub const EVENTS_MAX: usize = 2 * POSITIONS_MAX + ORDERS_OPEN_MAX + 12 * PORTFOLIOS_MAX + BUFFERED_MAX;

/// What an engine is told once, at set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Fills of one leader, token and side this close together form one group.
    pub group_window: Nanos,
    /// How long a signal waits for a cold token's market and book.
    pub metadata_wait: Nanos,
    /// How often each portfolio's worth is recorded.
    pub value_every: Nanos,
    /// What the settings allow at the start.
    pub paper: PaperSwitch,
    /// What each feature of a score counts.
    pub weights: Weights,
    pub live: LiveSwitch,
    pub live_orders: LiveOrders,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            group_window: Nanos::from_secs(2),
            metadata_wait: Nanos::from_secs(2),
            value_every: Nanos::from_secs(60),
            paper: PaperSwitch::On,
            weights: Weights::START,
            live: LiveSwitch::Off,
            live_orders: LiveOrders::Missing,
        }
    }
}

/// The events of one step, in order.
#[derive(Debug)]
pub struct Events(Vec<Event>);

impl Default for Events {
    fn default() -> Events {
        Events(Vec::with_capacity(EVENTS_MAX))
    }
}

impl Events {
    pub fn as_slice(&self) -> &[Event] {
        &self.0
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn push(&mut self, event: Event) {
        assert!(self.0.len() < EVENTS_MAX, "one input led to more than {EVENTS_MAX} events");
        self.0.push(event);
    }
}

/// A token's market, book and end.
#[derive(Debug)]
pub struct Token {
    pub market: Market,
    pub known: Known,
    pub book: Book,
    /// What a share paid, once the market is resolved.
    pub payout: Option<u32>,
    /// Portfolios whose market filter keeps it out.
    pub denied: PortfolioSet,
    /// Where its mid price was.
    pub trail: Trail,
    /// What the external model thinks of it; not remembered over a restart.
    pub probability: Option<Probability>,
}

/// Whether the market's rules are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    NotYet,
    Yes,
    Never,
}

/// One strategy in one mode.
#[derive(Debug)]
pub struct Portfolio {
    pub mode: Mode,
    pub settings: Settings,
    pub ledger: Ledger,
    pub standing: Standing,
    pub entries: Entries,
    pub held_back: Option<HeldBack>,
}

/// Available cash that is for no entry until a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBack {
    pub amount: Usdc,
    pub until: Nanos,
}

/// Whether a portfolio makes entries. Exits are never paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entries {
    Running,
    Paused,
}

#[derive(Debug)]
pub struct Engine {
    options: Options,
    tokens: Vec<Token>,
    ladders: Ladders,
    portfolios: Vec<Portfolio>,
    /// Who follows each leader; nobody follows those beyond the end.
    followers: Vec<PortfolioSet>,
    seen: Seen,
    holdings: Holdings,
    groups: Groups,
    ways: Ways,
    kin: Kin,
    buffers: Buffers,
    /// Of the signal that is decided right now.
    repute: Repute,
    parked: Parked,
    orders: Orders,
    legs: Legs,
    unsettled: Unsettled,
    ended: Ended,
    voids: Voids,
    positions: Positions,
    entered: Entered,
    cooling: Cooling,
    scores: Scores,
    stakes: Stakes,
    dealings: Dealings,
    switches: Switches,
    /// The day (UTC, counted from 1970) whose counters are kept.
    day: Option<u32>,
    signals: u64,
    entries_stopped: bool,
    /// A fault was about a live order: paper goes on.
    live_stopped: bool,
    value_at: Nanos,
    /// The earliest moment at which a position wants to be looked at.
    look_at: Nanos,
    /// Scratch, kept for its room.
    slots: Vec<usize>,
}

/// Why an order is placed, and for whom.
#[derive(Clone, Copy, Debug)]
struct Origin {
    signal: SignalId,
    portfolio: PortfolioId,
    leader: LeaderId,
    token: TokenId,
    cause: Cause,
    reference: Price,
}

impl Engine {
    pub fn new(options: Options) -> Engine {
        Engine {
            options,
            tokens: Vec::with_capacity(TOKENS_MAX),
            ladders: Ladders::new(BOOKS_MAX, BOOKS_FINE_MAX),
            portfolios: Vec::with_capacity(PORTFOLIOS_MAX),
            followers: Vec::with_capacity(LEADERS_MAX),
            seen: Seen::default(),
            holdings: Holdings::default(),
            groups: Groups::default(),
            ways: Ways::default(),
            kin: Kin::default(),
            buffers: Buffers::default(),
            repute: Repute::default(),
            parked: Parked::default(),
            orders: Orders::default(),
            legs: Legs::default(),
            unsettled: Unsettled::default(),
            ended: Ended::default(),
            voids: Voids::default(),
            positions: Positions::new(TOKENS_MAX),
            entered: Entered::default(),
            cooling: Cooling::default(),
            scores: Scores::default(),
            stakes: Stakes::default(),
            dealings: Dealings::default(),
            switches: Switches::new(options.paper, options.live, options.live_orders),
            day: None,
            signals: 0,
            entries_stopped: false,
            live_stopped: false,
            value_at: Nanos::ZERO,
            look_at: Nanos::NEVER,
            slots: Vec::with_capacity(POSITIONS_MAX),
        }
    }

    // -- set-up, outside the hot path ------------------------------------------------------------------------------

    /// Adds the next token; ids are given in order. Panics beyond [`TOKENS_MAX`] or out of order.
    pub fn install_token(&mut self, id: TokenId) {
        assert!(id.index() == self.tokens.len() && id.index() < TOKENS_MAX, "token {} is not the next", id.0);
        let book = Book::default();
        let market = Market::COMMON;
        self.ladders.make();
        let (payout, denied, trail, probability) = (None, PortfolioSet::EMPTY, Trail::default(), None);
        self.tokens.push(Token { market, known: Known::NotYet, book, payout, denied, trail, probability });
    }

    /// Says what a token's market is like, outside of a step: in recovery.
    pub fn set_market(&mut self, token: TokenId, market: Market) {
        self.restake(token, |engine| engine.tokens[token.index()].market = market);
        self.tokens[token.index()].known = Known::Yes;
        self.kin.place(token, &market);
    }

    /// Sets which portfolios a token is kept from.
    pub fn deny(&mut self, token: TokenId, portfolios: PortfolioSet) {
        self.tokens[token.index()].denied = portfolios;
    }

    /// Adds the next portfolio, with no money; ids are given in order.
    pub fn install_portfolio(&mut self, id: PortfolioId, mode: Mode, settings: Settings) {
        assert!(
            id.index() == self.portfolios.len() && id.index() < PORTFOLIOS_MAX,
            "portfolio {} is not the next",
            id.0
        );
        let (ledger, standing, entries) = (Ledger::default(), Standing::default(), Entries::Running);
        self.portfolios.push(Portfolio { mode, settings, ledger, standing, entries, held_back: None });
    }

    pub fn follow(&mut self, leader: LeaderId, portfolio: PortfolioId) {
        if self.followers.len() <= leader.index() {
            self.followers.resize(leader.index() + 1, PortfolioSet::EMPTY);
        }
        self.followers[leader.index()].insert(portfolio);
    }

    // -- reading ---------------------------------------------------------------------------------------------------

    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub fn token(&self, id: TokenId) -> &Token {
        &self.tokens[id.index()]
    }

    pub fn portfolios(&self) -> &[Portfolio] {
        &self.portfolios
    }

    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    pub fn cooling(&self) -> &Cooling {
        &self.cooling
    }

    /// Returns how many signals there were.
    pub fn signals(&self) -> u64 {
        self.signals
    }

    /// Returns the small copies that wait for company.
    pub fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// Returns how many signals wait for a cold token.
    pub fn parked(&self) -> usize {
        self.parked.len()
    }

    pub fn entries_stopped(&self) -> bool {
        self.entries_stopped || self.live_stopped
    }

    /// Returns what the open positions of a portfolio would bring at the best bids, less what they cost. A position
    /// without a bid is worth nothing; one whose book is not known yet (after a start) counts at cost.
    pub fn unrealised(&self, portfolio: PortfolioId) -> Usdc {
        let ours = self.positions.iter().filter(|position| position.portfolio == portfolio);
        ours.fold(Usdc::ZERO, |sum, position| {
            let book = &self.token(position.token).book;
            if matches!(book.trust(), Trust::Cold | Trust::Loading) {
                return sum;
            }
            let held = position.shares + position.unsettled;
            let value = book.best_bid().map_or(Usdc::ZERO, |bid| bid.cost_floor(held));
            sum + value - position.cost - position.unsettled_cost
        })
    }

    // -- the step --------------------------------------------------------------------------------------------------

    /// Takes one input and reports what it made true. All control flow begins in this function.
    pub fn step(&mut self, now: Nanos, input: &Input, events: &mut Events) {
        if self.midnight() <= now {
            self.begin_day(now, events);
        }
        match *input {
            Input::Level { token, side, price, size } => self.level(now, token, side, price, size, events),
            Input::Snapshot { token, at } => self.tokens[token.index()].book.begin(at),
            Input::BookDone { token, at, best } => {
                let change = self.tokens[token.index()].book.end(now, at, best);
                self.book_changed(now, token, change, events);
            }
            Input::HashChecked { token, good } => {
                let change = self.tokens[token.index()].book.hash_checked(good);
                self.book_changed(now, token, change, events);
            }
            Input::BookLost { token } => {
                let change = self.tokens[token.index()].book.diverge(Divergence::Gap);
                self.book_changed(now, token, change, events);
            }
            Input::TickChanged { token, tick } => self.tokens[token.index()].market.tick = tick,
            Input::MarketKnown { token, market } => self.market_known(now, token, market, events),
            Input::MarketUnknown { token } => self.market_unknown(now, token, events),
            Input::LeaderTrade(trade) => self.leader_trade(now, &trade, events),
            Input::Accepted { order } => self.accepted(now, order, events),
            Input::Filled { order, shares, cash, fee } => self.filled(now, order, shares, cash, fee, events),
            Input::Closed { order, end } => self.closed(now, order, end, events),
            Input::Resolved { token, payout } => self.resolved(now, token, payout, events),
            Input::Unknown { order } => self.lost(now, order, events),
            Input::Matched { order, trade, shares, cash, fee } => {
                self.matched(now, Told { order, trade, shares, cash, fee }, events);
            }
            Input::Confirmed { order, trade } => self.confirmed(now, order, trade, events),
            Input::Voided { order, trade } => self.voided(now, order, trade, events),
            Input::LiveOrders { to } => self.live_orders(now, to, events),
            Input::HoldBack { portfolio, amount, until } => self.hold_back(now, portfolio, amount, until, events),
            Input::Pause { portfolio } => self.pause(now, portfolio, Entries::Paused, events),
            Input::Unpause { portfolio } => self.pause(now, portfolio, Entries::Running, events),
            Input::ResetBreakers { portfolio } => self.reset_breakers(now, portfolio, events),
            Input::Deposit { portfolio, amount } => self.deposit(now, portfolio, amount, events),
            Input::Withdraw { portfolio, amount } => self.withdraw(now, portfolio, amount, events),
            Input::Move { from, to, amount } => self.move_money(now, from, to, amount, events),
            Input::TakeIn(ref taken) => self.take_in_shares(now, taken, events),
            Input::WriteOff { token, shares } => self.write_off(now, token, shares, events),
            Input::SwitchPaper { to } => self.switch_paper(now, to, events),
            Input::SwitchLive { to } => self.switch_live(now, to, events),
            Input::SwitchLeader { leader, to } => self.switch_leader(now, leader, to, events),
            Input::ForceExit { portfolio, token } => self.force_exit(now, portfolio, token, events),
            Input::Timer => self.timer(now, events),
            Input::Probability { token, ppm, at } => self.thought(token, Probability { ppm, at }),
            Input::LeaderWorth { leader, capital, exposure } => self.leader_worth(leader, capital, exposure),
            Input::LeaderLeft(left) => self.leader_left(now, &left, events),
            Input::LeaderHolds { leader, token, shares, at } => {
                self.leader_holds(now, leader, token, shares, at, events);
            }
            Input::Unblock { leader } => self.unblock(now, leader, events),
        }
    }

    /// Notes what changes no money: an order's name at the venue, what others did with the wallet, what differs.
    pub fn note(&mut self, now: Nanos, noted: &Noted, events: &mut Events) {
        let event = match *noted {
            Noted::Signed(signed) => Event::Signed(signed),
            Noted::External(external) => Event::External(external),
            Noted::Differs(differs) => Event::Differs(differs),
            Noted::WalletHolds(holds) => Event::WalletHolds(holds),
            Noted::Gap(gap) => Event::Gap(gap),
            Noted::Explained { differs, choice } => Event::Explained { differs, choice },
        };
        self.emit(now, event, events);
    }

    #[inline]
    fn level(&mut self, now: Nanos, id: TokenId, side: Side, price: Price, size: Shares, events: &mut Events) {
        let token = &mut self.tokens[id.index()];
        if token.book.trust() == Trust::Cold {
            return; // Changes before the first snapshot mean nothing.
        }
        if token.book.fits(price) && (token.market.tick.holds(price) || size == Shares::ZERO) {
            return token.book.set(now, side, price, size);
        }
        self.odd_level(now, id, side, price, size, events);
    }

    /// A level that the book has no ladder for, or that lies off the market's grid.
    #[cold]
    fn odd_level(&mut self, now: Nanos, id: TokenId, side: Side, price: Price, size: Shares, events: &mut Events) {
        let token = &mut self.tokens[id.index()];
        if !self.ladders.lend(&mut token.book, price) {
            // No room for the book, or for its finer grid: it must not be traded on.
            let change = token.book.diverge(Divergence::BadLevel);
            return self.book_changed(now, id, change, events);
        }
        if !token.market.tick.holds(price) && size > Shares::ZERO {
            // Recordings often lack the message that said so.
            token.market.tick = finer_tick(token.market.tick, price);
        }
        token.book.set(now, side, price, size);
    }

    fn book_changed(&mut self, now: Nanos, token: TokenId, change: Option<Change>, events: &mut Events) {
        match change {
            None => (),
            Some(Change::Diverged(cause)) => self.emit(now, Event::Diverged { token, cause }, events),
            Some(Change::Resynced) => {
                self.emit(now, Event::Resynced { token }, events);
                self.book_usable(now, token, events);
            }
            Some(Change::Updated) => self.book_usable(now, token, events),
        }
    }

    fn book_usable(&mut self, now: Nanos, token: TokenId, events: &mut Events) {
        let Token { book, trail, .. } = &mut self.tokens[token.index()];
        trail.note(now, || score::mid(book.best_bid(), book.best_ask()));
        self.wake(now, token, events);
        self.watch_exits(now, token, events);
    }

    /// Keeps what the model thinks last; what it is told is no probability is passed over.
    fn thought(&mut self, token: TokenId, thought: Probability) {
        let known = &mut self.tokens[token.index()].probability;
        let is_newer = known.is_none_or(|known| known.at <= thought.at);
        if is_newer && u64::from(thought.ppm) <= ONE {
            *known = Some(thought);
        }
    }

    fn place(&mut self, now: Nanos, approved: Approved, origin: Origin, events: &mut Events) {
        self.place_attempt(now, approved, origin, 1, events);
    }

    /// Places an order; the second attempt repeats one that the venue killed.
    fn place_attempt(&mut self, now: Nanos, approved: Approved, origin: Origin, attempt: u8, events: &mut Events) {
        let intent = approved.intent;
        let order = self.next_order(origin.portfolio).expect("risk found a free slot");
        let policy = self.portfolios[origin.portfolio.index()].settings.policy;
        let kind = match intent.side {
            Side::Buy => policy::kind(policy, intent.budget, attempt),
            Side::Sell if origin.cause == Cause::Plan => OrderKind::Gtc,
            // A sale of part of what is owed is better than none.
            Side::Sell => OrderKind::Fak,
        };
        let submitted = event::Submitted {
            order,
            signal: origin.signal,
            portfolio: origin.portfolio,
            leader: origin.leader,
            token: origin.token,
            side: intent.side,
            kind,
            cause: origin.cause,
            limit: intent.limit,
            shares: intent.shares,
            budget: intent.budget,
            reserved: approved.reserved,
            touch: intent.touch,
            reference: origin.reference,
            attempt,
        };
        self.emit(now, Event::Submitted(submitted), events);
        if intent.side == Side::Buy && self.is_shadow(origin.portfolio, origin.leader) {
            let released = approved.reserved;
            self.emit(now, Event::Closed { order, end: OrderEnd::Shadow, released }, events);
        }
    }

    /// Returns the id of a portfolio's next order; `None` while its mode's table is full.
    pub(crate) fn next_order(&self, portfolio: PortfolioId) -> Option<OrderId> {
        self.orders.next_id(self.portfolios[portfolio.index()].mode)
    }

    fn emit(&mut self, now: Nanos, event: Event, events: &mut Events) {
        let touched = self.touched(&event);
        self.apply(now, &event);
        events.push(event);
        if let Some(touched) = touched {
            self.watch_standing(now, touched, events);
        }
    }
}

/// Returns the coarsest known tick that is finer than `tick` and holds `price`.
fn finer_tick(tick: Tick, price: Price) -> Tick {
    let finer = Tick::KNOWN.iter().filter(|finer| **finer < tick && tick.micros().is_multiple_of(finer.micros()));
    *finer.clone().find(|finer| finer.holds(price)).unwrap_or(&Tick::FINEST)
}

#[cfg(test)]
pub mod tests;
