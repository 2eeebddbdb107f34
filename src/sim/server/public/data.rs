//! The Data API v2: fills, positions and what follows from them, some seconds late (PROTOCOL.md 6).

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::archive::{Told, What};
use super::positions::{Position, Status, dollars};
use crate::clock::now;
use crate::domain::{Nanos, Shares, Usdc};
use crate::sim::message::Role;
use crate::sim::server::World;
use crate::sim::server::hub::Hub;
use crate::sim::server::params::Params;
use crate::sim::server::refusal::Refused;
use crate::sim::wire::{self, MarketImage};

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;
const CONDITIONS_MAX: usize = 20;
/// The default listing hides positions below a tenth of a share.
const DUST: Shares = Shares(100_000);
/// The routes of v1, retired on 2026-10-24.
const RETIRED: [&str; 6] = ["/trades", "/activity", "/positions", "/closed-positions", "/value", "/holders"];

pub fn routes() -> Router<World> {
    let router = Router::new()
        .route("/v2/trades", get(trades))
        .route("/v2/activity", get(activity))
        .route("/v2/positions", get(positions))
        .route("/v2/value", get(value))
        .route("/v2/holders", get(holders))
        .route("/v2/status", get(status));
    RETIRED.into_iter().fold(router, |router, path| router.route(path, any(retired)))
}

/// What the Data API answers to a request that it does not take.
fn refused(status: StatusCode, code: &str, error: &str) -> Refused {
    (status, Json(json!({"error": error, "code": code, "retryable": false, "trace_id": "simulated"})))
}

fn bad(error: &str) -> Refused {
    refused(StatusCode::BAD_REQUEST, "bad_request", error)
}

async fn retired() -> Refused {
    refused(StatusCode::GONE, "gone", "Data API v1 was retired on 2026-10-24; use /v2")
}

/// Which rows, and in which order.
struct Asked {
    user: Option<String>,
    conditions: Vec<String>,
    events: Vec<String>,
    side: Option<String>,
    start: Option<u64>,
    end: Option<u64>,
    cash_min: Option<f64>,
    tokens_min: Option<f64>,
    cursor: Option<u64>,
    limit: usize,
    ascends: bool,
    /// Empty: all. Else the names of types.
    types: Vec<String>,
    roles: Roles,
}

/// Whose fills are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Roles {
    All,
    TakersOnly,
}

/// Every type of activity there is; here happen the first five.
const TYPES: [&str; 14] = [
    "TRADE",
    "SPLIT",
    "MERGE",
    "REDEEM",
    "CONVERSION",
    "MIGRATION",
    "REWARD",
    "YIELD",
    "MAKER_REBATE",
    "TAKER_REBATE",
    "REFERRAL_REWARD",
    "DEPOSIT",
    "WITHDRAWAL",
    "TIP",
];

impl Asked {
    fn read(params: &Params) -> Result<Asked, Refused> {
        if params.has("offset") {
            return Err(bad("offset is not supported: use cursor"));
        }
        let limit = number(params, "limit")?.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(bad("limit is 1 to 1000"));
        }
        let owned = |name: &str| params.list(name).into_iter().map(str::to_owned).collect::<Vec<String>>();
        let conditions = owned("condition_id");
        if conditions.len() > CONDITIONS_MAX {
            return Err(bad("condition_id takes at most 20 ids"));
        }
        let user = params.text("user").map(str::to_owned);
        if user.as_ref().is_some_and(|user| !is_wallet(user)) {
            return Err(bad("user is no wallet address"));
        }
        let amount = number::<f64>(params, "filter_amount")?;
        let (cash_min, tokens_min) = match params.text("filter_type") {
            None | Some("CASH") => (amount, None),
            Some("TOKENS") => (None, amount),
            Some(_) => return Err(bad("filter_type is CASH or TOKENS")),
        };
        let types: Vec<String> = params.list("type").into_iter().map(str::to_uppercase).collect();
        if let Some(unknown) = types.iter().find(|name| !TYPES.contains(&name.as_str())) {
            return Err(bad(&format!("type {unknown} is none of {}", TYPES.join(", "))));
        }
        // Whether v2 leaves makers out where nothing is said, as v1 did, is not documented; here it does not.
        let roles = match number::<bool>(params, "taker_only")? {
            Some(true) => Roles::TakersOnly,
            Some(false) | None => Roles::All,
        };
        Ok(Asked {
            user,
            conditions,
            events: owned("event_id"),
            side: params.text("side").map(str::to_owned),
            start: number(params, "start")?,
            end: number(params, "end")?,
            cash_min,
            tokens_min,
            cursor: number(params, "cursor")?,
            limit,
            ascends: params.text("sort_direction").is_some_and(|word| word.eq_ignore_ascii_case("ASC")),
            types,
            roles,
        })
    }

    fn is_about(&self, wallet: &str, condition: &str, event: &str) -> bool {
        self.user.as_ref().is_none_or(|user| user.eq_ignore_ascii_case(wallet))
            && (self.conditions.is_empty() || self.conditions.iter().any(|asked| asked.eq_ignore_ascii_case(condition)))
            && (self.events.is_empty() || self.events.iter().any(|asked| asked == event))
    }

    fn includes(&self, told: &Told) -> bool {
        let (what, listing) = (&told.what, told.what.listing());
        let at = what.at().0 / 1_000;
        let is_named = |kind: &str| self.types.is_empty() || self.types.iter().any(|name| name == kind);
        let role = what.fill().map(|fill| fill.role);
        let is_on_page = |last: u64| if self.ascends { told.number > last } else { told.number < last };
        what.kind().is_some_and(is_named)
            && self.is_about(what.wallet(), &listing.condition, &wire::gamma_event_id(listing))
            && (self.roles == Roles::All || role == Some(Role::Taker))
            && self
                .side
                .as_ref()
                .is_none_or(|name| what.side().is_some_and(|side| name.eq_ignore_ascii_case(wire::side_name(side))))
            && self.start.is_none_or(|start| start <= at)
            && self.end.is_none_or(|end| at <= end)
            && self.cash_min.is_none_or(|least| least <= what.dollars().0 as f64 / 1e6)
            && self.tokens_min.is_none_or(|least| least <= what.shares().0 as f64 / 1e6)
            && self.cursor.is_none_or(is_on_page)
    }
}

fn is_wallet(text: &str) -> bool {
    text.len() == 42 && text.starts_with("0x") && text[2..].bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn number<T: std::str::FromStr>(params: &Params, name: &str) -> Result<Option<T>, Refused> {
    params.get(name).map_err(|_| bad(&format!("{name} is invalid")))
}

/// Writes a page. `has_more` is exact, and the cursor is there only with it.
fn page(data: Vec<Value>, limit: usize, next: Option<String>) -> Json<Value> {
    let pagination = json!({"limit": limit, "offset": 0, "has_more": next.is_some(), "next_cursor": next});
    Json(json!({"data": data, "pagination": pagination}))
}

/// The cursor is the number of the last row of the page before.
fn listed(world: &World, asked: &Asked, write: fn(&What) -> Option<Value>) -> Json<Value> {
    let hub = world.hub();
    let known = hub.archive.known(now()).filter(|told| asked.includes(told));
    let mut rows: Vec<&Told> = match asked.ascends {
        true => known.take(asked.limit + 1).collect(),
        false => known.rev().take(asked.limit + 1).collect(),
    };
    let has_more = rows.len() > asked.limit;
    rows.truncate(asked.limit);
    let next = rows.last().filter(|_| has_more).map(|told| told.number.to_string());
    page(rows.iter().filter_map(|told| write(&told.what)).collect(), asked.limit, next)
}

/// Newest first.
async fn trades(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    let asked = Asked { ascends: false, types: vec!["TRADE".to_owned()], ..Asked::read(&params)? };
    Ok(listed(&world, &asked, |what| what.fill().map(wire::trade_row)))
}

/// Trades, splits, merges, redemptions and conversions; of the other types there are none.
async fn activity(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    let asked = Asked::read(&params)?;
    if asked.user.is_none() {
        return Err(bad("user is required"));
    }
    Ok(listed(&world, &asked, |what| Some(what.row())))
}

fn market(hub: &Hub, position: &Position) -> Option<MarketImage> {
    hub.condition(&position.listing.condition, Nanos::NEVER)
}

/// What the filter `status` of `/v2/positions` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Open or redeemable: what is held.
    Held,
    Only(Status),
    Lost,
    Mergeable,
}

fn wanted(params: &Params) -> Result<Wanted, Refused> {
    match params.text("status") {
        None => Ok(Wanted::Held),
        Some("OPEN") => Ok(Wanted::Only(Status::Open)),
        Some("REDEEMABLE") => Ok(Wanted::Only(Status::Redeemable)),
        Some("REDEEMABLE_LOST") => Ok(Wanted::Lost),
        Some("MERGEABLE") => Ok(Wanted::Mergeable),
        Some("CLOSED") => Ok(Wanted::Only(Status::Closed)),
        Some(_) => Err(bad("status is OPEN, REDEEMABLE, REDEEMABLE_LOST, MERGEABLE or CLOSED")),
    }
}

/// A position with what its listing needs.
struct Row {
    position: Position,
    market: Option<MarketImage>,
    is_mergeable: bool,
}

impl Row {
    fn is_wanted(&self, wanted: Wanted) -> bool {
        let status = self.position.status(self.market.as_ref());
        match wanted {
            Wanted::Held => status != Status::Closed,
            Wanted::Only(only) => status == only,
            Wanted::Lost => status == Status::Redeemable && self.position.worth(self.market.as_ref()) == 0,
            Wanted::Mergeable => status == Status::Open && self.is_mergeable,
        }
    }

    /// What `sort_by` compares.
    fn rank(&self, by: &str) -> i64 {
        let market = self.market.as_ref();
        match by {
            "PRICE" => self.position.worth(market) as i64,
            "TOKENS" => self.position.size.0 as i64,
            "UNREALIZED_PNL" => self.position.unrealized(market).0,
            "REALIZED_PNL" => self.position.realized.0,
            "TOTAL_PNL" => self.position.realized.0 + self.position.unrealized(market).0,
            "TIMESTAMP" => self.position.last_at.0 as i64,
            _ => self.position.value(market).0,
        }
    }
}

/// Returns the positions that are asked about. Panics never: a market that was forgotten leaves positions without worth.
fn held(hub: &Hub, asked: &Asked) -> Vec<Row> {
    let all = hub.archive.positions(now());
    let has_other = |position: &Position| {
        let other = position.listing.tokens[position.outcome.other().index()].clone();
        let key = (position.wallet.to_ascii_lowercase(), other);
        all.get(&key).is_some_and(|other| other.size > Shares::ZERO)
    };
    let about = all.values().filter(|position| {
        let listing = &position.listing;
        asked.is_about(&position.wallet, &listing.condition, &wire::gamma_event_id(listing))
    });
    about
        .map(|position| Row {
            position: position.clone(),
            market: market(hub, position),
            is_mergeable: has_other(position),
        })
        .collect()
}

async fn positions(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    let (asked, wanted) = (Asked::read(&params)?, wanted(&params)?);
    if asked.user.is_none() && asked.conditions.len() != 1 {
        return Err(bad("user or exactly one condition_id is required"));
    }
    if asked.user.is_none() && matches!(wanted, Wanted::Lost | Wanted::Mergeable) {
        return Err(bad("this status requires user"));
    }
    let title = params.text("title").map(str::to_lowercase);
    let by = params.text("sort_by").unwrap_or("CURRENT_VALUE");
    let mut rows = held(&world.hub(), &asked);
    rows.retain(|row| {
        let position = &row.position;
        let is_asked = asked.cash_min.is_some() || asked.tokens_min.is_some();
        let is_dust = !is_asked && position.size < DUST && position.size > Shares::ZERO;
        let value = position.value(row.market.as_ref()).0 as f64 / 1e6;
        row.is_wanted(wanted)
            && !is_dust
            && title.as_ref().is_none_or(|title| position.listing.title.to_lowercase().contains(title))
            && asked.cash_min.is_none_or(|least| least <= value)
            && asked.tokens_min.is_none_or(|least| least <= position.size.0 as f64 / 1e6)
    });
    rows.sort_by_key(|row| row.rank(by));
    if !asked.ascends {
        rows.reverse();
    }
    let start = (asked.cursor.unwrap_or(0) as usize).min(rows.len());
    let end = (start + asked.limit).min(rows.len());
    let next = (end < rows.len()).then(|| end.to_string());
    let data = rows[start..end].iter().map(|row| row.position.row(row.market.as_ref(), row.is_mergeable)).collect();
    Ok(page(data, asked.limit, next))
}

async fn value(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    let asked = Asked::read(&params)?;
    let user = asked.user.clone().ok_or_else(|| bad("user is required"))?;
    let rows = held(&world.hub(), &asked);
    let total: i64 = rows.iter().map(|row| row.position.value(row.market.as_ref()).0).sum();
    Ok(Json(json!({"data": {"proxy_wallet": user, "value": dollars(Usdc(total))}})))
}

/// Who holds most of each token of the markets.
async fn holders(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    let asked = Asked::read(&params)?;
    if asked.conditions.is_empty() {
        return Err(bad("condition_id is required"));
    }
    let mut rows = held(&world.hub(), &asked);
    rows.retain(|row| row.position.size > Shares::ZERO);
    rows.sort_by_key(|row| std::cmp::Reverse(row.position.size));
    let mut tokens: Vec<(String, Vec<Value>)> = Vec::new();
    for row in &rows {
        let token = row.position.listing.tokens[row.position.outcome.index()].clone();
        let holder = json!({
            "proxy_wallet": row.position.wallet, "token_id": token, "amount": wire::number(row.position.size.0),
            "outcome_index": row.position.outcome.index(), "display_username_public": true, "verified": false,
            "name": row.position.name, "pseudonym": row.position.name,
        });
        match tokens.iter_mut().find(|(known, _)| *known == token) {
            Some((_, holders)) if holders.len() < asked.limit => holders.push(holder),
            Some(_) => {}
            None => tokens.push((token, vec![holder])),
        }
    }
    let data: Vec<Value> =
        tokens.into_iter().map(|(token, holders)| json!({"token_id": token, "holders": holders})).collect();
    Ok(Json(json!({"data": data})))
}

/// How far the index is behind: the lag that is set.
async fn status(State(world): State<World>) -> Json<Value> {
    let lag = world.hub().pending.knobs.index_lag_ms as f64 / 1e3;
    let ingestion = json!([{"source": "polygon", "lag_seconds": lag}]);
    Json(json!({"data": {
        "serving": {"lag_seconds": lag, "worst": "polygon"}, "ingestion": ingestion, "computed_at": now().as_secs(),
        "age_seconds": 0,
    }}))
}
