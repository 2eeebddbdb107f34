//! What may be at stake.

use crate::{
    config::section::Section,
    domain::settings::{
        BreakerReset, Limits,
        limits::{ORDERS_PER_MINUTE_MAX, UNKNOWN_BURST_MAX},
    },
};

/// Where presets may be named; the key belongs to the limits, and is read before all others.
pub fn preset(section: &mut Section<'_, '_>) {
    const NONE: &str = "none";
    let names = ["conservative", "moderate", "aggressive", NONE];
    let preset = section.choice("preset", &names.map(|name| (name, name)));
    if preset != NONE {
        section.insert_preset(preset);
    }
}

pub fn read(section: &mut Section<'_, '_>) -> Limits {
    let resets = [("midnight", BreakerReset::AtMidnight), ("hand", BreakerReset::ByHand)];
    Limits {
        position_usdc_max: section.limit("position_usdc_max", 1_000_000, 100_000_000),
        exposure_usdc_max: section.limit("exposure_usdc_max", 1_000_000, 100_000_000),
        market_usdc_max: section.limit("market_usdc_max", 1_000_000, 100_000_000),
        event_usdc_max: section.limit("event_usdc_max", 1_000_000, 100_000_000),
        leader_usdc_max: section.limit("leader_usdc_max", 1_000_000, 100_000_000),
        day_usdc_max: section.limit("day_usdc_max", 1_000_000, 100_000_000),
        leader_day_usdc_max: section.limit("leader_day_usdc_max", 1_000_000, 100_000_000),
        day_loss_usdc_max: section.limit("day_loss_usdc_max", 10_000, 100_000_000),
        leader_day_loss_usdc_max: section.limit("leader_day_loss_usdc_max", 10_000, 100_000_000),
        leader_loss_usdc_max: section.limit("leader_loss_usdc_max", 10_000, 100_000_000),
        drawdown_ppm_max: section.percent("drawdown_percent_max", 1_000, 100),
        losses_in_row_max: section.whole("losses_in_row_max", 0, 1_000),
        reset: section.choice("breaker_reset", &resets),
        orders_per_minute_max: section.whole("orders_per_minute_max", 0, ORDERS_PER_MINUTE_MAX as u32),
        unknown_orders_max: section.whole("unknown_orders_max", 0, 1_000),
        unknown_burst_max: section.whole("unknown_burst_max", 0, UNKNOWN_BURST_MAX as u32),
        balance_low_usdc: section.usdc("balance_low_usdc", 0, 1_000_000),
    }
}
