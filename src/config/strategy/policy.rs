//! Which kind of order is sent.

use crate::{config::section::Section, domain::settings::OrderPolicy};

pub fn read(section: &mut Section<'_, '_>) -> OrderPolicy {
    section.choice("order_kind", &[("FAK", OrderPolicy::Fak), ("FOK", OrderPolicy::Fok)])
}
