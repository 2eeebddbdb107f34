//! What is said at the socket: one JSON object a line, one line back.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    config::{Change, Difference, Setting},
    domain::LeaderSwitch,
};

/// What a person types who turns live on.
pub const SENTENCE: &str = "trade with real money";
/// A longer line is no command.
pub const LINE_MAX: usize = 65_536;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    Status,
    Off,
    Shadow,
    /// `seen` is what the last status said: what somebody changed since is not opened over.
    On {
        sentence: String,
        seen: String,
    },
    Leader {
        name: String,
        to: LeaderWord,
        sentence: Option<String>,
        seen: Option<String>,
    },
    /// Entries of all portfolios with real money; exits go on.
    StopEntries,
    /// Of a strategy: its portfolios of both modes.
    Pause {
        strategy: String,
    },
    Resume {
        strategy: String,
    },
    ResetBreakers {
        strategy: String,
    },
    CancelAll,
    /// Of alerts: has it told that nothing happened.
    TestAlert {
        channel: String,
    },
    /// Sell what a portfolio holds of a token, by its text; without one, all that it holds.
    ForceExit {
        strategy: String,
        live: bool,
        token: Option<String>,
    },
    /// Money into a portfolio, or out of it for a negative amount, in dollars.
    Deposit {
        strategy: String,
        live: bool,
        usdc: Decimal,
        sentence: Option<String>,
        seen: Option<String>,
    },
    /// Everything in force.
    Settings,
    /// Change settings of strategies; `strategies_out` are taken out of what was changed.
    Change {
        #[serde(default)]
        changes: Vec<Change>,
        #[serde(default)]
        strategies_out: Vec<String>,
        /// The version that was looked at: nothing is changed over what somebody else changed since.
        version: String,
        /// Only say what would differ.
        #[serde(default)]
        dry: bool,
        #[serde(default)]
        sentence: Option<String>,
        #[serde(default)]
        seen: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaderWord {
    On,
    Off,
    Inherit,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub ok: bool,
    /// What was done, or why it was not.
    pub said: String,
    #[serde(default)]
    pub fix: String,
    pub state: Option<State>,
    /// What keeps live from being turned on.
    #[serde(default)]
    pub red: Vec<String>,
    #[serde(default)]
    pub settings: Option<Box<SettingsNow>>,
    /// What a change of settings does, or would do.
    #[serde(default)]
    pub differences: Vec<Difference>,
    /// It is about real money: somebody must type the sentence.
    #[serde(default)]
    pub needs_sentence: bool,
}

/// Everything in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsNow {
    /// Another one after every change.
    pub version: String,
    pub settings: Vec<Setting>,
    /// Names of strategies that are in no file, but were made in the running engine.
    pub made: Vec<String>,
}

/// How the switches stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub live: String,
    pub paper: String,
    /// The gate is shut by a kill, whatever the switch says.
    pub killed: bool,
    pub seen: String,
}

impl LeaderWord {
    pub fn switch(self) -> LeaderSwitch {
        match self {
            LeaderWord::On => LeaderSwitch::ForceOn,
            LeaderWord::Off => LeaderSwitch::ForceOff,
            LeaderWord::Inherit => LeaderSwitch::Inherit,
        }
    }
}

impl Answer {
    pub fn done(said: impl Into<String>) -> Answer {
        Answer { ok: true, said: said.into(), ..Answer::default() }
    }

    pub fn refused(said: impl Into<String>, fix: impl Into<String>) -> Answer {
        Answer { said: said.into(), fix: fix.into(), ..Answer::default() }
    }
}
