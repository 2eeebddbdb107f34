//! What operators do while the engine runs.

use super::{Scene, cast::Deed};
use crate::{
    domain::{Input, Nanos, PortfolioId, TokenId},
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
        2 if random.chance(30) => {
            let token = TokenId(random.range(0, 2 * scene.markets.len() as u64) as u32);
            now(Input::ForceExit { portfolio, token: random.chance(70).then_some(token) })
        }
        _ => now(Input::Unpause { portfolio }),
    }
}
