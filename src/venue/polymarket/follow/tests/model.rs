//! THE PROTOCOL, MODEL-CHECKED (RELIABILITY.md 5.4): the real [`Follower`] in a small world, through every interleaving of what
//! may happen to up to two intents of one token: told twice, sent, landed late as a fill or killed, answers and messages lost,
//! sent again, reads that lie, the switch turned off, kill -9, power loss. And the same with one rule of the protocol left
//! out, each of which must break: so the check can fail.

mod variants;
mod venue;

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hasher as _},
};

use super::*;
use crate::domain::OrderEnd;

/// No trade of a leader is copied that is older.
const AGE_MAX: Nanos = Nanos::from_secs(3);
/// After a start nothing is copied for so long.
const OBSERVE: Nanos = Nanos::from_secs(5);
/// Bytes that left may land until then.
const LATE_MAX: Nanos = Nanos::from_secs(500);
/// So long after the last sending a read may find nothing of what is there.
const LIES_MAX: Nanos = Nanos::from_secs(590);
/// Everything has come to rest by then.
const END: Nanos = Nanos(START.0 + Nanos::from_secs(1_500).0);
/// More states than this are a mistake of the model.
const STATES_MAX: usize = 400_000;

/// A rule book: the protocol's, or one with a rule left out.
#[derive(Clone, Copy, Debug)]
struct Rules {
    intents: u8,
    /// Each leader's trade is told so often.
    tellings: u8,
    kills: u8,
    power_losses: u8,
    has_switch: bool,
    restart: Nanos,
    has_age_gate: bool,
    observes: bool,
    journals_first: bool,
    signs_again_when_lost: bool,
    signs_again_when_absent: bool,
    patience: Patience,
    lies_max: Nanos,
    /// The second sending leaves so late, and whether the follower is told.
    again_late: Option<(Nanos, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Engine {
    Open,
    Unknown,
    Closed(OrderEnd),
    /// Its record was lost with the power.
    Forgotten,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum AtVenue {
    Nothing,
    Filled,
    Killed,
}

/// One signature, as the engine, the journal and the venue see it.
#[derive(Clone, Debug)]
struct Order {
    intent: u8,
    number: u8,
    submitted_at: Nanos,
    is_journaled: bool,
    /// When each sending that has not landed left.
    flying: Vec<Nanos>,
    last_left: Option<Nanos>,
    /// When the second sending leaves, where that is late.
    again_at: Option<Nanos>,
    at_venue: AtVenue,
    is_fill_told: bool,
    engine: Engine,
}

#[derive(Clone, Debug)]
struct World {
    now: Nanos,
    started_at: Nanos,
    follower: Follower,
    /// Of each intent: tellings that are left, and whether it was decided.
    intents: [(u8, bool); 2],
    orders: Vec<Order>,
    /// The order that waits to leave.
    queue: Option<u8>,
    is_off: bool,
    kills: u8,
    power_losses: u8,
    broken: Option<&'static str>,
}

impl World {
    fn new(rules: &Rules) -> World {
        let telling = |intent| (if intent < rules.intents { rules.tellings } else { 0 }, false);
        let mut world = World {
            now: START,
            started_at: Nanos::ZERO,
            follower: Follower::new(START),
            intents: [telling(0), telling(1)],
            orders: Vec::new(),
            queue: None,
            is_off: false,
            kills: rules.kills,
            power_losses: rules.power_losses,
            broken: None,
        };
        world.follower.patience = rules.patience;
        world.open_channel(rules);
        world
    }

    /// The channel comes up, and the first read of trades finds nothing, or what is there.
    fn open_channel(&mut self, rules: &Rules) {
        self.hear(rules, &Evidence::ChannelUp);
    }

    fn hear(&mut self, rules: &Rules, evidence: &Evidence) -> Vec<Action> {
        let mut told = Told::default();
        self.follower.hear(self.now, evidence, &mut told);
        self.take(rules, told)
    }

    /// Gives the engine what it is told.
    fn take(&mut self, rules: &Rules, told: Told) -> Vec<Action> {
        for input in &told.inputs {
            match *input {
                Input::Unknown { order } => {
                    self.order(order).engine = Engine::Unknown;
                    if rules.signs_again_when_lost {
                        let intent = self.order(order).intent;
                        self.submit(rules, intent);
                    }
                }
                Input::Matched { order, .. } => self.order(order).is_fill_told = true,
                Input::Closed { order, end } => self.close(order, end),
                _ => {}
            }
        }
        told.actions
    }

    fn order(&mut self, order: OrderId) -> &mut Order {
        &mut self.orders[order.0 as usize - 1]
    }

    /// I-16: what ends has its fills told, and none can come.
    fn close(&mut self, order: OrderId, end: OrderEnd) {
        let closed = self.order(order);
        closed.engine = Engine::Closed(end);
        let may_fill = closed.at_venue == AtVenue::Nothing && (!closed.flying.is_empty() || closed.again_at.is_some());
        if may_fill || closed.at_venue == AtVenue::Filled && !closed.is_fill_told {
            self.broken = Some("I-16");
        }
    }

    /// I-1: of each intent, one signature at most that left and is not proven refused.
    fn check_signatures(&mut self) {
        for intent in 0..2 {
            let live = self.orders.iter().filter(|order| order.intent == intent && order.last_left.is_some());
            let proven = |order: &&Order| matches!(order.engine, Engine::Closed(OrderEnd::Rejected(_)));
            if live.filter(|order| !proven(order)).count() > 1 {
                self.broken = Some("I-1");
            }
        }
    }

    /// Signs an order of the intent: a name, a record, and a place in the queue.
    fn submit(&mut self, rules: &Rules, intent: u8) {
        if self.queue.is_some() || self.orders.len() > 3 {
            return;
        }
        let number = self.orders.len() as u8 + 1;
        self.orders.push(Order {
            intent,
            number,
            submitted_at: self.now,
            is_journaled: rules.journals_first,
            flying: Vec::new(),
            last_left: None,
            again_at: None,
            at_venue: AtVenue::Nothing,
            is_fill_told: false,
            engine: Engine::Open,
        });
        self.intents[usize::from(intent)].1 = true;
        self.queue = Some(number);
        let registered = Sent { at: self.now, ..sent(number, Side::Buy, OrderKind::Fak) };
        self.hear(rules, &Evidence::Registered(registered));
    }

    /// A leader's trade is told: decided once, unless something keeps it out.
    fn tell(&mut self, rules: &Rules, intent: u8) {
        self.intents[usize::from(intent)].0 -= 1;
        let (is_decided, at) = (self.intents[usize::from(intent)].1, START);
        let is_old = rules.has_age_gate && AGE_MAX < self.now.since(at);
        let observes = rules.observes && self.started_at != Nanos::ZERO && self.now.since(self.started_at) < OBSERVE;
        let has_doubt = self.orders.iter().any(|order| order.engine == Engine::Unknown);
        if !is_decided && !is_old && !observes && !has_doubt && !self.is_off {
            self.submit(rules, intent);
        }
    }

    /// The process dies and comes back: what it knew is what the journal says.
    fn restart(&mut self, rules: &Rules, with_power_loss: bool) {
        let died_at = self.now;
        for order in &mut self.orders {
            let is_lost = !order.is_journaled || with_power_loss && order.submitted_at == died_at;
            if is_lost && order.engine != Engine::Forgotten {
                order.engine = Engine::Forgotten;
                self.intents[usize::from(order.intent)].1 = false;
            }
        }
        self.queue = None;
        self.now = self.now.plus(rules.restart);
        self.started_at = self.now;
        self.follower = Follower::new(START);
        self.follower.patience = rules.patience;
        self.open_channel(rules);
        for number in 1..=self.orders.len() as u8 {
            let order = self.order(OrderId(u64::from(number)));
            order.again_at = None;
            let stands = match order.engine {
                Engine::Open | Engine::Unknown => Stands::Unanswered,
                Engine::Closed(_) => Stands::Ended,
                Engine::Forgotten => continue,
            };
            let at = order.submitted_at;
            let sent = Sent { at, ..sent(number, Side::Buy, OrderKind::Fak) };
            self.hear(rules, &Evidence::Resumed { sent, stands });
        }
    }

    fn key(&self) -> u64 {
        struct Text(DefaultHasher);
        impl std::fmt::Write for Text {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        let mut text = Text(DefaultHasher::new());
        write!(text, "{self:?}").expect("a hash");
        text.0.finish()
    }
}

/// Walks through all that may happen. Returns how many states there are, and the first invariant that broke.
fn explore(rules: &Rules) -> (usize, Option<&'static str>) {
    let mut seen = HashSet::new();
    let mut open = vec![World::new(rules)];
    while let Some(world) = open.pop() {
        if !seen.insert(world.key()) {
            continue;
        }
        assert!(seen.len() <= STATES_MAX, "the model does not end");
        for mut next in world.next(rules) {
            next.check_signatures();
            if let Some(broken) = next.broken {
                return (seen.len(), Some(broken));
            }
            open.push(next);
        }
    }
    (seen.len(), None)
}
