//! Which trades of a leader are followed.

use crate::{
    config::section::Section,
    domain::settings::{Filter, Roles, Sides},
};

pub fn read(section: &mut Section<'_, '_>) -> Filter {
    let filter = Filter {
        trade_age_max: section.millis("trade_age_ms_max", 1, 86_400_000),
        price_min: section.price("price_min"),
        price_max: section.price("price_max"),
        leader_trade_usdc_min: section.usdc("leader_trade_usdc_min", 0, 1_000_000_000),
        leader_trade_usdc_max: section.usdc("leader_trade_usdc_max", 0, 1_000_000_000),
        sides: section
            .choice("sides", &[("both", Sides::Both), ("buys", Sides::BuysOnly), ("sells", Sides::SellsOnly)]),
        roles: section
            .choice("roles", &[("any", Roles::Any), ("maker", Roles::MakerOnly), ("taker", Roles::TakerOnly)]),
        entries_max: section.whole("entries_max", 0, 1_000_000),
        close_time_min: section.seconds("close_time_s_min", 0, 31_536_000),
        close_life_ppm_min: section.percent("close_life_percent_min", 0, 100),
        probability_ppm_min: section.percent("probability_percent_min", 0, 100),
        probability_age_max: section.millis("probability_age_ms_max", 1, 86_400_000),
    };
    if filter.price_max < filter.price_min {
        section.out_of_order("price_min", "price_max");
    }
    if filter.leader_trade_usdc_max < filter.leader_trade_usdc_min {
        section.out_of_order("leader_trade_usdc_min", "leader_trade_usdc_max");
    }
    filter
}
