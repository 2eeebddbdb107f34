//! The last word on what may leave: orders a second, dollars a minute, dollars an order. Set in the file, for real money.

use std::collections::VecDeque;

use crate::{
    config::CeilingsConfig,
    domain::{Nanos, NotSent, Numbers, Side, Usdc, event::Submitted},
};

const SECOND: Nanos = Nanos::from_secs(1);
/// A minute in whole seconds, and the one that has begun: at least a minute, at most a second more.
const SECONDS: usize = 61;

/// What was sent lately, beside its limits. Sales count as orders, never in dollars: they bring money back.
#[derive(Debug)]
pub struct Ceilings {
    limits: CeilingsConfig,
    /// When the latest orders left, oldest first; no more than may leave in a second.
    orders: VecDeque<Nanos>,
    /// What entries of each second cost at worst, and which second that was.
    spent: [(u64, Usdc); SECONDS],
}

impl Ceilings {
    pub fn new(limits: CeilingsConfig) -> Ceilings {
        let orders = VecDeque::with_capacity(limits.orders_per_second_max as usize);
        Ceilings { limits, orders, spent: [(0, Usdc::ZERO); SECONDS] }
    }

    /// Returns each ceiling and what counts against it now; of a single order nothing does. A limit of zero is none.
    pub fn now(&self, now: Nanos) -> [(NotSent, Numbers); 3] {
        let second = now.as_secs();
        let lately = self.orders.iter().filter(|left| now.since(**left) < SECOND).count();
        let recent = self.spent.iter().filter(|(of, _)| second < of + SECONDS as u64);
        let spent = recent.fold(Usdc::ZERO, |sum, (_, spent)| sum + *spent);
        [
            (
                NotSent::OrdersPerSecond,
                Numbers { limit: self.limits.orders_per_second_max.into(), actual: lately as i64 },
            ),
            (NotSent::DollarsPerMinute, Numbers { limit: self.limits.usdc_per_minute_max.0, actual: spent.0 }),
            (NotSent::DollarsPerOrder, Numbers { limit: self.limits.usdc_per_order_max.0, actual: 0 }),
        ]
    }

    /// Lets an order leave and counts it, or says which ceiling it would pass. A limit of zero is none.
    pub fn pass(&mut self, now: Nanos, order: &Submitted) -> Result<(), NotSent> {
        let dollars = match order.side {
            Side::Buy => order.reserved,
            Side::Sell => Usdc::ZERO,
        };
        let passes = |limit: Usdc, sum: Usdc| Usdc::ZERO < limit && limit < sum;
        if passes(self.limits.usdc_per_order_max, dollars) {
            return Err(NotSent::DollarsPerOrder);
        }
        let second = now.as_secs();
        let minute_max = self.limits.usdc_per_minute_max;
        let recent = self.spent.iter().filter(|(of, _)| second < of + SECONDS as u64);
        if dollars > Usdc::ZERO && passes(minute_max, recent.fold(dollars, |sum, (_, spent)| sum + *spent)) {
            return Err(NotSent::DollarsPerMinute);
        }
        let most = self.limits.orders_per_second_max as usize;
        if most > 0 && self.orders.len() == most {
            if self.orders.front().is_some_and(|oldest| now.since(*oldest) < SECOND) {
                return Err(NotSent::OrdersPerSecond);
            }
            self.orders.pop_front();
        }
        if most > 0 {
            self.orders.push_back(now);
        }
        let slot = &mut self.spent[second as usize % SECONDS];
        *slot = (second, if slot.0 == second { slot.1 + dollars } else { dollars });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Cause, LeaderId, OrderId, OrderKind, PortfolioId, Price, Shares, SignalId, TokenId};

    fn order(side: Side, dollars: i64) -> Submitted {
        let price = Price::from_micros(500_000).expect("a price");
        Submitted {
            order: OrderId(1),
            signal: SignalId(1),
            portfolio: PortfolioId(0),
            leader: LeaderId(0),
            token: TokenId(0),
            side,
            kind: OrderKind::Fak,
            cause: Cause::Entry,
            limit: price,
            shares: Shares::whole(10),
            budget: Usdc::whole(dollars),
            reserved: Usdc::whole(dollars),
            touch: price,
            reference: price,
            attempt: 1,
        }
    }

    /// Orders as `(milliseconds, side, dollars)`, and which of them leave.
    fn check(limits: (u32, i64, i64), orders: &[(u64, Side, i64)], expected: &[Result<(), NotSent>]) {
        let (orders_per_second_max, minute, each) = limits;
        let mut ceilings = Ceilings::new(CeilingsConfig {
            orders_per_second_max,
            usdc_per_minute_max: Usdc::whole(minute),
            usdc_per_order_max: Usdc::whole(each),
        });
        let left: Vec<_> = orders
            .iter()
            .map(|(at, side, dollars)| ceilings.pass(Nanos::from_millis(*at), &order(*side, *dollars)))
            .collect();
        assert_eq!(left, expected, "{limits:?} {orders:?}");
    }

    #[test]
    fn what_left_lately_is_told() {
        let mut ceilings = Ceilings::new(CeilingsConfig {
            orders_per_second_max: 3,
            usdc_per_minute_max: Usdc::whole(100),
            usdc_per_order_max: Usdc::whole(50),
        });
        ceilings.pass(Nanos::from_millis(100), &order(Side::Buy, 20)).expect("it may leave");
        let used = |ms: u64| ceilings.now(Nanos::from_millis(ms)).map(|(_, numbers)| (numbers.limit, numbers.actual));
        assert_eq!(used(500), [(3, 1), (100_000_000, 20_000_000), (50_000_000, 0)]);
        assert_eq!(used(2_000), [(3, 0), (100_000_000, 20_000_000), (50_000_000, 0)]);
        assert_eq!(used(90_000)[1].1, 0);
    }

    /// Binds: orders_per_second_max, usdc_per_minute_max, usdc_per_order_max.
    #[test]
    fn each_ceiling_binds_and_zero_is_none() {
        use NotSent::{DollarsPerMinute, DollarsPerOrder, OrdersPerSecond};
        use Side::{Buy, Sell};
        let many = [(0, Buy, 999); 200];
        check((0, 0, 0), &many, &[Ok(()); 200]);
        check((0, 0, 100), &[(0, Buy, 100), (0, Buy, 101), (0, Sell, 101)], &[Ok(()), Err(DollarsPerOrder), Ok(())]);
        let orders = [(0, Buy, 1), (500, Sell, 1), (999, Sell, 1), (1_000, Buy, 1), (1_400, Buy, 1), (1_500, Buy, 1)];
        let some = [Ok(()), Ok(()), Err(OrdersPerSecond), Ok(()), Err(OrdersPerSecond), Ok(())];
        check((2, 0, 0), &orders, &some);
        // Sales are never counted in dollars, and what did not leave was not spent.
        let orders = [
            (900, Buy, 60),
            (1_000, Sell, 500),
            (2_000, Buy, 41),
            (2_000, Buy, 40),
            (60_800, Buy, 1),
            (62_000, Buy, 60),
            (62_000, Buy, 1),
        ];
        let some =
            [Ok(()), Ok(()), Err(DollarsPerMinute), Ok(()), Err(DollarsPerMinute), Ok(()), Err(DollarsPerMinute)];
        check((0, 100, 0), &orders, &some);
    }
}
