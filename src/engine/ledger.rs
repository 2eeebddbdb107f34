//! Money moves only by transfer between two accounts, so it is conserved by construction.

use crate::domain::Usdc;

/// Where a portfolio's dollars are. `Outside` and `Result` may be negative, the others never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// The world: deposits come from here.
    Outside,
    /// Profit is what `Result` owes: realised P&L net of fees is its negative.
    Result,
    Available,
    /// Open orders at worst cost.
    Reserved,
    /// Positions at cost.
    Deployed,
    /// Proceeds that wait before they are available.
    Cooling,
}

/// The accounts of one portfolio; their sum is always zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    balances: [Usdc; 6],
}

impl Ledger {
    pub fn balance(&self, account: Account) -> Usdc {
        self.balances[account as usize]
    }

    /// Returns what open orders and positions hold: reserved and deployed.
    pub fn locked(&self) -> Usdc {
        self.balance(Account::Reserved) + self.balance(Account::Deployed)
    }

    /// Returns all there is, positions at cost; as the accounts sum to zero, that is deposits and realised P&L.
    pub fn held(&self) -> Usdc {
        self.balance(Account::Available) + self.locked() + self.balance(Account::Cooling)
    }

    /// Returns deposits less withdrawals.
    pub fn deposits(&self) -> Usdc {
        -self.balance(Account::Outside)
    }

    /// Returns realised P&L, net of fees.
    pub fn realised(&self) -> Usdc {
        -self.balance(Account::Result)
    }

    /// Moves a non-negative `amount`. Panics rather than let an account that may not be negative become so: money that
    /// does not add up must stop the process, not be clamped away.
    pub fn transfer(&mut self, from: Account, to: Account, amount: Usdc) {
        assert!(Usdc::ZERO <= amount, "{from:?} -> {to:?}: negative amount {amount}");
        let may_be_negative = matches!(from, Account::Outside | Account::Result);
        assert!(
            may_be_negative || amount <= self.balance(from),
            "{from:?} -> {to:?}: {from:?} holds {}, not {amount}",
            self.balance(from)
        );
        self.balances[from as usize] = self.balances[from as usize] - amount;
        self.balances[to as usize] = self.balances[to as usize] + amount;
        debug_assert_eq!(self.balances.iter().map(|balance| balance.0).sum::<i64>(), 0);
    }

    /// Moves a gain from `Result` to `account`, or a loss the other way.
    pub fn settle(&mut self, account: Account, result: Usdc) {
        if Usdc::ZERO <= result {
            self.transfer(Account::Result, account, result);
        } else {
            self.transfer(account, Account::Result, -result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_conserved() {
        let mut ledger = Ledger::default();
        ledger.transfer(Account::Outside, Account::Available, Usdc::whole(100));
        ledger.transfer(Account::Available, Account::Reserved, Usdc::whole(30));
        ledger.transfer(Account::Reserved, Account::Deployed, Usdc::whole(28));
        ledger.transfer(Account::Reserved, Account::Result, Usdc::whole(1));
        ledger.transfer(Account::Reserved, Account::Available, Usdc::whole(1));
        ledger.transfer(Account::Deployed, Account::Cooling, Usdc::whole(28));
        ledger.settle(Account::Cooling, Usdc::whole(5));
        ledger.settle(Account::Cooling, Usdc::whole(-2));
        assert_eq!((ledger.deposits(), ledger.realised()), (Usdc::whole(100), Usdc::whole(2)));
        let held = [Account::Available, Account::Reserved, Account::Deployed, Account::Cooling];
        let total: i64 = held.iter().map(|account| ledger.balance(*account).0).sum();
        assert_eq!(Usdc(total), ledger.deposits() + ledger.realised());
    }

    #[test]
    #[should_panic(expected = "Available holds 1, not 1.000001")]
    fn what_is_not_there_cannot_be_moved() {
        let mut ledger = Ledger::default();
        ledger.transfer(Account::Outside, Account::Available, Usdc::whole(1));
        ledger.transfer(Account::Available, Account::Reserved, Usdc(1_000_001));
    }

    #[test]
    #[should_panic(expected = "negative amount")]
    fn a_negative_transfer_is_refused() {
        Ledger::default().transfer(Account::Outside, Account::Available, Usdc(-1));
    }
}
