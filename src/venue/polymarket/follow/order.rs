//! One live order, from its name to the last word of it.

mod legs;

use super::{
    ladder::{self, Look, Patience, Timetable},
    message::{OrderMessage, OrderStatus},
    part::{self, AmountUnit},
    word::{Action, Alarm, Stands, Told},
};
use crate::{
    domain::{Input, Nanos, OrderEnd, OrderKind, Rejection, Shares, Side, VenueOrderId, market::SHARES_STEP},
    venue::{
        outbox::Sent,
        polymarket::answer::{Accepted, Answer, Doubt, Status},
    },
};
use legs::Legs;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has a name, and is sent or will be.
    Sent,
    /// Nobody knows.
    Unknown,
    /// The venue has it, and it should soon end by itself.
    Held,
    /// It rests in the book.
    Resting,
    /// It is over at the venue; its fills may not all be told.
    Ended(Ending),
    /// The engine was told.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Said(OrderEnd),
    /// Filled if nothing is left, cancelled if something is.
    ByAmounts,
}

/// The second sending of the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    Open,
    Due(Nanos),
    /// Sent, or it never will be.
    Over,
}

/// What the reads since the last sending (or since the venue lost sight of it) say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Looks {
    /// When the last read was begun that did not find the order; that found no fill of it.
    order_at: Nanos,
    trades_at: Nanos,
    /// Of those that were begun late enough to count.
    order_empty: u8,
    trades_empty: u8,
}

#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub sent: Sent,
    pub phase: Phase,
    /// When the phase began, and which look of its timetable is next.
    since: Nanos,
    step: usize,
    /// Before the step: a read failed, or something calls for a look.
    hurry: Option<(Nanos, Look)>,
    /// The last moment at which bytes of it may have left.
    last_sent: Nanos,
    again: Again,
    was_sent_again: bool,
    /// The venue has, or had it.
    landed: bool,
    /// When the venue, that had it, was first asked and did not find it.
    missed_at: Option<Nanos>,
    /// Shares matched, as the venue says.
    matched: Option<Shares>,
    legs: Legs,
    looks: Looks,
    /// A read of the order is under way since.
    pub asked_at: Option<Nanos>,
    /// Reads that were begun before do not close the gap of the user channel.
    gap_until: Option<Nanos>,
    /// Trades before this moment are all told.
    trades_from: Nanos,
    is_accept_told: bool,
    /// It ended under our eyes: all its matches were told.
    has_ended_here: bool,
    other_name: Option<VenueOrderId>,
    has_fault: bool,
}

impl Followed {
    pub fn new(now: Nanos, sent: Sent, stands: Stands) -> Followed {
        let (phase, landed) = match stands {
            Stands::Unanswered => (Phase::Sent, false),
            Stands::Accepted => (Phase::Held, true),
            Stands::Settling | Stands::Ended => (Phase::Closed, true),
        };
        Followed {
            sent,
            phase,
            since: now,
            step: 0,
            hurry: None,
            last_sent: now,
            again: Again::Open,
            was_sent_again: false,
            landed,
            missed_at: None,
            matched: None,
            legs: Legs::default(),
            looks: Looks::default(),
            asked_at: None,
            gap_until: None,
            trades_from: Nanos(sent.at.0.saturating_sub(ladder::LOOK_BACK.0)),
            is_accept_told: landed,
            has_ended_here: false,
            other_name: None,
            has_fault: false,
        }
    }

    /// Goes on with an order of a process before this one: bytes of it may have left until now.
    pub fn forgotten(&mut self, now: Nanos, told: &mut Told) {
        self.last_sent = now;
        self.doubted(now, Doubt::Forgotten, told);
    }

    pub fn is_over(&self) -> bool {
        self.phase == Phase::Closed
    }

    pub fn is_unknown(&self) -> bool {
        self.phase == Phase::Unknown
    }

    pub fn rests(&self) -> bool {
        self.phase == Phase::Resting
    }

    /// Returns whether a match of it is neither confirmed nor void.
    pub fn is_settling(&self) -> bool {
        self.legs.oldest_pending().is_some()
    }

    pub fn has_gap(&self) -> bool {
        self.gap_until.is_some() && !self.is_over()
    }

    pub fn mark_gap(&mut self, until: Nanos) {
        self.gap_until = Some(until);
    }

    pub fn has_fault(&self) -> bool {
        self.has_fault
    }

    pub fn trades_from(&self) -> Nanos {
        self.trades_from
    }

    pub fn take_other_name(&mut self) -> Option<VenueOrderId> {
        self.other_name.take()
    }

    fn enter(&mut self, now: Nanos, phase: Phase) {
        (self.phase, self.since, self.step, self.hurry) = (phase, now, 0, None);
    }

    fn is_immediate(&self) -> bool {
        match self.sent.kind {
            OrderKind::Fak | OrderKind::Fok => true,
            OrderKind::Gtc => false,
        }
    }

    /// Takes the answer to the first sending or to the second.
    pub fn answered(&mut self, now: Nanos, answer: &Answer, told: &mut Told) {
        match answer {
            Answer::Accepted(accepted) => {
                self.last_sent = self.last_sent.max(now);
                self.accepted(now, accepted, told);
            }
            // What refuses the second sending says nothing of the first.
            Answer::Rejected(_) if self.was_sent_again => {}
            Answer::Rejected(rejection) => self.refused(now, *rejection, told),
            Answer::NotSent(cause) => {
                if self.phase == Phase::Sent {
                    self.close(now, OrderEnd::NotSent(*cause), told);
                }
            }
            Answer::Unknown(doubt) => {
                self.last_sent = self.last_sent.max(now);
                self.doubted(now, *doubt, told);
            }
        }
    }

    fn accepted(&mut self, now: Nanos, accepted: &Accepted, told: &mut Told) {
        self.found(told);
        self.answered_amounts(accepted, told);
        if matches!(self.phase, Phase::Ended(_) | Phase::Closed) {
            // The user channel was faster.
            return;
        }
        match (accepted.status, self.is_immediate()) {
            (Status::Matched, true) => self.enter(now, Phase::Ended(Ending::ByAmounts)),
            (Status::Matched, false) => self.enter(now, Phase::Held),
            (Status::Live | Status::Unmatched, false) => self.enter(now, Phase::Resting),
            (Status::Live, true) => {
                told.doubts.push((self.sent.order, Doubt::Rests));
                self.enter(now, Phase::Held);
            }
            (Status::Unmatched, true) => {
                let rejection = match self.sent.kind {
                    OrderKind::Fok => Rejection::NotFullyFilled,
                    OrderKind::Fak | OrderKind::Gtc => Rejection::NoMatch,
                };
                self.enter(now, Phase::Ended(Ending::Said(OrderEnd::Rejected(rejection))));
            }
            (Status::Delayed, _) => {
                told.doubts.push((self.sent.order, Doubt::Delayed));
                self.enter(now, Phase::Held);
            }
        }
    }

    /// Takes the amounts of an answer, where they fit in a unit that we know.
    fn answered_amounts(&mut self, accepted: &Accepted, told: &mut Told) {
        let (Some(making), Some(taking)) = (accepted.making, accepted.taking) else { return };
        let Some(unit) = AmountUnit::of(making, part::given(&self.sent)) else {
            return told.alarms.push(Alarm::OtherUnit { order: self.sent.order });
        };
        let shares = match self.sent.side {
            Side::Buy => taking,
            Side::Sell => making,
        };
        self.was_matched(Shares(unit.millionths(shares)));
    }

    /// What was matched never becomes less.
    fn was_matched(&mut self, shares: Shares) {
        self.matched = Some(self.matched.map_or(shares, |before| before.max(shares)));
    }

    fn refused(&mut self, now: Nanos, rejection: Rejection, told: &mut Told) {
        match self.phase {
            Phase::Sent | Phase::Unknown | Phase::Held | Phase::Resting | Phase::Ended(_)
                if !self.legs.is_empty() || self.matched.is_some_and(|shares| Shares::ZERO < shares) =>
            {
                told.alarms.push(Alarm::Contradicted { order: self.sent.order });
                self.doubted(now, Doubt::Duplicated, told);
            }
            Phase::Sent | Phase::Ended(_) | Phase::Unknown => self.close(now, OrderEnd::Rejected(rejection), told),
            Phase::Held | Phase::Resting => {
                told.alarms.push(Alarm::Contradicted { order: self.sent.order });
                self.doubted(now, Doubt::Duplicated, told);
            }
            Phase::Closed => {}
        }
    }

    fn doubted(&mut self, now: Nanos, doubt: Doubt, told: &mut Told) {
        told.doubts.push((self.sent.order, doubt));
        if let Doubt::OtherId(other) = doubt {
            told.alarms.push(Alarm::OtherName { order: self.sent.order, other });
            self.other_name = Some(other);
        }
        self.landed |= doubt.has_landed();
        if self.phase != Phase::Sent {
            // It is looked up already; or the user channel has said what became of it.
            return;
        }
        let may_again = doubt.may_send_again() && self.again == Again::Open && !self.landed;
        let at = now.plus(ladder::AGAIN_AFTER);
        self.again = match may_again && at < self.again_by() {
            true => Again::Due(at),
            false => Again::Over,
        };
        told.inputs.push(Input::Unknown { order: self.sent.order });
        self.enter(now, Phase::Unknown);
    }

    fn again_by(&self) -> Nanos {
        self.sent.at.plus(ladder::AGAIN_AGE_MAX)
    }

    /// The venue has it: nobody need send it again, and it is not absent.
    pub fn found(&mut self, told: &mut Told) {
        self.landed = true;
        self.missed_at = None;
        self.again = Again::Over;
        if !self.is_accept_told && !self.is_over() {
            self.is_accept_told = true;
            told.inputs.push(Input::Accepted { order: self.sent.order });
        }
    }

    /// Takes the order's state as the venue says it, whoever asked.
    pub fn said(&mut self, now: Nanos, message: &OrderMessage, told: &mut Told) {
        self.said_amounts(message, told);
        if message.status == OrderStatus::Unpublished {
            told.alarms.push(Alarm::Unpublished { id: message.id });
        }
        let is_untouched = self.legs.is_empty() && self.matched.unwrap_or(Shares::ZERO) == Shares::ZERO;
        if let (OrderStatus::Refused(rejection), true) = (message.status, is_untouched && !self.is_over()) {
            self.landed = true;
            return self.close(now, OrderEnd::Rejected(rejection), told);
        }
        self.found(told);
        if matches!(self.phase, Phase::Ended(Ending::Said(_)) | Phase::Closed) {
            return;
        }
        match (message.status, self.is_immediate()) {
            (OrderStatus::Matched, _) => self.ended(now, OrderEnd::Filled),
            (OrderStatus::Expired, _) => self.ended(now, OrderEnd::Expired),
            (OrderStatus::Cancelled | OrderStatus::Refused(_) | OrderStatus::Invalid, _)
            | (OrderStatus::Unmatched, true) => self.ended(now, OrderEnd::Cancelled),
            (OrderStatus::Live | OrderStatus::Unmatched, false) => match self.phase {
                Phase::Unknown | Phase::Held => self.enter(now, Phase::Resting),
                Phase::Sent | Phase::Resting | Phase::Ended(_) | Phase::Closed => {}
            },
            (OrderStatus::Live | OrderStatus::Delayed | OrderStatus::Unpublished, _) => {}
        }
    }

    /// It is over, and how is known now; if it was over before, the looks at its fills go on as they were.
    fn ended(&mut self, now: Nanos, end: OrderEnd) {
        let ended = Phase::Ended(Ending::Said(end));
        match self.phase {
            Phase::Ended(_) => self.phase = ended,
            Phase::Sent | Phase::Unknown | Phase::Held | Phase::Resting | Phase::Closed => self.enter(now, ended),
        }
    }

    fn said_amounts(&mut self, message: &OrderMessage, told: &mut Told) {
        let Some(written) = message.size_matched else { return };
        let unit = match message.original_size {
            Some(original) if self.is_immediate() => AmountUnit::of(original, part::given(&self.sent)),
            Some(original) => AmountUnit::of(original, self.sent.shares.0),
            None => AmountUnit::of(written, self.sent.shares.0),
        };
        match unit {
            Some(unit) => self.was_matched(Shares(unit.millionths(written))),
            None => told.alarms.push(Alarm::OtherUnit { order: self.sent.order }),
        }
    }

    /// A cancel says that nothing more will be matched, or that the order is over already; not how much was.
    pub fn cancel_answered(&mut self, now: Nanos, cancelled: bool) {
        if matches!(self.phase, Phase::Ended(_) | Phase::Closed) {
            return;
        }
        if cancelled {
            self.landed = true;
            self.matched = None;
            self.enter(now, Phase::Ended(Ending::ByAmounts));
        }
        self.hurry = Some((now, Look::Both));
    }

    /// Takes that a read of the order, begun at `asked_at`, did not find it.
    pub fn not_found(&mut self, now: Nanos, asked_at: Nanos) {
        if self.landed && self.missed_at.is_none() {
            self.missed_at = Some(asked_at);
            self.looks = Looks::default();
            if self.phase == Phase::Resting {
                self.enter(now, Phase::Held);
            }
        }
        self.looks.order_at = self.looks.order_at.max(asked_at);
        if self.silent_since().plus(ladder::LAG_MAX) <= asked_at {
            self.looks.order_empty = self.looks.order_empty.saturating_add(1);
        }
    }

    /// Takes that all trades since its own time were read, begun at `asked_at`, and what they told is told.
    pub fn trades_told(&mut self, asked_at: Nanos) {
        self.looks.trades_at = self.looks.trades_at.max(asked_at);
        if self.silent_since().plus(ladder::LAG_MAX) <= asked_at {
            self.looks.trades_empty = self.looks.trades_empty.saturating_add(1);
        }
    }

    /// Takes that a read of the order, begun at `asked_at`, was answered.
    pub fn was_read(&mut self, asked_at: Nanos) {
        if self.gap_until.is_some_and(|until| until <= asked_at) {
            self.gap_until = None;
        }
        if self.phase == Phase::Resting && self.matched.is_some_and(|shares| self.are_told(shares)) {
            let before = Nanos(asked_at.0.saturating_sub(ladder::LOOK_BACK.0));
            self.trades_from = self.trades_from.max(before);
        }
    }

    /// Whether an order that is to fill at once was found resting.
    pub fn is_to_cancel(&self, status: OrderStatus) -> bool {
        status == OrderStatus::Live && self.is_immediate() && matches!(self.phase, Phase::Unknown | Phase::Held)
    }

    /// There was no room for a read of it: it is the next thing to do.
    pub fn put_off(&mut self, now: Nanos) {
        self.hurry = Some((now, Look::Order));
    }

    pub fn read_failed(&mut self, now: Nanos) {
        self.hurry = Some((now.plus(ladder::READ_AGAIN), Look::Both));
    }

    /// Since when it may have landed unseen, or has not been seen.
    fn silent_since(&self) -> Nanos {
        self.missed_at.unwrap_or(Nanos::ZERO).max(self.last_sent)
    }

    fn are_told(&self, matched: Shares) -> bool {
        matched.0 < self.legs.shares().0 + SHARES_STEP
    }

    /// Ends it where everything that belongs to its end is known.
    pub fn try_close(&mut self, now: Nanos, patience: Patience, is_channel_whole: bool, told: &mut Told) {
        match self.phase {
            Phase::Ended(ending) => {
                let lag_over = self.since.plus(ladder::END_LAG);
                let read_since = |at: Nanos| lag_over <= self.looks.trades_at && lag_over <= at;
                let is_whole = match self.matched {
                    Some(matched) => self.are_told(matched),
                    None => read_since(self.looks.order_at),
                };
                let is_late = self.since.max(self.last_sent).plus(patience.window) <= self.looks.trades_at;
                if is_whole {
                    self.close(now, self.end(ending), told);
                } else if is_late {
                    told.alarms.push(Alarm::Missing { order: self.sent.order });
                    self.close(now, self.end(ending), told);
                }
            }
            Phase::Unknown | Phase::Held if is_channel_whole && self.is_absent(patience) => {
                let end = if self.landed { OrderEnd::Cancelled } else { OrderEnd::Absent };
                self.close(now, end, told);
            }
            Phase::Sent | Phase::Unknown | Phase::Held | Phase::Resting | Phase::Closed => {}
        }
    }

    /// Whether both sources were read with success after everything must have landed, and often enough, and knew nothing.
    fn is_absent(&self, patience: Patience) -> bool {
        let window_over = self.silent_since().plus(patience.window);
        (!self.landed || self.missed_at.is_some())
            && window_over <= self.looks.order_at
            && window_over <= self.looks.trades_at
            && patience.empty_reads <= self.looks.order_empty
            && patience.empty_reads <= self.looks.trades_empty
    }

    fn end(&self, ending: Ending) -> OrderEnd {
        let is_spent = part::is_spent(&self.sent, self.legs.shares(), self.legs.cash());
        let is_filled = self.legs.has_fill();
        match ending {
            Ending::Said(OrderEnd::Filled) if is_filled => OrderEnd::Filled,
            Ending::Said(OrderEnd::Filled) => OrderEnd::Cancelled,
            Ending::Said(OrderEnd::Rejected(_)) if !self.legs.is_empty() => OrderEnd::Cancelled,
            Ending::Said(end) => end,
            Ending::ByAmounts if is_filled && is_spent => OrderEnd::Filled,
            Ending::ByAmounts => OrderEnd::Cancelled,
        }
    }

    fn close(&mut self, now: Nanos, end: OrderEnd, told: &mut Told) {
        self.enter(now, Phase::Closed);
        self.again = Again::Over;
        self.has_ended_here = true;
        told.inputs.push(Input::Closed { order: self.sent.order, end });
        told.ended.push(self.sent.order);
    }

    /// Does what its time brings: the second sending, and the end of waiting for an answer.
    pub fn tick(&mut self, now: Nanos, told: &mut Told) {
        let Sent { order, id, .. } = self.sent;
        if self.phase == Phase::Sent && self.since.plus(ladder::SILENCE_MAX) <= now {
            told.alarms.push(Alarm::Silent { order });
            self.last_sent = now;
            self.doubted(now, Doubt::Forgotten, told);
        }
        if let Again::Due(at) = self.again
            && at <= now
        {
            self.again = Again::Over;
            if now < self.again_by() && self.phase == Phase::Unknown {
                (self.last_sent, self.was_sent_again) = (now, true);
                told.actions.push(Action::SendAgain { order, id, by: self.again_by() });
            }
        }
        self.legs.alarm_stuck(now, order, told);
    }

    fn timetable(&self) -> Option<Timetable> {
        match self.phase {
            Phase::Sent | Phase::Closed => None,
            Phase::Unknown => Some(ladder::UNKNOWN),
            Phase::Held => Some(ladder::HELD),
            Phase::Resting => Some(ladder::RESTING),
            Phase::Ended(_) => Some(ladder::ENDED),
        }
    }

    /// Returns when to look next, and at what.
    fn next_look(&self) -> Option<(Nanos, Look)> {
        let (after, look) = self.timetable()?.look(self.step);
        let planned = (self.since.plus(after), look);
        Some(self.hurry.map_or(planned, |hurried| if hurried.0 < planned.0 { hurried } else { planned }))
    }

    /// Takes the looks that are due, if any are, as one.
    pub fn take_look(&mut self, now: Nanos) -> Option<Look> {
        let timetable = self.timetable()?;
        let mut due = self.hurry.take_if(|(at, _)| *at <= now).map(|(_, look)| look);
        loop {
            let (after, look) = timetable.look(self.step);
            if now < self.since.plus(after) {
                return due;
            }
            due = Some(due.map_or(look, |so_far| so_far.with(look)));
            self.step += 1;
        }
    }

    /// Returns when something other than a look is due.
    pub fn next_due(&self) -> Option<Nanos> {
        let again = match self.again {
            Again::Due(at) => Some(at),
            Again::Open | Again::Over => None,
        };
        let silence = (self.phase == Phase::Sent).then(|| self.since.plus(ladder::SILENCE_MAX));
        [again, silence, self.legs.next_alarm()].into_iter().flatten().min()
    }

    /// Returns when it wants to be looked up next. After a gap at once, but for a read that is under way.
    pub fn next_read(&self) -> Option<Nanos> {
        let look = self.next_look().map(|(at, _)| at);
        let free_at = self.asked_at.map_or(Nanos::ZERO, |at| at.plus(ladder::READ_PATIENCE));
        let gap = self.has_gap().then_some(free_at);
        [look, gap].into_iter().flatten().min()
    }

    /// Returns whether a read of it is under way.
    pub fn is_asked(&self, now: Nanos) -> bool {
        self.asked_at.is_some_and(|at| now < at.plus(ladder::READ_PATIENCE))
    }

    /// Returns since when a match of it waits for its settlement.
    pub fn oldest_pending(&self) -> Option<Nanos> {
        self.legs.oldest_pending()
    }
}
