//! What operators do while the engine runs.

use super::{Scene, cast::Deed};
use crate::{
    domain::{
        Input, LeaderId, LeaderSwitch, LiveSwitch, Nanos, PaperSwitch, PortfolioId, Shares, TokenId, Usdc,
        event::TakenIn,
    },
    sim::random::Random,
};

/// Returns what an operator asks for, now and later.
pub fn commands(scene: &Scene, random: &mut Random) -> Vec<Deed> {
    let portfolio = PortfolioId(random.range(0, scene.portfolios.len() as u64) as u16);
    let later = Nanos::from_millis(random.range(100, 30_000));
    let now = |input| vec![(Nanos::ZERO, input)];
    match random.range(0, 10) {
        0 | 1 => vec![(Nanos::ZERO, Input::Pause { portfolio }), (later, Input::Unpause { portfolio })],
        2 if random.chance(10) => now(Input::Pause { portfolio }),
        3 if random.chance(30) => {
            let token = TokenId(random.range(0, 2 * scene.markets.len() as u64) as u32);
            now(Input::ForceExit { portfolio, token: random.chance(70).then_some(token) })
        }
        4 if random.chance(30) => now(Input::Unblock { leader: leader(scene, random) }),
        5 if random.chance(70) => now(money(scene, portfolio, random)),
        5 => now(wallet(scene, portfolio, random)),
        6 if random.chance(30) => {
            let to = PaperSwitch::Off;
            vec![(Nanos::ZERO, Input::SwitchPaper { to }), (later, Input::SwitchPaper { to: PaperSwitch::On })]
        }
        7 if random.chance(50) => {
            now(Input::SwitchLive { to: *random.pick(&[LiveSwitch::Off, LiveSwitch::Shadow, LiveSwitch::On]) })
        }
        8 if random.chance(50) => {
            use LeaderSwitch::{ForceOff, ForceOn, Inherit};
            let leader = leader(scene, random);
            now(Input::SwitchLeader { leader, to: *random.pick(&[Inherit, Inherit, ForceOn, ForceOff]) })
        }
        9 => now(Input::ResetBreakers { portfolio }),
        _ => now(Input::Unpause { portfolio }),
    }
}

fn leader(scene: &Scene, random: &mut Random) -> LeaderId {
    LeaderId(random.range(0, scene.leaders.len() as u64) as u32)
}

/// Shares of the wallet's come into the books, or leave them; now and then where that cannot be.
fn wallet(scene: &Scene, portfolio: PortfolioId, random: &mut Random) -> Input {
    let token = TokenId(random.range(0, 2 * scene.markets.len() as u64) as u32);
    let shares = Shares(*random.pick(&[0, 1, 3_141_592, 25_000_000]));
    match random.range(0, 2) {
        0 => {
            let (leader, cost) = (leader(scene, random), Usdc(*random.pick(&[0, 1, 1_234_567, 30_000_000])));
            Input::TakeIn(TakenIn { portfolio, leader, token, shares, cost })
        }
        _ => Input::WriteOff { token, shares },
    }
}

/// Money is brought, taken, or moved; now and then more than there is, or none.
fn money(scene: &Scene, portfolio: PortfolioId, random: &mut Random) -> Input {
    let amount = Usdc::whole(*random.pick(&[0, 5, 100, 1_000_000]));
    let to = PortfolioId(random.range(0, scene.portfolios.len() as u64) as u16);
    match random.range(0, 3) {
        0 => Input::Deposit { portfolio, amount },
        1 => Input::Withdraw { portfolio, amount },
        _ => Input::Move { from: portfolio, to, amount },
    }
}
