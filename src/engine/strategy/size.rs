//! How large: the rule's dollars, times the tier, then what may only lower them.
//!
//! ```text
//! rule x tier x probation -> maximum -> share of the bankroll -> less what the group had, with what waits
//!    -> below the minimum: no, or raised where these allow -> part of the depth, whole cents -> cash (risk)
//! ```
//!
//! The last of them, 99 % of the available cash, is risk's first check. All arithmetic is exact in integers and rounds down.

use super::{No, Situation, no, price};
use crate::{
    domain::{
        Market, Nanos, Numbers, Price, Settings, Shares, Side, SizeRule, Skip, Usdc,
        market::{BUY_MINIMUM, SHARES_STEP},
        money::ONE,
        settings::{BelowMinimum, Guard, Tier},
    },
    engine::book::Book,
};

/// How a size came about: each amount is what was left after its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// What counts of the leader's trade, or his group so far.
    pub leader: Usdc,
    /// What the rule says, before tiers and clamps.
    pub rule: Usdc,
    pub tier: Tier,
    pub tiered: Usdc,
    /// The part that is copied of a leader on probation.
    pub copied: Usdc,
    /// At most `order_usdc_max`.
    pub capped: Usdc,
    /// At most the bankroll's share: for the whole group, and not in whole cents, because small copies add up.
    pub total: Usdc,
}

/// Returns the dollars the settings ask for at `limit`, the most that a share may cost.
pub fn sizes(s: &Situation<'_>, limit: Price) -> Result<Sizes, No> {
    let sizing = &s.settings.sizing;
    let leader = s.price.cost_floor(s.counted);
    let rule = by_rule(s, leader, limit)?;
    let tier = tier_of(&sizing.tiers, leader);
    let tiered = rule.part_floor(u64::from(tier.factor_ppm));
    let copied = tiered.part_floor(u64::from(s.part_ppm));
    let capped = copied.min(sizing.order_usdc_max);
    Ok(Sizes { leader, rule, tier, tiered, copied, capped, total: capped.min(bankroll_max(s)) })
}

/// Returns the dollars to order, not cut to whole cents: what the settings ask for, less what the group already had, with what
/// waits to be ordered with it; raised to the minimum where the strategy and its caps allow that.
pub fn wanted(s: &Situation<'_>, limit: Price) -> Result<Usdc, No> {
    let total = sizes(s, limit)?.total;
    let had = s.ordered + s.waiting;
    // What is left by cutting the last order to whole cents is not worth another.
    if had > Usdc::ZERO && (total <= had || total.floor_cents() <= s.ordered) {
        return Err(no(Skip::Grouped, total.0, had.0));
    }
    let cap = s.settings.sizing.order_usdc_max.min(bankroll_max(s));
    let wanted = Usdc((total - had).0.saturating_add(s.carried.0)).min(cap);
    let least = minimum(s.settings, s.market, limit);
    if least <= wanted.floor_cents() {
        return Ok(wanted);
    }
    let may_raise = match s.settings.sizing.below_minimum {
        BelowMinimum::Skip => false,
        // A rest of a group is not raised: the group would have more than the rule says, again and again.
        BelowMinimum::Raise => had + s.carried == Usdc::ZERO && wanted > Usdc::ZERO && least <= cap,
    };
    if may_raise { Ok(least) } else { Err(no(Skip::BelowMinimum, least.0, wanted.0)) }
}

/// Returns the smallest buy that the venue and the strategy take at `limit`.
pub fn minimum(settings: &Settings, market: &Market, limit: Price) -> Usdc {
    // Rounded up to whole cents and shares: the budget is cut to cents, and must still buy the minimum.
    let cost = limit.cost_ceil(Shares(market.minimum.0.next_multiple_of(SHARES_STEP)));
    ceil_cents(cost).max(BUY_MINIMUM).max(ceil_cents(settings.sizing.order_usdc_min))
}

fn ceil_cents(amount: Usdc) -> Usdc {
    let floor = amount.floor_cents();
    if floor < amount { Usdc(floor.0.saturating_add(10_000)) } else { floor }
}

/// Cuts a buy to the guard's part of what is offered up to `limit`. Fails where less than `budget_min` is left, or where
/// too little is offered for its size.
pub fn within_depth(
    guard: &Guard,
    book: &Book,
    now: Nanos,
    limit: Price,
    wanted: Usdc,
    budget_min: Usdc,
) -> Result<Usdc, No> {
    let depth = book.depth(Side::Sell, limit, price::standing_since(guard, now));
    let allowed = Usdc(depth.cost).part_floor(u64::from(guard.depth_ppm_max)).floor_cents();
    let budget = wanted.floor_cents().min(allowed);
    let needed = budget.max(budget_min).part_floor(u64::from(guard.depth_factor_ppm_min));
    if budget < budget_min || Usdc(depth.cost) < needed {
        // In shares at the bound: what would have had to be there.
        let for_part = scaled(budget_min, ONE, u64::from(guard.depth_ppm_max.max(1)));
        let shares = limit.shares_floor(needed.max(for_part));
        return Err(no(Skip::DepthTooThin, shares.0 as i64, depth.shares.0 as i64));
    }
    Ok(budget)
}

/// Returns what `budget` surely buys at `limit`, cut to the decimals the venue takes (PROTOCOL.md 1.9).
pub fn sure_shares(market: &Market, limit: Price, budget: Usdc) -> Shares {
    let step = 10u64.pow(6 - market.tick.amount_decimals().min(6));
    limit.shares_floor(budget).floor_to(step)
}

/// Returns what one order may take of the portfolio's equity. All of it is no clamp: then the cash decides, which says so.
pub fn bankroll_max(s: &Situation<'_>) -> Usdc {
    if ONE <= u64::from(s.settings.sizing.bankroll_ppm_max) {
        return Usdc(i64::MAX);
    }
    s.equity.max(Usdc::ZERO).part_floor(u64::from(s.settings.sizing.bankroll_ppm_max))
}

/// Returns the dollars of the rule, rounded down. What it needs to know and does not is a no.
///
/// - `Mirror`: equity x (trade / capital) x factor: the same share of what we have as it is of what he has.
/// - `Adaptive`: trade x share, where the share falls in a line from `small` to `large` dollars.
/// - `Budget`: budget x trade / exposure; a trade larger than all his exposure is all of it.
/// - `Kelly`: equity x fraction x (p - c) / (1 - c), the share of a bankroll that grows it fastest where a stake of c pays 1
///   with probability p (J. L. Kelly, "A New Interpretation of Information Rate", 1956, with odds (1 - c) : c). c is the
///   limit, the most that we may pay, so that a better price is never sized for.
/// - `Edge`: full x min(p - c, edge) / edge, with the same c.
/// - `Conviction`: full x confidence.
fn by_rule(s: &Situation<'_>, leader: Usdc, limit: Price) -> Result<Usdc, No> {
    let equity = s.equity.max(Usdc::ZERO);
    match s.settings.sizing.rule {
        SizeRule::Fixed(dollars) => Ok(dollars),
        SizeRule::Percent(ppm) => Ok(leader.part_floor(u64::from(ppm))),
        SizeRule::Mirror(factor_ppm) => {
            let capital = known(s.worth.map(|worth| worth.capital))?;
            Ok(scaled(equity, leader.0 as u64, capital).part_floor(u64::from(factor_ppm)))
        }
        SizeRule::Adaptive { small, small_ppm, large, large_ppm } => {
            Ok(leader.part_floor(falling_ppm(leader, (small, small_ppm), (large, large_ppm))))
        }
        SizeRule::Budget(budget) => {
            let exposure = s.worth.and_then(|worth| worth.exposure).map(|exposure| exposure.max(leader));
            let exposure = known(exposure)?;
            Ok(scaled(budget, leader.0 as u64, exposure))
        }
        SizeRule::Kelly(fraction_ppm) => {
            let (edge, odds) = (edge(s, limit)?, limit.complement());
            let staked = scaled(equity, u64::from(edge), u64::from(odds.micros()));
            Ok(staked.part_floor(u64::from(fraction_ppm)))
        }
        SizeRule::Edge { full, edge_ppm } => {
            let edge = edge(s, limit)?.min(edge_ppm);
            Ok(scaled(full, u64::from(edge), u64::from(edge_ppm.max(1))))
        }
        SizeRule::Conviction { full } => match s.confidence_ppm {
            Some(confidence) => Ok(full.part_floor(u64::from(confidence.min(ONE as u32)))),
            None => Err(no(Skip::ScoreTooLow, i64::from(s.settings.scoring.confidence_ppm_min), 0)),
        },
    }
}

/// Returns by how much the model's probability is above the price, in millionths.
fn edge(s: &Situation<'_>, limit: Price) -> Result<u32, No> {
    let probability = s.fresh_probability()?.min(ONE as u32);
    let edge = probability.checked_sub(limit.micros()).filter(|edge| *edge > 0);
    edge.ok_or(no(Skip::NoEdge, i64::from(limit.micros()), i64::from(probability)))
}

/// Returns the share of a trade of `dollars`: the first one's up to there, the second one's from there on, and on the line
/// between them, rounded down. Shares that do not fall are not taken: then the first one's.
fn falling_ppm(dollars: Usdc, (small, small_ppm): (Usdc, u32), (large, large_ppm): (Usdc, u32)) -> u64 {
    if dollars <= small || small_ppm <= large_ppm {
        return u64::from(small_ppm);
    }
    if large <= dollars {
        return u64::from(large_ppm);
    }
    let (beyond, width) = ((dollars - small).0 as u128, (large - small).0 as u128);
    let fallen = (u128::from(small_ppm - large_ppm) * beyond).div_ceil(width);
    u64::from(small_ppm) - fallen as u64
}

/// Returns the tier of a trade: the last that begins at or below it; without one, a factor of one.
fn tier_of(tiers: &[Tier], dollars: Usdc) -> Tier {
    let begun = tiers.iter().take_while(|tier| tier.from <= dollars && **tier != Tier::UNUSED).last();
    begun.copied().unwrap_or(Tier { from: Usdc::ZERO, factor_ppm: ONE as u32 })
}

/// Returns an amount that something is divided by; an amount that is not above zero says nothing.
fn known(amount: Option<Usdc>) -> Result<u64, No> {
    let positive = amount.filter(|amount| *amount > Usdc::ZERO).map(|amount| amount.0 as u64);
    positive.ok_or((Skip::LeaderWorthUnknown, Numbers::NONE))
}

/// Returns a non-negative `amount` times `numerator / denominator`, rounded down; the largest amount where that is more.
fn scaled(amount: Usdc, numerator: u64, denominator: u64) -> Usdc {
    let product = u128::from(amount.0.max(0) as u64) * u128::from(numerator);
    Usdc((product / u128::from(denominator)).min(i64::MAX as u128) as i64)
}
