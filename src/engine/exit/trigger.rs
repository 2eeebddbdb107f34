//! Must a position be left? Pure questions about its price and its age.

use crate::{
    domain::{Cause, Nanos, Price, Tick, money::ONE, settings::ExitRules},
    engine::position::Position,
};

/// Returns why a position must be left now, if it must. `bid` is that of a trusted book, `None` where there is none: then
/// only time counts. All causes sell everything; of several the first one counts: stop, trailing stop, target, time.
pub fn cause(rules: &ExitRules, position: &Position, bid: Option<Price>, now: Nanos) -> Option<Cause> {
    if let Some(cause) = bid.and_then(|bid| by_price(rules, position, bid)) {
        return Some(cause);
    }
    (position.opened_at.plus(rules.hold_max) <= now).then_some(Cause::HoldTime)
}

/// Stop and target go by what the shares cost on average, without fees.
fn by_price(rules: &ExitRules, position: &Position, bid: Price) -> Option<Cause> {
    let one = i128::from(ONE);
    let value = i128::from(bid.micros()) * i128::from(position.shares.0) * one;
    let cost = i128::from(position.cost.0) * one;
    let [stop, trail, target] = [rules.stop_loss_ppm, rules.trailing_stop_ppm, rules.take_profit_ppm].map(i128::from);
    if stop > 0 && value <= cost * (one - stop) {
        return Some(Cause::StopLoss);
    }
    let is_below = |peak: Price| i128::from(bid.micros()) * one <= i128::from(peak.micros()) * (one - trail);
    if trail > 0 && position.peak.is_some_and(is_below) {
        return Some(Cause::TrailingStop);
    }
    (target > 0 && cost * (one + target) <= value).then_some(Cause::TakeProfit)
}

/// Returns the new peak, where a trailing stop follows it and the bid rose by a tick or more.
pub fn peak(rules: &ExitRules, peak: Option<Price>, bid: Option<Price>, tick: Tick) -> Option<Price> {
    let rose = |bid: &Price| peak.is_none_or(|peak| peak.micros() + tick.micros() <= bid.micros());
    bid.filter(|bid| rules.trailing_stop_ppm > 0 && rose(bid))
}
