//! What the book must look like, before we buy and before we sell.

use crate::{
    config::section::Section,
    domain::settings::{Guard, Guards},
};

/// The keys of one side.
struct Keys {
    book_age: &'static str,
    spread: &'static str,
    price_guard: &'static str,
    slippage: &'static str,
    depth_factor: &'static str,
    depth: &'static str,
    depth_age: &'static str,
}

const BUY: Keys = Keys {
    book_age: "book_age_buy_ms_max",
    spread: "spread_buy_max",
    price_guard: "price_guard_buy_percent",
    slippage: "slippage_buy_percent",
    depth_factor: "depth_factor_buy_min",
    depth: "depth_buy_percent_max",
    depth_age: "depth_age_buy_ms_min",
};

const SELL: Keys = Keys {
    book_age: "book_age_sell_ms_max",
    spread: "spread_sell_max",
    price_guard: "price_guard_sell_percent",
    slippage: "slippage_sell_percent",
    depth_factor: "depth_factor_sell_min",
    depth: "depth_sell_percent_max",
    depth_age: "depth_age_sell_ms_min",
};

pub fn read(section: &mut Section<'_, '_>) -> Guards {
    Guards { buy: guard(section, &BUY), sell: guard(section, &SELL) }
}

fn guard(section: &mut Section<'_, '_>, keys: &Keys) -> Guard {
    Guard {
        book_age_max: section.millis(keys.book_age, 100, 86_400_000),
        spread_max: section.micros(keys.spread, 100, 1_000_000),
        price_guard_ppm: section.percent(keys.price_guard, 0, 100),
        slippage_ppm: section.percent(keys.slippage, 0, 100),
        depth_factor_ppm_min: section.micros(keys.depth_factor, 0, 100_000_000),
        depth_ppm_max: section.percent(keys.depth, 100, 100),
        depth_age_min: section.millis(keys.depth_age, 0, 3_600_000),
    }
}
