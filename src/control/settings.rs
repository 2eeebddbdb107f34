//! Settings that change while the engine runs: checked as a whole, kept in the data folder, then told to the engine.

use std::sync::Arc;

use super::{Answer, Console, words::SettingsNow};
use crate::{
    config::{Change, Changes, Config, Difference},
    domain::{LiveSwitch, Mode, PortfolioId, Settings},
    hot_loop::Command as Told,
};

/// What somebody wants changed, of which version.
pub(super) struct Wanted {
    pub changes: Vec<Change>,
    pub strategies_out: Vec<String>,
    pub version: String,
    pub dry: bool,
}

impl Console {
    pub(super) async fn settings(&self) -> Answer {
        let config = self.config.lock().await;
        Answer { settings: Some(now(&config)), ..Answer::done("everything in force") }
    }

    pub(super) async fn change(&self, wanted: Wanted, confirmation: (Option<String>, Option<String>)) -> Answer {
        let mut held = self.config.lock().await;
        let before = Arc::clone(&held);
        if wanted.version != before.changes.version() {
            return Answer::refused("the settings changed since you looked", "look again, then once more");
        }
        let after = match changed(&before, wanted.changes, wanted.strategies_out) {
            Ok(after) => after,
            Err(answer) => return answer,
        };
        let differences = before.differences(&after);
        let needs_sentence = self.plant.live_allowed != LiveSwitch::Off && is_of_money(&differences, &after);
        let answer = |answer: Answer| Answer { differences: differences.clone(), needs_sentence, ..answer };
        if wanted.dry || differences.is_empty() {
            return answer(Answer::done(said(&differences, "would change")));
        }
        if needs_sentence {
            let (sentence, seen) = confirmation;
            if let Err(refused) = self.confirmed(&sentence.unwrap_or_default(), &seen.unwrap_or_default()) {
                return answer(refused);
            }
        }
        // On the disk first: a restart goes by what the engine is told now.
        let (changes, folder) = (after.changes.clone(), after.data.dir.clone());
        let writing = tokio::task::spawn_blocking(move || changes.write(&folder)).await;
        if let Err(error) = writing.expect("writing does not panic") {
            let fix = "see that the data folder can be written, then once more";
            return answer(Answer::refused(format!("the changes cannot be written: {error}"), fix));
        }
        let told = self.configure(&before, &after).await;
        *held = Arc::new(after);
        match told {
            Ok(()) => answer(Answer::done(said(&differences, "changed"))),
            Err(refused) => answer(refused),
        }
    }

    /// Tells the engine what is different for portfolios that it has.
    async fn configure(&self, before: &Config, after: &Config) -> Result<(), Answer> {
        let told = |config: &Config, name: &str, mode| {
            let strategy = config.strategies.iter().find(|strategy| strategy.name == name)?;
            strategy.portfolio(mode).map(|portfolio| portfolio.settings)
        };
        let differs = |(name, mode, id): &(String, Mode, PortfolioId)| -> Option<(PortfolioId, Settings)> {
            let settings = told(after, name, *mode)?;
            (told(before, name, *mode)? != settings).then_some((*id, settings))
        };
        let portfolios = self.portfolios.iter().filter_map(differs).collect();
        let command = Told::Configure { portfolios, config: after.hash() };
        self.plant.inlet.command(command).await.map_err(|_| {
            Answer::refused("the engine has stopped; the changes count from its next start", "start it again")
        })
    }
}

/// Returns the settings with what is wanted, or every mistake in them.
pub fn changed(before: &Config, changes: Vec<Change>, out: Vec<String>) -> Result<Config, Answer> {
    let mut all: Changes = before.changes.clone();
    for name in &out {
        all = all.without(name);
    }
    // A strategy begins with its leaders.
    let made: Vec<&String> =
        changes.iter().filter(|one| one.key == "leaders").filter_map(|one| one.strategy.as_ref()).collect();
    let is_known = |name: &String| made.contains(&name) || before.strategies.iter().any(|of| of.name == *name);
    if let Some(name) = changes.iter().filter_map(|one| one.strategy.as_ref()).chain(&out).find(|name| !is_known(name))
    {
        let names: Vec<&str> = before.strategies.iter().map(|strategy| strategy.name.as_str()).collect();
        let fix = format!("one of: {}", names.join(", "));
        return Err(Answer::refused(format!("no strategy is called {name:?}"), fix));
    }
    for change in &changes {
        all = all.with(change).map_err(|wrong| Answer::refused(wrong, "correct it, then once more"))?;
    }
    before.with(all).map_err(|problems| Answer {
        red: problems.0.iter().map(|one| format!("{}: {} (allowed: {})", one.key, one.wrong, one.allowed)).collect(),
        ..Answer::refused(
            "the settings would have mistakes; nothing was changed",
            "correct what is said, then once more",
        )
    })
}

/// Returns everything in force.
pub fn now(config: &Config) -> Box<SettingsNow> {
    let file = config.with(Changes::default());
    let is_written = |name: &str| file.as_ref().is_ok_and(|file| file.strategies.iter().any(|of| of.name == name));
    let made = config.strategies.iter().map(|of| of.name.clone()).filter(|name| !is_written(name)).collect();
    Box::new(SettingsNow { version: config.changes.version(), settings: config.settings(), made })
}

/// Says what a change does.
pub fn said(differences: &[Difference], verb: &str) -> String {
    let later = differences.iter().filter(|one| !one.at_once).count();
    match (differences.len(), later) {
        (0, _) => "nothing differs".to_owned(),
        (all, 0) => format!("{verb}: {all}, at once"),
        (all, later) if all == later => format!("{verb}: {all}, from the next start on"),
        (all, later) => format!("{verb}: {all}, {} of them at once, the rest from the next start on", all - later),
    }
}

/// Whether some of it is about a strategy that has real money.
fn is_of_money(differences: &[Difference], after: &Config) -> bool {
    differences.iter().any(|difference| is_one_of_money(difference, after))
}

fn is_one_of_money(difference: &Difference, after: &Config) -> bool {
    let of = difference.section.strip_prefix("strategy ").map(|rest| rest.split(", ").next().unwrap_or(rest));
    let is_live = |name: &str| after.strategies.iter().any(|strategy| strategy.name == name && strategy.live.is_some());
    difference.live
        || !difference.section.ends_with(", paper") && of.is_some_and(is_live)
        || difference.section.starts_with("leader ")
}
