//! What may happen next: every choice of the network, the venue, the operator and the power supply is a world of its own.

use super::*;
/// What happens while answers are awaited happens until then.
const SOON: Nanos = Nanos::from_millis(300);
/// And what is late, from then on.
const LATE: Nanos = Nanos::from_secs(430);

/// The fill of that order, at its price.
fn bought(number: u8) -> TradeMessage {
    let mut message = super::super::bought(u64::from(number), "20", "CONFIRMED");
    message.taker.order = VenueOrderId([number; 32]);
    message
}

fn row(number: u8, status: OrderStatus, matched: u64) -> OrderMessage {
    let message = bought(number).taker;
    OrderMessage {
        id: message.order,
        token: message.token,
        side: message.side,
        price: Some(message.price),
        original_size: None,
        size_matched: Some(matched),
        status,
    }
}

impl World {
    pub(super) fn next(&self, rules: &Rules) -> Vec<World> {
        let mut worlds = Vec::new();
        let mut fork = |change: &dyn Fn(&mut World)| {
            let mut world = self.clone();
            change(&mut world);
            worlds.push(world);
        };
        // What hurts is what comes while answers are awaited: later it is the same again, and only makes more worlds.
        let is_early = self.now.since(START) < SOON;
        let is_told =
            is_early || self.started_at != Nanos::ZERO && self.now.since(self.started_at) < OBSERVE.plus(AGE_MAX);
        for intent in (0..2u8).filter(|intent| is_told && 0 < self.intents[usize::from(*intent)].0) {
            fork(&|world| world.tell(rules, intent));
        }
        if self.kills > 0 && is_early {
            fork(&|world| {
                world.kills -= 1;
                world.restart(rules, false);
            });
        }
        if self.power_losses > 0 && is_early {
            fork(&|world| {
                world.power_losses -= 1;
                world.restart(rules, true);
            });
        }
        if rules.has_switch && !self.is_off && is_early {
            fork(&|world| world.is_off = true);
        }
        worlds.extend(self.sends(rules));
        worlds.extend(self.landings(rules));
        if self.queue.is_none() {
            worlds.extend(self.waits(rules));
        }
        worlds
    }

    /// What waits to leave is let out, or not: the switch is read at that instant. The copy lands at once and is answered, or
    /// it flies, and nobody knows.
    fn sends(&self, rules: &Rules) -> Vec<World> {
        let Some(number) = self.queue else { return vec![] };
        let mut base = self.clone();
        base.queue = None;
        if self.is_off {
            let cause = NotSent::LiveOff;
            base.answer(rules, number, Answer::NotSent(cause));
            return vec![base];
        }
        let now = self.now;
        base.order(OrderId(u64::from(number))).last_left = Some(now);
        let mut worlds = Vec::new();
        for (lands, is_answered, is_announced) in [
            (AtVenue::Filled, true, true),
            (AtVenue::Filled, false, true),
            (AtVenue::Filled, false, false),
            (AtVenue::Killed, true, false),
            (AtVenue::Killed, false, false),
            (AtVenue::Nothing, false, false),
        ] {
            let mut world = base.clone();
            if lands == AtVenue::Nothing {
                world.order(OrderId(u64::from(number))).flying.push(now);
            } else {
                world.land(rules, number, &lands, is_announced);
            }
            let answer = match (&lands, is_answered) {
                (AtVenue::Filled, true) => Answer::Accepted(Accepted {
                    status: Status::Matched,
                    making: Some(10_000_000),
                    taking: Some(20_000_000),
                    trades: vec![],
                }),
                (AtVenue::Killed, true) => Answer::Rejected(Rejection::NoMatch),
                (AtVenue::Nothing, _) | (_, false) => Answer::Unknown(Doubt::Lost),
            };
            // The process may die before the record, where that comes after.
            if !rules.journals_first && 0 < world.kills {
                let mut dies = world.clone();
                dies.kills -= 1;
                dies.restart(rules, false);
                worlds.push(dies);
            }
            world.order(OrderId(u64::from(number))).is_journaled = true;
            world.answer(rules, number, answer);
            worlds.push(world);
        }
        worlds
    }

    fn answer(&mut self, rules: &Rules, number: u8, answer: Answer) {
        let id = VenueOrderId([number; 32]);
        self.hear(rules, &Evidence::Answered { id, answer });
    }

    /// The first copy that lands decides; the venue knows its name from then on.
    fn land(&mut self, rules: &Rules, number: u8, lands: &AtVenue, is_announced: bool) {
        let order = self.order(OrderId(u64::from(number)));
        if order.at_venue != AtVenue::Nothing {
            return;
        }
        order.at_venue = lands.clone();
        if is_announced && *lands == AtVenue::Filled {
            self.hear(rules, &Evidence::Trade(bought(number)));
        }
    }

    /// Copies that fly land late: soon after they left, or as late as they can. Between the two nothing is decided.
    fn landings(&self, rules: &Rules) -> Vec<World> {
        let mut worlds = Vec::new();
        let lands = |left: &Nanos| self.now.since(*left) < SOON || LATE < self.now.since(*left);
        for order in self.orders.iter().filter(|order| order.flying.first().is_some_and(lands)) {
            for (lands, is_announced) in [(AtVenue::Filled, true), (AtVenue::Filled, false), (AtVenue::Killed, false)] {
                let mut world = self.clone();
                world.order(OrderId(u64::from(order.number))).flying.remove(0);
                world.land(rules, order.number, &lands, is_announced);
                worlds.push(world);
            }
        }
        worlds
    }

    /// Time passes until the follower has something to do, and its reads are answered: truly, or with nothing.
    fn waits(&self, rules: &Rules) -> Vec<World> {
        let agains = self.orders.iter().filter_map(|order| order.again_at);
        let due = self.follower.next_due().into_iter().chain(agains).min();
        let Some(due) = due.filter(|due| *due <= END) else { return vec![] };
        let mut world = self.clone();
        world.now = self.now.max(due);
        let now = world.now;
        for order in &mut world.orders {
            order.flying.retain(|left| now.since(*left) < LATE_MAX);
        }
        let mut worlds = vec![world];
        for number in 1..=self.orders.len() as u8 {
            for world in &mut worlds {
                world.send_late(rules, number);
            }
        }
        let mut told = Told::default();
        worlds[0].follower.tick(now, &mut told);
        for action in worlds[0].take(rules, told) {
            worlds = worlds.into_iter().flat_map(|world| world.does(rules, action)).collect();
        }
        worlds
    }

    fn send_late(&mut self, rules: &Rules, number: u8) {
        let now = self.now;
        let order = self.order(OrderId(u64::from(number)));
        if order.again_at.is_none_or(|at| now < at) {
            return;
        }
        (order.again_at, order.last_left) = (None, Some(now));
        order.flying.push(now);
        if rules.again_late.is_some_and(|(_, is_told)| is_told) {
            self.answer(rules, number, Answer::Unknown(Doubt::Lost));
        }
    }

    fn does(mut self, rules: &Rules, action: Action) -> Vec<World> {
        let now = self.now;
        match action {
            Action::SendAgain { order, .. } => {
                let number = order.0 as u8;
                if self.is_off {
                    self.answer(rules, number, Answer::NotSent(NotSent::LiveOff));
                    return vec![self];
                }
                if let Some((late, _)) = rules.again_late {
                    self.order(order).again_at = Some(now.plus(late));
                    return vec![self];
                }
                self.order(order).last_left = Some(now);
                self.order(order).flying.push(now);
                self.answer(rules, number, Answer::Unknown(Doubt::Lost));
                vec![self]
            }
            Action::ReadOrder { order, id } => {
                let seen = self.order(order).clone();
                let truth = match seen.at_venue {
                    AtVenue::Nothing => Read::Absent,
                    AtVenue::Filled => Read::Found(row(seen.number, OrderStatus::Matched, 20_000_000)),
                    AtVenue::Killed => Read::Found(row(seen.number, OrderStatus::Cancelled, 0)),
                };
                let mut worlds = Vec::new();
                if truth != Read::Absent && self.may_lie(rules, &seen) {
                    let mut lied = self.clone();
                    lied.was_read(rules, order, id, Read::Absent);
                    worlds.push(lied);
                }
                if worlds.is_empty() || self.is_telling(&seen) {
                    self.was_read(rules, order, id, truth);
                    worlds.push(self);
                }
                worlds
            }
            Action::ReadTrades { number, .. } => {
                let filled = |order: &&Order| order.at_venue == AtVenue::Filled;
                let trades = self.orders.iter().filter(filled).map(|order| bought(order.number));
                let trades: Vec<TradeMessage> = trades.collect();
                let may_lie = self.orders.iter().filter(filled).all(|order| self.may_lie(rules, order));
                let is_telling = self.orders.iter().filter(filled).any(|order| self.is_telling(order));
                let mut worlds = Vec::new();
                if !trades.is_empty() && may_lie {
                    let mut lied = self.clone();
                    lied.hear(rules, &Evidence::TradesRead { number, read: Read::Found(vec![]) });
                    worlds.push(lied);
                }
                if worlds.is_empty() || is_telling {
                    self.hear(rules, &Evidence::TradesRead { number, read: Read::Found(trades) });
                    worlds.push(self);
                }
                worlds
            }
            Action::Cancel { .. } => panic!("nothing rests in this world"),
        }
    }

    fn may_lie(&self, rules: &Rules, order: &Order) -> bool {
        order.last_left.is_some_and(|left| self.now.since(left) < rules.lies_max)
    }

    /// A read may tell the truth soon, or late; between the two it would only be the same again.
    fn is_telling(&self, order: &Order) -> bool {
        order.last_left.is_some_and(|left| self.now.since(left) < SOON.plus(SOON) || LATE < self.now.since(left))
    }

    fn was_read(&mut self, rules: &Rules, order: OrderId, id: VenueOrderId, read: Read<OrderMessage>) {
        let is_absent = read == Read::Absent;
        self.hear(rules, &Evidence::OrderRead { id, read });
        if is_absent && rules.signs_again_when_absent && self.order(order).engine == Engine::Unknown {
            let intent = self.order(order).intent;
            self.submit(rules, intent);
        }
    }
}
