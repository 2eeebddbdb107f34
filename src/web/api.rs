//! The pages' data as JSON (exact decimals as strings), readiness, and `/metrics`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    DataSource, Web, figure,
    health::{self, Level},
    page::{
        address, alerts, execution,
        latency::{self, Times},
        leaders, life, logs, mode,
        orders::{self, Asked as AskedOrders, Listed},
        portfolio::{self, Asked as AskedPortfolio},
        results,
        scope::Asked as AskedScope,
        signals, skips, token,
        trades::{self, Asked as AskedTrades},
    },
    server::Unread,
};
use crate::{
    domain::{Nanos, Refusal, Skip},
    metrics::{
        AheadNow, Miss, Stage,
        export::{self, Exported},
        health::FeedNow,
    },
    report::trace::TraceId,
};

const ROWS: i64 = 100;

/// 200 while it trades, degraded or not; 503 while it does not.
pub async fn ready(State(web): State<Arc<Web>>) -> Response {
    let health = health::look(&web);
    let code = match health.level {
        Level::Ok | Level::Degraded => StatusCode::OK,
        Level::Failed => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(health)).into_response()
}

pub async fn metrics(State(web): State<Arc<Web>>) -> Response {
    let pulse = web.pulse();
    let feeds: Vec<FeedNow> = web.state.feeds.iter().map(|feed| feed.now()).collect();
    let id = |row: &crate::store::query::PortfolioRow| u16::try_from(row.id).unwrap_or(u16::MAX);
    let names = pulse.portfolios.iter().map(|row| (id(row), row.strategy.clone(), row.mode.clone()));
    let text = export::render(&Exported {
        version: &web.state.about.version,
        snapshot: &web.state.published.load(),
        times: &pulse.times,
        store: &web.state.store,
        feeds: &feeds,
        redeem: &web.state.redeem.load(),
        alerts: &web.state.alerts.now(),
        gateway: web.state.gateway.as_deref(),
        portfolios: &names.collect::<Vec<_>>(),
        tripped: &pulse.standing.tripped,
        resident_bytes: export::resident_bytes(),
    });
    ([(header::CONTENT_TYPE, export::CONTENT_TYPE)], text).into_response()
}

fn ahead(now: &AheadNow) -> Value {
    let misses = Miss::ALL.iter().map(|miss| miss.code()).zip(now.misses);
    json!({
        "kept": now.kept,
        "signed": now.signed,
        "hits": now.hits,
        "smaller": now.smaller,
        "misses": misses.collect::<std::collections::BTreeMap<_, _>>(),
    })
}

#[expect(clippy::too_many_lines, reason = "one JSON object")]
pub async fn status(State(web): State<Arc<Web>>) -> Json<Value> {
    let snapshot = web.state.published.load();
    let time = |at: Nanos| (at != Nanos::ZERO).then(|| figure::stamp(figure::moment(at)));
    let portfolios = snapshot.portfolios.iter().map(|now| {
        json!({
            "id": now.id.0,
            "name": super::page::portfolio_name(&web, now.id.0.into()),
            "deposits": now.deposits.to_string(),
            "available": now.available.to_string(),
            "reserved": now.reserved.to_string(),
            "deployed": now.deployed.to_string(),
            "locked": now.locked().to_string(),
            "paused": now.paused,
            "breakers": now.breakers().collect::<Vec<_>>(),
            "cooling": now.cooling.to_string(),
            "realised": now.realised.to_string(),
            "unrealised": now.unrealised.to_string(),
            "equity": now.equity().to_string(),
        })
    });
    let feeds = web.state.feeds.iter().map(|feed| {
        let feed = feed.now();
        json!({
            "name": feed.name,
            "connected_since": feed.connected_since.and_then(time),
            "last_data_at": feed.last_data_at.and_then(time),
            "frames": feed.frames,
            "reconnects": feed.reconnects,
            "malformed": feed.malformed,
            "last_error": {"at": time(feed.last_error.at), "text": feed.last_error.text},
        })
    });
    let skips = Skip::ALL.iter().map(|skip| skip.code()).zip(&snapshot.skips);
    let refusals = Refusal::ALL.iter().map(|refusal| refusal.code()).zip(&snapshot.refusals);
    let error = web.state.store.last_error();
    Json(json!({
        "at": time((web.state.clock)()),
        "version": web.state.about.version,
        "mode": web.state.about.mode,
        "paper": snapshot.paper.code(),
        "live": snapshot.live.code(),
        "standing": *web.pulse().standing,
        "demo": web.state.about.data == DataSource::Demo,
        "health": health::look(&web),
        "engine": {
            "snapshot_at": time(snapshot.at),
            "started_at": time(snapshot.started_at),
            "halted": snapshot.halted,
            "entries_stopped": snapshot.entries_stopped,
            "journal_next_seq": snapshot.journal_next_seq,
            "inputs": snapshot.inputs,
            "events": snapshot.events,
            "signals": snapshot.signals,
            "orders": snapshot.orders,
            "fills": snapshot.fills,
            "orders_open": snapshot.orders_open,
            "positions_open": snapshot.positions_open,
            "parked": snapshot.parked,
            "scored": snapshot.scored,
            "buffered": snapshot.buffered,
            "merged": snapshot.merged,
            "tokens": snapshot.tokens,
            "books_live": snapshot.books_live,
            "books_diverged": snapshot.books_diverged,
            "queue_full": snapshot.queue_full,
            "ahead": ahead(&snapshot.ahead),
            "skips": skips.collect::<std::collections::BTreeMap<_, _>>(),
            "refusals": refusals.collect::<std::collections::BTreeMap<_, _>>(),
        },
        "portfolios": portfolios.collect::<Vec<_>>(),
        "store": {
            "connected": web.state.store.connected(),
            "lag_records": web.state.store.lag(),
            "last_error": {"at": time(error.at), "text": error.text},
            "tables": web.pulse().head.as_ref().ok(),
        },
        "feeds": feeds.collect::<Vec<_>>(),
    }))
}

/// A page of [`ROWS`] rows; `older` is the query of the next one, null at the end.
pub async fn trades(State(web): State<Arc<Web>>, Query(asked): Query<AskedTrades>) -> Response {
    match trades::rows(&web, &asked, ROWS + 1).await {
        Ok(mut rows) => {
            let older = address::cut(&mut rows, ROWS)
                .map(|row| format!("mode={}&{}", asked.mode(), asked.query(&trades::cursor_text(row.cursor()))));
            Json(json!({"trades": rows, "older": older})).into_response()
        }
        Err(why) => unread(&why),
    }
}

/// A page of [`ROWS`] orders of a mode; `older` is the query of the next one, null at the end.
pub async fn orders(State(web): State<Arc<Web>>, Query(asked): Query<AskedOrders>) -> Response {
    let listed = orders::order_rows(&web, &asked, ROWS).await;
    listed.map_or_else(|why| unread(&why), |listed| list("orders", &listed, &asked))
}

/// The same for fills; of live ones also the wallet's that are not ours (`origin`: app or external).
pub async fn fills(State(web): State<Arc<Web>>, Query(asked): Query<AskedOrders>) -> Response {
    let listed = orders::fill_rows(&web, &asked, ROWS).await;
    listed.map_or_else(|why| unread(&why), |listed| list("fills", &listed, &asked))
}

pub async fn live_orders(web: State<Arc<Web>>, Query(asked): Query<AskedOrders>) -> Response {
    orders(web, Query(asked.of("live"))).await
}

pub async fn live_fills(web: State<Arc<Web>>, Query(asked): Query<AskedOrders>) -> Response {
    fills(web, Query(asked.of("live"))).await
}

/// A page of [`ROWS`] signals, each with its ends in all portfolios.
pub async fn signals(State(web): State<Arc<Web>>, Query(asked): Query<signals::Asked>) -> Response {
    match signals::rows(&web, &asked, ROWS).await {
        Ok((rows, older)) => Json(json!({"signals": rows, "older": next(&older)})).into_response(),
        Err(why) => unread(&why),
    }
}

/// A page of [`ROWS`] events of the journal; `looked_back_to` says that older ones were not looked at.
pub async fn events(State(web): State<Arc<Web>>, Query(asked): Query<logs::Asked>) -> Response {
    match logs::rows(&web, &asked, ROWS).await {
        Ok((page, older)) => {
            let looked = page.looked_back_to;
            Json(json!({"events": page.rows, "older": next(&older), "looked_back_to": looked})).into_response()
        }
        Err(why) => unread(&why),
    }
}

/// The whole life of `120` (a signal), `order-157`, or the 0x name of an order at the venue.
pub async fn trace(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Response {
    let absent = |what: &str| (StatusCode::NOT_FOUND, Json(json!({"error": what}))).into_response();
    let Some(id) = TraceId::parse(&id) else {
        return absent("a trace is named by a signal's number, order-NUMBER, or an order's 0x name at the venue");
    };
    match life::trace(&web, &id).await {
        Ok(Some(trace)) => Json(trace).into_response(),
        Ok(None) => absent("there is nothing of that name; it may not be in Postgres yet"),
        Err(why) => unread(&why),
    }
}

/// One token: its market, the best levels of its book where the engine shows them, positions and last orders.
pub async fn token(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Response {
    let absent = || (StatusCode::NOT_FOUND, Json(json!({"error": "there is no token of that number"}))).into_response();
    let Ok(id) = id.parse() else { return absent() };
    match token::contents(&web, id).await {
        Ok(Some(contents)) => Json(contents).into_response(),
        Ok(None) => absent(),
        Err(why) => unread(&why),
    }
}

fn next(older: &str) -> Option<&str> {
    Some(older).filter(|older| !older.is_empty())
}

fn list<R: serde::Serialize>(name: &str, listed: &Listed<R>, asked: &AskedOrders) -> Response {
    let mode = mode(&asked.mode);
    let older = next(&listed.older).map(|older| format!("mode={mode}&{older}"));
    Json(json!({ name: listed.rows, "mode": mode, "older": older })).into_response()
}

/// One portfolio's contents, and the curve as columns for a chart (seconds since 1970; dollars as plain numbers).
pub async fn portfolio(State(web): State<Arc<Web>>, Query(asked): Query<AskedPortfolio>) -> Response {
    let found = portfolio::chosen(&web, &asked).and_then(|id| Some((id, portfolio::money(&web, id)?)));
    let Some((id, money)) = found else {
        return (StatusCode::NOT_FOUND, Json(json!({"error": "there is no such paper portfolio"}))).into_response();
    };
    match portfolio::contents(&web, id, money, &asked).await {
        Ok(contents) => {
            let number = |amount: &rust_decimal::Decimal| f64::try_from(*amount).unwrap_or(f64::NAN);
            let points = &contents.curve;
            let chart = json!([
                points.iter().map(|point| point.at.unix_timestamp_nanos() as f64 / 1e9).collect::<Vec<_>>(),
                points.iter().map(|point| number(&point.equity)).collect::<Vec<_>>(),
                points.iter().map(|point| -number(&point.drawdown)).collect::<Vec<_>>(),
            ]);
            Json(json!({"portfolio": contents, "chart": chart})).into_response()
        }
        Err(why) => unread(&why),
    }
}

/// Each reason's noes, and what the copies would have earned.
pub async fn skips(State(web): State<Arc<Web>>, Query(asked): Query<AskedScope>) -> Response {
    match skips::rows(&web, &asked).await {
        Ok(rows) => Json(json!({"mode": asked.mode(), "range": asked.range(), "skips": *rows})).into_response(),
        Err(why) => unread(&why),
    }
}

/// How well signals became trades: rates, times by stage, slippage, reasons, and all of it over time.
pub async fn execution(State(web): State<Arc<Web>>, Query(asked): Query<AskedScope>) -> Response {
    match execution::rows(&web, &asked).await {
        Ok(found) => Json(json!({
            "mode": asked.mode(),
            "range": asked.range(),
            "execution": *found,
            "slippage_bounds_bps": crate::store::query::SLIPPAGE_BPS,
        }))
        .into_response(),
        Err(why) => unread(&why),
    }
}

/// What was earned, broken down by `by`: strategy, leader, market, day or cause.
pub async fn results(State(web): State<Arc<Web>>, Query(asked): Query<AskedScope>) -> Response {
    match results::rows(&web, &asked).await {
        Ok(rows) => {
            let by = results::by(&asked).code();
            Json(json!({"mode": asked.mode(), "range": asked.range(), "by": by, "results": *rows})).into_response()
        }
        Err(why) => unread(&why),
    }
}

/// How good the scores' probabilities were, of signals whose markets are resolved.
pub async fn scores(State(web): State<Arc<Web>>, Query(asked): Query<AskedScope>) -> Response {
    let read = async {
        let mut reader = web.reader().await?;
        Ok::<_, Unread>(reader.scores_judged(&asked.scope((web.state.clock)())).await?)
    };
    match read.await {
        Ok(rows) => {
            let scores = crate::report::scores::judged(&rows);
            Json(json!({"mode": asked.mode(), "range": asked.range(), "resolved": rows.len(), "scores": scores}))
                .into_response()
        }
        Err(why) => unread(&why),
    }
}

/// What each source told, when, and what it missed. Times in microseconds.
pub async fn sources(State(web): State<Arc<Web>>, Query(asked): Query<AskedScope>) -> Response {
    match leaders::rows(&web, &asked).await {
        Ok(seen) => Json(json!({"range": asked.range(), "sources": seen.0})).into_response(),
        Err(why) => unread(&why),
    }
}

/// What was seen of each leader, and what became of it; how far behind, counted under each bound (the last: above all).
pub async fn leaders(State(web): State<Arc<Web>>, Query(asked): Query<AskedScope>) -> Response {
    match leaders::rows(&web, &asked).await {
        Ok(seen) => {
            let leaders = &seen.1;
            let bounds = crate::store::query::BEHIND_MS;
            Json(json!({"range": asked.range(), "behind_ms": bounds, "leaders": leaders})).into_response()
        }
        Err(why) => unread(&why),
    }
}

/// How the alerter is, and what was told; `older` is the query of the next page, null at the end.
pub async fn alerts(State(web): State<Arc<Web>>, Query(asked): Query<alerts::Asked>) -> Response {
    match alerts::rows(&web, &asked).await {
        Ok((now, rows, older)) => Json(json!({"now": now, "alerts": rows, "older": older})).into_response(),
        Err(why) => unread(&why),
    }
}

/// Which steps of setting up are done, and how to do the next one.
pub async fn setup(State(web): State<Arc<Web>>) -> Json<Value> {
    Json(json!({"steps": super::page::setup::known(&web).await}))
}

/// All stages: quantiles in nanoseconds, and how often a time fell at or under each bound (the last: above all).
pub async fn latency(State(web): State<Arc<Web>>) -> Json<Value> {
    let times = web.pulse().times.clone();
    let both = times.since_start.iter().zip(times.recent.iter());
    let stages = Stage::ALL.into_iter().zip(both).map(|(stage, (all, recent))| {
        json!({
            "stage": stage.code(),
            "text": stage.text(),
            "since_start": Times::of(all),
            "recent": Times::of(recent),
            "counts": latency::distribution(all),
            "counts_recent": latency::distribution(recent),
        })
    });
    Json(json!({"unit": "ns", "bounds": export::bounds(), "stages": stages.collect::<Vec<_>>()}))
}

pub(super) fn unread(why: &Unread) -> Response {
    let body = json!({"error": format!("Postgres cannot be read: {}", why.0)});
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}
