//! An auditor of the engine: it hears the settings, the inputs and the events, keeps books of its own in the plainest way,
//! and finds what should not be. It shares no code with the ledger, the positions, the strategy or risk; where its sums and
//! theirs differ, one of them is wrong.
//!
//! It checks: money (the identity of R1, no negative account, reserved is what open orders may cost at worst, cooling
//! released on time), each entry (`entry`), each sale (`sale`), each match of a live order (`settlement`), and that every
//! signal ends once (`story`).

mod book;
mod entry;
mod figure;
mod purse;
mod sale;
mod settlement;
mod story;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use book::Token;
use figure::day;
use purse::{Key, Open, Purse};
use story::{Decision, Stories, Told};

use crate::domain::{
    Breaker, Event, Input, LeaderId, LeaderSwitch, LiveSwitch, Mode, Nanos, OrderEnd, OrderId, PaperSwitch,
    PortfolioId, Settings, Side, Skip, TokenId, Usdc,
    event::{Filled, Settled, Submitted, Valued},
};

/// Nothing, or what is wrong.
pub type Finding = Result<(), String>;

/// What the engine was told once.
#[derive(Clone, Debug)]
pub struct Terms {
    pub portfolios: Vec<(Mode, Settings)>,
    pub follows: Vec<(LeaderId, PortfolioId)>,
    /// Markets kept from portfolios.
    pub denied: Vec<(TokenId, PortfolioId)>,
    pub group_window: Nanos,
    pub paper: PaperSwitch,
    pub live: LiveSwitch,
}

/// What the engine says it holds because of one leader in one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    pub portfolio: u16,
    pub leader: u32,
    pub token: u32,
    pub shares: u64,
    pub cost: i64,
    pub reserved: i64,
    pub selling: u64,
    pub unsettled: u64,
    pub unsettled_cost: i64,
    pub sold: u64,
}

/// An order that is no more.
#[derive(Clone, Debug)]
struct Ended {
    submitted: Submitted,
    at: u64,
    end: OrderEnd,
    filled: i128,
    /// A purchase: how much more it could have cost.
    left: i128,
}

#[derive(Clone, Debug)]
pub struct Auditor {
    terms: Terms,
    /// What the settings allow.
    live_most: LiveSwitch,
    followers: BTreeMap<u32, BTreeSet<u16>>,
    tokens: BTreeMap<u32, Token>,
    purses: Vec<Purse>,
    orders: BTreeMap<u64, Open>,
    /// How orders ended that are no more.
    ends: BTreeMap<u64, Ended>,
    /// Matches of live orders, by order and trade.
    legs: BTreeMap<(u64, [u64; 2]), settlement::Leg>,
    stories: Stories,
    /// The input that is being taken, if it has not led to a signal yet.
    current: Option<Input>,
    leaders: BTreeMap<u32, LeaderSwitch>,
    /// What leaders own, and how much of it is in positions.
    worths: BTreeMap<u32, (i128, i128)>,
    /// Until when, and how many round trips he made.
    blocked: BTreeMap<u32, (u64, u32)>,
    /// A sale took from what waits, since the last signal.
    is_netted: bool,
    /// After a fault entries stop until a restart; after one of a live order those of live portfolios.
    is_stopped: bool,
    is_live_stopped: bool,
    /// The last order of each mode.
    orders_last: BTreeMap<&'static str, u64>,
    day: u32,
}

impl Auditor {
    pub fn new(terms: Terms) -> Auditor {
        let mut followers: BTreeMap<u32, BTreeSet<u16>> = BTreeMap::new();
        for (leader, portfolio) in &terms.follows {
            followers.entry(leader.0).or_default().insert(portfolio.0);
        }
        let purses = terms.portfolios.iter().map(|(mode, settings)| Purse::new(*mode, *settings)).collect();
        Auditor {
            live_most: terms.live,
            terms: Terms { live: terms.live.min(LiveSwitch::Shadow), ..terms },
            followers,
            tokens: BTreeMap::new(),
            purses,
            orders: BTreeMap::new(),
            ends: BTreeMap::new(),
            legs: BTreeMap::new(),
            stories: Stories::default(),
            current: None,
            leaders: BTreeMap::new(),
            worths: BTreeMap::new(),
            blocked: BTreeMap::new(),
            is_netted: false,
            is_stopped: false,
            is_live_stopped: false,
            orders_last: BTreeMap::new(),
            day: 0,
        }
    }

    /// The portfolio goes by other settings from here on.
    pub fn configured(&mut self, portfolio: PortfolioId, settings: Settings) {
        self.purses[portfolio.index()].settings = settings;
    }

    /// The process ended, perhaps in the middle of an input, and another begins: books are gone.
    pub fn restarted(&mut self) {
        self.tokens.values_mut().for_each(Token::forget_book);
        self.worths.clear();
        self.current = None;
        self.terms.live = self.terms.live.min(self.live_most);
    }

    /// Hears an input before the engine takes it.
    pub fn input(&mut self, now: Nanos, input: &Input) {
        self.current = Some(*input);
        match *input {
            Input::Snapshot { token, at } => self.token(token).snapshot(at.0),
            Input::Level { token, side, price, size } => {
                self.token(token).level(side, price.micros().into(), size.0.into());
            }
            Input::BookDone { token, at, .. } => self.token(token).done(now.0, at.0),
            Input::TickChanged { token, tick } => self.token(token).market.tick = tick,
            Input::MarketKnown { token, market } => {
                let token = self.token(token);
                (token.market, token.is_known) = (market, true);
            }
            Input::LeaderWorth { leader, capital, exposure } => {
                self.worths.insert(leader.0, (capital.0.into(), exposure.0.into()));
            }
            Input::Probability { token, ppm, at } => {
                let thought = &mut self.token(token).thought;
                if thought.is_none_or(|(_, before)| before <= at.0) && ppm <= 1_000_000 {
                    *thought = Some((ppm, at.0));
                }
            }
            Input::MarketUnknown { .. }
            | Input::HashChecked { .. }
            | Input::BookLost { .. }
            | Input::LeaderTrade(_)
            | Input::LeaderLeft(_)
            | Input::LeaderHolds { .. }
            | Input::Accepted { .. }
            | Input::Filled { .. }
            | Input::Closed { .. }
            | Input::Unknown { .. }
            | Input::Resolved { .. }
            | Input::Pause { .. }
            | Input::Unpause { .. }
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
            | Input::LiveOrders { .. }
            | Input::HoldBack { .. }
            | Input::Unblock { .. }
            | Input::Timer => (),
        }
    }

    /// Hears what became true, in order.
    pub fn event(&mut self, now: Nanos, event: &Event) -> Finding {
        self.take(now, event).map_err(|finding| format!("{finding}\n  at {event:?}"))?;
        for (id, purse) in self.purses.iter().enumerate() {
            purse.balanced(self.reserved(id as u16)).map_err(|f| format!("portfolio {id}: {f}\n  after {event:?}"))?;
        }
        Ok(())
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each event")]
    fn take(&mut self, now: Nanos, event: &Event) -> Finding {
        match *event {
            Event::Deposited { portfolio, amount } => self.paid(portfolio, amount.0.into()),
            Event::Withdrawn { portfolio, amount } => self.paid(portfolio, -i128::from(amount.0)),
            Event::Moved { from, to, amount } => {
                self.paid(from, -i128::from(amount.0)).and(self.paid(to, amount.0.into()))
            }
            Event::Signal(ref signal) => self.signal(signal),
            Event::Repeated { trade, .. } => {
                self.current = None;
                if self.stories.is_seen(trade.0) { Ok(()) } else { Err("a new fill counts as repeated".to_owned()) }
            }
            Event::Parked { signal, .. } => {
                if self.stories.all.contains_key(&signal.0) {
                    Ok(())
                } else {
                    Err("an unknown signal".to_owned())
                }
            }
            Event::Skipped { signal, portfolio, reason, .. } => {
                self.is_netted |= reason == Skip::Netted;
                self.stories.waiting.remove(&(signal.0, portfolio.0));
                self.stories.decide(signal.0, portfolio.0, Decision::Ended)
            }
            Event::Refused { signal, portfolio, .. } => self.stories.decide(signal.0, portfolio.0, Decision::Ended),
            Event::Merged { signal, portfolio, into } => self.stories.merge(signal.0, portfolio.0, into.0),
            Event::Buffered { signal, portfolio, wanted, reference, .. } => {
                self.is_netted |= self.stories.waiting.contains_key(&(signal.0, portfolio.0));
                self.stories.wait(signal.0, portfolio.0, wanted.0.into(), reference.micros().into())
            }
            Event::ExitDue { .. } => self.exit_due(now, event),
            Event::Peaked { portfolio, leader, token, bid } => self.peaked(portfolio, (leader.0, token.0), bid),
            Event::Submitted(ref submitted) => self.submitted(now, submitted),
            Event::Accepted { order } | Event::CancelDue { order } | Event::Unknown { order } => {
                let open = self.orders.get_mut(&order.0).ok_or_else(|| format!("order {} is not open", order.0))?;
                match event {
                    Event::Unknown { .. } => open.is_unknown = true,
                    Event::Accepted { .. } => open.is_unknown = false,
                    _ => (), // A cancellation that is due says nothing of it.
                }
                Ok(())
            }
            Event::Filled(ref filled) => self.filled(now, filled),
            Event::Closed { order, end, released } => self.closed(order.0, end, released.0.into()),
            Event::Resolved { token, payout } => match self.token(token).payout.replace(payout) {
                Some(_) => Err("a market ended twice".to_owned()),
                None => Ok(()),
            },
            Event::Settled(ref settled) => self.settled(now, settled),
            Event::Released { portfolio, amount } => {
                let released = self.purses[portfolio.index()].release(now.0, amount.0.into());
                released.ok_or_else(|| format!("{amount} is released that does not cool, or is not due"))
            }
            Event::Faulted { order, .. } => {
                let is_live = order.0 > OrderId::LIVE.0;
                (self.is_stopped, self.is_live_stopped) =
                    (self.is_stopped || !is_live, self.is_live_stopped || is_live);
                Ok(())
            }
            Event::Paused { portfolio } => self.pause(portfolio, true),
            Event::Unpaused { portfolio } => self.pause(portfolio, false),
            Event::Tripped { portfolio, breaker, .. } => self.tripped(portfolio, breaker),
            Event::BreakerReset { portfolio, breaker } => {
                let purse = &mut self.purses[portfolio.index()];
                purse.tripped.retain(|tripped| *tripped != breaker);
                if breaker == Breaker::DailyLoss {
                    // As much may be lost again: that is what its reset allows.
                    purse.realised_by_day.remove(&day(now.0));
                }
                Ok(())
            }
            Event::LeaderBlocked { leader, until, numbers } => {
                self.blocked.insert(leader.0, (until.0, numbers.actual as u32));
                Ok(())
            }
            Event::LeaderUnblocked { leader } => {
                self.blocked.remove(&leader.0);
                Ok(())
            }
            Event::LeaderHolds { leader, token, shares, .. } => {
                self.stories.corrected.insert((leader.0, token.0));
                self.stories.held.insert((leader.0, token.0), shares.0.into());
                Ok(())
            }
            Event::DayBegan { day } => {
                let before = std::mem::replace(&mut self.day, day);
                if before < day { Ok(()) } else { Err(format!("day {day} after day {before}")) }
            }
            Event::PaperSwitched { to } => {
                self.terms.paper = to;
                Ok(())
            }
            Event::LiveSwitched { to } => {
                self.terms.live = to;
                Ok(())
            }
            Event::LeaderSwitched { leader, to } => {
                self.leaders.insert(leader.0, to);
                Ok(())
            }
            Event::Valued(ref valued) => self.statement(valued),
            Event::Matched(ref matched) => self.matched(now, matched),
            Event::Confirmed { order, trade, release_at } => self.confirmed(now, order, trade, release_at),
            Event::Voided { order, trade } => self.voided(order, trade),
            Event::Adopted { order, brought, .. } => self.adopted(order, brought),
            Event::TakenIn(ref taken) => self.taken_in(now, taken),
            Event::WrittenOff(ref off) => self.written_off(now, off),
            Event::HeldBack { portfolio, amount, .. } => {
                self.purses[portfolio.index()].held_back = amount.0.into();
                Ok(())
            }
            Event::HoldEnded { portfolio } => {
                self.purses[portfolio.index()].held_back = 0;
                Ok(())
            }
            Event::Diverged { .. }
            | Event::Resynced { .. }
            | Event::Scored(_)
            | Event::PlanRepaired { .. }
            | Event::Unplanned { .. }
            | Event::BalanceLow { .. }
            | Event::Declined { .. }
            | Event::Funded { .. }
            | Event::Signed(_)
            | Event::External(_)
            | Event::Differs(_)
            | Event::WalletHolds(_)
            | Event::Explained { .. }
            | Event::Gap(_)
            | Event::Configured { .. } => Ok(()),
        }
    }

    // -- what the engine says of itself ------------------------------------------------------------------------------

    /// Compares what the engine says a portfolio has with what it should have.
    pub fn statement(&self, said: &Valued) -> Finding {
        let purse = &self.purses[said.portfolio.index()];
        let should =
            [purse.available, self.reserved(said.portfolio.0), purse.deployed(), purse.cooling(), purse.realised];
        let says = [said.available, said.reserved, said.deployed, said.cooling, said.realised].map(|a| i128::from(a.0));
        if says == should {
            return Ok(());
        }
        Err(format!(
            "portfolio {}: available, reserved, deployed, cooling, realised are {should:?}, the engine says {says:?}",
            said.portfolio.0
        ))
    }

    /// Compares all that the engine says it holds with what it should hold.
    pub fn holdings(&self, mut said: Vec<Held>) -> Finding {
        let mut should = self.held();
        should.sort_unstable();
        said.sort_unstable();
        if said == should {
            return Ok(());
        }
        Err(format!("what is held should be\n  {should:?}\n  and the engine says\n  {said:?}"))
    }

    /// Checks, after all that was due by `now` happened, that nothing due is left.
    pub fn on_time(&self, now: Nanos) -> Finding {
        for (id, purse) in self.purses.iter().enumerate() {
            if let Some((at, amount)) = purse.cooling.iter().find(|(at, _)| *at <= now.0) {
                return Err(format!("portfolio {id}: {amount} cools past its time, {at}"));
            }
        }
        Ok(())
    }

    /// Checks, after everything went well for long enough, that all has come to rest: every signal ended, nothing is
    /// open but what is meant to rest, and nothing is owed that could be sold.
    pub fn at_rest(&self) -> Finding {
        if let Some((signal, portfolio, decision)) = self.stories.unended().first() {
            return Err(format!("signal {signal} of portfolio {portfolio} never ended: {decision:?}"));
        }
        if let Some(open) = self.orders.values().find(|open| !open.rests()) {
            return Err(format!("order {} never ended", open.submitted.order.0));
        }
        self.all_settled()?;
        self.nothing_sellable_is_owed()
    }

    /// Checks, after all markets ended and all proceeds cooled, that all money is available.
    pub fn at_end(&self) -> Finding {
        if let Some(open) = self.orders.values().next() {
            return Err(format!("order {} is open after its market's end", open.submitted.order.0));
        }
        for (id, purse) in self.purses.iter().enumerate() {
            if purse.available != purse.paid_in + purse.realised {
                return Err(format!("portfolio {id}: not all money is available at the end"));
            }
        }
        Ok(())
    }

    /// Returns what a portfolio has lost, all fees included, and what it would lose beside that if all it holds and has
    /// ordered became worthless.
    pub fn at_stake(&self, portfolio: PortfolioId) -> Usdc {
        let purse = &self.purses[portfolio.index()];
        Usdc((purse.deployed() + self.reserved(portfolio.0) - purse.realised) as i64)
    }

    /// Returns how many purchases a portfolio ordered.
    pub fn entries(&self, portfolio: PortfolioId) -> usize {
        self.purses[portfolio.index()].entries.len()
    }

    // -- books ---------------------------------------------------------------------------------------------------------

    fn token(&mut self, token: TokenId) -> &mut Token {
        self.tokens.entry(token.0).or_default()
    }

    fn reserved(&self, portfolio: u16) -> i128 {
        let ours = self.orders.values().filter(|open| open.submitted.portfolio.0 == portfolio);
        ours.map(|open| open.reserved).sum()
    }

    fn paid(&mut self, portfolio: PortfolioId, amount: i128) -> Finding {
        let purse = &mut self.purses[portfolio.index()];
        (purse.paid_in, purse.available) = (purse.paid_in + amount, purse.available + amount);
        Ok(())
    }

    fn pause(&mut self, portfolio: PortfolioId, is_paused: bool) -> Finding {
        self.purses[portfolio.index()].is_paused = is_paused;
        Ok(())
    }

    fn tripped(&mut self, portfolio: PortfolioId, breaker: Breaker) -> Finding {
        let tripped = &mut self.purses[portfolio.index()].tripped;
        if tripped.contains(&breaker) {
            return Err("a breaker tripped that had".to_owned());
        }
        tripped.push(breaker);
        Ok(())
    }

    fn signal(&mut self, signal: &crate::domain::event::Signal) -> Finding {
        let told = self.current.take().map(|input| match input {
            Input::LeaderTrade(trade) => Told::Trade(trade),
            other => Told::Left(other),
        });
        self.is_netted = false;
        let none = BTreeSet::new();
        let followers = self.followers.get(&signal.leader.0).unwrap_or(&none);
        self.stories.begin(signal, told, self.terms.group_window.0, followers)
    }

    fn held(&self) -> Vec<Held> {
        let mut all: BTreeMap<(u16, u32, u32), Held> = BTreeMap::new();
        let blank = |portfolio: u16, (leader, token)| Held {
            portfolio,
            leader,
            token,
            shares: 0,
            cost: 0,
            reserved: 0,
            selling: 0,
            unsettled: 0,
            unsettled_cost: 0,
            sold: 0,
        };
        for (id, purse) in self.purses.iter().enumerate() {
            for (key, holding) in purse.holdings.iter().filter(|(_, holding)| !holding.is_empty()) {
                let held = all.entry((id as u16, key.0, key.1)).or_insert(blank(id as u16, *key));
                (held.shares, held.cost) = (holding.lots.shares() as u64, holding.lots.cost() as i64);
                (held.unsettled, held.unsettled_cost) = (holding.unsettled.0 as u64, holding.unsettled.1 as i64);
                held.sold = holding.sold as u64;
            }
        }
        for open in self.orders.values() {
            let (portfolio, key) = (open.submitted.portfolio.0, open.key());
            let held = all.entry((portfolio, key.0, key.1)).or_insert(blank(portfolio, key));
            match open.submitted.side {
                Side::Buy => held.reserved += open.reserved as i64,
                Side::Sell => held.selling += open.shares_left() as u64,
            }
        }
        all.into_values().collect()
    }

    /// A holding without shares and orders is none, and owes nothing.
    fn forget_if_empty(&mut self, portfolio: PortfolioId, key: Key) {
        let mut open = self.orders.values().filter(|open| open.submitted.portfolio == portfolio && open.key() == key);
        let holdings = &mut self.purses[portfolio.index()].holdings;
        if open.next().is_none() && holdings.get(&key).is_some_and(purse::Holding::is_empty) {
            holdings.remove(&key);
        }
    }

    // -- orders --------------------------------------------------------------------------------------------------------

    fn submitted(&mut self, now: Nanos, submitted: &Submitted) -> Finding {
        let last = self.orders_last.entry(self.purses[submitted.portfolio.index()].mode.code()).or_default();
        let before = std::mem::replace(last, submitted.order.0);
        if submitted.order.0 <= before {
            return Err(format!("order {} came after {before}", submitted.order.0));
        }
        match submitted.side {
            Side::Buy => self.check_entry(now, submitted)?,
            Side::Sell => self.check_sale(submitted)?,
        }
        let reserved = i128::from(submitted.reserved.0);
        let open = Open { submitted: *submitted, at: now.0, filled: 0, reserved, is_unknown: false };
        self.purses[submitted.portfolio.index()].available -= reserved;
        let pending = self.pending(submitted.portfolio, open.key());
        let led_at = self.stories.all.get(&submitted.signal.0).map_or(0, |story| story.signal.traded_at.0);
        let holding = self.purses[submitted.portfolio.index()].holding(open.key());
        if submitted.side == Side::Buy {
            // What was owed before does not mean what this brings.
            holding.owed = figure::sellable(holding.owed.min(holding.lots.shares() + holding.unsettled.0 + pending));
            holding.led_at = holding.led_at.max(led_at);
        }
        self.orders.insert(submitted.order.0, open);
        match submitted.side {
            Side::Buy => self.check_stakes(now, submitted),
            Side::Sell => Ok(()),
        }
    }

    fn filled(&mut self, now: Nanos, filled: &Filled) -> Finding {
        let open = self.orders.get_mut(&filled.order.0).ok_or("a fill of an order that is not open")?;
        let (shares, cash, fee) = (i128::from(filled.shares.0), i128::from(filled.cash.0), i128::from(filled.fee.0));
        let (submitted, at) = (open.submitted, open.at);
        open.filled += shares;
        open.is_unknown = false;
        let rate = self.tokens.get(&submitted.token.0).map_or(0, |token| token.market.fees.rate_ppm);
        let should = figure::fee(rate.into(), shares, cash);
        if fee != should && !open.rests() {
            return Err(format!("the fee is {should}, not {fee}"));
        }
        let limit = i128::from(submitted.limit.micros());
        let (leader, purse) = (submitted.leader.0, &mut self.purses[submitted.portfolio.index()]);
        match submitted.side {
            Side::Buy => {
                if cash + fee > open.reserved || figure::cost_up(limit, shares) < cash {
                    return Err("a purchase filled beyond its money or its limit".to_owned());
                }
                open.reserved -= cash + fee;
                let holding = purse.holding(open.key());
                if holding.lots.shares() + holding.unsettled.0 == 0 {
                    (holding.opened_at, holding.peak) = (now.0, None);
                }
                holding.lots.add(shares, cash);
                purse.realise(day(now.0), leader, -fee);
                *purse.spent_by_day.entry(day(at)).or_default() += cash + fee;
                *purse.spent_by_leader.entry((day(at), leader)).or_default() += cash + fee;
                Ok(())
            }
            Side::Sell => {
                if open.filled > i128::from(submitted.shares.0) {
                    return Err("more was sold than was to be sold".to_owned());
                }
                let key = open.key();
                self.sold(now, submitted.portfolio, key, filled)
            }
        }
    }

    fn closed(&mut self, id: u64, end: OrderEnd, released: i128) -> Finding {
        let open = self.orders.remove(&id).ok_or("an order ended that is not open")?;
        if open.reserved != released {
            return Err(format!("{} is reserved, and {released} released", open.reserved));
        }
        self.purses[open.submitted.portfolio.index()].available += released;
        let Open { submitted, at, filled, .. } = open;
        self.ends.insert(id, Ended { submitted, at, end, filled, left: released });
        self.forget_if_empty(open.submitted.portfolio, open.key());
        Ok(())
    }

    fn settled(&mut self, now: Nanos, settled: &Settled) -> Finding {
        let payout = self.token(settled.token).payout.ok_or("a position settled before its market ended")?;
        let key = (settled.leader.0, settled.token.0);
        let selling = self.selling(settled.portfolio, key);
        let purse = &mut self.purses[settled.portfolio.index()];
        let holding = purse.holding(key);
        let shares = (holding.lots.shares() - selling).max(0);
        let basis = holding.lots.take(shares).ok_or("more is on sale than is held")?;
        let proceeds = figure::part(shares, payout.into());
        let said = (i128::from(settled.shares.0), i128::from(settled.basis.0), i128::from(settled.proceeds.0));
        if said != (shares, basis, proceeds) {
            return Err(format!("shares, basis, proceeds are {:?}, not {said:?}", (shares, basis, proceeds)));
        }
        holding.owed = 0;
        purse.realise(day(now.0), settled.leader.0, proceeds - basis);
        purse.cools(now, settled.release_at, proceeds)?;
        self.forget_if_empty(settled.portfolio, key);
        Ok(())
    }
}
