//! Which kind of order is sent.

use crate::{config::section::Section, domain::settings::OrderPolicy};

pub fn read(section: &mut Section<'_, '_>) -> OrderPolicy {
    let fok_max = section.usdc("fok_usdc_max", 0, 1_000_000);
    section.choice(
        "order_kind",
        &[
            ("FAK", OrderPolicy::Fak),
            ("FOK", OrderPolicy::Fok),
            ("FOK_UP_TO", OrderPolicy::FokUpTo(fok_max)),
            ("FOK_THEN_FAK", OrderPolicy::FokThenFak),
        ],
    )
}
