//! What is said at the socket: one JSON object a line, one line back.

use alloy::hex;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    outlook::Outlook,
    wallet::{ChoiceWord, WalletNow},
};
use crate::{
    clock,
    config::{Change, Difference, Setting},
    domain::LeaderSwitch,
};

/// What a person types who turns live on.
pub const SENTENCE: &str = "trade with real money";
/// A longer line is no command.
pub const LINE_MAX: usize = 65_536;

/// How long a command holds that somebody has said; by the system's time of day, which all on this machine share.
pub const VALID_MS: u64 = 30_000;
/// What the id of a form begins with.
const FORM: &str = "form-";
/// How long a page may be open before its forms open nothing any more.
pub const FORM_VALID_MS: u64 = 3_600_000;
/// The longest id of a command, and the longest name of who says it.
pub const ID_MAX: usize = 64;
pub const BY_MAX: usize = 120;

/// One line at the socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, as long as it is carried out")]
pub enum Line {
    Command(Envelope),
    /// The engine's picture, a line a second, until somebody hangs up.
    Watch,
}

/// A command, and what makes it safe to say it twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Said again under the same id, a command is answered as before and not done again.
    pub id: String,
    /// Who says it, for the audit: `cli uid 0 pid 12`, `web 3f2a90 127.0.0.1`, `token grafana`.
    pub by: String,
    /// Milliseconds since 1970; after that it is refused. [`VALID_MS`] ahead at most.
    pub until_ms: u64,
    pub command: Command,
}

/// What a command may do to what leaves for the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It changes nothing.
    Reads,
    /// Less is done than before: nothing must stand in its way.
    Closes,
    /// More may be done than before.
    Opens,
}

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
    /// Where that is about real money, it needs the sentence.
    Resume {
        strategy: String,
        sentence: Option<String>,
        seen: Option<String>,
    },
    ResetBreakers {
        strategy: String,
        sentence: Option<String>,
        seen: Option<String>,
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
    /// The wallet beside our books.
    Wallet,
    /// What a difference is, as it was seen: `by` is the wallet less the books. No book changes.
    Difference {
        /// A token by its text (or the beginning of it), `cash`, or `open_orders`.
        of: String,
        by: Decimal,
        choice: ChoiceWord,
    },
    /// Shares that the wallet holds beside our books come into those of a live portfolio, as a copy of a leader's.
    Adopt {
        strategy: String,
        leader: String,
        token: String,
        shares: Decimal,
        /// Dollars a share; empty: the best bid.
        #[serde(default)]
        price: String,
        sentence: Option<String>,
        seen: Option<String>,
    },
    /// What our books hold and the wallet does not leaves them: shares of a token at a loss, or cash of a strategy.
    WriteOff {
        of: String,
        amount: Decimal,
        strategy: Option<String>,
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
    /// What is there to be turned, and what turning live on would mean; only a status has it.
    #[serde(default)]
    pub outlook: Option<Box<Outlook>>,
    #[serde(default)]
    pub settings: Option<Box<SettingsNow>>,
    #[serde(default)]
    pub wallet: Option<Box<WalletNow>>,
    /// What a change of settings does, or would do.
    #[serde(default)]
    pub differences: Vec<Difference>,
    /// It is about real money: somebody must type the sentence.
    #[serde(default)]
    pub needs_sentence: bool,
}

/// Everything in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl Envelope {
    /// Puts a new command of this moment, with an id that nobody else has, into an envelope.
    pub fn fresh(by: impl Into<String>, command: Command) -> Envelope {
        let mut id = [0; 16];
        getrandom::fill(&mut id).expect("the system gives random bytes");
        Envelope { id: hex::encode(id), by: by.into(), until_ms: clock::system().as_millis() + VALID_MS, command }
    }
}

/// Returns an id for the forms of a page that is made now. It tells when, so that a page that was open for too long, or since
/// before the engine began, opens nothing.
pub fn form_id() -> String {
    form_id_at(clock::system().as_millis())
}

pub(super) fn form_id_at(now_ms: u64) -> String {
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("the system gives random bytes");
    format!("{FORM}{now_ms:013x}-{}", hex::encode(random))
}

/// Returns when the page of a form's id was made; `None` for any other id.
pub fn made_ms(id: &str) -> Option<u64> {
    let made = id.strip_prefix(FORM)?.split_once('-')?.0;
    u64::from_str_radix(made, 16).ok()
}

impl Command {
    pub fn code(&self) -> &'static str {
        match self {
            Command::Status => "status",
            Command::Off => "off",
            Command::Shadow => "shadow",
            Command::On { .. } => "on",
            Command::Leader { .. } => "leader",
            Command::StopEntries => "stop_entries",
            Command::Pause { .. } => "pause",
            Command::Resume { .. } => "resume",
            Command::ResetBreakers { .. } => "reset_breakers",
            Command::CancelAll => "cancel_all",
            Command::ForceExit { .. } => "force_exit",
            Command::Deposit { .. } => "deposit",
            Command::Wallet => "wallet",
            Command::Difference { .. } => "difference",
            Command::Adopt { .. } => "adopt",
            Command::WriteOff { .. } => "write_off",
            Command::Settings => "settings",
            Command::TestAlert { .. } => "test_alert",
            Command::Change { .. } => "change",
        }
    }

    /// Returns the strategies or the leader it is about; empty where it is about all.
    pub fn of(&self) -> String {
        match self {
            Command::Leader { name, .. } => name.clone(),
            Command::Pause { strategy }
            | Command::Resume { strategy, .. }
            | Command::ResetBreakers { strategy, .. } => strategy.clone(),
            Command::ForceExit { strategy, live, .. } | Command::Deposit { strategy, live, .. } => {
                format!("{strategy} ({})", if *live { "live" } else { "paper" })
            }
            Command::TestAlert { channel } => channel.clone(),
            Command::Difference { of, .. } | Command::WriteOff { of, .. } => of.clone(),
            Command::Adopt { strategy, token, .. } => format!("{strategy} {token}"),
            Command::Change { changes, strategies_out, .. } => {
                let mut all: Vec<&String> = changes.iter().filter_map(|one| one.strategy.as_ref()).collect();
                all.extend(strategies_out);
                all.dedup();
                all.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            }
            Command::Status
            | Command::Off
            | Command::Shadow
            | Command::On { .. }
            | Command::StopEntries
            | Command::CancelAll
            | Command::Wallet
            | Command::Settings => String::new(),
        }
    }

    pub fn weight(&self) -> Weight {
        match self {
            Command::Status | Command::Wallet | Command::Settings | Command::Change { dry: true, .. } => Weight::Reads,
            Command::Off
            | Command::Leader { to: LeaderWord::Off, .. }
            | Command::StopEntries
            | Command::Pause { .. }
            | Command::CancelAll => Weight::Closes,
            Command::Shadow
            | Command::On { .. }
            | Command::Leader { to: LeaderWord::On | LeaderWord::Inherit, .. }
            | Command::Resume { .. }
            | Command::ResetBreakers { .. }
            | Command::Deposit { .. }
            | Command::Difference { .. }
            | Command::Adopt { .. }
            | Command::WriteOff { .. }
            | Command::TestAlert { .. }
            | Command::Change { dry: false, .. }
            // It closes positions, but by orders: whoever only sits at the machine sends none.
            | Command::ForceExit { .. } => Weight::Opens,
        }
    }
}

impl State {
    /// Returns what is shown while no engine says how it stands.
    pub fn unknown() -> State {
        let unknown = || "not known".to_owned();
        State { live: unknown(), paper: unknown(), killed: false, seen: String::new() }
    }
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
