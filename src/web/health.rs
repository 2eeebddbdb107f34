//! One verdict on how it all is, made of named checks: the same on the pages, in the API and for `/readyz`.

use serde::Serialize;

use super::{Web, figure, page, words};
use crate::{
    domain::{LiveOrders, Nanos, PaperSwitch},
    engine::unsettled::STUCK_AFTER,
    metrics::{
        GatewayNow, LeaseNow, ReconcileNow, Snapshot,
        health::{Carries, FeedNow, RedeemNow},
    },
    venue::polymarket::redeem::LATE_AFTER,
};

/// An engine that said nothing for longer than this is taken for dead.
pub const SNAPSHOT_AGE_MAX: Nanos = Nanos::from_secs(5);
/// A connected socket without data for longer than this is called silent.
pub const FEED_SILENCE_MAX: Nanos = Nanos::from_secs(60);
/// So long after the start no source of leaders' trades need be there yet.
pub const SOURCES_PATIENCE: Nanos = Nanos::from_secs(30);
/// More journal records than this not yet in Postgres make the pages old enough to say so.
pub const STORE_LAG_MAX: u64 = 10_000;

/// How bad it is; the worst check is the verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    #[default]
    Ok,
    /// It trades, but something is missing.
    Degraded,
    /// It does not trade.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: String,
    pub level: Level,
    pub text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    pub level: Level,
    pub checks: Vec<Check>,
}

impl Level {
    pub const fn code(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Degraded => "degraded",
            Level::Failed => "failed",
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Level::Ok => "Healthy",
            Level::Degraded => "Degraded",
            Level::Failed => "Stopped",
        }
    }

    /// Returns the word for one check.
    pub const fn check_word(self) -> &'static str {
        match self {
            Level::Ok => "OK",
            Level::Degraded => "Degraded",
            Level::Failed => "Failed",
        }
    }
}

impl Health {
    fn add(&mut self, name: &str, level: Level, text: impl Into<String>) {
        self.level = self.level.max(level);
        self.checks.push(Check { name: name.to_owned(), level, text: text.into() });
    }

    /// Returns the worst checks in words; empty while all is well.
    pub fn troubles(&self) -> Vec<&Check> {
        self.checks.iter().filter(|check| check.level != Level::Ok).collect()
    }
}

/// Looks at everything now. Never waits.
pub fn look(web: &Web) -> Health {
    let now = (web.state.clock)();
    let snapshot = web.state.published.load();
    let mut health = Health::default();
    engine(&mut health, &snapshot, now);
    if web.state.feeds.is_empty() {
        health.add("sockets", Level::Degraded, "no socket is configured: no market data and no leader trades come in");
    }
    let feeds: Vec<FeedNow> = web.state.feeds.iter().map(|feed| feed.now()).collect();
    for feed in &feeds {
        let (level, text) = feed_check(feed, now);
        health.add(&figure::tame(&feed.name, 60), level, text);
    }
    sources(&mut health, &feeds, now.since(snapshot.started_at), now);
    if let Some(gateway) = &web.state.gateway {
        live_orders(&mut health, &gateway.now());
        lease(&mut health, gateway.now().state, &gateway.lease(), now);
        wallet(&mut health, &gateway.wallet(), now);
    }
    settlement(&mut health, &snapshot, now);
    standing(&mut health, web);
    redemption(&mut health, &web.state.redeem.load(), now);
    store(&mut health, web, now);
    health
}

fn engine(health: &mut Health, snapshot: &Snapshot, now: Nanos) {
    let age = now.since(snapshot.at);
    if !snapshot.halted.is_empty() {
        let why = figure::tame(&snapshot.halted, 300);
        health.add("engine", Level::Failed, format!("halted: {why}. Restart it; it recovers from the journal"));
        health.add("journal", Level::Failed, "nothing is written while the engine is halted");
        return;
    }
    if snapshot.at == Nanos::ZERO {
        health.add("engine", Level::Failed, "has not begun yet");
    } else if SNAPSHOT_AGE_MAX < age {
        health.add("engine", Level::Failed, format!("said nothing for {}", figure::length(age)));
    } else {
        health.add("engine", Level::Ok, format!("has run for {}", figure::length(now.since(snapshot.started_at))));
    }
    health.add("journal", Level::Ok, format!("{} records", figure::Figure::count(snapshot.journal_next_seq).text));
    if snapshot.entries_stopped {
        let text = "stopped after a fault: no new positions, exits go on. Look at the fault below, then restart";
        health.add("entries", Level::Degraded, text);
    } else {
        health.add("entries", Level::Ok, "allowed");
    }
}

/// Matches that wait for their settlement. Nothing is said while there are none.
fn settlement(health: &mut Health, snapshot: &Snapshot, now: Nanos) {
    let Some(since) = snapshot.unsettled_since else { return };
    let age = now.since(since);
    let text = format!("{} matches wait, the oldest for {}", snapshot.unsettled, figure::length(age));
    match STUCK_AFTER <= age {
        true => health.add("settlement", Level::Degraded, format!("{text}: nothing is added to its market")),
        false => health.add("settlement", Level::Ok, text),
    }
}

/// Shares that won and are not money yet. Nothing is said while there are none.
fn redemption(health: &mut Health, redeem: &RedeemNow, now: Nanos) {
    let Some(oldest) = redeem.oldest else { return };
    let who = if redeem.needs_owner { "their owner, or the venue" } else { "their turn" };
    let text = format!("{} tokens wait for {who}: ${}", redeem.due, redeem.due_usdc);
    match LATE_AFTER <= now.since(oldest) {
        true => health.add("redemption", Level::Degraded, format!("{text}; for more than a day")),
        false => health.add("redemption", Level::Ok, text),
    }
}

/// Live orders that cannot leave are worth a look; paper goes on whatever they do.
fn live_orders(health: &mut Health, now: &GatewayNow) {
    let GatewayNow { state, step, connections_open, orders_open, orders_unknown, .. } = now;
    let unknown = if *orders_unknown > 0 { format!(", {orders_unknown} of them unknown") } else { String::new() };
    match state {
        LiveOrders::Ready => {
            let text = format!("ready: {connections_open} connections, {orders_open} orders open{unknown}");
            health.add("live orders", Level::Ok, text);
        }
        LiveOrders::Missing
        | LiveOrders::Starting
        | LiveOrders::AuthMissing
        | LiveOrders::ChannelDown
        | LiveOrders::Restarting
        | LiveOrders::CancelOnly
        | LiveOrders::ClosedOnly
        | LiveOrders::Blocked
        | LiveOrders::ClockOff
        | LiveOrders::OtherVersion
        | LiveOrders::WalletNotHeld => {
            let step = figure::tame(step, 300);
            health.add("live orders", Level::Degraded, format!("cannot leave: {step}; {orders_open} open{unknown}"));
        }
    }
}

/// Who may trade with the wallet.
fn lease(health: &mut Health, state: LiveOrders, lease: &LeaseNow, now: Nanos) {
    let LeaseNow { epoch, renewed_at, trouble } = lease;
    let ours = format!("epoch {epoch}, renewed {} ago", figure::length(now.since(*renewed_at)));
    let why = figure::tame(trouble, 300);
    match (state == LiveOrders::WalletNotHeld, trouble.is_empty()) {
        (false, true) => health.add("wallet lease", Level::Ok, format!("held by this engine alone: {ours}")),
        (false, false) => health.add("wallet lease", Level::Degraded, format!("held, but not renewed: {ours}; {why}")),
        (true, _) => health.add("wallet lease", Level::Degraded, format!("not held, so nothing leaves: {ours}; {why}")),
    }
}

/// Whether the wallet holds what our books say.
fn wallet(health: &mut Health, reconcile: &ReconcileNow, now: Nanos) {
    let when = match reconcile.whole_at {
        Some(at) => format!("compared {} ago", figure::length(now.since(at))),
        None => "not compared yet".to_owned(),
    };
    let failed = match reconcile.failed.as_str() {
        "" => String::new(),
        why => format!("; the last read failed: {}", figure::tame(why, 200)),
    };
    let (level, text) = match reconcile.differences {
        0 if failed.is_empty() => (Level::Ok, "holds what our books say".to_owned()),
        0 => (Level::Degraded, "held what our books say".to_owned()),
        1 => (Level::Degraded, "1 difference from our books: look at what else uses it".to_owned()),
        more => (Level::Degraded, format!("{more} differences from our books: look at what else uses it")),
    };
    health.add("wallet", level, format!("{text}; {when}{failed}"));
}

/// Breakers that tripped, and how the switches stand.
fn standing(health: &mut Health, web: &Web) {
    let standing = web.pulse().standing.clone();
    let tripped = standing.tripped.iter().map(|(portfolio, breaker)| {
        format!("{}: {}", page::portfolio_name(web, portfolio.0.into()), words::breaker(breaker.code()))
    });
    match tripped.collect::<Vec<_>>().join("; ") {
        none if none.is_empty() => health.add("breakers", Level::Ok, "none has tripped"),
        some => health.add("breakers", Level::Degraded, format!("no entries, exits go on. {some}")),
    }
    let count = |count: usize, one: &str, many: &str| match count {
        0 => String::new(),
        1 => format!("; 1 {one}"),
        more => format!("; {more} {many}"),
    };
    let paper = standing.paper.map_or("as the settings say", PaperSwitch::code);
    let live = standing.live.unwrap_or_default().code();
    let leaders = count(standing.leaders.len(), "leader has a switch of his own", "leaders have switches of their own");
    let blocked = count(standing.blocked.len(), "leader is blocked", "leaders are blocked");
    let paused = count(standing.paused.len(), "portfolio is paused", "portfolios are paused");
    health.add("switches", Level::Ok, format!("paper {paper}, live {live}{leaders}{blocked}{paused}"));
}

/// Whether anybody tells what leaders do: one source is enough, and without any nothing is copied.
fn sources(health: &mut Health, feeds: &[FeedNow], age: Nanos, now: Nanos) {
    let all: Vec<&FeedNow> = feeds.iter().filter(|feed| feed.carries == Carries::Trades).collect();
    let alive = all.iter().filter(|feed| feed_check(feed, now).0 == Level::Ok).count();
    let text = format!("{alive} of {} sources tell them", all.len());
    match (all.len(), alive) {
        (0, _) => (),
        (_, 0) if age < SOURCES_PATIENCE => health.add("leaders' trades", Level::Degraded, text),
        (_, 0) => health.add("leaders' trades", Level::Failed, format!("{text}: nothing is copied, exits neither")),
        (_, _) => health.add("leaders' trades", Level::Ok, text),
    }
}

fn feed_check(feed: &FeedNow, now: Nanos) -> (Level, String) {
    let error = match feed.last_error.text.as_str() {
        "" => String::new(),
        text => format!("; last error: {}", figure::tame(text, 200)),
    };
    let Some(since) = feed.connected_since else {
        return (Level::Degraded, format!("not connected, trying again{error}"));
    };
    let heard = feed.last_data_at.unwrap_or(since);
    let silence = now.since(heard);
    if FEED_SILENCE_MAX < silence {
        return (Level::Degraded, format!("connected, but silent for {}{error}", figure::length(silence)));
    }
    let frames = figure::Figure::count(feed.frames).text;
    (Level::Ok, format!("connected for {}, {frames} frames", figure::length(now.since(since))))
}

fn store(health: &mut Health, web: &Web, now: Nanos) {
    let writer = &web.state.store;
    let lag = figure::Figure::count(writer.lag()).text;
    if !writer.connected() {
        let error = writer.last_error();
        let why = match error.text.as_str() {
            "" => "not connected yet".to_owned(),
            text => format!("{} ({} ago)", figure::tame(text, 300), figure::length(now.since(error.at))),
        };
        let text = format!("the writer cannot write: {why}. Trading goes on; {lag} records wait in the journal");
        health.add("Postgres", Level::Degraded, text);
    } else if STORE_LAG_MAX < writer.lag() {
        health.add("Postgres", Level::Degraded, format!("{lag} journal records behind: pages show the past"));
    } else {
        health.add("Postgres", Level::Ok, format!("{lag} records behind the journal"));
    }
    match &web.pulse().head {
        Ok(_) => health.add("pages", Level::Ok, "read Postgres"),
        Err(why) => health.add("pages", Level::Degraded, format!("cannot read Postgres: {why}")),
    }
}
