//! Gamma: what markets and events there are (PROTOCOL.md 4.1, 4.2).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::sim::listing::{Listing, iso};
use crate::sim::server::World;
use crate::sim::server::params::Params;
use crate::sim::server::refusal::{Refused, bad_request, not_found};
use crate::sim::wire::{self, EventImage, MarketImage};

const MARKETS_PAGE_MAX: usize = 100;
const EVENTS_PAGE_MAX: usize = 500;
const PAGE_DEFAULT: usize = 20;
/// How many ids one request may name.
const IDS_MAX: usize = 100;
const NO_ID: &str = "id not found";
const NO_SLUG: &str = "slug not found";

pub fn routes() -> Router<World> {
    Router::new()
        .route("/status", get(|| async { "OK" }))
        .route("/markets", get(markets))
        .route("/markets/keyset", get(markets_keyset))
        .route("/markets/{id}", get(market_by_id))
        .route("/markets/slug/{slug}", get(market_by_slug))
        .route("/events", get(events))
        .route("/events/keyset", get(events_keyset))
        .route("/events/{id}", get(event_by_id))
        .route("/events/slug/{slug}", get(event_by_slug))
        .route("/public-search", get(search))
        .route("/tags", get(tags))
        .route("/series", get(series))
}

/// One row of a listing: a market, or an event as a whole.
enum Row {
    Market(MarketImage, Arc<EventImage>),
    Event(Arc<EventImage>),
}

impl Row {
    fn markets(world: &World) -> Vec<Row> {
        let events = EventImage::group(world.hub().markets()).into_iter().map(Arc::new);
        let of_event = |event: Arc<EventImage>| {
            let markets = event.markets.clone().into_iter();
            markets.map(move |market| Row::Market(market, Arc::clone(&event)))
        };
        events.flat_map(of_event).collect()
    }

    fn events(world: &World) -> Vec<Row> {
        let events = EventImage::group(world.hub().markets()).into_iter();
        events.map(|event| Row::Event(Arc::new(event))).collect()
    }

    fn write(&self) -> Value {
        match self {
            Row::Market(market, event) => wire::gamma_market(market, event),
            Row::Event(event) => wire::gamma_event(event),
        }
    }

    /// Returns the markets that it is about.
    fn about(&self) -> &[MarketImage] {
        match self {
            Row::Market(market, _) => std::slice::from_ref(market),
            Row::Event(event) => &event.markets,
        }
    }

    /// Returns the listing that has what all of them have in common.
    fn listing(&self) -> &Listing {
        &self.about()[0].listing
    }

    fn id(&self) -> String {
        match self {
            Row::Market(market, _) => wire::gamma_market_id(&market.listing),
            Row::Event(event) => wire::gamma_event_id(event.first()),
        }
    }

    fn slug(&self) -> &str {
        match self {
            Row::Market(market, _) => &market.listing.slug,
            Row::Event(event) => &event.first().event_slug,
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Row::Market(market, _) => market.is_over(),
            Row::Event(event) => event.is_over(),
        }
    }

    fn liquidity(&self) -> i64 {
        match self {
            Row::Market(market, _) => market.liquidity.0,
            Row::Event(event) => event.liquidity().0,
        }
    }

    fn volume(&self) -> i64 {
        match self {
            Row::Market(market, _) => market.volume.0,
            Row::Event(event) => event.volume().0,
        }
    }
}

/// What a listing asks for.
#[derive(Clone, Copy, Debug)]
enum Over {
    /// `closed` was not said: only what is not closed (since 2026-04-09).
    OpenOnly,
    Only(bool),
}

fn over(params: &Params) -> Result<Over, Refused> {
    Ok(params.get::<bool>("closed")?.map_or(Over::OpenOnly, Over::Only))
}

/// Returns whether `given` is empty or names one of `names`.
fn names(given: &[&str], names: &[&str]) -> bool {
    given.is_empty() || given.iter().any(|given| names.iter().any(|name| given.eq_ignore_ascii_case(name)))
}

/// Returns the rows that pass the filters, in the order that was asked for. An event passes if one of its markets has the
/// token or condition that is asked for.
fn found(mut rows: Vec<Row>, params: &Params) -> Result<Vec<Row>, Refused> {
    let lists = ["id", "slug", "clob_token_ids", "condition_ids", "question_ids"].map(|name| params.list(name));
    if lists.iter().any(|list| list.len() > IDS_MAX) {
        return Err(bad_request("too many ids: at most 100 of a kind"));
    }
    // Who asks for rows by name gets them also when they are closed.
    let is_named = lists.iter().any(|list| !list.is_empty());
    let over = over(params)?;
    let bounds = Bounds::read(params)?;
    let [ids, slugs, tokens, conditions, questions] = lists;
    rows.retain(|row| {
        let is_asked = |market: &MarketImage| {
            let listing = &market.listing;
            let [first, second] = &listing.tokens;
            // Both forms of a Protocol V2 condition are asked for.
            let condition = [listing.condition.as_str(), &listing.condition[..64]];
            names(&tokens, &[first, second]) && names(&conditions, &condition) && names(&questions, &condition)
        };
        let is_over = match over {
            Over::OpenOnly => is_named || !row.is_over(),
            Over::Only(is_over) => row.is_over() == is_over,
        };
        is_over
            && names(&ids, &[&row.id()])
            && names(&slugs, &[row.slug()])
            && row.about().iter().any(is_asked)
            && bounds.hold(row)
    });
    sort(&mut rows, params)?;
    Ok(rows)
}

/// The other filters.
struct Bounds {
    active: Option<bool>,
    archived: Option<bool>,
    rfq: Option<bool>,
    tag: Option<String>,
    liquidity: [Option<f64>; 2],
    volume: [Option<f64>; 2],
    start: [Option<String>; 2],
    end: [Option<String>; 2],
    resolution: Option<String>,
    /// Filters for sports, of which nothing here has the marks.
    is_sport: bool,
}

impl Bounds {
    fn read(params: &Params) -> Result<Bounds, Refused> {
        let text = |name: &str| params.text(name).map(str::to_owned);
        Ok(Bounds {
            active: params.get("active")?,
            archived: params.get("archived")?,
            rfq: params.get("rfq_enabled")?,
            tag: text("tag_id"),
            liquidity: [params.get("liquidity_num_min")?, params.get("liquidity_num_max")?],
            volume: [params.get("volume_num_min")?, params.get("volume_num_max")?],
            start: [text("start_date_min"), text("start_date_max")],
            end: [text("end_date_min"), text("end_date_max")],
            resolution: text("uma_resolution_status"),
            is_sport: params.has("game_id") || params.has("sports_market_types"),
        })
    }

    fn hold(&self, row: &Row) -> bool {
        let listing = row.listing();
        let dollars = |micros: i64| micros as f64 / 1e6;
        let status = || wire::gamma_resolution(&row.about()[0]);
        self.active.is_none_or(|active| active)
            && self.archived.is_none_or(|archived| !archived)
            && self.rfq.is_none_or(|rfq| !rfq)
            && !self.is_sport
            && self.tag.as_ref().is_none_or(|tag| wire::gamma_tag(listing.category)["id"] == tag.as_str())
            && within(&self.liquidity, &dollars(row.liquidity()))
            && within(&self.volume, &dollars(row.volume()))
            && within(&self.start, &iso(listing.opens_at))
            && within(&self.end, &iso(listing.closes_at))
            && self.resolution.as_ref().is_none_or(|wanted| status() == wanted.as_str())
    }
}

/// Dates are compared as text, which is right for the form that the venue writes.
fn within<T: PartialOrd>(bounds: &[Option<T>; 2], value: &T) -> bool {
    let [low, high] = bounds;
    low.as_ref().is_none_or(|low| low <= value) && high.as_ref().is_none_or(|high| value <= high)
}

/// Orders by a field of the rows, the oldest first where none is named.
fn sort(rows: &mut [Row], params: &Params) -> Result<(), Refused> {
    let ascends = params.get::<bool>("ascending")?.unwrap_or(true);
    match params.text("order") {
        None | Some("id" | "startDate" | "start_date" | "createdAt") => {
            rows.sort_by_key(|row| row.listing().opens_at.0)
        }
        Some("endDate" | "end_date") => rows.sort_by_key(|row| row.listing().closes_at.0),
        Some("volume" | "volumeNum" | "volume_num" | "volume24hr" | "volume_24hr") => rows.sort_by_key(Row::volume),
        Some("liquidity" | "liquidityNum" | "liquidity_num") => rows.sort_by_key(Row::liquidity),
        Some(other) => return Err(bad_request(&format!("order fields are not valid: {other}"))),
    }
    if !ascends {
        rows.reverse();
    }
    Ok(())
}

fn limit(params: &Params, max: usize) -> Result<usize, Refused> {
    Ok(params.get::<usize>("limit")?.unwrap_or(PAGE_DEFAULT).min(max))
}

fn by_offset(rows: Vec<Row>, params: &Params, max: usize) -> Result<Json<Value>, Refused> {
    let offset = params.get::<usize>("offset")?.unwrap_or(0);
    let rows = found(rows, params)?;
    Ok(Json(rows.iter().skip(offset).take(limit(params, max)?).map(Row::write).collect()))
}

/// The cursor is the id of the last row of the page before.
fn by_cursor(rows: Vec<Row>, params: &Params, max: usize, name: &str) -> Result<Json<Value>, Refused> {
    if params.has("offset") {
        return Err(bad_request("offset is not supported: use after_cursor"));
    }
    let rows = found(rows, params)?;
    let start = match params.text("after_cursor") {
        None => 0,
        Some(cursor) => {
            let last = rows.iter().position(|row| row.id() == cursor);
            last.ok_or_else(|| bad_request("invalid after_cursor"))? + 1
        }
    };
    let page: Vec<&Row> = rows.iter().skip(start).take(limit(params, max)?).collect();
    let mut answer = json!({name: page.iter().map(|row| row.write()).collect::<Vec<Value>>()});
    if let Some(last) = page.last().filter(|_| start + page.len() < rows.len()) {
        answer["next_cursor"] = json!(last.id());
    }
    Ok(Json(answer))
}

async fn markets(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    by_offset(Row::markets(&world), &params, MARKETS_PAGE_MAX)
}

async fn markets_keyset(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    by_cursor(Row::markets(&world), &params, MARKETS_PAGE_MAX, "markets")
}

async fn events(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    by_offset(Row::events(&world), &params, EVENTS_PAGE_MAX)
}

async fn events_keyset(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    by_cursor(Row::events(&world), &params, EVENTS_PAGE_MAX, "events")
}

fn one(rows: Vec<Row>, is_it: impl Fn(&Row) -> bool, missing: &str) -> Result<Json<Value>, Refused> {
    rows.iter().find(|row| is_it(row)).map(|row| Json(row.write())).ok_or_else(|| not_found(missing))
}

async fn market_by_id(State(world): State<World>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    one(Row::markets(&world), |row| row.id() == id, NO_ID)
}

async fn market_by_slug(State(world): State<World>, Path(slug): Path<String>) -> Result<Json<Value>, Refused> {
    one(Row::markets(&world), |row| row.slug() == slug, NO_SLUG)
}

async fn event_by_id(State(world): State<World>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    one(Row::events(&world), |row| row.id() == id, NO_ID)
}

async fn event_by_slug(State(world): State<World>, Path(slug): Path<String>) -> Result<Json<Value>, Refused> {
    one(Row::events(&world), |row| row.slug() == slug, NO_SLUG)
}

/// Finds events by words of their titles, or of one of their markets'. There are no profiles to find.
async fn search(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    let wanted = params.text("q").ok_or_else(|| bad_request("q is required"))?.to_lowercase();
    let limit = params.get::<usize>("limit_per_type")?.unwrap_or(PAGE_DEFAULT);
    let page = params.get::<usize>("page")?.unwrap_or(1).max(1);
    let has_all = |title: &str| wanted.split_whitespace().all(|word| title.to_lowercase().contains(word));
    let is_meant = |row: &Row| {
        has_all(&row.listing().event_title) || row.about().iter().any(|market| has_all(&market.listing.title))
    };
    let hits: Vec<Row> = Row::events(&world).into_iter().filter(is_meant).collect();
    let shown: Vec<Value> = hits.iter().skip((page - 1) * limit).take(limit).map(Row::write).collect();
    Ok(Json(json!({
        "events": shown, "tags": [], "profiles": [],
        "pagination": {"hasMore": page * limit < hits.len(), "totalResults": hits.len()},
    })))
}

/// Lists what the markets have, each once, in order of their ids.
fn distinct(world: &World, params: &Params, of: fn(&MarketImage) -> Option<Value>) -> Result<Json<Value>, Refused> {
    let mut rows: Vec<Value> = world.hub().markets().filter_map(|market| of(&market)).collect();
    rows.sort_by_key(|row| row["id"].as_str().unwrap_or_default().to_owned());
    rows.dedup();
    let offset = params.get::<usize>("offset")?.unwrap_or(0);
    Ok(Json(rows.into_iter().skip(offset).take(limit(params, MARKETS_PAGE_MAX)?).collect()))
}

async fn tags(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    distinct(&world, &params, |market| Some(wire::gamma_tag(market.listing.category)))
}

async fn series(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    distinct(&world, &params, |market| wire::gamma_series(&market.listing))
}
