//! At what price: what the book must look like, and how far from the leader's price and from the touch we go.
//!
//! ```text
//! buy   bound = min(leader's price + guard, best ask x (1 + slippage)); floored to the grid; not below the ask
//! sell  bound = max(leader's price - guard, best bid x (1 - slippage)); ceiled to the grid; not above the bid
//! ```

use super::{No, Situation, micros, millis, no};
use crate::{
    domain::{
        Market, Nanos, Numbers, Price, Settings, Shares, Side, Skip, market::SHARES_STEP, money::ONE, settings::Guard,
    },
    engine::book::{Book, Trust},
};

/// A sale that is owed, and what its price is measured against.
#[derive(Clone, Copy, Debug)]
pub struct Sale<'a> {
    pub guard: &'a Guard,
    pub market: &'a Market,
    pub book: &'a Book,
    pub now: Nanos,
    /// The leader's price; `None` where no price of a leader led to the sale (a stop, a forced exit).
    pub reference: Option<Price>,
    /// What is to be sold.
    pub shares: Shares,
}

/// Returns the least a share may bring, on the grid and not above `bid`, or which guard holds the sale back.
pub fn sell_bound(sale: &Sale<'_>, bid: Price) -> Result<Price, No> {
    let Sale { guard, market, book, now, reference, .. } = *sale;
    is_usable(guard, book, now)?;
    let ask = book.best_ask().map_or(ONE as u32, Price::micros);
    is_narrow(guard, bid.micros(), ask)?;
    let slipped = slipped_down(guard, bid);
    let bound = reference.map_or(slipped, |reference| slipped.max(guarded_down(guard, market, reference)));
    if bid < bound {
        return Err(no(Skip::PriceMoved, micros(bound), micros(bid)));
    }
    let limit = market.tick.ceil(bound).filter(|limit| *limit <= bid);
    limit.ok_or(no(Skip::RoundingBreaksBound, micros(bound), micros(bid)))
}

/// Returns how many of the shares may be sold at `limit`: no more than the guard's part of what is bid for within it, on
/// the size grid. Fails where less than the market's minimum is left, or too little is bid for.
pub fn sell_shares(sale: &Sale<'_>, limit: Price) -> Result<Shares, No> {
    let Sale { guard, market, book, now, shares, .. } = *sale;
    let depth = book.depth(Side::Buy, limit, standing_since(guard, now)).shares;
    let allowed = depth.part_floor(u64::from(guard.depth_ppm_max));
    let sold = shares.min(allowed).floor_to(SHARES_STEP);
    let needed = sold.max(market.minimum).part_floor(u64::from(guard.depth_factor_ppm_min));
    if sold < market.minimum || sold == Shares::ZERO || depth < needed {
        return Err(no(Skip::DepthTooThin, needed.max(market.minimum).0 as i64, depth.0 as i64));
    }
    Ok(sold)
}

/// Returns the best ask of a book that may be bought from.
pub fn best_ask(s: &Situation<'_>) -> Result<Price, No> {
    let guard = &s.settings.guards.buy;
    is_usable(guard, s.book, s.now)?;
    let ask = s.book.best_ask().ok_or((Skip::NoAsks, Numbers::NONE))?;
    is_narrow(guard, s.book.best_bid().map_or(0, Price::micros), ask.micros())?;
    Ok(ask)
}

/// Returns the most a share may cost: the guard against the leader's price and the slippage against the touch, whichever
/// is lower, on the grid.
pub fn buy_bound(settings: &Settings, market: &Market, leader: Price, ask: Price) -> Result<Price, No> {
    let bound = guarded_up(settings, market, leader).min(slipped_up(settings, ask));
    if bound < ask {
        return Err(no(Skip::PriceMoved, micros(bound), micros(ask)));
    }
    let limit = market.tick.floor(bound).filter(|limit| ask <= *limit);
    limit.ok_or(no(Skip::RoundingBreaksBound, micros(bound), micros(ask)))
}

/// Returns the worst price to buy at against the leader's.
pub fn guarded_up(settings: &Settings, market: &Market, leader: Price) -> Price {
    leader.up(leader.part(settings.guards.buy.price_guard_ppm).max(market.tick.micros()))
}

/// Returns the worst price to buy at against the best ask.
pub fn slipped_up(settings: &Settings, ask: Price) -> Price {
    ask.up(ask.part(settings.guards.buy.slippage_ppm))
}

/// Returns the worst price to sell at against the leader's.
pub fn guarded_down(guard: &Guard, market: &Market, leader: Price) -> Price {
    leader.down(leader.part(guard.price_guard_ppm).max(market.tick.micros()))
}

/// Returns the worst price to sell at against the best bid.
pub fn slipped_down(guard: &Guard, bid: Price) -> Price {
    bid.down(bid.part(guard.slippage_ppm))
}

/// Returns the moment since which a level must have stood to count as depth.
pub fn standing_since(guard: &Guard, now: Nanos) -> Nanos {
    Nanos(now.0.saturating_sub(guard.depth_age_min.0))
}

fn is_usable(guard: &Guard, book: &Book, now: Nanos) -> Result<(), No> {
    match book.trust() {
        Trust::Good => (),
        Trust::Cold | Trust::Loading => return Err((Skip::NoBook, Numbers::NONE)),
        Trust::Suspect(..) | Trust::Diverged(_) => return Err((Skip::BookDiverged, Numbers::NONE)),
    }
    let age = now.since(book.heard());
    if guard.book_age_max < age {
        return Err(no(Skip::BookStale, millis(guard.book_age_max), millis(age)));
    }
    Ok(())
}

/// An empty side counts as a price of nothing, or of a dollar: the spread is then wide.
fn is_narrow(guard: &Guard, bid: u32, ask: u32) -> Result<(), No> {
    let spread = ask.saturating_sub(bid);
    if guard.spread_max < spread {
        return Err(no(Skip::SpreadTooWide, i64::from(guard.spread_max), i64::from(spread)));
    }
    Ok(())
}
