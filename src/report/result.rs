//! What a replay came to, for people and for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    domain::{Nanos, PortfolioId, Usdc},
    engine::{Engine, position::Position},
    feed::registry::Registry,
    metrics::{Stage, Stages},
};

/// The result of a replay. Dollars, shares and prices are exact decimals, as text.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayResult {
    pub messages: u64,
    pub books: u64,
    pub price_changes: u64,
    /// Messages of a type that is not known; ignored.
    pub ignored: u64,
    /// Refused frames, by what was wrong with them.
    pub malformed: BTreeMap<&'static str, u64>,
    pub hash_ok: u64,
    pub hash_bad: u64,
    pub hash_unknown: u64,
    pub diverged: u64,
    pub resynced: u64,
    pub tokens: usize,
    pub leader_trades: u64,
    pub signals: u64,
    pub skips: BTreeMap<&'static str, u64>,
    pub refusals: BTreeMap<&'static str, u64>,
    pub orders: u64,
    /// The (simulated) venue's noes, by code.
    pub rejections: BTreeMap<&'static str, u64>,
    pub fills: u64,
    pub settled: u64,
    pub fees: String,
    pub realised_pnl: String,
    pub unrealised_pnl: String,
    pub portfolios: Vec<PortfolioResult>,
    pub positions: Vec<PositionResult>,
    /// SHA-256 of all events in order: two runs that differ nowhere have the same.
    pub digest: String,
    pub first_at_ns: u64,
    pub last_at_ns: u64,
    pub elapsed_s: f64,
    /// JSON after decompression.
    pub bytes: u64,
    pub bytes_per_s: u64,
    pub peak_rss_bytes: u64,
    /// By stage: how long it took on this machine. `fill` and `behind_leader` are in recorded time.
    pub stages: BTreeMap<&'static str, StageResult>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PortfolioResult {
    pub strategy: String,
    pub mode: &'static str,
    pub deposits: String,
    pub available: String,
    pub reserved: String,
    pub deployed: String,
    pub cooling: String,
    pub realised: String,
    pub unrealised: String,
    pub equity: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct PositionResult {
    pub strategy: String,
    pub leader: String,
    pub token: String,
    pub shares: String,
    pub cost: String,
    pub exit_due: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct StageResult {
    pub count: u64,
    pub p50_ns: u64,
    pub p99_ns: u64,
    pub max_ns: u64,
}

/// Returns each portfolio's buckets and worth.
pub fn portfolios(engine: &Engine, names: &[String]) -> Vec<PortfolioResult> {
    let one = |(index, strategy): (usize, &String)| {
        let worth = engine.valued(PortfolioId(index as u16));
        let portfolio = &engine.portfolios()[index];
        let held = worth.available + worth.reserved + worth.deployed + worth.cooling;
        PortfolioResult {
            strategy: strategy.clone(),
            mode: portfolio.mode.code(),
            deposits: portfolio.ledger.deposits().to_string(),
            available: worth.available.to_string(),
            reserved: worth.reserved.to_string(),
            deployed: worth.deployed.to_string(),
            cooling: worth.cooling.to_string(),
            realised: worth.realised.to_string(),
            unrealised: worth.unrealised.to_string(),
            equity: (held + worth.unrealised).to_string(),
        }
    };
    names.iter().enumerate().map(one).collect()
}

/// Returns the open positions.
pub fn positions(engine: &Engine, registry: &Registry, names: &[String]) -> Vec<PositionResult> {
    let one = |position: &Position| PositionResult {
        strategy: names[position.portfolio.index()].clone(),
        leader: registry.leader_wallet(position.leader).to_owned(),
        token: registry.token_text(position.token).to_owned(),
        shares: (position.shares + position.unsettled).to_string(),
        cost: (position.cost + position.unsettled_cost).to_string(),
        exit_due: position.exit.shares.min(position.shares).to_string(),
    };
    engine.positions().iter().map(one).collect()
}

/// Returns realised and unrealised P&L over all portfolios.
pub fn pnl(engine: &Engine) -> (Usdc, Usdc) {
    let all = (0..engine.portfolios().len()).map(|index| engine.valued(PortfolioId(index as u16)));
    all.fold((Usdc::ZERO, Usdc::ZERO), |(realised, unrealised), worth| {
        (realised + worth.realised, unrealised + worth.unrealised)
    })
}

/// Returns what each stage took; stages that did not occur are left out.
pub fn stages(stages: &Stages) -> BTreeMap<&'static str, StageResult> {
    let read = |stage: &Stage| {
        let histogram = stages.read(*stage, std::time::Duration::from_millis(100));
        let result = StageResult {
            count: histogram.len(),
            p50_ns: histogram.value_at_quantile(0.5),
            p99_ns: histogram.value_at_quantile(0.99),
            max_ns: histogram.max(),
        };
        (stage.code(), result)
    };
    Stage::ALL.iter().map(read).filter(|(_, result)| result.count > 0).collect()
}

/// Returns the most memory this process ever had resident, in bytes; 0 where the system does not say.
pub fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kib| kib * 1_024)
}

/// Returns a length of recorded time for people: `5 h 19 min`.
pub fn length(length: Nanos) -> String {
    let secs = length.as_secs();
    match secs {
        0..60 => format!("{:.1} s", length.0 as f64 / 1e9),
        60..3_600 => format!("{} min {} s", secs / 60, secs % 60),
        _ => format!("{} h {} min", secs / 3_600, secs / 60 % 60),
    }
}
