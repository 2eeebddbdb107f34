//! Which orders are signed before they are wanted.

use super::{decimal, literal::number, reader::Reader, section::Section};
use crate::{
    domain::{Usdc, money::ONE},
    engine::foresee::RUNGS_MAX,
    venue::polymarket::prepare::ahead::Options,
};

const LADDER: &str = "a list of at most 16 amounts, 1 to 1000000, ascending";
const RUNGS: std::ops::RangeInclusive<Usdc> = Usdc::whole(1)..=Usdc::whole(1_000_000);

/// Returns `None` where none are.
pub fn read(reader: &mut Reader<'_>) -> Option<Options> {
    let mut section = reader.section("prepare");
    let ahead = section.switch("ahead");
    let options = Options {
        orders_max: section.whole("orders_max", 32, 8_192) as usize,
        age_max: section.millis("age_ms_max", 500, 30_000),
        ladder: ladder(&mut section),
        shortfall_ppm_max: section.percent("shortfall_percent_max", 0, 20),
    };
    section.finish();
    ahead.then_some(options)
}

/// Reads the sizes; each that is wrong is reported where it stands.
fn ladder(section: &mut Section<'_, '_>) -> [Usdc; RUNGS_MAX] {
    let (mut rungs, mut used) = ([Usdc::ZERO; RUNGS_MAX], 0);
    for (value, place) in section.elements("ladder_usdc", 0, LADDER, "[5, 10, 20]") {
        let wrong = match number(value).and_then(|number| decimal::scaled(number, ONE as i64)).map(Usdc) {
            Err(wrong) => wrong,
            Ok(rung) if !RUNGS.contains(&rung) => format!("holds ${rung}"),
            Ok(rung) if rungs[..used].last().is_some_and(|last| rung <= *last) => {
                format!("holds ${rung} where more than ${} is due", rungs[used - 1])
            }
            Ok(_) if used == RUNGS_MAX => format!("holds more than {RUNGS_MAX}"),
            Ok(rung) => {
                (rungs[used], used) = (rung, used + 1);
                continue;
            }
        };
        section.report(place, "ladder_usdc", &wrong, LADDER, "correct it or take it out");
    }
    rungs
}
