//! What a leader's ways may be.

use crate::{config::section::Section, domain::settings::Conduct};

pub fn read(_: &mut Section<'_, '_>) -> Conduct {
    Conduct::OPEN
}
