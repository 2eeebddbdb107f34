//! What the book must look like.

use crate::{
    config::section::Section,
    domain::settings::{Guard, Guards},
};

pub fn read(section: &mut Section<'_, '_>) -> Guards {
    let buy = Guard {
        book_age_max: section.millis("book_age_ms_max", 100, 86_400_000),
        spread_max: section.micros("spread_max", 100, 1_000_000),
        price_guard_ppm: section.percent("price_guard_percent", 0, 100),
        slippage_ppm: section.percent("slippage_buy_percent", 0, 100),
        depth_factor_ppm_min: section.micros("depth_factor_min", 0, 100_000_000),
        depth_ppm_max: section.percent("depth_percent_max", 100, 100),
        ..Guard::OPEN
    };
    let sell = Guard { slippage_ppm: section.percent("slippage_sell_percent", 0, 100), ..Guard::OPEN };
    Guards { buy, sell }
}
