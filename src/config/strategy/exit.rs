//! When we leave.

use crate::{config::section::Section, domain::settings::ExitRules};

pub fn read(section: &mut Section<'_, '_>) -> ExitRules {
    ExitRules {
        stop_loss_ppm: section.percent("stop_loss_percent", 0, 100),
        take_profit_ppm: section.percent("take_profit_percent", 0, 10_000),
        cooling: section.minutes("cooling_minutes", 0, 100_000),
        ..ExitRules::MIRROR
    }
}
