//! Leaders: which source saw their trades first and what each missed; what was seen of each leader, and what became of it.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use rust_decimal::Decimal;

use super::{Frame, LeaderName, address::Choice, scope::Asked, show};
use crate::{
    report::coverage,
    store::{
        copyability::LeaderScore,
        query::{LeaderSeen, SeenNo, SourceRow, TRADES_PAGE_MAX, behind},
    },
    web::{
        Web,
        figure::{self, Figure, When},
        kept::kept,
        server::Unread,
    },
};

/// The most reasons that a leader's line names.
const NOES: usize = 3;
/// The height of a small chart, and how far its bars are apart.
const CHART_HEIGHT: i64 = 24;
const BAR_STEP: usize = 10;

struct SourceLine {
    name: String,
    what: &'static str,
    cost: &'static str,
    remark: &'static str,
    seen: Figure,
    first: Figure,
    first_share: Option<Figure>,
    alone: Figure,
    again: Figure,
    lead: Option<(Figure, Figure)>,
    lag: Option<(Figure, Figure)>,
    behind: Option<(Figure, Figure)>,
    missed: Figure,
    missed_in_gaps: Option<Figure>,
    gaps: Figure,
    /// In all, and the longest one.
    away: Option<(Figure, Figure)>,
    last: Option<When>,
}

struct LeaderLine {
    id: i32,
    leader: LeaderName,
    seen: Figure,
    last: Option<When>,
    paper: Figure,
    live: Figure,
    noes: Vec<NoLine>,
    noes_more: Option<Figure>,
    score: Option<ScoreLine>,
    delay: Option<(Figure, Figure)>,
    bars: Vec<Bar>,
    earned_paper: Figure,
    earned_live: Figure,
}

/// What copying him would have earned, as it was scored last.
struct ScoreLine {
    ours: Option<Figure>,
    his: Option<Figure>,
    delay: Figure,
    ended: Figure,
    at: When,
    warnings: Vec<String>,
}

struct NoLine {
    code: String,
    count: Figure,
}

/// A bar of a small chart: where it begins, and how high it is.
struct Bar {
    x: usize,
    y: i64,
    height: i64,
}

/// A line of the histogram.
struct Behind {
    name: String,
    count: Figure,
    share: Figure,
    /// Of 1,000.
    width: i64,
}

#[derive(Template)]
#[template(path = "leaders.html")]
struct Page {
    frame: Frame,
    ranges: Vec<Choice>,
    sources: Vec<SourceLine>,
    leaders: Vec<LeaderLine>,
    behind: Vec<Behind>,
    behind_words: String,
    chart_width: usize,
    chart_height: i64,
    trades_max: Figure,
}

/// What the tables say of the range that is asked for.
pub type Seen = (Vec<SourceRow>, Vec<LeaderSeen>);

pub async fn rows(web: &Arc<Web>, asked: &Asked) -> Result<Arc<Seen>, Unread> {
    let now = (web.state.clock)();
    let since = asked.scope(now).since;
    let make = async move |web: Arc<Web>| {
        let mut reader = web.reader().await?;
        let sources = reader.sources(since, figure::moment(now), TRADES_PAGE_MAX).await?;
        Ok((sources, reader.leaders_seen(since).await?))
    };
    kept(web, format!("leaders {}", asked.range()), make).await
}

pub async fn leaders(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    let mut frame = Frame::new(&web, "Leaders", "leaders");
    let seen = rows(&web, &asked).await.unwrap_or_else(|why| {
        let missing = "Sightings are in the journal and show here when it is back.";
        frame.stale = format!("Postgres cannot be read ({}). {missing}", why.0);
        Default::default()
    });
    let (sources, leaders) = &*seen;
    let firsts: i64 = sources.iter().map(|row| row.first).sum();
    let counts = behind(leaders);
    let now = (web.state.clock)();
    show(&Page {
        ranges: asked.ranges(),
        sources: sources.iter().map(|row| source(row, firsts, now)).collect(),
        leaders: leaders.iter().map(|row| leader(row, now)).collect(),
        behind_words: words(&counts),
        behind: histogram(&counts),
        chart_width: counts.len() * BAR_STEP,
        chart_height: CHART_HEIGHT,
        trades_max: Figure::count(TRADES_PAGE_MAX),
        frame,
    })
}

fn length(us: i64) -> Figure {
    Figure::milliseconds(Decimal::new(us, 3))
}

fn both(p50: Option<i64>, p99: Option<i64>) -> Option<(Figure, Figure)> {
    Some((length(p50?), length(p99?)))
}

fn source(row: &SourceRow, firsts: i64, now: crate::domain::Nanos) -> SourceLine {
    let known = coverage::of_code(&row.source);
    let share = || Figure::percent(Decimal::from(row.first) / Decimal::from(firsts));
    SourceLine {
        name: figure::tame(&row.source, 20),
        what: known.map_or("", coverage::what),
        cost: known.map_or("", coverage::cost),
        remark: known.map_or("", coverage::remark),
        seen: Figure::count(row.seen),
        first: Figure::count(row.first),
        first_share: (firsts > 0).then(share),
        alone: Figure::count(row.alone),
        again: Figure::count(row.again),
        lead: both(row.lead_p50_us, row.lead_p99_us),
        lag: both(row.lag_p50_us, row.lag_p99_us),
        behind: both(row.behind_p50_us, row.behind_p99_us),
        missed: Figure::count(row.missed),
        missed_in_gaps: (row.missed_in_gaps > 0).then(|| Figure::count(row.missed_in_gaps)),
        gaps: Figure::count(row.gaps),
        away: (row.gaps > 0).then(|| (length(row.gaps_us), length(row.gap_longest_us))),
        last: row.last_at.map(|at| When::new(at, now)),
    }
}

fn leader(row: &LeaderSeen, now: crate::domain::Nanos) -> LeaderLine {
    let line = |no: &SeenNo| NoLine { code: figure::tame(&no.reason, 60), count: Figure::count(no.count) };
    let more: i64 = row.noes.iter().skip(NOES).map(|no| no.count).sum();
    LeaderLine {
        id: row.id,
        leader: LeaderName::new(&row.name, &row.wallet, row.id),
        seen: Figure::count(row.seen),
        last: row.last_at.map(|at| When::new(at, now)),
        paper: Figure::count(row.copied_paper),
        live: Figure::count(row.copied_live),
        noes: row.noes.iter().take(NOES).map(line).collect(),
        noes_more: (more > 0).then(|| Figure::count(more)),
        score: row.score.as_ref().map(|score| scored(score, now)),
        delay: both(row.behind_p50_us, row.behind_p99_us),
        bars: bars(&row.behind),
        earned_paper: Figure::result(row.realised_paper),
        earned_live: Figure::result(row.realised_live),
    }
}

fn scored(score: &LeaderScore, now: crate::domain::Nanos) -> ScoreLine {
    let gain = |ppm: i64| Figure::gain(Decimal::new(ppm, 6));
    ScoreLine {
        ours: score.return_ppm.map(gain),
        his: score.his_return_ppm.map(gain),
        delay: Figure::milliseconds(Decimal::from(score.delay_ms)),
        ended: Figure::count(score.ended),
        at: When::new(score.scored_at, now),
        warnings: score.warnings.split_whitespace().map(|code| figure::tame(code, 40).replace('_', " ")).collect(),
    }
}

/// Returns a bar for each count, the highest as high as the chart; what is not nothing is seen.
fn bars(counts: &[i64]) -> Vec<Bar> {
    let most = counts.iter().copied().max().unwrap_or_default();
    let bar = |(place, count): (usize, &i64)| {
        let height = (count * CHART_HEIGHT / most).max(2);
        (*count > 0).then(|| Bar { x: place * BAR_STEP, y: CHART_HEIGHT - height, height })
    };
    if most == 0 { Vec::new() } else { counts.iter().enumerate().filter_map(bar).collect() }
}

/// Returns the lines from the first to the last that has something; none where nothing was counted.
fn histogram(counts: &[i64]) -> Vec<Behind> {
    let (all, most) = (counts.iter().sum::<i64>(), counts.iter().copied().max().unwrap_or_default());
    let is_some = |count: &i64| *count > 0;
    let (Some(first), Some(last)) = (counts.iter().position(is_some), counts.iter().rposition(is_some)) else {
        return Vec::new();
    };
    let line = |(name, count): (String, &i64)| Behind {
        name,
        count: Figure::count(*count),
        share: Figure::percent(Decimal::from(*count) / Decimal::from(all)),
        width: if *count == 0 { 0 } else { (count * 1_000 / most).max(4) },
    };
    coverage::behind_names().into_iter().zip(counts).skip(first).take(last - first + 1).map(line).collect()
}

/// Returns in words what the histogram shows; empty where it shows nothing.
fn words(counts: &[i64]) -> String {
    let all: i64 = counts.iter().sum();
    let mut sum = 0;
    let half = counts.iter().position(|count| {
        sum += count;
        all <= 2 * sum
    });
    match half {
        Some(place) if all > 0 => {
            format!("Half of the trades were seen {} after they were made.", coverage::behind_names()[place])
        }
        Some(_) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::query::BEHIND_MS;

    #[test]
    fn charts_show_what_was_counted() {
        let mut counts = vec![0; BEHIND_MS.len() + 1];
        assert!(bars(&counts).is_empty() && histogram(&counts).is_empty() && words(&counts).is_empty());
        (counts[2], counts[4], counts[12]) = (1_000, 500, 1);
        let drawn: Vec<(usize, i64)> = bars(&counts).iter().map(|bar| (bar.x, bar.height)).collect();
        assert_eq!(drawn, [(20, 24), (40, 12), (120, 2)]);
        assert!(bars(&counts).iter().all(|bar| bar.y + bar.height == CHART_HEIGHT));
        let lines = histogram(&counts);
        let shown: Vec<(&str, i64)> = lines.iter().map(|line| (line.name.as_str(), line.width)).collect();
        assert_eq!(shown[..3], [("under 500 ms", 1_000), ("under 1 s", 0), ("under 2 s", 500)]);
        assert_eq!((shown.len(), shown[10]), (11, ("1 h or more", 4)));
        assert_eq!(words(&counts), "Half of the trades were seen under 500 ms after they were made.");
    }
}
