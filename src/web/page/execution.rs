//! Execution: how well signals became trades. Share ordered and filled, slippage, time by stage, orders an hour, and what
//! stopped the rest; and whether the books are exact.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use rust_decimal::Decimal;
use serde::Serialize;

use super::{
    Frame,
    address::{self, Choice},
    scope::{Asked, Tab},
    show,
};
use crate::{
    store::query::{Quality, ReasonRow, SLIPPAGE_BPS, SlotRow, StageRow},
    web::{
        Web,
        figure::{self, Figure, When},
        kept::kept,
        server::Unread,
        words::{self, Verdict},
    },
};

/// All that the page and the API show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contents {
    pub quality: Quality,
    pub stages: Vec<StageRow>,
    /// Orders under each bound of slippage, and above all.
    pub slippage: Vec<i64>,
    pub slot_seconds: i64,
    pub slots: Vec<SlotRow>,
    pub reasons: Vec<ReasonRow>,
    /// Portfolios of the scope whose buckets are what was put in and earned, and those whose are not.
    pub books_exact: usize,
    pub books_off: usize,
}

pub async fn rows(web: &Arc<Web>, asked: &Asked) -> Result<Arc<Contents>, Unread> {
    let of = asked.clone();
    let make = async move |web: Arc<Web>| add_up(&web, &of).await;
    kept(web, format!("execution {}", asked.query("by", "")), make).await
}

async fn add_up(web: &Web, asked: &Asked) -> Result<Contents, Unread> {
    let now = (web.state.clock)();
    let scope = asked.scope(now);
    let mut reader = web.reader().await?;
    let moment = figure::moment(now);
    let slot_seconds = if asked.range() == "day" || asked.range() == "week" { 3_600 } else { 86_400 };
    let lately = moment - time::Duration::DAY;
    let portfolios = reader.portfolios().await?;
    let ours = portfolios
        .iter()
        .filter(|row| row.mode == scope.mode && (scope.strategy.is_empty() || row.strategy == scope.strategy));
    let (exact, off): (Vec<_>, Vec<_>) =
        ours.partition(|row| row.available + row.reserved + row.deployed + row.cooling == row.deposits + row.realised);
    Ok(Contents {
        quality: reader.quality(&scope).await?,
        stages: reader.stages(&scope).await?,
        slippage: reader.slippage(&scope).await?,
        slot_seconds,
        slots: reader.slots(&scope, slot_seconds).await?,
        reasons: reader.reasons(&scope, lately).await?,
        books_exact: exact.len(),
        books_off: off.len(),
    })
}

/// A number that says how well it goes.
struct Tile {
    name: &'static str,
    figure: Figure,
    text: String,
}

struct Stage {
    text: &'static str,
    count: Figure,
    p50: Figure,
    p95: Figure,
    p99: Figure,
    max: Figure,
}

/// One line of the histogram, its bar a thousand wide.
struct Bar {
    name: String,
    count: Figure,
    share: Figure,
    width: i64,
    class: &'static str,
}

struct Reason {
    verdict: Verdict,
    code: String,
    text: String,
    knob: &'static str,
    count: Figure,
    lately: Figure,
    last_at: When,
    width: i64,
    href: String,
}

#[derive(Default, Template)]
#[template(path = "execution.html")]
struct Page {
    frame: Frame,
    modes: Vec<Tab>,
    mode: &'static str,
    strategies: Vec<Choice>,
    ranges: Vec<Choice>,
    query: String,
    slot: &'static str,
    tiles: Vec<Tile>,
    stages: Vec<Stage>,
    bars: Vec<Bar>,
    slippage_words: String,
    slots: usize,
    reasons: Vec<Reason>,
}

pub async fn execution(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    let now = (web.state.clock)();
    let mut page = Page {
        frame: Frame::new(&web, "Execution", "execution"),
        modes: asked.modes("/execution"),
        mode: asked.mode(),
        strategies: asked.strategies(&web),
        ranges: asked.ranges(),
        query: asked.query("by", ""),
        slot: if asked.range() == "day" || asked.range() == "week" { "hour" } else { "day" },
        ..Page::default()
    };
    match rows(&web, &asked).await {
        Ok(found) => {
            let most = found.reasons.iter().map(|row| row.count).max().unwrap_or(1);
            page.tiles = tiles(&found);
            page.stages = found.stages.iter().map(stage).collect();
            page.bars = bars(&found.slippage);
            page.slippage_words = slippage_words(&found.quality);
            page.slots = found.slots.len();
            let line = |row| reason(row, asked.mode(), most, now);
            page.reasons = found.reasons.iter().map(line).collect();
        }
        Err(why) => page.frame.miss(&why, "How well signals became trades shows here when it is back."),
    }
    show(&page)
}

fn tiles(found: &Contents) -> Vec<Tile> {
    let quality = &found.quality;
    let share = |part: i64, whole: i64, why: &str| match whole {
        0 => Figure::none(why),
        whole => Figure::percent(Decimal::from(part) / Decimal::from(whole)),
    };
    let of = |part: i64, whole: i64| format!("{} of {}", Figure::count(part).text, Figure::count(whole).text);
    let rate = |rate: Option<Decimal>| rate.map_or_else(|| Figure::none("no order ended"), Figure::percent);
    let bps = |bps: Option<Decimal>| bps.map_or_else(|| Figure::none("nothing was filled"), Figure::bps);
    let behind = found.stages.iter().find(|row| row.stage == "behind_leader");
    let us = |us: i64| Figure::milliseconds(Decimal::new(us, 3));
    vec![
        Tile {
            name: "Signals that became orders",
            figure: share(quality.ordered, quality.decisions, "no signal was decided"),
            text: of(quality.ordered, quality.decisions),
        },
        Tile {
            name: "Orders with fills",
            figure: share(quality.filled, quality.orders, "there was no order"),
            text: of(quality.filled, quality.orders),
        },
        Tile { name: "Of entries' dollars filled", figure: rate(quality.fill_rate_buy), text: "ended entries".into() },
        Tile { name: "Of exits' shares filled", figure: rate(quality.fill_rate_sell), text: "ended exits".into() },
        Tile {
            name: "Slippage, half under",
            figure: bps(quality.slippage_p50),
            text: format!("99 of 100 under {}", bps(quality.slippage_p99).text),
        },
        Tile {
            name: "Behind the leader, half under",
            figure: behind.map_or_else(|| Figure::none("no order"), |row| us(row.p50_us)),
            text: behind.map_or_else(String::new, |row| format!("99 of 100 under {}", us(row.p99_us).text)),
        },
        Tile {
            name: "Rejected or not sent",
            figure: share(quality.rejected + quality.not_sent, quality.orders, "there was no order"),
            text: of(quality.rejected + quality.not_sent, quality.orders),
        },
        Tile {
            name: "Books exact",
            figure: Figure::count(found.books_exact as u64),
            text: match found.books_off {
                0 => "portfolios; none is off".into(),
                off => format!("portfolios; {off} OFF"),
            },
        },
    ]
}

fn stage(row: &StageRow) -> Stage {
    let us = |us: i64| Figure::milliseconds(Decimal::new(us, 3));
    Stage {
        text: match row.stage.as_str() {
            "seen" => "Leader's trade to taken in",
            "ordered" => "Taken in to submitted",
            "accepted" => "Submitted to taken by the venue",
            "filled" => "Submitted to first fill",
            "ended" => "Submitted to its end",
            "behind_leader" => "Leader's trade to submitted, in all",
            _of_a_newer_version => "Another stage",
        },
        count: Figure::count(row.count),
        p50: us(row.p50_us),
        p95: us(row.p95_us),
        p99: us(row.p99_us),
        max: us(row.max_us),
    }
}

/// Returns the histogram from its first line with anything to its last.
fn bars(counts: &[i64]) -> Vec<Bar> {
    let (all, most) = (counts.iter().sum::<i64>(), counts.iter().copied().max().unwrap_or(0));
    let Some(first) = counts.iter().position(|count| *count > 0) else {
        return Vec::new();
    };
    let last = counts.iter().rposition(|count| *count > 0).unwrap_or(first);
    let name = |place: usize| match (place.checked_sub(1).map(|before| SLIPPAGE_BPS[before]), SLIPPAGE_BPS.get(place)) {
        (None, Some(below)) => format!("more than {} bps better", -below),
        (Some(from), Some(below)) if *below <= 0 => format!("{} to {} bps better", -below, -from),
        (Some(from), Some(below)) => format!("{from} to {below} bps worse"),
        (from, None) => format!("{} bps worse or more", from.unwrap_or_default()),
    };
    let line = |place: usize| Bar {
        name: name(place),
        count: Figure::count(counts[place]),
        share: Figure::percent(Decimal::from(counts[place]) / Decimal::from(all)),
        width: if counts[place] == 0 { 0 } else { (counts[place] * 1_000 / most).max(4) },
        class: if SLIPPAGE_BPS.get(place).is_some_and(|below| *below <= 0) { "better" } else { "body" },
    };
    (first..=last).map(line).collect()
}

fn slippage_words(quality: &Quality) -> String {
    let (Some(p50), Some(p90), Some(p99)) = (quality.slippage_p50, quality.slippage_p90, quality.slippage_p99) else {
        return String::new();
    };
    let words = |bps: Decimal| Figure::bps(bps).text;
    format!(
        "Half of the fills cost {} or less against the leader's price, 90 of 100 {}, 99 of 100 {}.",
        words(p50),
        words(p90),
        words(p99)
    )
}

fn reason(row: &ReasonRow, mode: &str, most: i64, now: crate::domain::Nanos) -> Reason {
    let known = words::reason(&row.reason);
    let is_no = row.what == "skipped" || row.what == "refused";
    let verdict = if is_no { words::outcome(&row.what) } else { words::order_state(&row.reason, Decimal::ZERO) };
    Reason {
        code: figure::tame(&row.reason, 60),
        text: known.map_or_else(|| verdict.text.clone(), |reason| reason.text.to_owned()),
        knob: known.map_or("", |reason| reason.knob),
        verdict,
        count: Figure::count(row.count),
        lately: Figure::count(row.lately),
        last_at: When::new(row.last_at, now),
        width: (row.count * 1_000 / most.max(1)).max(4),
        href: format!("{}?{}", address::path(mode), address::query(&[("reason", &row.reason)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_says_which_way_is_worse() {
        assert!(bars(&[0; SLIPPAGE_BPS.len() + 1]).is_empty());
        let mut counts = vec![0; SLIPPAGE_BPS.len() + 1];
        (counts[0], counts[4], counts[5], counts[11]) = (1, 2, 4, 1);
        let lines = bars(&counts);
        let shown = |place: usize| (lines[place].name.as_str(), lines[place].width, lines[place].class);
        assert_eq!(shown(0), ("more than 200 bps better", 250, "better"));
        assert_eq!(shown(4), ("0 to 25 bps better", 500, "better"));
        assert_eq!(shown(5), ("0 to 25 bps worse", 1_000, "body"));
        assert_eq!(shown(11), ("1000 bps worse or more", 250, "body"));
    }
}
