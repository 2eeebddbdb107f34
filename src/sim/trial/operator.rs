//! What operators do while the engine runs.

use super::{Scene, cast::Deed};
use crate::{
    domain::{Input, Nanos, PortfolioId},
    sim::random::Random,
};

/// Returns what an operator asks for, now and later.
pub fn commands(scene: &Scene, random: &mut Random) -> Vec<Deed> {
    let portfolio = PortfolioId(random.range(0, scene.portfolios.len() as u64) as u16);
    let later = Nanos::from_millis(random.range(100, 30_000));
    let now = |input| vec![(Nanos::ZERO, input)];
    match random.range(0, 4) {
        0 => vec![(Nanos::ZERO, Input::Pause { portfolio }), (later, Input::Unpause { portfolio })],
        1 if random.chance(10) => now(Input::Pause { portfolio }),
        _ => now(Input::Unpause { portfolio }),
    }
}
