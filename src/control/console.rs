//! Carries out the operator's words. What closes is done at once; what opens is looked at first.

use std::{
    os::unix::fs::MetadataExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use subtle::ConstantTimeEq;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{
    kill,
    settings::Wanted,
    words::{Answer, Command, LeaderWord, SENTENCE, State},
};
use crate::{
    actor::{Plant, alerter::AlerterMessage, chain_feed},
    clock,
    config::Config,
    domain::{Input, LeaderId, LiveOrders, LiveSwitch, Mode, PortfolioId},
    hot_loop::{Command as Told, Stamped},
    metrics::FeedStatus,
};

/// How long the engine may take to record a switch.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a channel may take to say whether it works.
const ALERT_PATIENCE: Duration = Duration::from_secs(15);

/// Asks the gateway to cancel every order of ours; it answers how many, or why not.
pub type CancelAll = oneshot::Sender<Result<usize, String>>;

#[derive(Clone)]
pub struct Console {
    pub plant: Plant,
    pub portfolios: Arc<Vec<(String, Mode, PortfolioId)>>,
    /// `None` where no gateway runs.
    pub cancel_all: Option<mpsc::Sender<CancelAll>>,
    /// How often something was opened.
    pub opened: Arc<AtomicU64>,
    /// The settings in force: as the engine started, and what was changed since. Held while they are changed.
    pub config: Arc<Mutex<Arc<Config>>>,
}

impl Console {
    /// Carries a command out; `who` is for the log.
    pub async fn carry_out(&self, command: Command, who: &str) -> Answer {
        // The sentence is no secret, but a log need not repeat it.
        tracing::info!(who, command = name_of(&command), "the operator says");
        let answer = match command {
            Command::Status => Answer::done("running"),
            Command::Off => self.off().await,
            Command::Shadow => self.shadow().await,
            Command::On { sentence, seen } => {
                self.open(&sentence, &seen, Input::SwitchLive { to: LiveSwitch::On }).await
            }
            Command::Leader { name, to, sentence, seen } => self.leader(&name, to, sentence, seen).await,
            Command::StopEntries => {
                self.each(|_, mode| mode == Mode::Live, |portfolio| Input::Pause { portfolio }).await
            }
            Command::Pause { strategy } => {
                self.each(|name, _| name == strategy, |portfolio| Input::Pause { portfolio }).await
            }
            Command::Resume { strategy } => {
                self.each(|name, _| name == strategy, |portfolio| Input::Unpause { portfolio }).await
            }
            Command::ResetBreakers { strategy } => {
                self.each(|name, _| name == strategy, |portfolio| Input::ResetBreakers { portfolio }).await
            }
            Command::CancelAll => self.cancel_all().await,
            Command::TestAlert { channel } => self.test_alert(channel).await,
            Command::ForceExit { strategy, live, token } => self.force_exit(&strategy, live, token.as_deref()).await,
            Command::Deposit { strategy, live, usdc, sentence, seen } => {
                self.deposit(&strategy, live, usdc, (sentence, seen)).await
            }
            Command::Settings => self.settings().await,
            Command::Change { changes, strategies_out, version, dry, sentence, seen } => {
                let wanted = Wanted { changes, strategies_out, version, dry };
                self.change(wanted, (sentence, seen)).await
            }
        };
        tracing::info!(who, ok = answer.ok, said = answer.said, "the operator was answered");
        Answer { state: Some(self.state()), ..answer }
    }

    pub fn state(&self) -> State {
        let now = self.plant.published.load();
        let killed = self.plant.gate.is_killed();
        State {
            live: now.live.code().to_owned(),
            paper: now.paper.code().to_owned(),
            killed,
            seen: self.seen(now.live, now.started_at.0),
        }
    }

    /// Returns a word for how things stand: another one after every change that matters to who opens.
    fn seen(&self, live: LiveSwitch, started_at: u64) -> String {
        let opened = self.opened.load(Ordering::SeqCst);
        format!("{started_at:x}-{}-{}-{opened}", self.plant.gate.kills(), live.code())
    }

    async fn off(&self) -> Answer {
        self.plant.gate.kill();
        let kept = kill::make(&self.plant.config.data.dir);
        let told = self.tell(Input::SwitchLive { to: LiveSwitch::Off }).await;
        match (told, kept) {
            (Err(answer), _) => answer,
            (Ok(()), Ok(())) => Answer::done("live is off: nothing leaves"),
            (Ok(()), Err(error)) => Answer::done(format!("live is off: nothing leaves (but the file KILL: {error})")),
        }
    }

    async fn shadow(&self) -> Answer {
        let now = self.plant.published.load();
        if now.live == LiveSwitch::Off && now.leaders_forced_on > 0 && !self.plant.gate.is_killed() {
            return Answer::refused(
                format!("{} leaders are forced on: in shadow their orders would leave", now.leaders_forced_on),
                "first `remora leader NAME inherit` for each of them",
            );
        }
        match self.tell(Input::SwitchLive { to: LiveSwitch::Shadow }).await {
            Ok(()) => Answer::done("live is in shadow: all is decided and recorded, nothing is sent"),
            Err(answer) => answer,
        }
    }

    async fn leader(&self, name: &str, to: LeaderWord, sentence: Option<String>, seen: Option<String>) -> Answer {
        let Some(leader) = self.leader_of(name) else {
            return Answer::refused(format!("no leader is called {name:?}"), "`remora config show` lists them");
        };
        let input = Input::SwitchLeader { leader, to: to.switch() };
        match to {
            LeaderWord::On => self.open(&sentence.unwrap_or_default(), &seen.unwrap_or_default(), input).await,
            LeaderWord::Off | LeaderWord::Inherit => match self.tell(input).await {
                Ok(()) => Answer::done(format!("{name} is turned")),
                Err(answer) => answer,
            },
        }
    }

    fn leader_of(&self, name: &str) -> Option<LeaderId> {
        let leader = self.plant.config.leaders.iter().find(|leader| leader.name == name)?;
        self.plant.registry.load().leader(leader.wallets.first()?.as_bytes())
    }

    /// Opens something, if the sentence was typed, nothing changed since it was looked at, and nothing is red.
    async fn open(&self, sentence: &str, seen: &str, input: Input) -> Answer {
        // Before anything is looked at: a kill or a file that comes later is not taken back.
        let (kills, file) = (self.plant.gate.kills(), self.kill_file());
        if let Err(answer) = self.confirmed(sentence, seen) {
            return answer;
        }
        let red = self.red(&input);
        if !red.is_empty() {
            return Answer { red, ..Answer::refused("not everything is green", "mend what is said, then once more") };
        }
        if self.kill_file() != file {
            return Answer::refused("the file KILL changed meanwhile", "somebody wants live off: ask them");
        }
        if file.is_some()
            && let Err(error) = std::fs::remove_file(kill::path(&self.plant.config.data.dir))
        {
            return Answer::refused(format!("the file KILL cannot be removed: {error}"), "remove it by hand");
        }
        self.opened.fetch_add(1, Ordering::SeqCst);
        self.plant.gate.revive(kills);
        match self.tell(input).await {
            Ok(()) => Answer::done("it is on: orders with real money leave"),
            Err(answer) => answer,
        }
    }

    /// Whether the sentence was typed, and nothing changed since somebody looked.
    pub(super) fn confirmed(&self, sentence: &str, seen: &str) -> Result<(), Answer> {
        if sentence.as_bytes().ct_eq(SENTENCE.as_bytes()).unwrap_u8() == 0 {
            return Err(Answer::refused("this is not the sentence", format!("type it as it is: {SENTENCE}")));
        }
        if seen != self.state().seen {
            let fix = "look again: `remora status`, then once more";
            return Err(Answer::refused("something changed since you looked", fix));
        }
        Ok(())
    }

    /// Returns which file it is and when it was touched, if it is there.
    fn kill_file(&self) -> Option<(u64, i64, i64)> {
        let about = std::fs::metadata(kill::path(&self.plant.config.data.dir)).ok()?;
        Some((about.ino(), about.mtime(), about.mtime_nsec()))
    }

    /// Returns what keeps live from being turned on.
    fn red(&self, input: &Input) -> Vec<String> {
        let now = self.plant.published.load();
        let mut red = vec![];
        let mut must = |holds: bool, said: String| red.extend((!holds).then_some(said));
        let allowed = self.plant.live_allowed;
        must(
            allowed == LiveSwitch::On,
            format!("the settings allow live.switch = {:?} at most, when the engine started", allowed.code()),
        );
        let is_global = matches!(input, Input::SwitchLive { .. });
        must(
            !is_global || now.live == LiveSwitch::Shadow,
            format!("live is {}: turn it to shadow first, and look at what it would do", now.live.code()),
        );
        must(now.halted.is_empty(), format!("the engine stopped: {}", now.halted));
        must(!now.entries_stopped, "entries are stopped by a fault".to_owned());
        must(now.live_orders == LiveOrders::Ready, format!("orders cannot leave yet: {:?}", now.live_orders));
        must(self.plant.store_status.connected(), "Postgres is not written".to_owned());
        // Where no token is watched yet there are no books to hear of: the first trade of a leader opens that channel.
        let books = self.plant.awake.iter().next().map(|_| &self.plant.market_status);
        if let Some(feed) = books {
            let feed = feed.now();
            must(feed.connected_since.is_some(), format!("{} is not connected: {}", feed.name, feed.last_error.text));
        }
        let plant = &self.plant;
        let index = plant.config.sources.index_every.map(|_| &plant.index_status);
        let chain = chain_feed::is_wanted(&plant.config.sources).then_some(&plant.chain_status);
        let mut sources = plant.activity.iter().chain(index).chain(chain);
        let is_up = |feed: &Arc<FeedStatus>| feed.now().connected_since.is_some();
        must(sources.any(is_up), "no source of leaders' trades is connected".to_owned());
        red
    }

    async fn each(&self, is_meant: impl Fn(&str, Mode) -> bool, input: impl Fn(PortfolioId) -> Input) -> Answer {
        let meant: Vec<PortfolioId> =
            self.portfolios.iter().filter(|(name, mode, _)| is_meant(name, *mode)).map(|(.., id)| *id).collect();
        if meant.is_empty() {
            return Answer::refused("no portfolio is meant", "`remora status` lists the strategies");
        }
        for portfolio in &meant {
            if let Err(answer) = self.tell(input(*portfolio)).await {
                return answer;
            }
        }
        Answer::done(format!("portfolios: {}", meant.len()))
    }

    async fn cancel_all(&self) -> Answer {
        let none = || Answer::refused("no gateway runs", "live is not set up, so nothing of ours rests at the venue");
        let Some(gateway) = &self.cancel_all else { return none() };
        let (tell, told) = oneshot::channel();
        if gateway.try_send(tell).is_err() {
            return Answer::refused(
                "the gateway is busy or gone",
                "once more in a moment; or cancel on the venue's page",
            );
        }
        match tokio::time::timeout(PATIENCE, told).await {
            Ok(Ok(Ok(count))) => Answer::done(format!("cancelled: {count}")),
            Ok(Ok(Err(wrong))) => Answer::refused(wrong, "once more; or cancel on the venue's page"),
            Ok(Err(_)) | Err(_) => Answer::refused("the gateway does not answer", "once more; or on the venue's page"),
        }
    }

    async fn test_alert(&self, channel: String) -> Answer {
        let (answer, told) = oneshot::channel();
        self.plant.alerter.cast(AlerterMessage::Test { channel, answer });
        match tokio::time::timeout(ALERT_PATIENCE, told).await {
            Ok(Ok(Ok(said))) => Answer::done(said),
            Ok(Ok(Err(wrong))) => Answer::refused(wrong, "`remora alert list` says what each channel needs"),
            Ok(Err(_)) | Err(_) => Answer::refused("the alerter does not answer", "once more in a moment"),
        }
    }

    /// Hands an input to the engine, and waits until it had its turn: what it said is in the journal then.
    pub(super) async fn tell(&self, input: Input) -> Result<(), Answer> {
        let gone = || Answer::refused("the engine has stopped", "start it again; until then nothing leaves");
        let before = self.plant.published.load().inputs;
        let stamped = Stamped { at: clock::now(), input };
        self.plant.inlet.command(Told::Input(stamped)).await.map_err(|_| gone())?;
        let handled = async {
            loop {
                let now = self.plant.published.load();
                if before < now.inputs && stamped.at <= now.at {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, handled).await.map_err(|_| gone())
    }
}

fn name_of(command: &Command) -> &'static str {
    match command {
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
        Command::TestAlert { .. } => "test_alert",
        Command::ForceExit { .. } => "force_exit",
        Command::Deposit { .. } => "deposit",
        Command::Settings => "settings",
        Command::Change { .. } => "change",
    }
}
