//! What a trial begins with: markets, leaders, portfolios and what they were told, drawn from the seed.

use super::{cast::Style, settings};
use crate::{
    domain::{
        ConditionId, FeeSchedule, LeaderId, LiveOrders, LiveSwitch, Market, Mode, Nanos, PortfolioId, Settings, Shares,
        Tick, TokenId, Usdc, VenueEventId,
    },
    engine::Options,
    sim::{auditor::Terms, random::Random},
};

/// Midnight (UTC) of a day in 2026; trials begin some hours after it, and many last beyond the next.
const MIDNIGHT: Nanos = Nanos::from_secs(1_776_038_400);

#[derive(Clone, Debug)]
pub struct Scene {
    pub seed: u64,
    pub random: Random,
    pub begins: Nanos,
    pub options: Options,
    /// Two tokens for each market: its outcomes.
    pub markets: Vec<Market>,
    /// Markets whose rules are not known at first.
    pub cold: Vec<usize>,
    pub leaders: Vec<Style>,
    pub portfolios: Vec<(Mode, Settings)>,
    pub follows: Vec<(LeaderId, PortfolioId)>,
    pub denied: Vec<(TokenId, PortfolioId)>,
    pub capital: Usdc,
    pub faults: Faults,
}

/// Whether the world breaks things in this trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faults {
    /// Books agree, nothing is late, no process ends.
    None,
    /// All of it.
    All,
}

impl Scene {
    /// Draws the scene of a seed.
    pub fn of(seed: u64) -> Scene {
        let mut random = Random::new(seed);
        let begins = MIDNIGHT.plus(Nanos::from_secs(random.range(0, 86_400)));
        let modes = [Mode::Paper, Mode::Paper, Mode::Live];
        let portfolios: Vec<(Mode, Settings)> =
            (0..random.range(1, 5)).map(|_| (*random.pick(&modes), settings::drawn(&mut random))).collect();
        let live = *random.pick(&[LiveSwitch::On, LiveSwitch::On, LiveSwitch::Shadow, LiveSwitch::Off]);
        let leaders: Vec<Style> = (0..random.range(1, 5)).map(|_| *random.pick(&Style::ALL)).collect();
        let mut follows = vec![];
        for leader in 0..leaders.len() as u32 {
            for portfolio in 0..portfolios.len() as u16 {
                if random.chance(70) {
                    follows.push((LeaderId(leader), PortfolioId(portfolio)));
                }
            }
        }
        let markets: Vec<Market> = (0..random.range(2, 4)).map(|n| market(n as u32, begins, &mut random)).collect();
        let cold = (0..markets.len()).filter(|_| random.chance(15)).collect();
        let denied = if random.chance(10) { vec![(TokenId(0), PortfolioId(0))] } else { vec![] };
        Scene {
            seed,
            begins,
            options: Options {
                value_every: Nanos::from_secs(900),
                live,
                live_orders: LiveOrders::Ready,
                ..Options::default()
            },
            markets,
            cold,
            leaders,
            portfolios,
            follows,
            denied,
            capital: Usdc::whole(*random.pick(&[50, 1_000, 20_000])),
            faults: Faults::All,
            random,
        }
    }

    /// Returns what the auditor is told.
    pub fn terms(&self) -> Terms {
        Terms {
            portfolios: self.portfolios.clone(),
            follows: self.follows.clone(),
            denied: self.denied.clone(),
            group_window: self.options.group_window,
            paper: self.options.paper,
            live: self.options.live,
        }
    }
}

/// Draws the nth market: the first two hang together in one event of the venue.
fn market(n: u32, begins: Nanos, random: &mut Random) -> Market {
    let life = *random.pick(&[Nanos::from_secs(900), Nanos::from_secs(86_400), Nanos::from_secs(864_000)]);
    let closes_at = if random.chance(30) { Nanos::NEVER } else { begins.plus(life) };
    Market {
        tick: *random.pick(&[Tick::CENT, Tick::CENT, Tick::KNOWN[4]]),
        minimum: Shares::whole(*random.pick(&[5, 5, 1])),
        fees: FeeSchedule { rate_ppm: *random.pick(&[0, 0, 20_000, 70_000]) },
        condition: ConditionId(1 + n),
        venue_event: VenueEventId(1 + n.saturating_sub(1)),
        neg_risk: n < 2,
        opens_at: if random.chance(50) { begins } else { Nanos::ZERO },
        closes_at,
        ..Market::COMMON
    }
}
