//! How large a copy is.

use crate::{
    config::section::Section,
    domain::settings::{SizeRule, Sizing},
};

pub fn read(section: &mut Section<'_, '_>) -> Sizing {
    #[derive(Clone, Copy)]
    enum By {
        Fixed,
        Percent,
    }
    let by = section.choice("sizing", &[("fixed", By::Fixed), ("percent", By::Percent)]);
    let size = section.usdc("size_usdc", 10_000, 1_000_000);
    let size_ppm = section.percent("size_percent", 1, 1_000);
    let sizing = Sizing {
        rule: match by {
            By::Fixed => SizeRule::Fixed(size),
            By::Percent => SizeRule::Percent(size_ppm),
        },
        order_usdc_min: section.usdc("order_usdc_min", 1_000_000, 1_000_000),
        order_usdc_max: section.limit("order_usdc_max", 1_000_000, 1_000_000),
        ..Sizing::OPEN
    };
    if sizing.order_usdc_max < sizing.order_usdc_min {
        section.out_of_order("order_usdc_min", "order_usdc_max");
    }
    if matches!(by, By::Fixed) && size < sizing.order_usdc_min {
        section.out_of_order("order_usdc_min", "size_usdc");
    }
    sizing
}
