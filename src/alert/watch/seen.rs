//! What lasts: judged from the published snapshot and the states of feeds, writer and gateway.

use super::{Level, Names, Rule, Rules, Seen, Watch, level, order_subject};
use crate::{
    domain::{Breaker, LiveOrders, LiveSwitch, Nanos, OrderId, Usdc},
    metrics::health::{Carries, FeedNow},
    web::length,
};

/// An engine that said nothing for longer than this is taken for dead.
pub const SNAPSHOT_AGE_MAX: Nanos = Nanos::from_secs(10);
/// The venue's refusals are told only if they last: some pass with the next answer.
const REFUSED_AFTER: Nanos = Nanos::from_secs(10);

impl Watch {
    /// Returns what is not as it should be now.
    pub fn see(&mut self, seen: &Seen<'_>, rules: Rules, names: &Names) -> Vec<Level> {
        let mut levels = Vec::new();
        engine(seen, &mut levels);
        breakers(seen, rules, names, &mut levels);
        self.live(seen, rules, &mut levels);
        self.feeds(seen, rules, &mut levels);
        self.store(seen, rules, &mut levels);
        self.unknown(seen.now, rules, names, &mut levels);
        self.failing(seen.now, rules, &mut levels);
        levels
    }

    fn live(&mut self, seen: &Seen<'_>, rules: Rules, levels: &mut Vec<Level>) {
        if seen.killed {
            let text = "Live is killed: no order with real money leaves until somebody says `remora on`, whatever the switch says.";
            levels.push(level(Rule::Kill, "gate", Some(text.to_owned())));
        }
        let minimum = rules.thresholds.balance_min;
        match seen.cash {
            Some(cash) if cash < minimum => {
                let text = format!("The wallet has ${cash} left, less than ${minimum}.");
                levels.push(level(Rule::BalanceLow, "wallet", Some(text)));
            }
            // Not read yet: neither low nor enough.
            None if minimum > Usdc::ZERO => levels.push(level(Rule::BalanceLow, "wallet", None)),
            Some(_) | None => {}
        }
        let Some(gateway) = seen.gateway else { return };
        if gateway.state == LiveOrders::Starting {
            // What the venue says of us is not known yet.
            levels.push(level(Rule::Credentials, "venue", None));
        }
        let refused = refusal(gateway.state);
        let lasts = self.lasts(Rule::Credentials, "venue", refused.is_some(), seen.now);
        if let (Some(lasts), Some(why)) = (lasts, refused) {
            levels.push(level(Rule::Credentials, "venue", (REFUSED_AFTER <= lasts).then(|| why.to_owned())));
        }
        let is_wanted = seen.snapshot.live == LiveSwitch::On
            || seen.snapshot.live == LiveSwitch::Shadow && seen.snapshot.leaders_forced_on > 0;
        let is_stuck = is_wanted && gateway.state != LiveOrders::Ready && refused.is_none();
        let after = rules.thresholds.live_orders_stopped;
        if let Some(lasts) = self.lasts(Rule::LiveOrders, "gateway", is_stuck && after > Nanos::ZERO, seen.now) {
            let text = || {
                let step = crate::web::tame(&gateway.step, 200);
                let open = gateway.orders_open;
                format!("Live is on, and no order could leave for {}: {step}. {open} orders are open.", length(lasts))
            };
            levels.push(level(Rule::LiveOrders, "gateway", (after <= lasts).then(text)));
        }
    }

    fn feeds(&mut self, seen: &Seen<'_>, rules: Rules, levels: &mut Vec<Level>) {
        let after = rules.thresholds.feed_silent;
        if after == Nanos::ZERO {
            return;
        }
        let mut sources = (0, 0);
        for feed in seen.feeds {
            let quiet = self.quiet(feed, seen);
            if feed.carries == Carries::Trades {
                sources = (sources.0 + 1, sources.1 + u32::from(quiet.is_none_or(|(lasts, _)| lasts < after)));
            }
            let Some((lasts, how)) = quiet else { continue };
            let text = || format!("{} {how} for {}.{}", feed.name, length(lasts), last_error(feed));
            levels.push(level(Rule::FeedSilent, feed.name.clone(), (after <= lasts).then(text)));
        }
        if let (all @ 1.., 0) = sources {
            let text = format!("None of {all} sources tells leaders' trades: nothing is copied, exits neither.");
            levels.push(level(Rule::FeedSilent, "leaders' trades", Some(text)));
        }
    }

    /// Returns for how long a feed told nothing, and how; `None`: it is well.
    fn quiet(&mut self, feed: &FeedNow, seen: &Seen<'_>) -> Option<(Nanos, &'static str)> {
        let gone = self.lasts(Rule::FeedSilent, &feed.name, feed.connected_since.is_none(), seen.now);
        // Where no token is watched there is nothing to hear of books, and fills are rare anyway.
        let speaks = feed.carries == Carries::Trades || feed.name == "market channel" && seen.snapshot.books_live > 0;
        match (gone, feed.connected_since) {
            (Some(lasts), _) => Some((lasts, "is not connected")),
            (None, Some(since)) if speaks => {
                let asked_every = if feed.name == "index" { seen.index_every } else { Nanos::ZERO };
                let heard = feed.last_data_at.unwrap_or(since).max(since).plus(asked_every);
                // A moment of silence is none.
                Some(seen.now.since(heard)).filter(|lasts| Nanos::from_secs(5) < *lasts).map(|s| (s, "said nothing"))
            }
            (None, _) => None,
        }
    }

    fn store(&mut self, seen: &Seen<'_>, rules: Rules, levels: &mut Vec<Level>) {
        let told = rules.thresholds;
        let is_down = !seen.store_connected && told.store_down > Nanos::ZERO;
        if let Some(lasts) = self.lasts(Rule::StoreBehind, "down", is_down, seen.now) {
            let lag = seen.store_lag;
            let text = || {
                let lasts = length(lasts);
                format!("Postgres is not written for {lasts}; {lag} records wait in the journal. Trading goes on.")
            };
            levels.push(level(Rule::StoreBehind, "down", (told.store_down <= lasts).then(text)));
        }
        if told.store_lag_records < seen.store_lag {
            let text = format!("Postgres is {} records behind the journal: the pages show the past.", seen.store_lag);
            levels.push(level(Rule::StoreBehind, "lag", Some(text)));
        }
    }

    fn unknown(&mut self, now: Nanos, rules: Rules, names: &Names, levels: &mut Vec<Level>) {
        let after = rules.thresholds.order_unknown;
        if after == Nanos::ZERO {
            return;
        }
        for (id, order) in &self.orders {
            let Some(since) = order.unknown_since.filter(|since| after <= now.since(*since)) else { continue };
            let text = format!(
                "{}. It was sent, and for {} nobody knows what became of it; its money stays reserved.",
                self.order(*id, order, names),
                length(now.since(since))
            );
            levels.push(level(Rule::OrderUnknown, order_subject(OrderId(*id)), Some(text)));
        }
    }

    fn failing(&mut self, now: Nanos, rules: Rules, levels: &mut Vec<Level>) {
        let within = rules.thresholds.failures_within;
        while self.failures.front().is_some_and(|(at, _)| within < now.since(*at)) {
            self.failures.pop_front();
        }
        let (count, most) = (self.failures.len(), rules.thresholds.failures);
        if let (1.., Some((_, last))) = (most, self.failures.back())
            && most as usize <= count
        {
            let text = format!("{count} orders failed within {}; the last: {last}", length(within));
            levels.push(level(Rule::ExecutionFailed, "orders", Some(text)));
        }
    }
}

fn engine(seen: &Seen<'_>, levels: &mut Vec<Level>) {
    let now = seen.snapshot;
    let age = seen.now.since(now.at);
    let text = if !now.halted.is_empty() {
        Some(format!("The engine halted: {}. Start it again; it goes on where it stopped.", now.halted))
    } else if now.at > Nanos::ZERO && SNAPSHOT_AGE_MAX < age {
        Some(format!("The engine said nothing for {}.", length(age)))
    } else if now.entries_stopped {
        Some("Entries are stopped after a fault; exits go on. Look at the fault, then restart.".to_owned())
    } else {
        None
    };
    levels.extend(text.map(|text| level(Rule::EngineStopped, "engine", Some(text))));
}

fn breakers(seen: &Seen<'_>, rules: Rules, names: &Names, levels: &mut Vec<Level>) {
    let counts = |portfolio| rules.paper || names.is_live(portfolio);
    for portfolio in seen.snapshot.portfolios.iter().filter(|portfolio| counts(portfolio.id)) {
        for breaker in Breaker::ALL.into_iter().filter(|breaker| portfolio.tripped[*breaker as usize]) {
            let text = tripped(&names.portfolio(portfolio.id), breaker);
            levels.push(level(Rule::Breaker, breaker_subject(portfolio.id.0, breaker), Some(text)));
        }
    }
}

pub fn breaker_subject(portfolio: u16, breaker: Breaker) -> String {
    format!("portfolio {portfolio} {}", breaker.code())
}

pub fn tripped(portfolio: &str, breaker: Breaker) -> String {
    let why = match breaker {
        Breaker::DailyLoss => "it lost too much today",
        Breaker::Drawdown => "its equity fell too far below its highest",
        Breaker::LossesInRow => "it lost too often in a row",
        Breaker::UnknownBurst => "the outcome of too many orders became unknown",
    };
    format!(
        "{portfolio} makes no entries: {why}. Exits go on. `remora resume STRATEGY --breakers` lets it enter again."
    )
}

/// Returns why the venue, or another engine, keeps our orders out until a person does something.
fn refusal(state: LiveOrders) -> Option<&'static str> {
    match state {
        LiveOrders::AuthMissing => Some("The venue does not take our credentials. `remora doctor` looks at the key."),
        LiveOrders::ClosedOnly => Some("The venue lets the account only close what it holds."),
        LiveOrders::Blocked => Some("The venue does not serve this place."),
        LiveOrders::ClockOff => Some("This machine's clock and the venue's differ too much: look at its time service."),
        LiveOrders::OtherVersion => {
            Some("The venue speaks a version that this program does not: a newer one is needed.")
        }
        LiveOrders::WalletNotHeld => {
            Some("The lease of the wallet is not ours: another engine has it, or Postgres is away.")
        }
        LiveOrders::Missing
        | LiveOrders::Starting
        | LiveOrders::Ready
        | LiveOrders::ChannelDown
        | LiveOrders::Restarting
        | LiveOrders::CancelOnly => None,
    }
}

fn last_error(feed: &FeedNow) -> String {
    match feed.last_error.text.as_str() {
        "" => String::new(),
        text => format!(" Last error: {}.", crate::web::tame(text, 160)),
    }
}
