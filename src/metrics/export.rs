//! The text Prometheus scrapes (`/metrics`, format 0.0.4): stage histograms, the engine's counts, money, feeds, the writer.

use std::fmt::{Display, Write};

use hdrhistogram::Histogram;

use super::{
    AheadNow, AnswerClass, GatewayStatus, Miss, ReconcileNow, Snapshot, Stage, StageTimes, StoreStatus,
    health::{Carries, FeedNow, RedeemNow},
};
use crate::alert::{AlertsNow, board::Kind};
use crate::domain::{Breaker, LiveOrders, LiveSwitch, PortfolioId, Refusal, Skip};

/// The content type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Ten bounds a decade: a quantile read from them is off by at most a quarter.
const STEPS: [u64; 10] = [100, 125, 160, 200, 250, 315, 400, 500, 630, 800];
const DECADES: u32 = 9; // from 100 ns to 100 s

const QUANTILES: [(&str, f64); 4] = [("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99), ("0.999", 0.999)];

/// All that is shown.
pub struct Exported<'a> {
    pub version: &'a str,
    pub snapshot: &'a Snapshot,
    pub times: &'a StageTimes,
    pub store: &'a StoreStatus,
    pub feeds: &'a [FeedNow],
    pub redeem: &'a RedeemNow,
    /// `None` where the settings do not allow live orders.
    pub gateway: Option<&'a GatewayStatus>,
    /// Id, strategy and mode of portfolios whose names are known.
    pub portfolios: &'a [(u16, String, String)],
    pub alerts: &'a AlertsNow,
    /// Breakers that have tripped, by portfolio.
    pub tripped: &'a [(PortfolioId, Breaker)],
    /// Memory in use by the process.
    pub resident_bytes: u64,
}

/// Returns the upper bounds of the histograms, in nanoseconds.
pub fn bounds() -> Vec<u64> {
    let decades = (0..DECADES).flat_map(|decade| STEPS.map(|step| step * 10_u64.pow(decade)));
    decades.chain([100 * 10_u64.pow(DECADES)]).collect()
}

/// Returns how much memory the process uses; zero where the system does not say.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

pub fn render(exported: &Exported<'_>) -> String {
    let mut text = Text(String::with_capacity(64 * 1024));
    text.one("build_info", "gauge", "What runs.", &[("version", exported.version)], 1);
    stages(&mut text, exported.times);
    engine(&mut text, exported.snapshot);
    money(&mut text, exported);
    feeds(&mut text, exported.feeds);
    redemption(&mut text, exported.redeem);
    alerts(&mut text, exported.alerts);
    if let Some(status) = exported.gateway {
        gateway(&mut text, status);
        ahead(&mut text, &exported.snapshot.ahead);
    }
    let store = exported.store;
    let connected = u8::from(store.connected());
    text.one("store_connected", "gauge", "1 while the writer reaches Postgres.", &[], connected);
    text.one("store_lag_records", "gauge", "Journal records that are not in Postgres yet.", &[], store.lag());
    text.one("resident_memory_bytes", "gauge", "Memory in use by the process.", &[], exported.resident_bytes);
    text.0
}

/// Metrics as text; every name gets the prefix `remora_`.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP remora_{name} {help}\n# TYPE remora_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "remora_{name}");
        for (index, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, labels: &[(&str, &str)], value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, labels, value);
    }
}

fn alerts(text: &mut Text, now: &AlertsNow) {
    text.one(
        "alerts_firing",
        "gauge",
        "Things that were told to people and are not over.",
        &[],
        now.firing.iter().filter(|thing| thing.kind != Kind::Happening).count(),
    );
    text.one("alerts_overlooked_total", "counter", "Things not told because too many were.", &[], now.overlooked);
    text.family("alerts_waiting", "gauge", "Alerts that a channel was not told yet.");
    for channel in &now.channels {
        text.sample("alerts_waiting", &[("channel", &channel.name)], channel.waiting);
    }
    text.family("alert_messages_total", "counter", "Messages to a channel, by their end.");
    for channel in &now.channels {
        for (end, count) in [("delivered", channel.delivered), ("failed", channel.failed), ("dropped", channel.dropped)]
        {
            text.sample("alert_messages_total", &[("channel", &channel.name), ("end", end)], count);
        }
    }
}

/// Nanoseconds as exact decimal seconds.
fn seconds(nanos: u128) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn gateway(text: &mut Text, status: &GatewayStatus) {
    let now = status.now();
    let ready = u8::from(now.state == LiveOrders::Ready);
    text.one("live_ready", "gauge", "1 while live orders can leave.", &[], ready);
    let lease = status.lease();
    let held = u8::from(now.state != LiveOrders::WalletNotHeld && lease.epoch > 0);
    text.one("wallet_lease_held", "gauge", "1 while the lease of the wallet is ours.", &[], held);
    text.one(
        "wallet_lease_epoch",
        "gauge",
        "Which lease of the wallet it is, counted over all engines.",
        &[],
        lease.epoch,
    );
    let renewed = seconds(lease.renewed_at.0.into());
    text.one("wallet_lease_renewed_time_seconds", "gauge", "When it was renewed last, since 1970.", &[], renewed);
    text.family("live_answers_total", "counter", "What became of requests with orders, by class.");
    for class in AnswerClass::ALL {
        text.sample("live_answers_total", &[("class", class.code())], status.answers(class));
    }
    for (name, kind, help, value) in [
        ("live_orders_open", "gauge", "Live orders that are not over.", now.orders_open as u64),
        ("live_orders_unknown", "gauge", "Live orders whose outcome nobody knows.", now.orders_unknown as u64),
        ("live_connections_open", "gauge", "Warm connections for orders.", now.connections_open as u64),
        ("live_connections_total", "counter", "Connections for orders that were made.", now.connections_made as u64),
        ("live_alarms_total", "counter", "Things about live orders that somebody should look at.", status.alarms()),
        ("live_external_total", "counter", "Orders and trades of the wallet that are not ours.", status.foreign()),
    ] {
        text.one(name, kind, help, &[], value);
    }
    wallet(text, &status.wallet());
}

fn wallet(text: &mut Text, now: &ReconcileNow) {
    let at = seconds(now.whole_at.map_or(0, |at| at.0.into()));
    let help = "When the wallet was last compared with our books, since 1970; 0: not yet.";
    text.one("reconciled_time_seconds", "gauge", help, &[], at);
    text.family("reconcile_reports_total", "counter", "Reads of the wallet, by their end.");
    for (end, count) in [("compared", now.reports), ("failed", now.failures)] {
        text.sample("reconcile_reports_total", &[("end", end)], count);
    }
    let help = "Differences between our books and the wallet.";
    text.one("reconcile_differences", "gauge", help, &[], now.differences);
    text.one("wallet_dollars", "gauge", "Dollars in the wallet.", &[], now.cash.unwrap_or_default());
}

fn ahead(text: &mut Text, now: &AheadNow) {
    text.one("ahead_orders", "gauge", "Orders that are signed ahead and wait.", &[], now.kept);
    text.one("ahead_signed_total", "counter", "Orders that were signed ahead.", &[], now.signed);
    text.one("ahead_hits_total", "counter", "Live orders that were found signed.", &[], now.hits);
    let help = "Of these, how many were a little smaller than what was decided.";
    text.one("ahead_smaller_total", "counter", help, &[], now.smaller);
    text.family("ahead_misses_total", "counter", "Live orders that were signed when they were wanted, by why.");
    for (miss, count) in Miss::ALL.iter().zip(now.misses) {
        text.sample("ahead_misses_total", &[("cause", miss.code())], count);
    }
}

fn stages(text: &mut Text, times: &StageTimes) {
    let bounds = bounds();
    text.family("stage_seconds", "histogram", "How long a stage took, since the process began.");
    for (stage, histogram) in Stage::ALL.into_iter().zip(times.since_start.iter()) {
        histogram_samples(text, stage.code(), histogram, &bounds);
    }
    text.family(
        "stage_recent_quantile_seconds",
        "gauge",
        "Quantile q of a stage's times in the last 5 to 10 minutes, within 0.1 %. Do not average it.",
    );
    for (stage, histogram) in Stage::ALL.into_iter().zip(times.recent.iter()) {
        for (label, quantile) in QUANTILES {
            if !histogram.is_empty() {
                let value = seconds(histogram.value_at_quantile(quantile).into());
                text.sample("stage_recent_quantile_seconds", &[("stage", stage.code()), ("q", label)], value);
            }
        }
    }
}

fn histogram_samples(text: &mut Text, stage: &str, histogram: &Histogram<u64>, bounds: &[u64]) {
    let (mut count, mut sum) = (0_u64, 0_u128);
    let mut recorded = histogram.iter_recorded().peekable();
    for bound in bounds {
        while let Some(step) = recorded.next_if(|step| step.value_iterated_to() <= *bound) {
            count += step.count_at_value();
            sum += u128::from(step.value_iterated_to()) * u128::from(step.count_at_value());
        }
        text.sample("stage_seconds_bucket", &[("stage", stage), ("le", &seconds((*bound).into()))], count);
    }
    for step in recorded {
        count += step.count_at_value();
        sum += u128::from(step.value_iterated_to()) * u128::from(step.count_at_value());
    }
    text.sample("stage_seconds_bucket", &[("stage", stage), ("le", "+Inf")], count);
    text.sample("stage_seconds_sum", &[("stage", stage)], seconds(sum));
    text.sample("stage_seconds_count", &[("stage", stage)], count);
}

fn engine(text: &mut Text, now: &Snapshot) {
    let started = seconds(now.started_at.0.into());
    text.one("start_time_seconds", "gauge", "When the process began, since 1970.", &[], started);
    let at = seconds(now.at.0.into());
    text.one("snapshot_time_seconds", "gauge", "When the engine last said how it is, since 1970.", &[], at);
    let halted = u8::from(!now.halted.is_empty());
    text.one("halted", "gauge", "1 after the hot thread stopped handling inputs.", &[], halted);
    let stopped = u8::from(now.entries_stopped);
    text.one("entries_stopped", "gauge", "1 while no entry is ordered because of a fault.", &[], stopped);
    text.family("live_switch", "gauge", "1 for what the live switch is on.");
    for switch in LiveSwitch::ALL {
        text.sample("live_switch", &[("switch", switch.code())], u8::from(switch == now.live));
    }
    for (name, help, value) in [
        ("inputs_total", "Inputs the engine handled.", now.inputs),
        ("events_total", "Events the engine made.", now.events),
        ("signals_total", "Leader trades worth deciding on.", now.signals),
        ("orders_total", "Orders submitted.", now.orders),
        ("fills_total", "Fills received.", now.fills),
        ("scores_total", "Signals that got a score.", now.scored),
        ("buffered_total", "Copies that were too small and waited for company.", now.buffered),
        ("merged_total", "Copies that waited and were ordered with a later one.", now.merged),
        ("breakers_tripped_total", "Breakers that tripped.", now.tripped),
        ("leaders_blocked_total", "Leaders whose ways had them blocked.", now.leaders_blocked),
        ("commands_declined_total", "Commands of the operator that could not be done.", now.declined),
        ("queue_full_total", "Times a full queue made a feed wait.", now.queue_full),
        ("journal_records_total", "Records in the journal.", now.journal_next_seq),
    ] {
        text.one(name, "counter", help, &[], value);
    }
    for (name, help, value) in [
        ("orders_open", "Orders that did not end yet.", now.orders_open),
        ("positions_open", "Positions with shares.", now.positions_open),
        ("matches_unsettled", "Matches of live orders that wait for their settlement.", now.unsettled),
        ("signals_parked", "Signals that wait for their market or book.", now.parked),
        ("tokens", "Tokens the engine knows.", now.tokens),
        ("books_live", "Books that can be traded on.", now.books_live),
        ("books_diverged", "Books that are not trusted.", now.books_diverged),
    ] {
        text.one(name, "gauge", help, &[], value);
    }
    let since = seconds(now.unsettled_since.map_or(0, |since| since.0.into()));
    let help = "Since when the first unsettled match waits, since 1970; 0: none does.";
    text.one("match_unsettled_time_seconds", "gauge", help, &[], since);
    text.family("skips_total", "counter", "Signals the strategy said no to.");
    for (skip, count) in Skip::ALL.iter().zip(&now.skips) {
        text.sample("skips_total", &[("reason", skip.code())], count);
    }
    text.family("refusals_total", "counter", "Signals risk said no to.");
    for (refusal, count) in Refusal::ALL.iter().zip(&now.refusals) {
        text.sample("refusals_total", &[("reason", refusal.code())], count);
    }
}

fn money(text: &mut Text, exported: &Exported<'_>) {
    text.family("portfolio_info", "gauge", "The strategy and mode behind a portfolio's number.");
    for (id, strategy, mode) in exported.portfolios {
        text.sample("portfolio_info", &[("portfolio", &id.to_string()), ("strategy", strategy), ("mode", mode)], 1);
    }
    text.family("bucket_dollars", "gauge", "Money of a portfolio by bucket.");
    for portfolio in &exported.snapshot.portfolios {
        let id = portfolio.id.0.to_string();
        for (bucket, amount) in [
            ("available", portfolio.available),
            ("reserved", portfolio.reserved),
            ("deployed", portfolio.deployed),
            ("cooling", portfolio.cooling),
        ] {
            text.sample("bucket_dollars", &[("portfolio", &id), ("bucket", bucket)], amount);
        }
    }
    text.family("breaker_tripped", "gauge", "1 while a breaker stops the portfolio's entries.");
    for portfolio in &exported.snapshot.portfolios {
        for breaker in Breaker::ALL {
            let is_tripped = exported.tripped.contains(&(portfolio.id, breaker));
            let labels = [("portfolio", &*portfolio.id.0.to_string()), ("breaker", breaker.code())];
            text.sample("breaker_tripped", &labels, u8::from(is_tripped));
        }
    }
    type Amount = fn(&super::PortfolioNow) -> crate::domain::Usdc;
    let amounts: [(&str, &str, Amount); 4] = [
        ("deposits_dollars", "Deposits less withdrawals.", |p| p.deposits),
        ("realised_dollars", "Realised result net of fees.", |p| p.realised),
        ("unrealised_dollars", "Positions at the best bid less their cost.", |p| p.unrealised),
        ("equity_dollars", "Worth if all positions were sold at the best bid.", |p| p.equity()),
    ];
    for (name, help, amount) in amounts {
        text.family(name, "gauge", help);
        for portfolio in &exported.snapshot.portfolios {
            text.sample(name, &[("portfolio", &portfolio.id.0.to_string())], amount(portfolio));
        }
    }
}

fn feeds(text: &mut Text, feeds: &[FeedNow]) {
    type Count = fn(&FeedNow) -> String;
    let families: [(&str, &str, &str, Count); 5] = [
        ("feed_connected", "gauge", "1 while the socket is connected.", |f| {
            u8::from(f.connected_since.is_some()).to_string()
        }),
        ("feed_last_data_time_seconds", "gauge", "When data last came, since 1970; 0: never.", |f| {
            seconds(f.last_data_at.map_or(0, |at| at.0.into()))
        }),
        ("feed_frames_total", "counter", "Frames with data.", |f| f.frames.to_string()),
        ("feed_reconnects_total", "counter", "Times the connection was lost.", |f| f.reconnects.to_string()),
        ("feed_malformed_total", "counter", "Frames that were refused.", |f| f.malformed.to_string()),
    ];
    for (name, kind, help, count) in families {
        text.family(name, kind, help);
        for feed in feeds {
            text.sample(name, &[("feed", &feed.name)], count(feed));
        }
    }
    text.family(
        "feed_trades_total",
        "counter",
        "Leaders' trades: told before the feeds like it, after, or not at all.",
    );
    for feed in feeds.iter().filter(|feed| feed.carries == Carries::Trades) {
        for (telling, count) in [("first", feed.first), ("again", feed.again), ("missed", feed.missed)] {
            text.sample("feed_trades_total", &[("feed", &feed.name), ("telling", telling)], count);
        }
    }
}

fn redemption(text: &mut Text, now: &RedeemNow) {
    let help = "Tokens whose shares won and are not redeemed yet.";
    text.one("redemptions_due", "gauge", help, &[], now.due);
    text.one("redemptions_due_dollars", "gauge", "What these shares pay.", &[], now.due_usdc);
    let since = seconds(now.oldest.map_or(0, |since| since.0.into()));
    let help = "Since when the first of them waits, since 1970; 0: none does.";
    text.one("redemption_oldest_time_seconds", "gauge", help, &[], since);
    text.family("redemptions_total", "counter", "Redemptions by their end; failed ones are tried again.");
    for (end, count) in [("redeemed", now.redeemed), ("elsewhere", now.elsewhere), ("failed", now.failures)] {
        text.sample("redemptions_total", &[("end", end)], count);
    }
    text.one("redeemed_dollars_total", "counter", "What was redeemed from here.", &[], now.paid);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_run_from_a_hundred_nanoseconds_to_a_hundred_seconds() {
        let bounds = bounds();
        assert_eq!((bounds[0], bounds[1], bounds[10]), (100, 125, 1_000));
        assert_eq!((bounds.len(), bounds.last().copied()), (91, Some(100_000_000_000)));
        assert!(bounds.is_sorted_by(|a, b| a < b && *b <= a * 13 / 10));
    }

    #[test]
    fn seconds_are_exact() {
        for (nanos, expected) in [(0, "0"), (100, "0.0000001"), (1_250_000_000, "1.25"), (100_000_000_000, "100")] {
            assert_eq!(seconds(nanos), expected);
        }
    }

    #[test]
    fn labels_cannot_break_out() {
        let mut text = Text(String::new());
        text.sample("x", &[("feed", "a\"} 1\nb\\")], 1);
        assert_eq!(text.0, "remora_x{feed=\"a\\\"} 1\\nb\\\\\"} 1\n");
    }
}
