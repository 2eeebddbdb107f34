//! Which processes wrote the journal: on which boot of the machine, with which settings and wallet, and how the last one ended.

use super::{Names, Notice, StartError};
use crate::{
    config::Config,
    domain::{Input, LiveSwitch, Mode, Nanos, Settings, Usdc},
    hot_loop::Core,
    journal::{Full, Journal, Record},
};

/// For so long an order that the journal lost may still turn up at the venue.
const HOLD: Nanos = Nanos::from_secs(600);

/// The process that begins to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Since when the machine is up, as the kernel calls it.
    pub boot: String,
    /// The wallet whose lease it holds, and under which epoch; `None` where no live order can leave.
    pub wallet: Option<(String, u64)>,
}

/// What the journal says of those before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The settings of the last one; `None`: there was none.
    config: Option<u64>,
    boot: Option<String>,
    wallet: Option<String>,
    /// The last one ended in order.
    ended: bool,
}

impl Process {
    /// Needs room for two records.
    pub fn write(&self, journal: &mut Journal, now: Nanos) {
        journal.append(now, &Record::Boot { id: &self.boot });
        if let Some((address, epoch)) = &self.wallet {
            journal.append(now, &Record::Wallet { address, epoch: *epoch });
        }
    }
}

impl Past {
    pub fn fold(&mut self, record: &Record<'_>) {
        match *record {
            Record::Session { config, .. } => (self.config, self.ended) = (Some(config), false),
            Record::Boot { id } => self.boot = Some(id.to_owned()),
            Record::Wallet { address, .. } => self.wallet = Some(address.to_owned()),
            Record::Changed { config } => self.config = Some(config),
            Record::Ended => self.ended = true,
            Record::Token { .. }
            | Record::Market { .. }
            | Record::Leader { .. }
            | Record::Portfolio { .. }
            | Record::Event(_)
            | Record::Checkpoint { .. } => (),
        }
    }

    /// Returns whether records of the last process may be lost: the machine went down under it.
    fn may_have_lost(&self, process: &Process) -> bool {
        self.config.is_some() && !self.ended && self.boot.as_ref() != Some(&process.boot)
    }

    /// A journal keeps the books of one wallet.
    pub fn fits(&self, process: &Process) -> Result<(), StartError> {
        match (&self.wallet, &process.wallet) {
            (Some(before), Some((now, _))) if before != now => {
                Err(StartError::OtherWallet { before: before.clone(), now: now.clone() })
            }
            (Some(_), Some(_)) | (None, _) | (_, None) => Ok(()),
        }
    }
}

/// Turns live off where it could be on under other settings than those it was turned on with: a person looks at them first.
pub fn off_unless_the_same(
    config: &Config,
    core: &mut Core<Journal>,
    past: &Past,
    now: Nanos,
) -> Result<Option<Notice>, Full> {
    let is_same = past.config.is_none_or(|before| before == config.hash());
    let left = core.engine.switches().left_live();
    let is_open = left == LiveSwitch::On || left == LiveSwitch::Shadow && core.engine.leaders_forced_on() > 0;
    if is_same || !is_open || config.live.switch != LiveSwitch::On {
        return Ok(None);
    }
    core.set_up(now, |engine, now, events| engine.step(now, &Input::SwitchLive { to: LiveSwitch::Off }, events))?;
    Ok(Some(
        "live was on, and the settings are not those of the last run, so it begins off: look at `remora config show`, then \
         `remora shadow` and `remora on`"
            .to_owned(),
    ))
}

/// Where the machine went down under the last process, the last records may be lost, and orders with them that had reached the
/// venue: what they may have cost at most is for no new order, until none of them can turn up any more.
pub fn hold_back(
    config: &Config,
    process: &Process,
    core: &mut Core<Journal>,
    names: &Names,
    now: Nanos,
) -> Result<Option<Notice>, Full> {
    if process.wallet.is_none() || !names.past.may_have_lost(process) {
        return Ok(None);
    }
    let mut held = vec![];
    for strategy in &config.strategies {
        let (told, id) = (strategy.portfolio(Mode::Live), names.portfolio(&strategy.name, Mode::Live));
        let (Some(told), Some(portfolio)) = (told, id) else { continue };
        let amount = lost_at_most(config, &told.settings).min(core.engine.valued(portfolio).available);
        if amount <= Usdc::ZERO {
            continue;
        }
        let until = now.plus(HOLD);
        let input = Input::HoldBack { portfolio, amount, until };
        core.set_up(now, |engine, now, events| engine.step(now, &input, events))?;
        held.push(format!("${amount} of {:?}", strategy.name));
    }
    Ok((!held.is_empty()).then(|| {
        format!(
            "the machine went down under the last process: its last orders may be at the venue and not in the journal, so for {} \
             minutes no entry takes {}",
            HOLD.as_secs() / 60,
            held.join(", ")
        )
    }))
}

/// Returns what the entries of one group of records that was not forced to the disk yet may have cost.
fn lost_at_most(config: &Config, settings: &Settings) -> Usdc {
    let ceilings = &config.ceilings;
    let limit = |amount: Usdc| if amount == Usdc::ZERO { Usdc(i64::MAX) } else { amount };
    let each = limit(ceilings.usdc_per_order_max).min(settings.limits.position_usdc_max);
    let seconds = config.journal.sync_interval.as_secs() as i64 + 1;
    let orders = i64::from(ceilings.orders_per_second_max) * seconds;
    let all = if orders == 0 { Usdc(i64::MAX) } else { Usdc(each.0.saturating_mul(orders)) };
    all.min(limit(ceilings.usdc_per_minute_max))
}

#[cfg(test)]
mod tests;
