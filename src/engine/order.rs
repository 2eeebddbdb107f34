//! Open orders in fixed slots, and the two tables of what may happen to them: on their way, and as their end.

use crate::domain::{
    Mode, Nanos, OrderEnd, OrderId, OrderState, Rejection, Shares, Side, SignalId, Usdc, VenueOrderId, event::Submitted,
};

/// How many orders of each mode may be open at once; one more is a refusal.
pub const ORDERS_OPEN_MAX: usize = 1_024;

/// An order from its submission to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub submitted: Submitted,
    pub state: OrderState,
    pub filled: Shares,
    /// What is still reserved for it.
    pub reserved_left: Usdc,
    /// What its fills came to: a sale's gain or loss net of fees, a buy's fees.
    pub result: Usdc,
    /// The day (UTC) on which it was submitted; `None` before the first one began.
    pub day: Option<u32>,
    /// The group of the leader's fills that it follows, and when he made the first of them; zero where that is forgotten.
    pub group: SignalId,
    pub led_at: Nanos,
    /// The venue was asked to cancel it.
    pub cancel_asked: bool,
    /// Its name at the venue, once it has one.
    pub id: Option<VenueOrderId>,
    /// Matches of it that are neither confirmed nor void.
    pub unsettled: u32,
    /// A sale: what it came to counted as a win or a loss.
    pub judged: bool,
}

/// What the venue says about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    Accepted,
    Filled,
    /// Nothing: no answer came.
    Lost,
}

/// Returns the state after `happening`; `None` where it says nothing new. A fill may come before the acceptance, and a lost
/// answer does not matter once the venue has spoken. Every end is final and frees the slot: [`may_end`].
pub fn next_state(state: OrderState, happening: Happening) -> Option<OrderState> {
    match (state, happening) {
        (OrderState::Submitted, Happening::Lost) => Some(OrderState::Unknown),
        (OrderState::Accepted | OrderState::PartlyFilled | OrderState::Unknown, Happening::Lost) => None,
        (OrderState::Submitted, Happening::Accepted) => Some(OrderState::Accepted),
        (OrderState::PartlyFilled, Happening::Accepted) => Some(OrderState::PartlyFilled),
        (OrderState::Submitted | OrderState::Accepted | OrderState::PartlyFilled, Happening::Filled) => {
            Some(OrderState::PartlyFilled)
        }
        (OrderState::Accepted, Happening::Accepted) => None,
        (OrderState::Unknown, Happening::Accepted) => Some(OrderState::Accepted),
        (OrderState::Unknown, Happening::Filled) => Some(OrderState::PartlyFilled),
    }
}

/// Returns whether an order in this state may end so: as filled only after a fill, as rejected only without one (but a venue
/// that restarts loses what was filled in part, too). One whose outcome is not known may turn out to be anything, but its fills are told first.
pub fn may_end(state: OrderState, end: OrderEnd) -> bool {
    match end {
        OrderEnd::Cancelled | OrderEnd::Expired => true,
        OrderEnd::Filled => state == OrderState::PartlyFilled,
        OrderEnd::Rejected(Rejection::VenueRestarted) => true,
        OrderEnd::Rejected(_) => state != OrderState::PartlyFilled,
        OrderEnd::NotSent(_) => matches!(state, OrderState::Submitted | OrderState::Unknown),
        OrderEnd::Shadow => state == OrderState::Submitted,
        OrderEnd::Absent => state == OrderState::Unknown,
    }
}

/// How many live orders are remembered after their end: a match of theirs may still be told.
pub const ENDED_MAX: usize = 4_096;

/// Live orders that ended, the latest ones. What is left of their money says how much more they may have bought.
#[derive(Debug)]
pub struct Ended {
    slots: Box<[Option<Order>]>,
}

impl Default for Ended {
    fn default() -> Ended {
        Ended { slots: vec![None; ENDED_MAX].into() }
    }
}

impl Ended {
    pub fn get(&self, id: OrderId) -> Option<&Order> {
        self.slots[Ended::slot(id)].as_ref().filter(|order| order.submitted.order == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.slots.iter().flatten()
    }

    pub(super) fn get_mut(&mut self, id: OrderId) -> Option<&mut Order> {
        self.slots[Ended::slot(id)].as_mut().filter(|order| order.submitted.order == id)
    }

    /// Remembers an order, and forgets the one that was as many orders before.
    pub(super) fn insert(&mut self, order: Order) {
        self.slots[Ended::slot(order.submitted.order)] = Some(order);
    }

    pub(super) fn forget(&mut self, id: OrderId) {
        self.slots[Ended::slot(id)].take_if(|order| order.submitted.order == id);
    }

    fn slot(id: OrderId) -> usize {
        (id.0 % ENDED_MAX as u64) as usize
    }
}

/// All open orders, paper and live apart: neither takes the other's room or numbers. An id names its slot (id modulo
/// [`ORDERS_OPEN_MAX`]), so a lookup is an array access.
#[derive(Debug)]
pub struct Orders {
    paper: Table,
    live: Table,
}

#[derive(Debug)]
struct Table {
    slots: Box<[Option<Order>]>,
    next: u64,
    open: usize,
}

impl Default for Orders {
    fn default() -> Orders {
        let table = |next| Table { slots: vec![None; ORDERS_OPEN_MAX].into(), next, open: 0 };
        Orders { paper: table(1), live: table(OrderId::LIVE.0 + 1) }
    }
}

impl Orders {
    pub fn open(&self) -> usize {
        self.paper.open + self.live.open
    }

    pub fn open_of(&self, mode: Mode) -> usize {
        self.table(mode).open
    }

    fn table(&self, mode: Mode) -> &Table {
        match mode {
            Mode::Paper => &self.paper,
            Mode::Live => &self.live,
        }
    }

    /// Returns how many orders were ever submitted.
    pub fn submitted(&self) -> u64 {
        self.paper.next - 1 + (self.live.next - 1 - OrderId::LIVE.0)
    }

    /// Returns the id the next order of a mode will have; `None` while its table is full. Ids whose slot is taken by a
    /// long-lived order are passed over.
    pub fn next_id(&self, mode: Mode) -> Option<OrderId> {
        let table = self.table(mode);
        if table.open == ORDERS_OPEN_MAX {
            return None;
        }
        (table.next..).map(OrderId).find(|id| table.slots[slot(*id)].is_none())
    }

    pub fn get(&self, id: OrderId) -> Option<&Order> {
        let table = if id < OrderId::LIVE { &self.paper } else { &self.live };
        table.slots[slot(id)].as_ref().filter(|order| order.submitted.order == id)
    }

    /// Returns whether there ever was such a live order.
    pub fn was_live(&self, id: OrderId) -> bool {
        OrderId::LIVE < id && id.0 < self.live.next
    }

    /// Yields the open orders with real money.
    pub fn live(&self) -> impl Iterator<Item = &Order> {
        self.live.slots.iter().flatten()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.paper.slots.iter().chain(&*self.live.slots).flatten()
    }

    pub(super) fn insert(&mut self, submitted: &Submitted) {
        let id = submitted.order;
        let table = self.table_mut(id);
        assert!(table.next <= id.0, "order {} is not new: the next is {}", id.0, table.next);
        let slot = &mut table.slots[slot(id)];
        assert!(slot.is_none(), "order {} would overwrite an open one", id.0);
        *slot = Some(Order {
            submitted: *submitted,
            state: OrderState::Submitted,
            filled: Shares::ZERO,
            reserved_left: submitted.reserved,
            result: Usdc::ZERO,
            day: None,
            group: submitted.signal,
            led_at: Nanos::ZERO,
            cancel_asked: false,
            id: None,
            unsettled: 0,
            judged: false,
        });
        table.next = id.0 + 1;
        table.open += 1;
    }

    /// Returns an open order to change. Panics if there is none: events are checked before they are applied.
    pub(super) fn open_mut(&mut self, id: OrderId) -> &mut Order {
        let order = self.table_mut(id).slots[slot(id)].as_mut().filter(|order| order.submitted.order == id);
        order.unwrap_or_else(|| panic!("order {} is not open", id.0))
    }

    pub(super) fn remove(&mut self, id: OrderId) -> Order {
        let order = *self.open_mut(id);
        let table = self.table_mut(id);
        table.slots[slot(id)] = None;
        table.open -= 1;
        order
    }

    fn table_mut(&mut self, id: OrderId) -> &mut Table {
        if id < OrderId::LIVE { &mut self.paper } else { &mut self.live }
    }
}

impl Order {
    /// Returns what is not filled yet: of a sell for certain, of a buy at its limit price.
    pub fn shares_left(&self) -> Shares {
        self.submitted.shares.minus(self.filled)
    }

    /// Returns whether a fill of so much fits: a buy is bounded by its money, a sell by its shares.
    pub fn may_fill(&self, shares: Shares, cash: Usdc, fee: Usdc) -> bool {
        let is_amount = Usdc::ZERO <= cash && Usdc::ZERO <= fee;
        match self.submitted.side {
            Side::Buy => is_amount && cash + fee <= self.reserved_left,
            Side::Sell => is_amount && fee <= cash && self.filled + shares <= self.submitted.shares,
        }
    }
}

fn slot(id: OrderId) -> usize {
    (id.0 % ORDERS_OPEN_MAX as u64) as usize
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::{Cause, LeaderId, OrderKind, PortfolioId, Price, TokenId};

    pub fn submitted(id: u64, side: Side) -> Submitted {
        Submitted {
            order: OrderId(id),
            signal: SignalId(1),
            portfolio: PortfolioId(0),
            leader: LeaderId(0),
            token: TokenId(0),
            side,
            kind: OrderKind::Fak,
            cause: Cause::Entry,
            limit: Price::from_micros(500_000).expect("a price"),
            shares: Shares::whole(20),
            budget: Usdc::whole(10),
            reserved: Usdc::whole(11),
            touch: Price::from_micros(500_000).expect("a price"),
            reference: Price::from_micros(500_000).expect("a price"),
            attempt: 1,
        }
    }

    #[test]
    fn a_full_table_gives_no_id_and_a_long_lived_order_is_passed_over() {
        let mut orders = Orders::default();
        for id in 1..=ORDERS_OPEN_MAX as u64 {
            assert_eq!(orders.next_id(Mode::Paper), Some(OrderId(id)));
            orders.insert(&submitted(id, Side::Buy));
        }
        assert_eq!(orders.next_id(Mode::Paper), None);
        // Live has its own.
        let live = OrderId(OrderId::LIVE.0 + 1);
        assert_eq!(orders.next_id(Mode::Live), Some(live));
        orders.insert(&submitted(live.0, Side::Buy));
        assert_eq!((orders.open(), orders.submitted()), (ORDERS_OPEN_MAX + 1, ORDERS_OPEN_MAX as u64 + 1));
        orders.remove(live);
        assert_eq!((orders.get(live), orders.open()), (None, ORDERS_OPEN_MAX));
        orders.remove(OrderId(2));
        // Slot 1 is still taken, so the next id is the one that falls on slot 2.
        assert_eq!(orders.next_id(Mode::Paper), Some(OrderId(ORDERS_OPEN_MAX as u64 + 2)));
        assert!(orders.get(OrderId(2)).is_none() && orders.get(OrderId(1)).is_some());
    }

    #[test]
    fn a_fill_is_bounded_by_money_or_by_shares() {
        let order = |side| Order {
            submitted: submitted(1, side),
            state: OrderState::Submitted,
            filled: Shares::ZERO,
            reserved_left: Usdc::whole(11),
            result: Usdc::ZERO,
            day: None,
            group: SignalId(1),
            led_at: Nanos::ZERO,
            cancel_asked: false,
            id: None,
            unsettled: 0,
            judged: false,
        };
        let check = |side, shares, cash, fee, fits| {
            assert_eq!(order(side).may_fill(Shares::whole(shares), Usdc::whole(cash), Usdc::whole(fee)), fits);
        };
        check(Side::Buy, 30, 10, 1, true); // A better price gives more shares, not less money.
        check(Side::Buy, 1, 11, 1, false);
        check(Side::Buy, 1, -1, 0, false);
        check(Side::Sell, 20, 10, 0, true);
        check(Side::Sell, 21, 10, 0, false);
        check(Side::Sell, 20, 10, 11, false);
    }

    #[test]
    fn the_transition_table() {
        use Happening::{Accepted as Accept, Filled as Fill, Lost};
        use OrderState::{Accepted, PartlyFilled, Submitted, Unknown};
        for (state, happening, next) in [
            (Submitted, Accept, Some(Accepted)),
            (Submitted, Fill, Some(PartlyFilled)),
            (Accepted, Accept, None),
            (Accepted, Fill, Some(PartlyFilled)),
            (PartlyFilled, Accept, Some(PartlyFilled)),
            (PartlyFilled, Fill, Some(PartlyFilled)),
            (Submitted, Lost, Some(Unknown)),
            (Accepted, Lost, None),
            (PartlyFilled, Lost, None),
            (Unknown, Lost, None),
            (Unknown, Accept, Some(Accepted)),
            (Unknown, Fill, Some(PartlyFilled)),
        ] {
            assert_eq!(next_state(state, happening), next, "{state:?} {happening:?}");
        }
    }

    #[test]
    fn the_table_of_ends() {
        use OrderState::{Accepted, PartlyFilled, Submitted, Unknown};
        let check = |end: OrderEnd, states: &[OrderState]| {
            for state in [Submitted, Accepted, PartlyFilled, Unknown] {
                assert_eq!(may_end(state, end), states.contains(&state), "{state:?} {end:?}");
            }
        };
        check(OrderEnd::Filled, &[PartlyFilled]);
        check(OrderEnd::Cancelled, &[Submitted, Accepted, PartlyFilled, Unknown]);
        check(OrderEnd::Expired, &[Submitted, Accepted, PartlyFilled, Unknown]);
        check(OrderEnd::Rejected(Rejection::NoMatch), &[Submitted, Accepted, Unknown]);
        check(OrderEnd::Rejected(Rejection::VenueRestarted), &[Submitted, Accepted, PartlyFilled, Unknown]);
        check(OrderEnd::NotSent(crate::domain::NotSent::LiveOff), &[Submitted, Unknown]);
        check(OrderEnd::Shadow, &[Submitted]);
        check(OrderEnd::Absent, &[Unknown]);
    }
}
