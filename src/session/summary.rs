//! What a session came to, for the last lines it prints.

use std::time::Duration;

use serde::Serialize;

use crate::{
    domain::{Refusal, Skip},
    metrics::{Snapshot, Stage, Stages},
};

/// Counts of this process, and what each strategy has now.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub ran_s: f64,
    pub inputs: u64,
    pub signals: u64,
    pub orders: u64,
    pub fills: u64,
    pub positions_open: u32,
    pub orders_open: u32,
    /// By code, commonest first.
    pub skips: Vec<(&'static str, u64)>,
    pub refusals: Vec<(&'static str, u64)>,
    pub strategies: Vec<StrategySummary>,
    /// Median and 99th percentile of a decision, in nanoseconds.
    pub decide_ns: [u64; 2],
    pub journal_records: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct StrategySummary {
    pub name: String,
    pub deposits: String,
    pub equity: String,
    pub available: String,
    pub locked: String,
    pub cooling: String,
    pub realised: String,
    pub unrealised: String,
}

impl Summary {
    pub fn of(snapshot: &Snapshot, stages: &Stages, names: &[String]) -> Summary {
        let decide = stages.read(Stage::Decide, Duration::from_millis(50));
        let by_count = |counts: Vec<(&'static str, u64)>| {
            let mut counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
            counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            counts
        };
        let skips = Skip::ALL.iter().zip(&snapshot.skips).map(|(reason, count)| (reason.code(), *count)).collect();
        let refusals =
            Refusal::ALL.iter().zip(&snapshot.refusals).map(|(reason, count)| (reason.code(), *count)).collect();
        let strategies = snapshot.portfolios.iter().map(|portfolio| StrategySummary {
            name: names.get(portfolio.id.index()).cloned().unwrap_or_default(),
            deposits: portfolio.deposits.to_string(),
            equity: portfolio.equity().to_string(),
            available: portfolio.available.to_string(),
            locked: (portfolio.reserved + portfolio.deployed).to_string(),
            cooling: portfolio.cooling.to_string(),
            realised: portfolio.realised.to_string(),
            unrealised: portfolio.unrealised.to_string(),
        });
        Summary {
            ran_s: snapshot.at.since(snapshot.started_at).0 as f64 / 1e9,
            inputs: snapshot.inputs,
            signals: snapshot.signals,
            orders: snapshot.orders,
            fills: snapshot.fills,
            positions_open: snapshot.positions_open,
            orders_open: snapshot.orders_open,
            skips: by_count(skips),
            refusals: by_count(refusals),
            strategies: strategies.collect(),
            decide_ns: [decide.value_at_quantile(0.5), decide.value_at_quantile(0.99)],
            journal_records: snapshot.journal_next_seq,
        }
    }
}
