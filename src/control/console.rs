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
    memory::Memory,
    settings::Wanted,
    wallet::Adopted,
    words::{
        Answer, BY_MAX, Command, Envelope, FORM_VALID_MS, ID_MAX, LeaderWord, SENTENCE, State, VALID_MS, Weight,
        made_ms,
    },
};
use crate::{
    actor::{Plant, alerter::AlerterMessage, chain_feed},
    clock,
    config::{Config, Difference},
    domain::{Input, LeaderId, LeaderSwitch, LiveOrders, LiveSwitch, Mode, PortfolioId},
    hot_loop::{Audited, Command as Told, Stamped},
    metrics::{FeedStatus, Snapshot},
    web::WebState,
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
    /// What was said lately.
    pub memory: Arc<Memory>,
    /// What the pages look at, for those that are served elsewhere.
    pub picture: Arc<WebState>,
}

impl Console {
    /// Does what is said, once, and notes it. Off is always done: what is done twice there does no harm, what is not done does.
    pub async fn hear(&self, said: Envelope) -> Answer {
        let answer = match &said.command {
            Command::Status => Answer { outlook: Some(Box::new(self.outlook().await)), ..Answer::done("running") },
            Command::Off => self.audited(&said).await,
            command if command.weight() == Weight::Reads => self.carry_out(command).await,
            _ => self.hear_once(&said).await,
        };
        Answer { state: Some(self.state()), ..answer }
    }

    /// Does what is said, unless it comes too late or was said before.
    async fn hear_once(&self, said: &Envelope) -> Answer {
        let refused = match fault_of(said, clock::system().as_millis()) {
            Some(refused) => refused,
            // What closes is done: twice does no harm.
            None if said.command.weight() == Weight::Opens && self.memory.may_be_older(said) => Answer::refused(
                "this command may be from before the engine began, and may have been done",
                "look how it stands (a page: load it again), then say it again; in the first 30 s with the longest until_ms",
            ),
            None => match self.memory.place_of(said) {
                Some(place) => return place.get_or_init(|| self.audited(said)).await.clone(),
                None => Answer::refused("another command had this id", "give each command an id of its own"),
            },
        };
        let stands = self.standing(&said.command);
        self.audit(said, stands.clone(), stands, &refused).await;
        refused
    }

    /// Carries a command out, and has the journal note who said it and what became of it.
    async fn audited(&self, said: &Envelope) -> Answer {
        let from = self.standing(&said.command);
        let answer = self.carry_out(&said.command).await;
        self.audit(said, from, self.standing(&said.command), &answer).await;
        answer
    }

    async fn audit(&self, said: &Envelope, mut from: String, mut to: String, answer: &Answer) {
        if !answer.differences.is_empty() {
            (from, to) = (settings_in_words(answer, |one| &one.from), settings_in_words(answer, |one| &one.to));
        }
        let (by, what, of) = (tame(&said.by), said.command.code().to_owned(), tame(&said.command.of()));
        let red = if answer.red.is_empty() { String::new() } else { format!(": {}", answer.red.join("; ")) };
        // The sentence is no secret, but a log need not repeat it.
        tracing::info!(by, what, of, ok = answer.ok, said = answer.said, "an operator's word");
        let noted = Audited { by, what, of, from, to, ok: answer.ok, said: format!("{}{red}", answer.said) };
        // The hot thread is gone at the end of a session; the log has it.
        let _ = self.plant.inlet.command(Told::Audit(Box::new(noted))).await;
    }

    async fn carry_out(&self, command: &Command) -> Answer {
        match command {
            Command::Status => Answer::done("running"),
            Command::Off => self.off().await,
            Command::Shadow => self.shadow().await,
            Command::On { sentence, seen } => self.open(sentence, seen, Input::SwitchLive { to: LiveSwitch::On }).await,
            Command::Leader { name, to, sentence, seen } => {
                self.leader(name, *to, sentence.clone(), seen.clone()).await
            }
            Command::StopEntries => {
                self.each(|_, mode| mode == Mode::Live, |portfolio| Input::Pause { portfolio }).await
            }
            Command::Pause { strategy } => {
                self.each(|name, _| name == strategy, |portfolio| Input::Pause { portfolio }).await
            }
            Command::Resume { strategy, sentence, seen } => {
                let confirmation = (sentence.clone(), seen.clone());
                self.reopen(strategy, confirmation, |portfolio| Input::Unpause { portfolio }).await
            }
            Command::ResetBreakers { strategy, sentence, seen } => {
                let confirmation = (sentence.clone(), seen.clone());
                self.reopen(strategy, confirmation, |portfolio| Input::ResetBreakers { portfolio }).await
            }
            Command::CancelAll => self.cancel_all().await,
            Command::TestAlert { channel } => self.test_alert(channel.clone()).await,
            Command::ForceExit { strategy, live, token } => self.force_exit(strategy, *live, token.as_deref()).await,
            Command::Deposit { strategy, live, usdc, sentence, seen } => {
                self.deposit(strategy, *live, *usdc, (sentence.clone(), seen.clone())).await
            }
            Command::Wallet => self.wallet(),
            Command::Difference { of, by, choice } => self.choose(of, *by, *choice).await,
            Command::Adopt { strategy, leader, token, shares, price, sentence, seen } => {
                let (strategy, leader, token) = (strategy.clone(), leader.clone(), token.clone());
                let wanted = Adopted { strategy, leader, token, shares: *shares, price: price.clone() };
                self.adopt(&wanted, (sentence.clone(), seen.clone())).await
            }
            Command::WriteOff { of, amount, strategy, sentence, seen } => {
                self.write_off(of, *amount, strategy.as_deref(), (sentence.clone(), seen.clone())).await
            }
            Command::Settings => self.settings().await,
            Command::Change { changes, strategies_out, version, dry, sentence, seen } => {
                let (changes, strategies_out) = (changes.clone(), strategies_out.clone());
                let wanted = Wanted { changes, strategies_out, version: version.clone(), dry: *dry };
                self.change(wanted, (sentence.clone(), seen.clone())).await
            }
        }
    }

    /// Returns how what a command turns stands now; empty where there is nothing to say.
    fn standing(&self, command: &Command) -> String {
        let now = self.plant.published.load();
        match command {
            Command::Off | Command::Shadow | Command::On { .. } => now.live.code().to_owned(),
            Command::Leader { name, .. } => self.leader_stands(&now, name),
            Command::StopEntries => self.entries_of(&now, |_, mode| mode == Mode::Live),
            Command::Pause { strategy } | Command::Resume { strategy, .. } => {
                self.entries_of(&now, |name, _| name == strategy)
            }
            Command::ResetBreakers { strategy, .. } => match self.tripped_of(&now, strategy) {
                none if none.is_empty() => "none tripped".to_owned(),
                some => some.join(", "),
            },
            Command::Deposit { strategy, live, .. } => {
                let mode = if *live { Mode::Live } else { Mode::Paper };
                let meant = self.portfolios.iter().find(|(name, of, _)| name == strategy && *of == mode);
                let portfolio = meant.and_then(|(.., id)| now.portfolios.iter().find(|portfolio| portfolio.id == *id));
                portfolio.map_or_else(String::new, |now| format!("${} put in", now.deposits))
            }
            Command::Difference { of, .. } | Command::WriteOff { of, .. } | Command::Adopt { token: of, .. } => {
                self.difference_stands(of)
            }
            // What differs is the answer's.
            Command::Change { .. } => String::new(),
            Command::Status
            | Command::Settings
            | Command::Wallet
            | Command::TestAlert { .. }
            | Command::CancelAll
            | Command::ForceExit { .. } => String::new(),
        }
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
        let inputs: Vec<Input> =
            self.leaders_of(name).into_iter().map(|leader| Input::SwitchLeader { leader, to: to.switch() }).collect();
        let Some((last, others)) = inputs.split_last() else {
            return Answer::refused(format!("no leader is called {name:?}"), "`remora config show` lists them");
        };
        match to {
            LeaderWord::On if !others.is_empty() => Answer::refused(
                "his wallets are followed one by one until what they hold is closed",
                "wait for that; or turn live on for all",
            ),
            LeaderWord::On => self.open(&sentence.unwrap_or_default(), &seen.unwrap_or_default(), *last).await,
            // Whoever was off is copied with real money again, if live is on.
            LeaderWord::Inherit
                if self.plant.live_allowed != LiveSwitch::Off
                    && self
                        .leader_stands(&self.plant.published.load(), name)
                        .contains(LeaderSwitch::ForceOff.code())
                    && let Err(refused) = self.confirmed_or_asked((sentence, seen)) =>
            {
                refused
            }
            LeaderWord::Off | LeaderWord::Inherit => match self.tell_all(&inputs).await {
                Ok(()) => Answer::done(format!("{name} is turned")),
                Err(answer) => answer,
            },
        }
    }

    /// Returns who a leader of the settings is to the engine: several, while wallets that hold something are not joined yet.
    pub(super) fn leaders_of(&self, name: &str) -> Vec<LeaderId> {
        let registry = self.plant.registry.load();
        let wallets = self.plant.config.leaders.iter().filter(|leader| leader.name == name).flat_map(|of| &of.wallets);
        let mut leaders: Vec<LeaderId> = wallets.filter_map(|wallet| registry.leader(wallet.as_bytes())).collect();
        leaders.sort_unstable();
        leaders.dedup();
        leaders
    }

    /// Returns how live stands for a leader; empty for nobody.
    pub(super) fn leader_stands(&self, now: &Snapshot, name: &str) -> String {
        let of = |id: LeaderId| {
            let own = now.leaders_switched.iter().find(|(leader, _)| *leader == id);
            own.map_or(LeaderSwitch::Inherit, |(_, switch)| *switch).code()
        };
        let mut stands: Vec<&str> = self.leaders_of(name).into_iter().map(of).collect();
        stands.dedup();
        stands.join(", ")
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
            Err(Answer { said, .. }) => {
                // It may still take the word when it goes on: what was not seen to open is shut again.
                self.plant.gate.kill();
                let kept = kill::make(&self.plant.config.data.dir);
                let wrong = kept.err().map_or_else(String::new, |error| format!("; the file KILL: {error}"));
                Answer::refused(format!("{said}: live is shut again{wrong}"), "look at `remora status`, then once more")
            }
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
    pub(super) fn red(&self, input: &Input) -> Vec<String> {
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

    /// Lets the portfolios of a strategy enter again. With real money that needs the sentence, as turning live on does.
    async fn reopen(
        &self,
        strategy: &str,
        confirmation: (Option<String>, Option<String>),
        input: impl Fn(PortfolioId) -> Input,
    ) -> Answer {
        if self.has_money(strategy)
            && let Err(refused) = self.confirmed_or_asked(confirmation)
        {
            return refused;
        }
        self.each(|name, _| name == strategy, input).await
    }

    /// Whether a strategy trades with real money, or may once live is on.
    pub(super) fn has_money(&self, strategy: &str) -> bool {
        let mut portfolios = self.portfolios.iter();
        self.plant.live_allowed != LiveSwitch::Off
            && portfolios.any(|(name, mode, _)| name == strategy && *mode == Mode::Live)
    }

    /// The same as [`confirmed`](Self::confirmed); the answer says that the sentence is what is missing.
    fn confirmed_or_asked(&self, (sentence, seen): (Option<String>, Option<String>)) -> Result<(), Answer> {
        let confirmed = self.confirmed(&sentence.unwrap_or_default(), &seen.unwrap_or_default());
        confirmed.map_err(|refused| Answer { needs_sentence: true, ..refused })
    }

    async fn each(&self, is_meant: impl Fn(&str, Mode) -> bool, input: impl Fn(PortfolioId) -> Input) -> Answer {
        let meant: Vec<PortfolioId> =
            self.portfolios.iter().filter(|(name, mode, _)| is_meant(name, *mode)).map(|(.., id)| *id).collect();
        if meant.is_empty() {
            return Answer::refused("no portfolio is meant", "`remora status` lists the strategies");
        }
        let inputs: Vec<Input> = meant.iter().map(|portfolio| input(*portfolio)).collect();
        match self.tell_all(&inputs).await {
            Ok(()) => Answer::done(format!("portfolios: {}", meant.len())),
            Err(answer) => answer,
        }
    }

    /// Hands all inputs to the engine before it waits for any.
    async fn tell_all(&self, inputs: &[Input]) -> Result<(), Answer> {
        let Some((last, others)) = inputs.split_last() else { return Ok(()) };
        for input in others {
            let stamped = Stamped { at: clock::now(), input: *input };
            let gone = || Answer::refused("the engine has stopped", "start it again; until then nothing leaves");
            self.plant.inlet.command(Told::Input(stamped)).await.map_err(|_| gone())?;
        }
        self.tell(*last).await
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

/// Returns why a command is not even looked at: it is too old, or its envelope makes no sense.
pub(super) fn fault_of(said: &Envelope, now_ms: u64) -> Option<Answer> {
    let Envelope { id, by, until_ms, .. } = said;
    if id.is_empty() || ID_MAX < id.len() || by.is_empty() || BY_MAX < by.len() {
        let fix = format!("an id of 1 to {ID_MAX} bytes, and a name of 1 to {BY_MAX}");
        return Some(Answer::refused("this command does not say who says it, or under which id", fix));
    }
    if *until_ms < now_ms {
        return Some(Answer::refused("this command came too late", "look how it stands, then say it again"));
    }
    if made_ms(id).is_some_and(|made| made + FORM_VALID_MS < now_ms) {
        return Some(Answer::refused(
            "this page was open for too long",
            "load it again, look how it stands, then once more",
        ));
    }
    if now_ms + VALID_MS < *until_ms {
        let wrong = format!("this command would hold for longer than {} s", VALID_MS / 1_000);
        return Some(Answer::refused(
            wrong,
            "say until when it holds, in milliseconds since 1970, and look at the clock",
        ));
    }
    None
}

/// Returns what the settings that differ said before, or say now.
fn settings_in_words(answer: &Answer, side: impl Fn(&Difference) -> &Option<String>) -> String {
    let word =
        |one: &Difference| format!("{} {} {}", one.section, one.key, side(one).as_deref().unwrap_or("not there"));
    answer.differences.iter().map(word).collect::<Vec<_>>().join("; ")
}

/// Returns what somebody wrote without what could pass for something else in a log.
fn tame(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(BY_MAX).collect()
}
