//! One trial under way: the engine under test, its shadow that only applies, the auditor, and the world's plans.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::OnceLock,
};

use super::{
    Coverage, Scene,
    cast::{Actor, Deed},
    live,
    market::Place,
    operator,
    scene::Faults,
};
use crate::{
    domain::{
        Event, Input, LeaderId, LiveOrders, LiveSwitch, Nanos, OrderEnd, OrderId, PortfolioId, PortfolioSet, Side,
        Tick, TokenId, Usdc,
    },
    engine::Engine,
    hot_loop::{Core, Log},
    journal::Full,
    metrics::Stages,
    sim::{
        auditor::{Auditor, Finding, Held},
        random::Random,
    },
    venue::paper::{Paper, PaperOptions},
};

/// A log that keeps what is written until somebody takes it.
#[derive(Default)]
struct Written(Vec<(Nanos, Event)>);

impl Log for Written {
    fn reserve(&mut self) -> Result<(), Full> {
        Ok(())
    }

    fn append(&mut self, at: Nanos, event: &Event) {
        self.0.push((at, *event));
    }
}

/// What will reach the engine.
#[derive(Clone, Copy, Debug)]
enum Plan {
    Input(Input),
    /// The whole book of a place, as it is then.
    Book(usize),
}

pub struct Play {
    scene: Scene,
    random: Random,
    core: Core<Written>,
    /// Applies every event and decides nothing: what a restart would find.
    shadow: Engine,
    auditor: Auditor,
    /// All events so far: the journal.
    journal: Vec<(Nanos, Event)>,
    now: Nanos,
    places: Vec<Place>,
    actors: Vec<Actor>,
    /// What is on its way to the engine.
    plans: BTreeMap<(Nanos, u64), Plan>,
    planned: u64,
    inputs: usize,
    /// How many there should be before the faults stop.
    inputs_meant: usize,
    /// Leader trades that were told, for sources that repeat them.
    told: VecDeque<Input>,
    story: Vec<String>,
    coverage: Coverage,
}

impl Play {
    pub fn new(scene: Scene) -> Play {
        let mut random = scene.random.clone();
        let mut places = vec![];
        for (index, market) in scene.markets.iter().enumerate() {
            let (worth, is_known) = (random.range(100_000, 900_000) as u32, !scene.cold.contains(&index));
            let outcomes = [(0, worth), (1, 1_000_000 - worth)];
            places
                .extend(outcomes.map(|(o, worth)| Place::new(TokenId(2 * index as u32 + o), *market, worth, is_known)));
        }
        let actors = scene.leaders.iter().enumerate().map(|(id, style)| Actor::new(LeaderId(id as u32), *style));
        let (core, shadow) = (core(engine(&scene, &places)), engine(&scene, &places));
        let (auditor, now) = (Auditor::new(scene.terms()), scene.begins);
        let mut play = Play {
            random,
            core,
            shadow,
            auditor,
            journal: vec![],
            now,
            actors: actors.collect(),
            places,
            plans: BTreeMap::new(),
            planned: 0,
            inputs: 0,
            inputs_meant: 0,
            told: VecDeque::new(),
            story: vec![],
            coverage: Coverage::default(),
            scene,
        };
        play.open();
        play
    }

    pub fn seed(&self) -> u64 {
        self.scene.seed
    }

    /// Returns how many inputs the engine took before the faults stopped: a trial of so many is the same.
    pub fn inputs(&self) -> usize {
        self.inputs.min(self.inputs_meant)
    }

    pub fn story(&self) -> Vec<String> {
        self.story.clone()
    }

    pub fn coverage(self) -> Coverage {
        self.coverage
    }

    pub fn auditor(&self) -> &Auditor {
        &self.auditor
    }

    pub fn places(&mut self) -> &mut [Place] {
        &mut self.places
    }

    pub fn now(&self) -> Nanos {
        self.now
    }

    /// Pays in the capital, and plans the first books and what is known of markets.
    fn open(&mut self) {
        for (index, place) in self.places.iter().enumerate() {
            if place.is_known {
                let known = Input::MarketKnown { token: TokenId(index as u32), market: place.market };
                self.auditor.input(self.now, &known);
            }
        }
        for id in 0..self.scene.portfolios.len() as u16 {
            let capital = self.scene.capital;
            let fund = |engine: &mut Engine, now, events: &mut _| engine.fund(now, PortfolioId(id), capital, events);
            self.core.set_up(self.now, fund).expect("the log takes everything");
        }
        if self.scene.options.live == LiveSwitch::On {
            // The settings only allow it.
            self.plan(Nanos::ZERO, Input::SwitchLive { to: LiveSwitch::On });
        }
        for index in 0..self.places.len() {
            self.places[index].refill(4, 2_000, &mut self.random);
            let later = Nanos::from_millis(self.random.range(0, 800));
            self.plan_snapshot(index, later);
            if !self.places[index].is_known {
                let token = self.places[index].token;
                let learned = Nanos::from_millis(self.random.range(500, 60_000));
                let input = match self.random.chance(20) {
                    true => Input::MarketUnknown { token },
                    false => Input::MarketKnown { token, market: self.places[index].market },
                };
                self.plan(learned, input);
            }
        }
    }

    // -- the world -----------------------------------------------------------------------------------------------------

    /// Lets the world act until the engine has taken so many inputs.
    pub fn act(&mut self, inputs: usize) -> Finding {
        self.inputs_meant = inputs;
        self.heard()?;
        while self.inputs < inputs {
            self.now = self.now.plus(self.pause());
            // What was on its way comes before what happens now.
            self.give_due()?;
            self.draw();
            self.give_due()?;
            self.follow_up();
            if self.scene.faults == Faults::All && self.random.range(0, 1_000) < 8 {
                self.restart()?;
            }
        }
        Ok(())
    }

    /// Lets a leader's deeds reach the engine, at once and as they are.
    pub fn perform(&mut self, deeds: Vec<Deed>) -> Finding {
        let mut last = Nanos::ZERO;
        for (later, input) in deeds {
            self.plan(later, input);
            last = last.max(later);
        }
        self.pass(last)
    }

    /// Tells a token's whole book as it now is.
    pub fn tell_book(&mut self, index: usize) -> Finding {
        self.plan_snapshot(index, Nanos::ZERO);
        self.pass(Nanos::ZERO)
    }

    /// Lets time pass.
    pub fn pass(&mut self, length: Nanos) -> Finding {
        self.now = self.now.plus(length);
        self.give_due()?;
        self.advance(self.now)
    }

    /// Returns how long nothing happens: mostly a moment, now and then hours.
    fn pause(&mut self) -> Nanos {
        let millis = match self.random.range(0, 100) {
            0..60 => self.random.range(0, 60),
            60..88 => self.random.range(50, 2_000),
            88..96 => self.random.range(2_000, 60_000),
            96..99 => self.random.range(60_000, 1_800_000),
            _ => self.random.range(3_600_000, 40_000_000),
        };
        Nanos::from_millis(millis)
    }

    /// Draws what happens next.
    fn draw(&mut self) {
        match self.random.range(0, 100) {
            0..45 => self.leader_acts(),
            45..80 => self.book_moves(),
            80..85 => self.reads(),
            85..90 => {
                for (later, command) in operator::commands(&self.scene, &mut self.random) {
                    self.plan(later, command);
                }
            }
            90..93 => self.source_errs(),
            93 => self.reads(),
            94..96 => self.market_ends(),
            _ => self.venue_errs(),
        }
    }

    fn leader_acts(&mut self) {
        let index = self.random.range(0, self.actors.len() as u64) as usize;
        if self.random.chance(85) {
            self.books_live();
        }
        let deeds = self.actors[index].act(self.now, &self.places, &mut self.random);
        for (later, input) in deeds {
            // Seen a little late, sometimes much too late, and so out of order; and often seen twice.
            let delay = match self.random.range(0, 100) {
                0..80 => self.random.range(0, 400),
                80..96 => self.random.range(400, 2_500),
                _ => self.random.range(2_500, 20_000),
            };
            let seen = later.plus(Nanos::from_millis(delay));
            self.plan(seen, input);
            if self.random.chance(15) {
                let again = seen.plus(Nanos::from_millis(self.random.range(0, 3_000)));
                self.plan(again, input);
            }
        }
    }

    /// Each book says that it is as it was.
    fn books_live(&mut self) {
        let mut inputs = vec![];
        for place in self.places.iter().filter(|place| !place.has_ended) {
            place.changes(place, self.now, 0, &mut self.random, &mut inputs);
        }
        inputs.into_iter().for_each(|input| self.plan(Nanos::ZERO, input));
    }

    fn book_moves(&mut self) {
        let index = self.random.range(0, self.places.len() as u64) as usize;
        let before = self.places[index].clone();
        if before.has_ended {
            return;
        }
        let (place, random) = (&mut self.places[index], &mut self.random);
        match random.range(0, 100) {
            0..70 => place.drift(random.step(4)),
            70..85 => place.drift(random.step(30)),
            85..90 => place.empty(Side::Sell),
            90..95 => place.empty(Side::Buy),
            _ => {
                let tick = *random.pick(&[Tick::CENT, Tick::KNOWN[4]]);
                let changed = place.regrid(tick, random);
                self.plan(Nanos::ZERO, changed);
                return self.plan_snapshot(index, Nanos::ZERO);
            }
        }
        let emptied = place.best_ask().is_none() || place.best_bid().is_none();
        let is_refilled = !emptied || before.best_ask().is_none() || before.best_bid().is_none();
        if is_refilled {
            let (depth, size) = (random.range(1, 5), *random.pick(&[10, 100, 2_000]));
            place.refill(depth, size, random);
        }
        let mut inputs = vec![];
        let lost = if self.scene.faults == Faults::All && random.chance(10) { 50 } else { 0 };
        if random.chance(15) {
            place.snapshot(self.now, &mut inputs);
        } else {
            place.changes(&before, self.now, lost, random, &mut inputs);
        }
        inputs.into_iter().for_each(|input| self.plan(Nanos::ZERO, input));
    }

    /// What is thought of a token, and what a leader owns, is read again.
    fn reads(&mut self) {
        let (token, worth) = {
            let place = self.random.pick(&self.places);
            (place.token, place.worth)
        };
        let ppm = (i64::from(worth) + self.random.step(400_000)).clamp(0, 1_000_000) as u32;
        let at = Nanos(self.now.0 - self.random.range(0, 60_000_000_000));
        self.plan(Nanos::ZERO, Input::Probability { token, ppm, at });
        let leader = LeaderId(self.random.range(0, self.actors.len() as u64) as u32);
        let capital = Usdc::whole(*self.random.pick(&[0, 1_000, 50_000]));
        self.plan(Nanos::ZERO, Input::LeaderWorth { leader, capital, exposure: Usdc(capital.0 / 2) });
    }

    /// A source says what was said, loses a connection, or finds that a book is not the venue's.
    fn source_errs(&mut self) {
        let token = self.random.pick(&self.places).token;
        let input = match self.random.range(0, 5) {
            4 => {
                let actor = &self.actors[self.random.range(0, self.actors.len() as u64) as usize];
                Some(actor.holds(token, self.now))
            }
            0 => self.told.get(self.random.range(0, 1 + self.told.len() as u64) as usize).copied(),
            1 => Some(Input::BookLost { token }),
            2 => Some(Input::HashChecked { token, good: self.random.chance(30) }),
            _ => {
                // A snapshot that was on its way for too long.
                let mut old = vec![];
                let then = Nanos(self.now.0 - self.random.range(0, 5_000_000_000));
                self.places[token.index()].snapshot(then, &mut old);
                old.into_iter().for_each(|input| self.plan(Nanos::ZERO, input));
                None
            }
        };
        if self.scene.faults == Faults::All {
            input.into_iter().for_each(|input| self.plan(Nanos::ZERO, input));
        }
    }

    /// The venue repeats itself; rarely, it answers for an order that nobody sent.
    fn venue_errs(&mut self) {
        let open: Vec<OrderId> = self.core.engine.orders().iter().map(|order| order.submitted.order).collect();
        let portfolio = PortfolioId(self.random.range(0, self.scene.portfolios.len() as u64) as u16);
        let later = Nanos::from_millis(self.random.range(100, 60_000));
        let input = match self.random.range(0, 44) {
            40..42 => {
                let to = *self.random.pick(&[LiveOrders::ChannelDown, LiveOrders::ClosedOnly, LiveOrders::Restarting]);
                self.plan(later, Input::LiveOrders { to: LiveOrders::Ready });
                Some(Input::LiveOrders { to })
            }
            42..44 => {
                let (amount, until) = (Usdc::whole(self.random.range(1, 500) as i64), self.now.plus(later));
                Some(Input::HoldBack { portfolio, amount, until })
            }
            0 => Some(Input::Accepted { order: OrderId(1_000_000) }),
            1..20 => open.first().map(|order| Input::Accepted { order: *order }),
            _ => open.last().map(|order| Input::Unknown { order: *order }),
        };
        if self.scene.faults == Faults::All {
            input.into_iter().for_each(|input| self.plan(Nanos::ZERO, input));
        }
    }

    fn market_ends(&mut self) {
        let index = self.random.range(0, self.places.len() as u64) as usize;
        if self.random.chance(8) {
            self.end_market(index / 2);
        }
    }

    /// Ends a market: one outcome wins, or both pay half.
    fn end_market(&mut self, market: usize) {
        let payout = *self.random.pick(&[0, 1_000_000, 500_000]);
        for (index, payout) in [(2 * market, payout), (2 * market + 1, 1_000_000 - payout)] {
            if !std::mem::replace(&mut self.places[index].has_ended, true) {
                self.plan(Nanos::ZERO, Input::Resolved { token: TokenId(index as u32), payout });
            }
        }
    }

    /// Fetches books that the engine asked for.
    fn follow_up(&mut self) {
        let asked: BTreeSet<TokenId> = self.core.resync.drain(..).collect();
        for token in asked {
            let later = Nanos::from_millis(self.random.range(20, 900));
            if !self.places[token.index()].has_ended {
                self.plan_snapshot(token.index(), later);
            }
        }
    }

    fn plan(&mut self, later: Nanos, input: Input) {
        self.plan_at(self.now.plus(later), Plan::Input(input));
    }

    fn plan_snapshot(&mut self, index: usize, later: Nanos) {
        self.plan_at(self.now.plus(later), Plan::Book(index));
    }

    fn plan_at(&mut self, at: Nanos, plan: Plan) {
        self.planned += 1;
        self.plans.insert((at, self.planned), plan);
    }

    /// Takes the next input that is due, with its time.
    fn next_due(&mut self) -> Option<(Nanos, Input)> {
        loop {
            let ((at, _), plan) = self.plans.first_entry().filter(|plan| plan.key().0 <= self.now)?.remove_entry();
            match plan {
                Plan::Input(Input::MarketKnown { token, .. }) => {
                    // What is learned of a market is what it is like when the answer comes.
                    let market = self.places[token.index()].market;
                    return Some((at, Input::MarketKnown { token, market }));
                }
                Plan::Input(input) => return Some((at, input)),
                Plan::Book(index) => {
                    let mut inputs = vec![];
                    self.places[index].snapshot(at, &mut inputs);
                    inputs.into_iter().for_each(|input| self.plan_at(at, Plan::Input(input)));
                }
            }
        }
    }

    // -- the engine ----------------------------------------------------------------------------------------------------

    fn give_due(&mut self) -> Finding {
        while let Some((at, input)) = self.next_due() {
            self.give(at, &input)?;
        }
        Ok(())
    }

    /// Hands one input to the engine, and looks at all that came of it and of the time before.
    fn give(&mut self, at: Nanos, input: &Input) -> Finding {
        self.advance(at)?;
        if let (Input::LeaderTrade(_), true) = (input, self.told.len() < 200) {
            self.told.push_back(*input);
        }
        self.inputs += 1;
        self.learn(input);
        self.tell(|| format!("{at:?} {input:?}"));
        let at = at.max(self.core.now());
        self.auditor.input(at, input);
        self.core.handle(at, input).expect("the log takes everything");
        let events = self.journal.len();
        self.heard()?;
        if events == self.journal.len() {
            return Ok(()); // Only what is in an event can have changed.
        }
        // Hashes take long: some of them, beside those before each restart and at the end, are enough.
        if self.random.chance(10) {
            self.compare_states()?;
        }
        self.compare_books()
    }

    /// What a market is like has a record of its own in the journal: it outlives the process.
    fn learn(&mut self, input: &Input) {
        if let Input::MarketKnown { token, .. } = input {
            self.places[token.index()].is_known = true;
        }
    }

    fn advance(&mut self, at: Nanos) -> Finding {
        let at = at.max(self.core.now());
        self.core.advance(at).expect("the log takes everything");
        self.heard()?;
        self.auditor.on_time(at)
    }

    /// Lets the auditor and the shadow hear what was written.
    fn heard(&mut self) -> Finding {
        let written = std::mem::take(&mut self.core.log.0);
        for (at, event) in &written {
            self.tell(|| format!("   {at:?} {event:?}"));
            self.coverage.add_event(event);
            self.auditor.event(*at, event)?;
            self.shadow.apply(*at, event);
        }
        written.iter().for_each(|(_, event)| self.live_venue_hears(event));
        self.journal.extend(written);
        Ok(())
    }

    /// The venue of live orders takes what left, and will say what becomes of it.
    fn live_venue_hears(&mut self, event: &Event) {
        let words = match event {
            Event::Submitted(order) if OrderId::LIVE < order.order => {
                // What ended in its own step never left.
                if self.core.engine.orders().get(order.order).is_none() {
                    return;
                }
                let market = self.places[order.token.index()].market;
                match self.scene.faults {
                    Faults::All => live::words(order, &market, &mut self.random),
                    Faults::None => live::good_words(order, &market),
                }
            }
            Event::CancelDue { order } if OrderId::LIVE < *order => {
                vec![(Nanos::from_millis(300), Input::Closed { order: *order, end: OrderEnd::Cancelled })]
            }
            _ => return, // The venue of live orders hears of nothing else.
        };
        let now = self.core.now();
        words.into_iter().for_each(|(later, word)| self.plan_at(now.plus(later), Plan::Input(word)));
    }

    /// The engine that decided and the one that only applied must be in the same state.
    fn compare_states(&self) -> Finding {
        let (live, replayed) = (self.core.engine.state_hash(), self.shadow.state_hash());
        if live == replayed {
            return Ok(());
        }
        Err(format!("the state is {live:016x}, and replaying the events makes {replayed:016x}"))
    }

    /// The engine and the auditor must be of one mind.
    fn compare_books(&self) -> Finding {
        let engine = &self.core.engine;
        for id in 0..self.scene.portfolios.len() as u16 {
            self.auditor.statement(&engine.valued(PortfolioId(id)))?;
        }
        let positions = engine.positions().iter().map(|position| Held {
            portfolio: position.portfolio.0,
            leader: position.leader.0,
            token: position.token.0,
            shares: position.shares.0,
            cost: position.cost.0,
            reserved: position.reserved.0,
            selling: position.selling.0,
            unsettled: position.unsettled.0,
            unsettled_cost: position.unsettled_cost.0,
            sold: position.sold.0,
        });
        self.auditor.holdings(positions.collect())
    }

    /// The process ends, perhaps in the middle of an input, and another takes its place from what is in the journal.
    fn restart(&mut self) -> Finding {
        self.coverage.add("restart");
        self.compare_states()?;
        let at = self.now.max(self.core.now());
        if let Some(cut) = self.cut_short(at)? {
            self.coverage.add("restart in the middle of an input");
            self.journal.extend(cut);
        }
        self.scene_changes();
        let mut engine = engine(&self.scene, &self.places);
        self.journal.iter().for_each(|(at, event)| engine.apply(*at, event));
        let (recovered, shadow) = (engine.state_hash(), self.shadow.state_hash());
        if recovered != shadow {
            return Err(format!("recovered to {recovered:016x}, and not to {shadow:016x}"));
        }
        self.tell(|| "the process ended, and another recovered".to_owned());
        self.auditor.restarted();
        self.core = core(engine);
        self.now = self.now.plus(Nanos::from_millis(self.random.range(10, 120_000)));
        self.plans.retain(|_, plan| !is_of_a_connection(plan));
        self.core.resume(self.now).expect("the log takes everything");
        self.heard()?;
        for index in 0..self.places.len() {
            let later = Nanos::from_millis(self.random.range(10, 1_500));
            if !self.places[index].has_ended {
                self.plan_snapshot(index, later);
            }
        }
        // What was missed is told again, with what was not.
        let again: Vec<Input> = self.told.iter().rev().take(3).copied().collect();
        again.into_iter().for_each(|input| self.plan(Nanos::from_millis(50), input));
        self.compare_books()
    }

    /// Gives the engine one more input, of which only a part gets into the journal; returns that part.
    fn cut_short(&mut self, at: Nanos) -> Result<Option<Vec<(Nanos, Event)>>, String> {
        if self.random.chance(40) {
            return Ok(None);
        }
        self.now = self.plans.keys().next().map_or(at, |(due, _)| at.max(*due));
        let Some((_, input)) = self.next_due() else { return Ok(None) };
        let at = self.now;
        self.advance(at)?;
        self.learn(&input);
        self.tell(|| format!("cut short: {input:?}"));
        self.auditor.input(at, &input);
        self.core.handle(at, &input).expect("the log takes everything");
        let mut written = std::mem::take(&mut self.core.log.0);
        written.truncate(self.random.range(0, written.len() as u64 + 1) as usize);
        for (at, event) in &written {
            self.tell(|| format!("   {at:?} {event:?}"));
            self.auditor.event(*at, event)?;
            self.shadow.apply(*at, event);
        }
        if let (Input::LeaderTrade(_), Some(_)) = (input, self.random.chance(70).then_some(())) {
            self.plan(Nanos::from_secs(1), input);
        }
        if is_of_a_live_order(&input) {
            // It is read again at the start.
            self.plan(Nanos::from_secs(1), input);
        }
        Ok(Some(written))
    }

    /// Somebody may have changed the settings while the process was down.
    fn scene_changes(&mut self) {
        for id in 0..self.scene.portfolios.len() {
            if self.random.chance(20) {
                let settings = super::settings::drawn(&mut self.random);
                self.scene.portfolios[id].1 = settings;
                self.auditor.configured(PortfolioId(id as u16), settings);
            }
        }
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        self.story.push(line());
    }

    // -- the end -------------------------------------------------------------------------------------------------------

    /// Faults stop. Books are good for a while, and all must come to rest; then markets end, proceeds cool, and all money
    /// must be there.
    pub fn come_to_rest(&mut self) -> Finding {
        self.scene.faults = Faults::None;
        self.plan(Nanos::ZERO, Input::LiveOrders { to: LiveOrders::Ready });
        self.pass(Nanos::from_secs(60))?;
        for index in 0..self.places.len() {
            let (token, market) = (self.places[index].token, self.places[index].market);
            self.plan(Nanos::ZERO, Input::MarketKnown { token, market });
            self.places[index].refill(5, 10_000_000, &mut self.random);
        }
        for _ in 0..15 {
            (0..self.places.len()).filter(|i| !self.places[*i].has_ended).collect::<Vec<_>>().into_iter().for_each(
                |i| {
                    self.plan_snapshot(i, Nanos::ZERO);
                },
            );
            self.pass(Nanos::from_secs(61))?;
        }
        self.auditor.at_rest()?;
        (0..self.places.len() / 2).for_each(|market| self.end_market(market));
        self.pass(Nanos::from_secs(10))?;
        self.pass(Nanos::from_secs(4 * 3_600))?;
        self.compare_states()?;
        self.compare_books()?;
        self.auditor.at_end()
    }
}

/// Whether an input is lost with the process: what came by a connection, not what the world still has to say.
fn is_of_a_connection(plan: &Plan) -> bool {
    match plan {
        Plan::Book(_) => true,
        Plan::Input(input) => matches!(
            input,
            Input::Snapshot { .. } | Input::Level { .. } | Input::BookDone { .. } | Input::HashChecked { .. }
        ),
    }
}

/// Whether an input is what the venue says of a live order.
fn is_of_a_live_order(input: &Input) -> bool {
    match input {
        Input::Matched { .. } | Input::Confirmed { .. } | Input::Voided { .. } => true,
        Input::Closed { order, .. } | Input::Accepted { order } => OrderId::LIVE < *order,
        _ => false, // Only these are.
    }
}

fn core(engine: Engine) -> Core<Written> {
    // Nobody reads how long the stages take here, so one recorder's histograms serve for all.
    static STAGES: OnceLock<Stages> = OnceLock::new();
    let stages = STAGES.get_or_init(Stages::new);
    let mut core = Core::new(engine, Paper::new(PaperOptions::default()), Written::default(), stages.recorder());
    // It takes orders and never answers: the trial speaks for the venue of live orders.
    let never = Nanos::from_secs(1_000_000_000);
    core.set_live(Paper::new(PaperOptions { fill_delay: never, ..PaperOptions::default() }));
    core
}

/// Returns an engine as set up for the scene, before any event.
fn engine(scene: &Scene, places: &[Place]) -> Engine {
    let mut engine = Engine::new(scene.options);
    for place in places {
        engine.install_token(place.token);
        if place.is_known {
            engine.set_market(place.token, place.market);
        }
        let mut denied = PortfolioSet::EMPTY;
        scene.denied.iter().filter(|(token, _)| *token == place.token).for_each(|(_, id)| denied.insert(*id));
        engine.deny(place.token, denied);
    }
    for (id, (mode, settings)) in scene.portfolios.iter().enumerate() {
        engine.install_portfolio(PortfolioId(id as u16), *mode, *settings);
    }
    scene.follows.iter().for_each(|(leader, id)| engine.follow(*leader, *id));
    engine
}
