//! What would this portfolio do about a leader's trade? Reads only; `explain` asks the same question.

use super::book::{Book, Trust};
use crate::domain::{
    Market, Nanos, Numbers, Price, Settings, Shares, Side, SizeRule, Skip, Usdc,
    market::{BUY_MINIMUM, SHARES_STEP},
    money::ONE,
};

/// What an entry is decided on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    pub settings: &'a Settings,
    pub market: &'a Market,
    pub book: &'a Book,
    pub now: Nanos,
    /// The leader's trade, or all of its group so far.
    pub traded_at: Nanos,
    pub price: Price,
    pub shares: Shares,
    /// Of these, how many count for the size: what is beyond the leader's usual does not.
    pub counted: Shares,
    /// How much of the size is copied, in parts per million: less than all while the leader is on probation.
    pub part_ppm: u32,
    /// What this portfolio already ordered for the group,
    pub ordered: Usdc,
    /// and what of the group's copies waits, because it is too small to order.
    pub waiting: Usdc,
    /// Earlier copies that wait, and would be ordered with this one: those of the group, too.
    pub carried: Usdc,
    /// What the price guard is measured against: the group's price, or that of everything that would be ordered together.
    pub reference: Price,
}

/// What a portfolio would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    pub side: Side,
    pub limit: Price,
    /// Dollars to spend, without the fee; whole cents. Zero for a sell.
    pub budget: Usdc,
    /// A sell: shares to sell. A buy: what the budget surely buys.
    pub shares: Shares,
    pub touch: Price,
    /// A buy below this is not worth sending, or the venue would refuse it.
    pub budget_min: Usdc,
}

/// A strategy's no with its numbers.
pub type No = (Skip, Numbers);

/// Returns the buy that follows a leader's buy, or why there is none. Filters come first, then the book, then the price,
/// then the size; the first no counts. [`Skip::BelowMinimum`] comes last, and its second number is the dollars wanted:
/// what a buffer adds up.
pub fn entry(situation: &Situation<'_>) -> Result<Intent, No> {
    filter(situation)?;
    let wanted = wanted(situation)?;
    let ask = touch(situation)?;
    let limit = bound(situation, ask)?;
    let budget_min = budget_min(situation, limit);
    if wanted.floor_cents() < budget_min {
        return Err(no(Skip::BelowMinimum, budget_min.0, wanted.0));
    }
    let budget = within_depth(situation, limit, wanted, budget_min)?;
    Ok(Intent {
        side: Side::Buy,
        limit,
        budget,
        shares: sure_shares(situation.market, limit, budget),
        touch: ask,
        budget_min,
    })
}

/// Returns what `budget` surely buys at `limit`, cut to the decimals the venue takes (PROTOCOL.md 1.9).
pub fn sure_shares(market: &Market, limit: Price, budget: Usdc) -> Shares {
    let step = 10u64.pow(6 - market.tick.amount_decimals().min(6));
    limit.shares_floor(budget).floor_to(step)
}

/// Returns the dollars the sizing rule asks for, before clamps.
pub fn sized(settings: &Settings, price: Price, shares: Shares) -> Usdc {
    match settings.sizing.rule {
        SizeRule::Fixed(dollars) => dollars,
        SizeRule::Percent(ppm) => price.cost_floor(shares).part_floor(u64::from(ppm)),
        SizeRule::Mirror(_)
        | SizeRule::Adaptive { .. }
        | SizeRule::Budget(_)
        | SizeRule::Kelly(_)
        | SizeRule::Edge { .. }
        | SizeRule::Conviction { .. } => Usdc::ZERO,
    }
}

/// Returns the worst price against the leader's.
pub fn guard(settings: &Settings, market: &Market, price: Price) -> Price {
    price.up(price.part(settings.guards.buy.price_guard_ppm).max(market.tick.micros()))
}

/// Returns the worst price against the best ask.
pub fn slipped(settings: &Settings, ask: Price) -> Price {
    ask.up(ask.part(settings.guards.buy.slippage_ppm))
}

fn filter(s: &Situation<'_>) -> Result<(), No> {
    let age = s.now.since(s.traded_at);
    if age > s.settings.filter.trade_age_max {
        return Err(no(Skip::TooOld, millis(s.settings.filter.trade_age_max), millis(age)));
    }
    near_close(s)?;
    if s.price < s.settings.filter.price_min || s.settings.filter.price_max < s.price {
        let edge = if s.price < s.settings.filter.price_min {
            s.settings.filter.price_min
        } else {
            s.settings.filter.price_max
        };
        return Err(no(Skip::PriceOutsideBand, micros(edge), micros(s.price)));
    }
    let size = s.price.cost_ceil(s.shares);
    if size < s.settings.filter.leader_trade_usdc_min {
        return Err(no(Skip::LeaderTradeTooSmall, s.settings.filter.leader_trade_usdc_min.0, size.0));
    }
    if s.settings.filter.leader_trade_usdc_max < size {
        return Err(no(Skip::LeaderTradeTooLarge, s.settings.filter.leader_trade_usdc_max.0, size.0));
    }
    Ok(())
}

/// The last minutes, or the last part of a market's life, are the leader's alone.
fn near_close(s: &Situation<'_>) -> Result<(), No> {
    let left = s.market.closes_at.since(s.now);
    if s.market.closes_at == Nanos::NEVER {
        return Ok(());
    }
    let life = s.market.closes_at.since(s.market.opens_at);
    let by_life = if s.market.opens_at == Nanos::ZERO {
        Nanos::ZERO
    } else {
        Nanos((u128::from(life.0) * u128::from(s.settings.filter.close_life_ppm_min) / u128::from(ONE)) as u64)
    };
    // A five-minute market would never be open for a rule of five minutes, so of the two the shorter counts.
    let needed = if by_life == Nanos::ZERO {
        s.settings.filter.close_time_min
    } else {
        by_life.min(s.settings.filter.close_time_min)
    };
    if left < needed { Err(no(Skip::NearClose, millis(needed), millis(left))) } else { Ok(()) }
}

/// Returns the dollars the sizing rule asks for, less what the group already had, with what waits to be ordered with it.
/// Not cut to whole cents: small copies add up.
fn wanted(s: &Situation<'_>) -> Result<Usdc, No> {
    let max = s.settings.sizing.order_usdc_max;
    let target = sized(s.settings, s.price, s.counted).part_floor(u64::from(s.part_ppm)).min(max);
    let had = s.ordered + s.waiting;
    // What is left by cutting the last order to whole cents is not worth another.
    if had > Usdc::ZERO && (target <= had || target.floor_cents() <= s.ordered) {
        return Err(no(Skip::Grouped, target.0, had.0));
    }
    Ok((target - had + s.carried).min(max))
}

/// Returns the best ask of a book that may be traded on.
fn touch(s: &Situation<'_>) -> Result<Price, No> {
    match s.book.trust() {
        Trust::Good => (),
        Trust::Cold | Trust::Loading => return Err(no(Skip::NoBook, 0, 0)),
        Trust::Suspect(..) | Trust::Diverged(_) => return Err(no(Skip::BookDiverged, 0, 0)),
    }
    let age = s.now.since(s.book.heard());
    if age > s.settings.guards.buy.book_age_max {
        return Err(no(Skip::BookStale, millis(s.settings.guards.buy.book_age_max), millis(age)));
    }
    let ask = s.book.best_ask().ok_or(no(Skip::NoAsks, 0, 0))?;
    let bid = s.book.best_bid().map_or(0, Price::micros);
    let spread = ask.micros().saturating_sub(bid);
    if spread > s.settings.guards.buy.spread_max {
        return Err(no(Skip::SpreadTooWide, i64::from(s.settings.guards.buy.spread_max), i64::from(spread)));
    }
    Ok(ask)
}

/// Returns the most a share may cost: the guard against the leader's price and the slippage against the touch, whichever
/// is lower, on the grid.
fn bound(s: &Situation<'_>, ask: Price) -> Result<Price, No> {
    let bound = guard(s.settings, s.market, s.reference).min(slipped(s.settings, ask));
    if bound < ask {
        return Err(no(Skip::PriceMoved, micros(bound), micros(ask)));
    }
    let limit = s.market.tick.floor(bound).filter(|limit| ask <= *limit);
    limit.ok_or(no(Skip::RoundingBreaksBound, micros(bound), micros(ask)))
}

/// Returns the smallest buy that the venue and the strategy take at `limit`.
fn budget_min(s: &Situation<'_>, limit: Price) -> Usdc {
    // Rounded up to whole cents and shares: the budget is cut to cents, and must still buy the minimum.
    let cost = limit.cost_ceil(Shares(s.market.minimum.0.next_multiple_of(SHARES_STEP))).0;
    let of_market = Usdc((cost as u64).next_multiple_of(10_000) as i64);
    of_market.max(BUY_MINIMUM).max(s.settings.sizing.order_usdc_min)
}

/// Cuts the size to the strategy's part of the depth within the bound.
fn within_depth(s: &Situation<'_>, limit: Price, wanted: Usdc, budget_min: Usdc) -> Result<Usdc, No> {
    let depth = s.book.ask_depth(limit);
    let allowed = Usdc(depth.cost).part_floor(u64::from(s.settings.guards.buy.depth_ppm_max)).floor_cents();
    let budget = wanted.floor_cents().min(allowed);
    let needed = budget.max(budget_min).part_floor(u64::from(s.settings.guards.buy.depth_factor_ppm_min));
    if budget < budget_min || Usdc(depth.cost) < needed {
        // In shares at the bound: what would have had to be there.
        let part = u128::from(s.settings.guards.buy.depth_ppm_max.max(1));
        let for_part = (budget_min.0 as u128 * u128::from(ONE)).div_ceil(part) as i64;
        let shares = limit.shares_floor(needed.max(Usdc(for_part)));
        return Err(no(Skip::DepthTooThin, shares.0 as i64, depth.shares.0 as i64));
    }
    Ok(budget)
}

fn no(reason: Skip, limit: i64, actual: i64) -> No {
    (reason, Numbers { limit, actual })
}
fn micros(price: Price) -> i64 {
    i64::from(price.micros())
}
fn millis(length: Nanos) -> i64 {
    length.as_millis() as i64
}
