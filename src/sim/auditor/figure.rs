//! The auditor's own arithmetic, in whole millionths. Written from the words of the specification, not from the engine.

/// Millionths in one.
pub const MILLION: i128 = 1_000_000;
/// The size grid of orders, in millionths of a share.
pub const STEP: i128 = 10_000;
/// "Everything": what an exit owes when all of a position must go.
pub const ALL: i128 = 1_000_000_000 * MILLION;

pub fn div_up(number: i128, by: i128) -> i128 {
    (number + by - 1).div_euclid(by)
}

/// Returns what `shares` cost at `price`, rounded up.
pub fn cost_up(price: i128, shares: i128) -> i128 {
    div_up(price * shares, MILLION)
}

/// Returns the part `ppm` of an amount, rounded down.
pub fn part(amount: i128, ppm: i128) -> i128 {
    amount * ppm / MILLION
}

/// Returns the taker's fee on a fill: rate x shares x p x (1 - p), cut to 5 decimals (PROTOCOL.md 7).
pub fn fee(rate_ppm: i128, shares: i128, cash: i128) -> i128 {
    if shares == 0 || shares <= cash {
        return 0;
    }
    let exact = rate_ppm * cash * (shares - cash) / (shares * MILLION);
    exact - exact % 10
}

/// Returns the most that the fee on spending `cash` can be.
pub fn fee_most(rate_ppm: i128, cash: i128) -> i128 {
    div_up(rate_ppm * cash, MILLION)
}

/// Returns what can be sold of a size, now or later: less than the size grid cannot.
pub fn sellable(shares: i128) -> i128 {
    if shares < STEP { 0 } else { shares }
}

/// Returns the day (UTC, counted from 1970) of a moment in nanoseconds.
pub fn day(at: u64) -> u64 {
    at / 86_400_000_000_000
}

/// What was bought, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Lots(Vec<(i128, i128)>);

impl Lots {
    pub fn shares(&self) -> i128 {
        self.0.iter().map(|(shares, _)| shares).sum()
    }

    pub fn cost(&self) -> i128 {
        self.0.iter().map(|(_, cost)| cost).sum()
    }

    pub fn add(&mut self, shares: i128, cost: i128) {
        self.0.push((shares, cost));
    }

    /// Puts shares that were taken back where they were: they are the oldest again.
    pub fn put_back(&mut self, shares: i128, cost: i128) {
        self.0.insert(0, (shares, cost));
    }

    /// Takes the oldest `shares` out and returns what they had cost; `None` if there are not so many.
    pub fn take(&mut self, shares: i128) -> Option<i128> {
        let (mut left, mut basis) = (shares, 0);
        while left > 0 {
            let (held, cost) = self.0.first_mut()?;
            let taken = left.min(*held);
            let its = *cost * taken / *held;
            (*held, *cost, left, basis) = (*held - taken, *cost - its, left - taken, basis + its);
            if *held == 0 {
                self.0.remove(0);
            }
        }
        Some(basis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_leave_oldest_first_and_cost_what_they_cost() {
        let mut lots = Lots::default();
        lots.add(10, 4);
        lots.add(10, 6);
        assert_eq!((lots.take(15), lots.shares(), lots.cost()), (Some(7), 5, 3));
        assert_eq!(lots.take(6), None);
    }

    #[test]
    fn a_fee_is_cut_to_five_decimals_and_never_more_than_the_most() {
        // 100 shares at 0.50 and 7 %: 1.75 dollars.
        assert_eq!(fee(70_000, 100 * MILLION, 50 * MILLION), 1_750_000);
        assert_eq!(fee(70_000, 3 * MILLION, MILLION), 46_660);
        assert!(fee(70_000, 3 * MILLION, MILLION) <= fee_most(70_000, MILLION));
        assert_eq!((fee(70_000, 5, 5), fee(70_000, 0, 0)), (0, 0));
    }
}
