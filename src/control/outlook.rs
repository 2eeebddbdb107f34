//! What there is to be turned, and what turning live on would mean: for a person who looks before he does.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Console;
use crate::{
    domain::{Input, LiveSwitch, Mode, PortfolioId, Settings, Usdc, settings::Limits},
    metrics::Snapshot,
};

/// How it stands, by the engine's own word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// What keeps live from being turned on.
    pub red: Vec<String>,
    pub strategies: Vec<StrategyNow>,
    pub leaders: Vec<LeaderNow>,
    /// The most that leaves in all.
    pub ceilings: Vec<Bound>,
    /// The wallet that would pay; empty where there is none.
    pub wallet: String,
    /// The most that the settings allow, as they were at the start.
    pub allowed: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyNow {
    pub name: String,
    /// `running`, `paused`, or how many of its portfolios are.
    pub entries: String,
    /// Breakers that tripped, by code and mode.
    pub tripped: Vec<String>,
    /// What its portfolio with real money may do; empty where it has none.
    pub live: Vec<Bound>,
    /// Letting it enter again needs the sentence.
    #[serde(default)]
    pub needs_sentence: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderNow {
    pub name: String,
    /// `inherit`, `force_on` or `force_off`.
    pub switch: String,
}

/// A limit in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    pub of: String,
    pub at: String,
}

impl Console {
    pub(super) async fn outlook(&self) -> Outlook {
        let config = Arc::clone(&*self.config.lock().await);
        let now = self.plant.published.load();
        let strategies = config.strategies.iter().map(|strategy| StrategyNow {
            name: strategy.name.clone(),
            entries: self.entries_of(&now, |name, _| name == strategy.name),
            tripped: self.tripped_of(&now, &strategy.name),
            live: strategy.live.map_or_else(Vec::new, |live| bounds(live.capital, &live.settings)),
            needs_sentence: self.has_money(&strategy.name),
        });
        let leaders = config.leaders.iter().map(|leader| {
            let switch = Some(self.leader_stands(&now, &leader.name)).filter(|stands| !stands.is_empty());
            LeaderNow { name: leader.name.clone(), switch: switch.unwrap_or_else(|| "inherit".to_owned()) }
        });
        let ceilings = &config.ceilings;
        let dollars = |amount: Usdc| if amount == Usdc::ZERO { "no limit".to_owned() } else { format!("${amount}") };
        Outlook {
            red: self.red(&Input::SwitchLive { to: LiveSwitch::On }),
            strategies: strategies.collect(),
            leaders: leaders.collect(),
            ceilings: vec![
                bound("one order", dollars(ceilings.usdc_per_order_max)),
                bound("entries in a minute", dollars(ceilings.usdc_per_minute_max)),
                bound(
                    "orders in a second",
                    match ceilings.orders_per_second_max {
                        0 => "no limit".to_owned(),
                        count => count.to_string(),
                    },
                ),
            ],
            wallet: self.plant.desk.as_ref().map_or_else(String::new, |desk| desk.wallet.funder.to_string()),
            allowed: self.plant.live_allowed.code().to_owned(),
        }
    }

    /// Says whether entries of some portfolios are paused.
    pub(super) fn entries_of(&self, now: &Snapshot, is_meant: impl Fn(&str, Mode) -> bool) -> String {
        let meant = self.portfolios.iter().filter(|(name, mode, _)| is_meant(name, *mode));
        let paused = |id: &PortfolioId| now.portfolios.iter().any(|portfolio| portfolio.id == *id && portfolio.paused);
        let meant: Vec<bool> = meant.map(|(.., id)| paused(id)).collect();
        match meant.iter().filter(|paused| **paused).count() {
            0 => "running".to_owned(),
            all if all == meant.len() => "paused".to_owned(),
            some => format!("{some} of {} paused", meant.len()),
        }
    }

    /// Names the breakers of a strategy that tripped.
    pub(super) fn tripped_of(&self, now: &Snapshot, strategy: &str) -> Vec<String> {
        let of_it = self.portfolios.iter().filter(|(name, ..)| name == strategy);
        let breakers = of_it.flat_map(|(_, mode, id)| {
            let portfolio = now.portfolios.iter().find(|portfolio| portfolio.id == *id);
            portfolio.into_iter().flat_map(|now| now.breakers()).map(|code| format!("{code} ({})", mode.code()))
        });
        breakers.collect()
    }
}

fn bound(of: &str, at: String) -> Bound {
    Bound { of: of.to_owned(), at }
}

/// The limits that a person asks for first.
fn bounds(capital: Usdc, settings: &Settings) -> Vec<Bound> {
    let dollars = |amount: Usdc| if amount == Limits::NONE { "no limit".to_owned() } else { format!("${amount}") };
    let limits = &settings.limits;
    vec![
        bound("capital", dollars(capital)),
        bound("one order", dollars(settings.sizing.order_usdc_max)),
        bound("one position", dollars(limits.position_usdc_max)),
        bound("all at once", dollars(limits.exposure_usdc_max)),
        bound("entries of a day", dollars(limits.day_usdc_max)),
        bound("loss of a day", dollars(limits.day_loss_usdc_max)),
    ]
}
