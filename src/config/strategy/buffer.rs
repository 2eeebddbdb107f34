//! What becomes of copies too small for the venue.

use crate::{
    config::section::Section,
    domain::settings::{Buffer, Netting},
};

pub fn read(section: &mut Section<'_, '_>) -> Buffer {
    Buffer {
        window: section.seconds("buffer_window_s", 0, 86_400),
        netting: section.choice("buffer_netting", &[("on", Netting::On), ("off", Netting::Off)]),
    }
}
