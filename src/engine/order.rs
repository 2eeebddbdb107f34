//! Open orders in fixed slots, and the one table of what may happen to them.

use crate::domain::{OrderId, OrderState, Shares, Side, SignalId, Usdc, event::Submitted};

/// How many orders may be open at once; one more is a refusal.
pub const ORDERS_OPEN_MAX: usize = 1_024;

/// An order from its submission to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub submitted: Submitted,
    pub state: OrderState,
    pub filled: Shares,
    /// What is still reserved for it.
    pub reserved_left: Usdc,
    /// The group of the leader's fills that it follows.
    pub group: SignalId,
    /// The venue was asked to cancel it.
    pub cancel_asked: bool,
}

/// What the venue says about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    Accepted,
    Filled,
}

/// Returns the state after `happening`; `None` where it cannot happen. A fill may come before the acceptance, and a late
/// acceptance says nothing new. Every close is final and frees the slot, so it is not in this table.
pub fn next_state(state: OrderState, happening: Happening) -> Option<OrderState> {
    match (state, happening) {
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

/// All open orders. An id names its slot (id modulo [`ORDERS_OPEN_MAX`]), so a lookup is an array access.
#[derive(Debug)]
pub struct Orders {
    slots: Box<[Option<Order>]>,
    next: u64,
    open: usize,
}

impl Default for Orders {
    fn default() -> Orders {
        Orders { slots: vec![None; ORDERS_OPEN_MAX].into(), next: 1, open: 0 }
    }
}

impl Orders {
    pub fn open(&self) -> usize {
        self.open
    }

    /// Returns how many orders were ever submitted.
    pub fn submitted(&self) -> u64 {
        self.next - 1
    }

    /// Returns the id the next order will have; `None` while the table is full. Ids whose slot is taken by a long-lived
    /// order are passed over.
    pub fn next_id(&self) -> Option<OrderId> {
        if self.open == ORDERS_OPEN_MAX {
            return None;
        }
        (self.next..).map(OrderId).find(|id| self.slots[slot(*id)].is_none())
    }

    pub fn get(&self, id: OrderId) -> Option<&Order> {
        self.slots[slot(id)].as_ref().filter(|order| order.submitted.order == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.slots.iter().flatten()
    }

    pub(super) fn insert(&mut self, submitted: &Submitted) {
        let id = submitted.order;
        assert!(self.next <= id.0, "order {} is not new: the next is {}", id.0, self.next);
        let slot = &mut self.slots[slot(id)];
        assert!(slot.is_none(), "order {} would overwrite an open one", id.0);
        *slot = Some(Order {
            submitted: *submitted,
            state: OrderState::Submitted,
            filled: Shares::ZERO,
            reserved_left: submitted.reserved,
            group: submitted.signal,
            cancel_asked: false,
        });
        self.next = id.0 + 1;
        self.open += 1;
    }

    /// Returns an open order to change. Panics if there is none: events are checked before they are applied.
    pub(super) fn open_mut(&mut self, id: OrderId) -> &mut Order {
        let order = self.slots[slot(id)].as_mut().filter(|order| order.submitted.order == id);
        order.unwrap_or_else(|| panic!("order {} is not open", id.0))
    }

    pub(super) fn remove(&mut self, id: OrderId) -> Order {
        let order = *self.open_mut(id);
        self.slots[slot(id)] = None;
        self.open -= 1;
        order
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
            assert_eq!(orders.next_id(), Some(OrderId(id)));
            orders.insert(&submitted(id, Side::Buy));
        }
        assert_eq!(orders.next_id(), None);
        orders.remove(OrderId(2));
        // Slot 1 is still taken, so the next id is the one that falls on slot 2.
        assert_eq!(orders.next_id(), Some(OrderId(ORDERS_OPEN_MAX as u64 + 2)));
        assert!(orders.get(OrderId(2)).is_none() && orders.get(OrderId(1)).is_some());
    }

    #[test]
    fn a_fill_is_bounded_by_money_or_by_shares() {
        let order = |side| Order {
            submitted: submitted(1, side),
            state: OrderState::Submitted,
            filled: Shares::ZERO,
            reserved_left: Usdc::whole(11),
            group: SignalId(1),
            cancel_asked: false,
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
        use Happening::{Accepted as Accept, Filled as Fill};
        use OrderState::{Accepted, PartlyFilled, Submitted};
        for (state, happening, next) in [
            (Submitted, Accept, Some(Accepted)),
            (Submitted, Fill, Some(PartlyFilled)),
            (Accepted, Accept, None),
            (Accepted, Fill, Some(PartlyFilled)),
            (PartlyFilled, Accept, Some(PartlyFilled)),
            (PartlyFilled, Fill, Some(PartlyFilled)),
        ] {
            assert_eq!(next_state(state, happening), next, "{state:?} {happening:?}");
        }
    }
}
