//! How large a copy is: a rule, tiers that multiply it, and clamps that may only lower it.

use crate::domain::{Usdc, money::ONE};

/// Tiers a strategy may have.
pub const TIERS_MAX: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    pub rule: SizeRule,
    /// By the leader's dollars, lowest first; those not used have a factor of one and begin at the highest amount.
    pub tiers: [Tier; TIERS_MAX],
    pub order_usdc_min: Usdc,
    pub order_usdc_max: Usdc,
    /// The most of the portfolio's equity at cost that one order may take (ppm).
    pub bankroll_ppm_max: u32,
    pub below_minimum: BelowMinimum,
}

/// The dollars a copy is worth, before tiers and clamps. Shares of something are parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeRule {
    /// The same dollars for each signal.
    Fixed(Usdc),
    /// This share of the leader's dollars.
    Percent(u32),
    /// The same share of the portfolio's equity as the trade is of the leader's capital, times this factor.
    Mirror(u32),
    /// `small_ppm` of his dollars up to `small`, falling in a line to `large_ppm` at `large` and beyond.
    Adaptive { small: Usdc, small_ppm: u32, large: Usdc, large_ppm: u32 },
    /// So many dollars are spread as the leader's exposure is spread: his trade's share of it is ours of the budget.
    Budget(Usdc),
    /// This part of Kelly's fraction of the equity, by the model's probability and the price: (p - price) / (1 - price).
    Kelly(u32),
    /// `full` dollars at an edge (probability less price) of `edge_ppm` or more, less in proportion below it.
    Edge { full: Usdc, edge_ppm: u32 },
    /// `full` dollars times the confidence of the score.
    Conviction { full: Usdc },
}

/// From so many dollars of the leader's on, the rule's size is multiplied by this (ppm).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    pub from: Usdc,
    pub factor_ppm: u32,
}

/// What becomes of a size below the minimum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BelowMinimum {
    Skip,
    /// It is raised to the minimum, where the clamps and limits allow that.
    Raise,
}

impl Tier {
    pub const UNUSED: Tier = Tier { from: Usdc(i64::MAX), factor_ppm: ONE as u32 };
}

impl Sizing {
    pub const OPEN: Sizing = Sizing {
        rule: SizeRule::Fixed(Usdc::whole(50)),
        tiers: [Tier::UNUSED; TIERS_MAX],
        order_usdc_min: Usdc::whole(1),
        order_usdc_max: Usdc::whole(1_000_000),
        bankroll_ppm_max: ONE as u32,
        below_minimum: BelowMinimum::Skip,
    };
}
