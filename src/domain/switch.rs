//! Switches that a person turns: paper, live, and live for one leader.

use serde::{Deserialize, Serialize};

/// The global paper switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PaperSwitch {
    #[default]
    Off,
    On,
}

/// The global live switch. Shadow decides and records everything, and sends nothing. The more open one is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LiveSwitch {
    #[default]
    Off,
    Shadow,
    On,
}

/// What a leader's trades are worth to live portfolios, whatever the global switch says; except that Off is Off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LeaderSwitch {
    /// As the global switch says.
    #[default]
    Inherit,
    ForceOn,
    ForceOff,
}

/// Whether live orders can leave now. It is the world's state, not a person's word: not kept, found out at each start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LiveOrders {
    /// There is no key, or no place to send orders to: the live switch cannot be on.
    #[default]
    Missing,
    /// What the last process left is being reconciled, or the time to only observe is not over.
    Starting,
    Ready,
    /// The venue does not take our credentials.
    AuthMissing,
    /// The user channel is down, or what happened during a gap is not read yet: fills would not be seen.
    ChannelDown,
    /// The venue restarts, or takes only orders that rest.
    Restarting,
    /// The venue takes cancels only.
    CancelOnly,
    /// The account may only close what it holds.
    ClosedOnly,
    /// The venue does not serve this place.
    Blocked,
    /// Our clock and the venue's differ too much.
    ClockOff,
    /// The venue speaks a version that we do not.
    OtherVersion,
    /// The lease of the wallet is not ours: another engine may trade with it.
    WalletNotHeld,
}

impl LiveSwitch {
    pub const ALL: [LiveSwitch; 3] = [LiveSwitch::Off, LiveSwitch::Shadow, LiveSwitch::On];

    /// Returns what holds for a leader's trades: the global Off wins over everything, then his own switch counts.
    pub const fn for_leader(self, leader: LeaderSwitch) -> LiveSwitch {
        match (self, leader) {
            (LiveSwitch::Off, _) | (_, LeaderSwitch::ForceOff) => LiveSwitch::Off,
            (_, LeaderSwitch::ForceOn) => LiveSwitch::On,
            (global, LeaderSwitch::Inherit) => global,
        }
    }

    pub const fn code(self) -> &'static str {
        match self {
            LiveSwitch::Off => "off",
            LiveSwitch::Shadow => "shadow",
            LiveSwitch::On => "on",
        }
    }
}

impl LeaderSwitch {
    pub const fn code(self) -> &'static str {
        match self {
            LeaderSwitch::Inherit => "inherit",
            LeaderSwitch::ForceOn => "force_on",
            LeaderSwitch::ForceOff => "force_off",
        }
    }
}

impl PaperSwitch {
    pub const fn code(self) -> &'static str {
        match self {
            PaperSwitch::On => "on",
            PaperSwitch::Off => "off",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_global_off_wins_and_then_the_leader_decides() {
        use LeaderSwitch::{ForceOff, ForceOn, Inherit};
        use LiveSwitch::{Off, On, Shadow};
        for (global, leader, holds) in [
            (Off, Inherit, Off),
            (Off, ForceOn, Off),
            (Off, ForceOff, Off),
            (Shadow, Inherit, Shadow),
            (Shadow, ForceOn, On),
            (Shadow, ForceOff, Off),
            (On, Inherit, On),
            (On, ForceOn, On),
            (On, ForceOff, Off),
        ] {
            assert_eq!(global.for_leader(leader), holds, "{global:?} {leader:?}");
        }
    }
}
