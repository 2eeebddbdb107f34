//! Overview: am I losing money, is it healthy, what happened last?

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use rust_decimal::Decimal;
use time::Time;

use super::{Frame, is_paper, portfolio_name, show, stand, trade::Trade, trades::Asked};
use crate::{
    domain::{Event, Nanos, Refusal, Skip, Usdc},
    metrics::{PortfolioNow, Snapshot},
    store::query::{BaselineRow, Cursor, EventRow, OrderRow, TodayRow, TradeRow},
    web::{
        Web,
        figure::{self, Figure, When},
        happening,
        server::Unread,
        words,
    },
};

const SIGNALS_SHOWN: i64 = 8;
const NOTES_SHOWN: i64 = 8;

struct Rows {
    trades: Vec<TradeRow>,
    baselines: Vec<BaselineRow>,
    orders_last: [Option<OrderRow>; 2],
    today: [TodayRow; 2],
    fault_last: Option<EventRow>,
    notes: Vec<EventRow>,
}

/// A portfolio as the engine has it at this moment.
struct Worth {
    id: u16,
    path: &'static str,
    name: String,
    equity: Figure,
    today: Figure,
    total: Figure,
    available: Figure,
    locked: Figure,
    cooling: Figure,
}

/// Paper or live: what the day brought, and the last order.
struct Mode {
    name: &'static str,
    path: &'static str,
    figures: Vec<(&'static str, Figure)>,
    order_last: Option<Last>,
}

struct Last {
    at: When,
    text: String,
    link: String,
}

struct Note {
    at: When,
    what: &'static str,
    parts: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    /// Breakers, switches, commands, faults: the newest first.
    notes: Vec<Note>,
    worths: Vec<Worth>,
    trades: Vec<Trade>,
    modes: Vec<Mode>,
    /// How live trading stands.
    stand: Vec<stand::Line>,
    paper: &'static str,
    /// The last word of anything that failed around the engine.
    error_last: Option<Last>,
    signal_last: Option<Last>,
    fault_last: Option<Last>,
    counts: Vec<(&'static str, Figure)>,
    no_total: Figure,
    noes: Vec<(String, Figure)>,
}

pub async fn overview(State(web): State<Arc<Web>>) -> Response {
    let now = (web.state.clock)();
    let mut frame = Frame::new(&web, "Overview", "overview");
    let rows = match rows(&web, now).await {
        Ok(rows) => Some(rows),
        Err(why) => {
            let missing = "Money and health below are the engine's own and current; signals, orders and today's result are missing.";
            frame = frame.without_postgres(&why, missing);
            None
        }
    };
    let snapshot = web.state.published.load();
    let baselines = rows.as_ref().map(|rows| rows.baselines.as_slice());
    let worths = snapshot.portfolios.iter().map(|portfolio| worth(&web, portfolio, baselines)).collect();
    let noes = noes(&snapshot);
    show(&Page {
        frame,
        worths,
        modes: rows.as_ref().map_or_else(Vec::new, |rows| modes(rows, now)),
        stand: stand::lines(&web),
        paper: snapshot.paper.code(),
        error_last: error_last(&web, now),
        signal_last: rows.as_ref().and_then(|rows| rows.trades.iter().find(|row| row.kind == 0)).map(|row| Last {
            at: When::new(row.at, now),
            text: format!("Signal {}", row.id),
            link: format!("/signals/{}", row.id),
        }),
        fault_last: rows.as_ref().and_then(|rows| rows.fault_last.as_ref()).map(|row| fault_last(row, now)),
        trades: rows.iter().flat_map(|rows| &rows.trades).map(|row| Trade::new(&web, row, now)).collect(),
        notes: rows.iter().flat_map(|rows| &rows.notes).filter_map(|row| note(&web, row, now)).collect(),
        counts: vec![
            ("Signals", Figure::count(snapshot.signals)),
            ("Orders", Figure::count(snapshot.orders)),
            ("Fills", Figure::count(snapshot.fills)),
            ("Open orders", Figure::count(snapshot.orders_open)),
            ("Open positions", Figure::count(snapshot.positions_open)),
            ("Waiting signals", Figure::count(snapshot.parked)),
            ("Books live", Figure::count(snapshot.books_live)),
            ("Books not trusted", Figure::count(snapshot.books_diverged)),
            ("Inputs handled", Figure::count(snapshot.inputs)),
            ("Queue waits", Figure::count(snapshot.queue_full)),
        ],
        no_total: Figure::count(snapshot.skips.iter().chain(&snapshot.refusals).sum::<u64>()),
        noes,
    })
}

async fn rows(web: &Web, now: Nanos) -> Result<Rows, Unread> {
    let mut reader = web.reader().await?;
    let midnight = figure::moment(now).replace_time(Time::MIDNIGHT);
    Ok(Rows {
        trades: reader.trades(&Asked::default().filter(), Cursor::TOP, SIGNALS_SHOWN).await?,
        baselines: reader.baselines(midnight).await?,
        orders_last: [reader.order_last("paper").await?, reader.order_last("live").await?],
        today: [reader.today("paper", midnight).await?, reader.today("live", midnight).await?],
        fault_last: reader.events_last("faulted", 1).await?.pop(),
        notes: reader.events_of_note(NOTES_SHOWN).await?,
    })
}

/// Today's result is what was earned since the last valuation before midnight UTC; deposits do not count.
fn worth(web: &Web, now: &PortfolioNow, baselines: Option<&[BaselineRow]>) -> Worth {
    let usd = |amount: Usdc| Figure::usd(figure::micros(amount.0));
    let earned = figure::micros((now.realised + now.unrealised).0);
    let today = match baselines {
        Some(rows) => {
            let before = rows.iter().find(|row| row.portfolio_id == i32::from(now.id.0));
            Figure::result(earned - before.map_or(Decimal::ZERO, |row| row.earned))
        }
        None => Figure::none("Postgres cannot be read"),
    };
    Worth {
        id: now.id.0,
        path: if is_paper(web, now.id.0.into()) { "/paper-portfolio" } else { "/real-portfolio" },
        name: portfolio_name(web, now.id.0.into()),
        equity: usd(now.equity()),
        today,
        total: Figure::result(earned),
        available: usd(now.available),
        locked: usd(now.reserved + now.deployed),
        cooling: usd(now.cooling),
    }
}

fn modes(rows: &Rows, now: Nanos) -> Vec<Mode> {
    let names = [("Paper", "/paper-trades"), ("Live", "/live-trades")];
    let both = names.into_iter().zip(&rows.today).zip(&rows.orders_last);
    let mode = |(((name, path), today), last): (((&'static str, &'static str), &TodayRow), &Option<OrderRow>)| Mode {
        name,
        path,
        figures: vec![
            ("Realised", Figure::result(today.realised)),
            ("Copied", Figure::count(today.ordered)),
            ("Skipped", Figure::count(today.skipped)),
            ("Refused", Figure::count(today.refused)),
            ("Orders", Figure::count(today.orders)),
            ("Fills", Figure::count(today.fills)),
            ("Bought", Figure::usd(today.bought)),
            ("Sold", Figure::usd(today.sold)),
        ],
        order_last: last.as_ref().map(|row| order_last(row, now)),
    };
    both.map(mode).collect()
}

/// Returns what failed last of sockets and the writer.
fn error_last(web: &Web, now: Nanos) -> Option<Last> {
    let of_feeds = web.state.feeds.iter().map(|feed| {
        let feed = feed.now();
        (feed.name.clone(), feed.last_error.at, feed.last_error.text.clone())
    });
    let store = web.state.store.last_error();
    let all = of_feeds.chain([("Postgres".to_owned(), store.at, store.text.clone())]);
    let (name, at, text) = all.filter(|(_, at, _)| *at != Nanos::ZERO).max_by_key(|(_, at, _)| *at)?;
    let text = format!("{}: {}", figure::tame(&name, 40), figure::tame(&text, 200));
    Some(Last { at: When::new(figure::moment(at), now), text, link: "/logs?level=warn".to_owned() })
}

fn order_last(row: &OrderRow, now: Nanos) -> Last {
    let verdict = words::order_state(&row.state, row.filled);
    let link = match row.signal_id {
        Some(signal) => format!("/signals/{signal}"),
        None => format!("/orders/{}", row.id),
    };
    let text = format!("{} order {}: {}", words::side(&row.side), row.id, verdict.word.to_lowercase());
    Last { at: When::new(row.submitted_at, now), text, link }
}

fn fault_last(row: &EventRow, now: Nanos) -> Last {
    let (text, link) = match serde_json::from_value(row.body.0.clone()) {
        Ok(Event::Faulted { fault, order }) => (words::fault(fault).to_owned(), format!("/orders/{}", order.0)),
        Ok(_) | Err(_) => ("a fault that this version does not know".to_owned(), String::new()),
    };
    Last { at: When::new(row.at, now), text, link }
}

/// Returns the event in words; `None` for one of a newer version of the program.
fn note(web: &Web, row: &EventRow, now: Nanos) -> Option<Note> {
    let event: Event = serde_json::from_value(row.body.0.clone()).ok()?;
    let part = |(name, text): (&'static str, String)| match name {
        "portfolio" => text.parse().map_or(text, |id| portfolio_name(web, id)),
        "why" | "fault" | "breaker" => text.trim_end_matches('.').to_owned(),
        name => format!("{name} {text}"),
    };
    let parts: Vec<String> = happening::parts(&event).into_iter().map(part).collect();
    Some(Note { at: When::new(row.at, now), what: happening::sentence(&event), parts: parts.join(", ") })
}

/// The commonest reasons of all noes since the process began, most frequent first.
fn noes(snapshot: &Snapshot) -> Vec<(String, Figure)> {
    let skips = Skip::ALL.iter().map(|skip| skip.code()).zip(&snapshot.skips);
    let refusals = Refusal::ALL.iter().map(|refusal| refusal.code()).zip(&snapshot.refusals);
    let mut all: Vec<(&str, u64)> = skips.chain(refusals).map(|(code, count)| (code, *count)).collect();
    all.retain(|(_, count)| *count > 0);
    all.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
    all.truncate(6);
    all.into_iter().map(|(code, count)| (code.to_owned(), Figure::count(count))).collect()
}
