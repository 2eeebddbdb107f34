//! One engine, its venues and its log, driven by inputs with times: the same for a live session and for a replay.

use std::collections::VecDeque;

use crate::{
    clock,
    config::CeilingsConfig,
    domain::{
        Event, Input, Mode, Nanos, NotSent, Noted, Numbers, OrderEnd, OrderId, Rejection, SignalId, TokenId,
        event::Submitted,
    },
    engine::{EVENTS_MAX, Engine, Events, order::ORDERS_OPEN_MAX},
    fault,
    journal::{Full, Journal, Record},
    metrics::{AheadNow, Stage, StageRecorder, Tally},
    venue::{paper::Paper, polymarket::prepare::Ahead},
};

use super::{Ceilings, Live};

/// Where events go before their effect leaves: the journal, or a replay's digest.
pub trait Log {
    /// Makes sure that the events of one step can be written.
    fn reserve(&mut self) -> Result<(), Full>;
    /// Writes one event; cannot fail after a reservation.
    fn append(&mut self, at: Nanos, event: &Event);
}

/// An encoded event is far shorter than the longest record, so that several fit where one is reserved.
pub const EVENTS_PER_RECORD: usize = 6;

/// How long the hot thread waits for the journal's next segment, in nanoseconds.
const RESERVE_PATIENCE: u64 = 5_000_000_000;

impl Log for Journal {
    /// Waits, for a short while, where the disk is only slow: nothing may be decided that cannot be recorded.
    fn reserve(&mut self) -> Result<(), Full> {
        let begun = clock::mono();
        loop {
            match Journal::reserve(self, EVENTS_MAX / EVENTS_PER_RECORD) {
                Err(Full { trouble: None }) if clock::mono() - begun < RESERVE_PATIENCE => {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                reserved => return reserved,
            }
        }
    }

    fn append(&mut self, at: Nanos, event: &Event) {
        Journal::append(self, at, &Record::Event(*event));
    }
}

/// Where live orders go.
enum LiveVenue {
    /// There is no such place: none leaves.
    None,
    /// Another paper venue, which plays the real one in the simulation.
    Simulated(Paper),
    Polymarket(Box<Live>),
}

pub struct Core<L> {
    pub engine: Engine,
    pub log: L,
    pub tally: Tally,
    /// Tokens whose book must be fetched again, for whoever looks after the sockets.
    pub resync: Vec<TokenId>,
    pub inputs: u64,
    paper: Paper,
    live: LiveVenue,
    ceilings: Ceilings,
    /// Live orders that passed the ceilings, until they are signed.
    leaving: VecDeque<Submitted>,
    /// Live orders of this step that do not leave.
    unsent: Vec<(OrderId, NotSent)>,
    events: Events,
    now: Nanos,
    stages: StageRecorder,
    /// When the leader traded, by signal; when we ordered, by order. Both wrap around.
    traded_at: Box<[(SignalId, Nanos)]>,
    ordered_at: Box<[(OrderId, Nanos)]>,
}

impl<L: Log> Core<L> {
    pub fn new(engine: Engine, paper: Paper, log: L, stages: StageRecorder) -> Core<L> {
        Core {
            engine,
            log,
            tally: Tally::default(),
            resync: Vec::with_capacity(64),
            inputs: 0,
            paper,
            live: LiveVenue::None,
            ceilings: Ceilings::new(CeilingsConfig::NONE),
            leaving: VecDeque::with_capacity(ORDERS_OPEN_MAX),
            unsent: Vec::with_capacity(ORDERS_OPEN_MAX),
            events: Events::default(),
            now: Nanos::ZERO,
            stages,
            traded_at: vec![(SignalId::NONE, Nanos::ZERO); ORDERS_OPEN_MAX].into(),
            ordered_at: vec![(OrderId(0), Nanos::ZERO); ORDERS_OPEN_MAX].into(),
        }
    }

    /// Returns what bounds the live orders that leave, and what left lately.
    pub fn ceilings_now(&self, now: Nanos) -> [(NotSent, Numbers); 3] {
        self.ceilings.now(now)
    }

    /// Says what bounds the live orders that leave.
    pub fn set_ceilings(&mut self, limits: CeilingsConfig) {
        self.ceilings = Ceilings::new(limits);
    }

    /// Lets live orders go to a simulated venue. Without one none leaves.
    pub fn set_live(&mut self, venue: Paper) {
        self.live = LiveVenue::Simulated(venue);
    }

    /// Lets live orders go to Polymarket, and tells its gate what holds now.
    pub fn set_live_polymarket(&mut self, mut live: Live) {
        live.tell_gate(&self.engine);
        for position in self.engine.positions().iter() {
            live.change_ahead(|ahead| ahead.watch(position.token));
        }
        self.live = LiveVenue::Polymarket(Box::new(live));
    }

    /// Tells the venue's wire what a token is called there. Tokens are told in the order of their ids.
    pub fn name_token(&mut self, token: TokenId, text: &str) {
        if let LiveVenue::Polymarket(live) = &mut self.live {
            live.name_token(token, text);
        }
    }

    /// Does ahead a part of what the next orders need, while there is nothing else to do. Returns when there is more to do.
    pub fn prepare(&mut self) -> Nanos {
        match &mut self.live {
            LiveVenue::Polymarket(live) => live.prepare(self.now, &self.engine),
            LiveVenue::None | LiveVenue::Simulated(_) => Nanos::NEVER,
        }
    }

    /// Returns how many orders are signed ahead, and how often that was of use.
    pub fn ahead_now(&self) -> AheadNow {
        match &self.live {
            LiveVenue::Polymarket(live) => live.ahead_now(),
            LiveVenue::None | LiveVenue::Simulated(_) => AheadNow::default(),
        }
    }

    /// Tells what is signed ahead that it may not be wanted any more.
    fn change_ahead(&mut self, change: impl FnOnce(&mut Ahead)) {
        if let LiveVenue::Polymarket(live) = &mut self.live {
            live.change_ahead(change);
        }
    }

    pub fn now(&self) -> Nanos {
        self.now
    }

    /// Returns when something is due without any input.
    pub fn next_deadline(&self) -> Nanos {
        self.engine.next_deadline().min(self.paper.next_due()).min(self.live_due())
    }

    /// Takes an input that came at `at`; what was due before happens first, at its own time. On `Full` nothing was changed.
    pub fn handle(&mut self, at: Nanos, input: &Input) -> Result<(), Full> {
        if self.now < at {
            self.advance(at)?;
        }
        self.inputs += 1;
        match *input {
            // The bulk of all inputs, and they lead to an event only when no book is left to lend.
            Input::Level { .. } | Input::Snapshot { .. } | Input::TickChanged { .. } => {
                self.engine.step(self.now, input, &mut self.events);
                if let Input::TickChanged { token, .. } = input {
                    self.change_ahead(|ahead| ahead.forget(*token));
                }
                if self.events.as_slice().is_empty() { Ok(()) } else { self.log.reserve().and_then(|()| self.record()) }
            }
            Input::LeaderTrade(trade) => {
                self.step(input, Some(Stage::Decide))?;
                self.change_ahead(|ahead| ahead.watch(trade.token));
                Ok(())
            }
            Input::BookDone { token, .. } => {
                self.step(input, Some(Stage::Book))?;
                self.book_changed(token);
                self.change_ahead(|ahead| ahead.moved(token));
                Ok(())
            }
            Input::Resolved { token, .. } => {
                self.step(input, None)?;
                self.book_changed(token);
                self.change_ahead(|ahead| ahead.forget(token));
                Ok(())
            }
            Input::MarketKnown { token, .. } | Input::MarketUnknown { token } | Input::BookLost { token } => {
                self.step(input, None)?;
                self.change_ahead(|ahead| ahead.forget(token));
                Ok(())
            }
            Input::LiveOrders { .. } => {
                self.step(input, None)?;
                self.tell_gate();
                Ok(())
            }
            Input::HashChecked { .. }
            | Input::Accepted { .. }
            | Input::Filled { .. }
            | Input::Closed { .. }
            | Input::Pause { .. }
            | Input::Unpause { .. }
            | Input::LeaderLeft(_)
            | Input::LeaderHolds { .. }
            | Input::LeaderWorth { .. }
            | Input::Probability { .. }
            | Input::Unknown { .. }
            | Input::ResetBreakers { .. }
            | Input::ForceExit { .. }
            | Input::Deposit { .. }
            | Input::Withdraw { .. }
            | Input::TakeIn(_)
            | Input::WriteOff { .. }
            | Input::Move { .. }
            | Input::SwitchPaper { .. }
            | Input::SwitchLive { .. }
            | Input::SwitchLeader { .. }
            | Input::Matched { .. }
            | Input::Confirmed { .. }
            | Input::Voided { .. }
            | Input::HoldBack { .. }
            | Input::Unblock { .. }
            | Input::Timer => self.step(input, None),
        }
    }

    /// Lets time pass until `at`: deadlines and paper orders happen in their order, each at its own time.
    pub fn advance(&mut self, at: Nanos) -> Result<(), Full> {
        if self.now == Nanos::ZERO {
            // Nothing was due between 1970 and the first input: a replay would value its portfolios for every minute of it.
            self.now = at;
        }
        loop {
            let (timer, paper, live) = (self.engine.next_deadline(), self.paper.next_due(), self.live_due());
            let (order, next) = (paper.min(live), timer.min(paper).min(live));
            if at < next {
                self.now = self.now.max(at);
                return Ok(());
            }
            // A deadline of long ago (a process that was down) happens now.
            self.now = self.now.max(next);
            if order <= timer {
                self.log.reserve()?;
                let venue = match &mut self.live {
                    LiveVenue::Simulated(venue) if live < paper => venue,
                    LiveVenue::None | LiveVenue::Simulated(_) | LiveVenue::Polymarket(_) => &mut self.paper,
                };
                if let Some(answers) = venue.answer(self.now, &self.engine) {
                    for answer in answers.iter().flatten() {
                        self.step(answer, None)?;
                    }
                }
            } else {
                self.step(&Input::Timer, None)?;
            }
        }
    }

    /// After recovery: ends what the last process left open. Paper orders of a process that is gone cannot fill any more, and
    /// what has no name at the venue never left; what has one may be there still, and only the venue can say.
    pub fn resume(&mut self, at: Nanos) -> Result<(), Full> {
        self.log.reserve()?;
        self.now = self.now.max(at);
        let gone = self.engine.orders().iter().filter(|order| order.id.is_none());
        let open: Vec<OrderId> = gone.map(|order| order.submitted.order).collect();
        for order in open {
            let end = OrderEnd::Rejected(Rejection::VenueRestarted);
            self.step(&Input::Closed { order, end }, None)?;
        }
        self.log.reserve()?;
        self.engine.resume(self.now, &mut self.events);
        self.record()?;
        self.tell_gate();
        Ok(())
    }

    /// Runs set-up that makes events (deposits) and records them.
    pub fn set_up<R>(
        &mut self,
        at: Nanos,
        change: impl FnOnce(&mut Engine, Nanos, &mut Events) -> R,
    ) -> Result<R, Full> {
        self.log.reserve()?;
        self.now = self.now.max(at);
        let result = change(&mut self.engine, self.now, &mut self.events);
        self.record()?;
        Ok(result)
    }

    fn step(&mut self, input: &Input, stage: Option<Stage>) -> Result<(), Full> {
        self.log.reserve()?;
        let begun = stage.map(|stage| (stage, clock::mono()));
        self.engine.step(self.now, input, &mut self.events);
        if let Some((stage, begun)) = begun {
            self.stages.record(stage, clock::mono() - begun);
        }
        if self.events.as_slice().is_empty() { Ok(()) } else { self.record() }
    }

    /// Lets the venues look whether a token's new book, or its end, means something to orders that rest.
    fn book_changed(&mut self, token: TokenId) {
        self.paper.book_changed(self.now, token, &self.engine);
        if let LiveVenue::Simulated(venue) = &mut self.live {
            venue.book_changed(self.now, token, &self.engine);
        }
    }

    fn live_due(&self) -> Nanos {
        match &self.live {
            LiveVenue::Simulated(venue) => venue.next_due(),
            LiveVenue::None | LiveVenue::Polymarket(_) => Nanos::NEVER,
        }
    }

    fn tell_gate(&self) {
        if let LiveVenue::Polymarket(live) = &self.live {
            live.tell_gate(&self.engine);
        }
    }

    /// Lets an order out, or notes why it does not leave. The last look is here: what ended in its own step (a shadow) is
    /// nobody's, and live orders pass the ceilings.
    fn send(&mut self, order: &Submitted) {
        if self.engine.orders().get(order.order).is_none() {
            return;
        }
        if self.engine.portfolios()[order.portfolio.index()].mode == Mode::Paper {
            return self.paper.submit(self.now, order);
        }
        if let LiveVenue::None = self.live {
            return self.unsent.push((order.order, NotSent::LiveOff));
        }
        if let Err(cause) = self.ceilings.pass(self.now, order) {
            return self.unsent.push((order.order, cause));
        }
        match &mut self.live {
            LiveVenue::Simulated(venue) => venue.submit(self.now, order),
            // It is signed when the records of this step are written.
            LiveVenue::Polymarket(_) => self.leaving.push_back(*order),
            LiveVenue::None => (),
        }
    }

    /// Signs an order, records its name, and only then hands it to the wire.
    fn hand_over(&mut self, order: &Submitted) -> Result<(), Full> {
        let LiveVenue::Polymarket(live) = &mut self.live else { return Ok(()) };
        self.log.reserve()?;
        let begun = clock::mono();
        let signed = match live.sign(self.now, order, &self.engine) {
            Ok(signed) => signed,
            Err(cause) => {
                self.unsent.push((order.order, cause));
                return Ok(());
            }
        };
        self.stages.record(Stage::Sign, clock::mono() - begun);
        if let Some(age) = live.age() {
            self.stages.record(Stage::Age, age.0);
        }
        fault::point("after_sign");
        self.engine.note(self.now, &Noted::Signed(signed), &mut self.events);
        // No more than that: another order signed before this one is handed over would be handed over in its place.
        self.write();
        fault::point("after_signed_record");
        if let LiveVenue::Polymarket(live) = &mut self.live {
            let begun = clock::mono();
            if let Err(cause) = live.hand_over() {
                self.unsent.push((order.order, cause));
            }
            self.stages.record(Stage::HandOver, clock::mono() - begun);
            fault::point("after_hand_over");
        }
        Ok(())
    }

    /// Writes the step's events, then lets their effects out: one live order after the other; those that did not leave end.
    fn record(&mut self) -> Result<(), Full> {
        self.write();
        while let Some(order) = self.leaving.pop_front() {
            self.hand_over(&order)?;
        }
        while let Some((order, cause)) = self.unsent.pop() {
            self.step(&Input::Closed { order, end: OrderEnd::NotSent(cause) }, None)?;
        }
        Ok(())
    }

    /// Writes events, then lets their effects out, but for live orders: those wait for their turn.
    fn write(&mut self) {
        let begun = clock::mono();
        for event in self.events.as_slice() {
            self.log.append(self.now, event);
        }
        self.stages.record(Stage::Journal, clock::mono() - begun);
        fault::point(point_of(self.events.as_slice()));
        for index in 0..self.events.as_slice().len() {
            let event = self.events.as_slice()[index];
            self.tally.add(&event);
            self.let_out(&event);
        }
        self.events.clear();
    }

    /// Lets the effect of a written event out.
    #[expect(clippy::too_many_lines, reason = "one arm for each event")]
    fn let_out(&mut self, event: &Event) {
        match event {
            Event::Signal(signal) => {
                self.traded_at[signal.signal.0 as usize % ORDERS_OPEN_MAX] = (signal.signal, signal.traded_at);
            }
            Event::Submitted(order) => {
                self.ordered_at[order.order.0 as usize % ORDERS_OPEN_MAX] = (order.order, self.now);
                let (signal, traded_at) = self.traded_at[order.signal.0 as usize % ORDERS_OPEN_MAX];
                if order.signal != SignalId::NONE && signal == order.signal {
                    self.stages.record(Stage::BehindLeader, self.now.since(traded_at).0);
                }
                self.send(order);
            }
            Event::Filled(filled) => {
                let (order, at) = self.ordered_at[filled.order.0 as usize % ORDERS_OPEN_MAX];
                if order == filled.order {
                    self.stages.record(Stage::Fill, self.now.since(at).0);
                }
            }
            Event::CancelDue { order } if *order < OrderId::LIVE => self.paper.cancel(self.now, *order),
            Event::CancelDue { order } => match &mut self.live {
                LiveVenue::None => (),
                LiveVenue::Simulated(venue) => venue.cancel(self.now, *order),
                LiveVenue::Polymarket(live) => live.cancel(*order, &self.engine),
            },
            Event::LiveSwitched { .. } | Event::LeaderSwitched { .. } => self.tell_gate(),
            Event::Configured { .. } => self.change_ahead(Ahead::forget_all),
            Event::Diverged { token, .. } => self.resync.push(*token),
            Event::Deposited { .. }
            | Event::Withdrawn { .. }
            | Event::Repeated { .. }
            | Event::Parked { .. }
            | Event::Skipped { .. }
            | Event::Refused { .. }
            | Event::ExitDue { .. }
            | Event::Accepted { .. }
            | Event::Closed { .. }
            | Event::Resolved { .. }
            | Event::Settled(_)
            | Event::Released { .. }
            | Event::Valued(_)
            | Event::Resynced { .. }
            | Event::Faulted { .. }
            | Event::Paused { .. }
            | Event::Unpaused { .. }
            | Event::Scored(_)
            | Event::Buffered { .. }
            | Event::Merged { .. }
            | Event::LeaderHolds { .. }
            | Event::LeaderBlocked { .. }
            | Event::LeaderUnblocked { .. }
            | Event::Peaked { .. }
            | Event::PlanRepaired { .. }
            | Event::Unplanned { .. }
            | Event::Unknown { .. }
            | Event::DayBegan { .. }
            | Event::Tripped { .. }
            | Event::BreakerReset { .. }
            | Event::BalanceLow { .. }
            | Event::Moved { .. }
            | Event::Declined { .. }
            | Event::PaperSwitched { .. }
            | Event::Funded { .. }
            | Event::Signed(_)
            | Event::Matched(_)
            | Event::Confirmed { .. }
            | Event::Voided { .. }
            | Event::External(_)
            | Event::Adopted { .. }
            | Event::HeldBack { .. }
            | Event::HoldEnded { .. }
            | Event::Differs(_)
            | Event::WalletHolds(_)
            | Event::Explained { .. }
            | Event::TakenIn(_)
            | Event::WrittenOff(_)
            | Event::Gap(_) => (),
        }
    }
}

/// Returns where a process may be killed that has just recorded these.
fn point_of(events: &[Event]) -> &'static str {
    let is = |is: fn(&Event) -> bool| events.iter().any(is);
    if is(|event| matches!(event, Event::Voided { .. })) {
        "after_void_record"
    } else if is(|event| matches!(event, Event::Confirmed { .. })) {
        "after_confirmed_record"
    } else if is(|event| matches!(event, Event::Matched(_))) {
        "after_matched_record"
    } else if is(|event| matches!(event, Event::Closed { .. } | Event::Accepted { .. } | Event::Unknown { .. })) {
        "after_answer_record"
    } else if is(|event| matches!(event, Event::Submitted(order) if OrderId::LIVE <= order.order)) {
        "after_submitted_record"
    } else if is(|event| matches!(event, Event::LiveSwitched { .. })) {
        "in_switch"
    } else {
        "after_record"
    }
}

/// A replay's log: a hash of all events in order, so that two runs can be compared.
#[derive(Default)]
pub struct Digest {
    hash: sha2::Sha256,
    buffer: Vec<u8>,
}

impl Digest {
    pub fn new() -> Digest {
        Digest { hash: sha2::Digest::new(), buffer: vec![0; 512] }
    }

    /// Returns the hash so far, in hexadecimal.
    pub fn hex(&self) -> String {
        use sha2::Digest as _;
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Log for Digest {
    fn reserve(&mut self) -> Result<(), Full> {
        Ok(())
    }

    fn append(&mut self, at: Nanos, event: &Event) {
        use sha2::Digest as _;
        let encoded = postcard::to_slice(&(at, event), &mut self.buffer).expect("an event is short");
        self.hash.update(&*encoded);
    }
}
