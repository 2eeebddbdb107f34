//! Latency: how long each stage takes, lately and since the process began.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use hdrhistogram::Histogram;
use serde::Serialize;

use super::{Frame, show};
use crate::{
    domain::Nanos,
    metrics::{Stage, export},
    web::{Web, figure::Figure},
};

/// One stage's times, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Times {
    pub count: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

impl Times {
    pub fn of(histogram: &Histogram<u64>) -> Times {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Times {
            count: histogram.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max(),
        }
    }
}

/// Returns how many times fell under each of [`export::bounds`] and above the one before; the last: above all.
pub fn distribution(histogram: &Histogram<u64>) -> Vec<u64> {
    let bounds = export::bounds();
    let mut counts = vec![0; bounds.len() + 1];
    for step in histogram.iter_recorded() {
        counts[bounds.partition_point(|bound| *bound < step.value_iterated_to())] += step.count_at_value();
    }
    counts
}

struct Line {
    code: &'static str,
    name: String,
    text: &'static str,
    recent: Option<Columns>,
    total: Option<Columns>,
}

struct Columns {
    count: Figure,
    p50: Figure,
    p90: Figure,
    p99: Figure,
    p999: Figure,
    max: Figure,
    strip: Strip,
}

/// Places on a logarithmic ruler from 100 ns (0) to 100 s (900).
struct Strip {
    p50: u32,
    p99: u32,
    body: u32,
    max: u32,
    tail: u32,
}

#[derive(Template)]
#[template(path = "latency.html")]
struct Page {
    frame: Frame,
    lines: Vec<Line>,
    any: bool,
    behind: Option<(Figure, Figure, Figure)>,
    /// Live orders found signed, live orders in all, and how many wait signed.
    ahead: Option<(Figure, Figure, Figure)>,
}

pub async fn latency(State(web): State<Arc<Web>>) -> Response {
    let times = web.pulse().times.clone();
    let both = times.since_start.iter().zip(times.recent.iter());
    let lines: Vec<Line> =
        Stage::ALL.into_iter().zip(both).map(|(stage, (all, recent))| line(stage, all, recent)).collect();
    let behind = Times::of(&times.since_start[Stage::BehindLeader as usize]);
    let ahead = web.state.published.load().ahead;
    show(&Page {
        ahead: (ahead.orders() > 0 || ahead.kept > 0)
            .then(|| (Figure::count(ahead.hits), Figure::count(ahead.orders()), Figure::count(ahead.kept))),
        frame: Frame::new(&web, "Latency", "latency"),
        any: lines.iter().any(|line| line.total.is_some()),
        lines,
        behind: (behind.count > 0).then(|| {
            (Figure::length(Nanos(behind.p50)), Figure::length(Nanos(behind.p99)), Figure::count(behind.count))
        }),
    })
}

fn line(stage: Stage, all: &Histogram<u64>, recent: &Histogram<u64>) -> Line {
    let name = stage.code().replace('_', " ");
    Line { code: stage.code(), name, text: stage.text(), recent: columns(recent), total: columns(all) }
}

fn columns(histogram: &Histogram<u64>) -> Option<Columns> {
    let times = Times::of(histogram);
    let length = |nanos| Figure::length(Nanos(nanos));
    let (p50, p99, max) = (place(times.p50), place(times.p99), place(times.max));
    (times.count > 0).then(|| Columns {
        count: Figure::count(times.count),
        p50: length(times.p50),
        p90: length(times.p90),
        p99: length(times.p99),
        p999: length(times.p999),
        max: length(times.max),
        strip: Strip { p50, p99, body: (p99 - p50).max(4), max, tail: max - p99 },
    })
}

fn place(nanos: u64) -> u32 {
    let decades = (nanos.max(1) as f64 / 100.0).log10();
    (decades * 100.0).clamp(0.0, 900.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_fall_where_they_belong() {
        let mut histogram = Histogram::<u64>::new(3).expect("bounds");
        for nanos in [1, 100, 101, 125, 200_000_000_000] {
            histogram.record(nanos).expect("recorded");
        }
        let counts = distribution(&histogram);
        assert_eq!((counts[0], counts[1], counts.last().copied()), (2, 2, Some(1)));
        assert_eq!(counts.iter().sum::<u64>(), 5);
        assert_eq!([1, 100, 1_000, 100_000_000_000, u64::MAX].map(place), [0, 0, 100, 900, 900]);
    }
}
