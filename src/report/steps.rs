//! The way from nothing to paper to shadow to live: which steps are done, and how to do the next one. The same words in the
//! wizard and on the page.

use serde::Serialize;

use crate::domain::LiveSwitch;

/// What is known of an installation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub leaders: usize,
    pub strategies: usize,
    /// Strategies with a portfolio of real money.
    pub live_strategies: usize,
    pub is_running: bool,
    /// Signals that were seen, and alerts' channels.
    pub signals: u64,
    pub channels: usize,
    /// There is a key, and an account that orders can go through.
    pub has_key: bool,
    pub live: LiveSwitch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Done,
    /// The next one to do.
    Next,
    Later,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    pub code: &'static str,
    pub title: &'static str,
    pub state: State,
    /// What it is good for.
    pub why: &'static str,
    /// What to type or write.
    pub how: &'static str,
}

impl State {
    pub const fn word(self) -> &'static str {
        match self {
            State::Done => "done",
            State::Next => "next",
            State::Later => "later",
        }
    }
}

/// Returns the steps in their order; the first that is not done is the next one.
pub fn steps(facts: &Facts) -> Vec<Step> {
    let shadow = facts.live >= LiveSwitch::Shadow;
    let all = [
        (
            "leader",
            "Follow somebody",
            facts.leaders > 0,
            "Whose trades are copied. Look at a wallet before you follow it.",
            "remora leader score WALLET, then remora leader add WALLET --name NAME --config my.toml",
        ),
        (
            "strategy",
            "Say how much to copy",
            facts.strategies > 0,
            "A strategy has simulated money, sizes and limits. The defaults are careful.",
            "a [[strategy]] with its leaders in my.toml; remora explain says what it would do",
        ),
        (
            "paper",
            "Run it on paper",
            facts.is_running,
            "Everything is real but the money: books, delays, fees. Nothing is sent.",
            "remora doctor --config my.toml, then remora run --config my.toml",
        ),
        (
            "seen",
            "See a leader's trade",
            facts.signals > 0,
            "Each trade of a leader shows with its reason, copied or not. Give it some days.",
            "the page Trades; remora report skips says what the noes cost or saved",
        ),
        (
            "alerts",
            "Have yourself told",
            facts.channels > 0,
            "Trouble should find you, not you it.",
            "an [[alert]] in my.toml (config/default.toml shows how), then remora alert test NAME",
        ),
        (
            "shadow",
            "Shadow",
            facts.live_strategies > 0 && shadow,
            "Live orders are decided and recorded, and none is sent. No key is needed.",
            "[strategy.live] with capital_usdc, and [live] switch = \"shadow\"; restart",
        ),
        (
            "key",
            "Give it a key",
            facts.has_key,
            "A session key can trade and cannot withdraw: the safest one.",
            "remora key import, [wallet] in my.toml, [live] switch = \"on\"; remora doctor checks account and allowances",
        ),
        (
            "live",
            "Turn live on",
            facts.live == LiveSwitch::On,
            "Orders with real money leave. Begin with a small [ceilings] and a small capital.",
            "remora on: it asks for a sentence and for every check to be green; remora off ends it at once",
        ),
    ];
    let next = all.iter().position(|(.., is_done, _, _)| !is_done).unwrap_or(all.len());
    let state = |index, is_done| match is_done {
        true => State::Done,
        false if index == next => State::Next,
        false => State::Later,
    };
    let numbered = all.into_iter().enumerate();
    let step = |(index, (code, title, is_done, why, how))| Step { code, title, state: state(index, is_done), why, how };
    numbered.map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(facts: Facts, expected: &str) {
        let states = steps(&facts).iter().map(|step| &step.state.word()[..1]).collect::<String>();
        assert_eq!(states, expected, "{facts:?}");
    }

    #[test]
    fn one_step_is_next_and_it_is_the_first_that_is_not_done() {
        let paper = Facts { leaders: 1, strategies: 1, is_running: true, ..Facts::default() };
        check(Facts::default(), "nlllllll");
        check(paper, "dddnllll");
        // What was done out of turn is done.
        check(Facts { channels: 1, ..paper }, "dddndlll");
        let shadow = Facts { signals: 5, channels: 1, live_strategies: 1, live: LiveSwitch::Shadow, ..paper };
        check(shadow, "ddddddnl");
        check(Facts { has_key: true, ..shadow }, "dddddddn");
        check(Facts { has_key: true, live: LiveSwitch::On, ..shadow }, "dddddddd");
        check(Facts { live_strategies: 0, ..shadow }, "dddddnll");
    }
}
