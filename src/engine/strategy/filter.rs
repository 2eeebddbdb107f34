//! Which trades of a leader are followed at all.

use super::{No, Situation, micros, millis, no};
use crate::domain::{
    Nanos, Numbers, Role, Skip,
    money::ONE,
    settings::{Filter, Roles, Sides},
};

/// Passes a leader's buy, or returns the first filter that keeps it out.
pub fn check(s: &Situation<'_>) -> Result<(), No> {
    let filter = &s.settings.filter;
    if filter.sides == Sides::SellsOnly {
        return Err((Skip::SideNotFollowed, Numbers::NONE));
    }
    let is_followed = match filter.roles {
        Roles::Any => true,
        Roles::MakerOnly => s.role == Role::Maker,
        Roles::TakerOnly => s.role == Role::Taker,
    };
    if !is_followed {
        return Err((Skip::RoleNotFollowed, Numbers::NONE));
    }
    age(filter, s.now, s.traded_at)?;
    near_close(s)?;
    if s.price < filter.price_min {
        return Err(no(Skip::PriceOutsideBand, micros(filter.price_min), micros(s.price)));
    }
    if filter.price_max < s.price {
        return Err(no(Skip::PriceOutsideBand, micros(filter.price_max), micros(s.price)));
    }
    let size = s.price.cost_ceil(s.shares);
    if size < filter.leader_trade_usdc_min {
        return Err(no(Skip::LeaderTradeTooSmall, filter.leader_trade_usdc_min.0, size.0));
    }
    if filter.leader_trade_usdc_max < size {
        return Err(no(Skip::LeaderTradeTooLarge, filter.leader_trade_usdc_max.0, size.0));
    }
    if filter.entries_max > 0 && filter.entries_max <= s.entries {
        return Err(no(Skip::EntriesUsedUp, i64::from(filter.entries_max), i64::from(s.entries)));
    }
    probable(s)
}

/// Passes a trade that is not too old.
pub fn age(filter: &Filter, now: Nanos, traded_at: Nanos) -> Result<(), No> {
    let age = now.since(traded_at);
    match filter.trade_age_max < age {
        true => Err(no(Skip::TooOld, millis(filter.trade_age_max), millis(age))),
        false => Ok(()),
    }
}

fn probable(s: &Situation<'_>) -> Result<(), No> {
    let least = s.settings.filter.probability_ppm_min;
    if least == 0 {
        return Ok(());
    }
    let probability = s.fresh_probability()?;
    if probability < least {
        return Err(no(Skip::ProbabilityTooLow, i64::from(least), i64::from(probability)));
    }
    Ok(())
}

/// The last minutes, or the last part of a market's life, are the leader's alone.
fn near_close(s: &Situation<'_>) -> Result<(), No> {
    let filter = &s.settings.filter;
    let left = s.market.closes_at.since(s.now);
    if s.market.closes_at == Nanos::NEVER {
        return Ok(());
    }
    let life = s.market.closes_at.since(s.market.opens_at);
    let by_life = if s.market.opens_at == Nanos::ZERO {
        Nanos::ZERO
    } else {
        Nanos((u128::from(life.0) * u128::from(filter.close_life_ppm_min) / u128::from(ONE)) as u64)
    };
    // A five-minute market would never be open for a rule of five minutes, so of the two the shorter counts.
    let needed = if by_life == Nanos::ZERO { filter.close_time_min } else { by_life.min(filter.close_time_min) };
    if left < needed { Err(no(Skip::NearClose, millis(needed), millis(left))) } else { Ok(()) }
}
