//! What becomes of copies too small for the venue.

use crate::{config::section::Section, domain::settings::Buffer};

pub fn read(_: &mut Section<'_, '_>) -> Buffer {
    Buffer::OFF
}
