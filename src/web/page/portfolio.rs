//! Paper Portfolio: where the money is, what it became, what is held, and what came of each leader and each kind of exit.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

use super::{
    Frame, LeaderName, MarketName, address,
    decide::Decide,
    mode, portfolio_name, show,
    wallet::{self, Wallet},
};
use crate::{
    domain::Nanos,
    metrics::Snapshot,
    store::query::{EquityPoint, PositionRow, ResultRow, SettlementRow},
    web::{
        Web,
        door::rights::Visitor,
        figure::{self, Figure, When},
        kept::kept,
        server::Unread,
        words,
    },
};

/// The ranges of the curve, with their length in seconds; 0: since the first valuation.
pub const RANGES: [(&str, &str, u64); 4] =
    [("day", "24 hours", 86_400), ("week", "7 days", 604_800), ("month", "30 days", 2_592_000), ("all", "All", 0)];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// `live`, else paper.
    pub mode: String,
    pub portfolio: String,
    pub range: String,
    /// The answer to what was just said of the wallet.
    pub answer: String,
}

/// The exact amounts of a portfolio, and where they are from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Money {
    /// `engine`: this moment. `postgres`: as old as the tables.
    pub source: &'static str,
    pub deposits: Decimal,
    pub available: Decimal,
    pub reserved: Decimal,
    pub deployed: Decimal,
    pub cooling: Decimal,
    pub realised: Decimal,
    pub unrealised: Option<Decimal>,
}

impl Money {
    pub fn locked(&self) -> Decimal {
        self.reserved + self.deployed
    }

    pub fn sum(&self) -> Decimal {
        self.available + self.reserved + self.deployed + self.cooling
    }

    pub fn owed(&self) -> Decimal {
        self.deposits + self.realised
    }
}

/// All that the page and the API show of one portfolio.
#[derive(Serialize)]
pub struct Contents {
    pub id: i32,
    pub money: Money,
    pub fees: Option<Decimal>,
    pub range: &'static str,
    pub curve: Vec<EquityPoint>,
    pub open: Vec<PositionRow>,
    pub ended: Vec<PositionRow>,
    pub settlements: Vec<SettlementRow>,
    pub by_leader: Vec<ResultRow>,
    pub by_cause: Vec<ResultRow>,
    /// What the wallet really holds, for all live portfolios together; nothing of it is paper's.
    pub wallet: Option<wallet::Contents>,
}

/// Returns the portfolio asked for, else the first one of the mode; none while there is none.
pub fn chosen(web: &Web, asked: &Asked) -> Option<i32> {
    let snapshot = web.state.published.load();
    let pulse = web.pulse();
    let ids =
        snapshot.portfolios.iter().map(|now| i32::from(now.id.0)).chain(pulse.portfolios.iter().map(|row| row.id));
    let wanted_mode = mode(&asked.mode);
    // One whose mode is not known yet is a paper portfolio.
    let mode_of = |id: i32| pulse.portfolios.iter().find(|row| row.id == id).map_or("paper", |row| row.mode.as_str());
    let mut ours = ids.filter(|id| mode_of(*id) == wanted_mode);
    match asked.portfolio.parse::<i32>() {
        Ok(wanted) => ours.find(|id| *id == wanted),
        Err(_) => ours.min(),
    }
}

pub fn range(asked: &Asked) -> (&'static str, u64) {
    let found = RANGES.iter().find(|(code, ..)| *code == asked.range).unwrap_or(&RANGES[0]);
    (found.0, found.2)
}

/// Returns the portfolio's money: the engine's if it runs this portfolio, else Postgres'.
pub fn money(web: &Web, id: i32) -> Option<Money> {
    let snapshot = web.state.published.load();
    if let Some(now) = snapshot.portfolios.iter().find(|now| i32::from(now.id.0) == id) {
        let micros = |amount: crate::domain::Usdc| figure::micros(amount.0);
        return Some(Money {
            source: "engine",
            deposits: micros(now.deposits),
            available: micros(now.available),
            reserved: micros(now.reserved),
            deployed: micros(now.deployed),
            cooling: micros(now.cooling),
            realised: micros(now.realised),
            unrealised: Some(micros(now.unrealised)),
        });
    }
    let pulse = web.pulse();
    pulse.portfolios.iter().find(|row| row.id == id).map(|row| Money {
        source: "postgres",
        deposits: row.deposits,
        available: row.available,
        reserved: row.reserved,
        deployed: row.deployed,
        cooling: row.cooling,
        realised: row.realised,
        unrealised: None,
    })
}

/// The curve, and what came of whom and why: sums over all that was, which are kept for a while.
struct Sums {
    curve: Vec<EquityPoint>,
    by_leader: Vec<ResultRow>,
    by_cause: Vec<ResultRow>,
}

async fn sums(web: &Web, id: i32, seconds: u64) -> Result<Sums, Unread> {
    let now = (web.state.clock)();
    let mut reader = web.reader().await?;
    // A young portfolio's points are not spread over a day that it did not live.
    let first = reader.valued_first(id).await?.unwrap_or(figure::moment(now));
    let from = match seconds {
        0 => first,
        seconds => figure::moment(now.since(Nanos::from_secs(seconds))).max(first),
    };
    Ok(Sums {
        curve: reader.curve(id, from, figure::moment(now)).await?,
        by_leader: reader.results_by_leader(id).await?,
        by_cause: reader.results_by_cause(id).await?,
    })
}

pub async fn contents(web: &Arc<Web>, id: i32, money: Money, asked: &Asked) -> Result<Contents, Unread> {
    let (range, seconds) = range(asked);
    let key = format!("portfolio {id} {range}");
    let sums = kept(web, key, async move |web: Arc<Web>| sums(&web, id, seconds).await).await?;
    let mut reader = web.reader().await?;
    let fees = reader.portfolios().await?.iter().find(|row| row.id == id).map(|row| row.fees);
    Ok(Contents {
        id,
        money,
        fees,
        range,
        curve: sums.curve.clone(),
        open: reader.positions_open(id).await?,
        ended: reader.positions_ended(id).await?,
        settlements: reader.settlements(id).await?,
        by_leader: sums.by_leader.clone(),
        by_cause: sums.by_cause.clone(),
        wallet: match mode(&asked.mode) {
            "live" => Some(wallet::contents(&mut reader).await?),
            _paper => None,
        },
    })
}

struct Buckets {
    rows: Vec<Bucket>,
    locked: Figure,
    sum: Figure,
    deposits: Figure,
    realised: Figure,
    owed: Figure,
    is_exact: bool,
    difference: Figure,
    unrealised: Figure,
    equity: Figure,
    total: Figure,
    fees: Figure,
    from_engine: bool,
}

struct Bucket {
    name: &'static str,
    class: &'static str,
    amount: Figure,
    share: Figure,
    /// Place and width on a bar a thousand wide.
    x: u32,
    width: u32,
    text: &'static str,
}

/// A held position.
struct Held {
    leader: LeaderName,
    market: MarketName,
    shares: Figure,
    cost: Figure,
    average: Figure,
    bid: Figure,
    value: Figure,
    unrealised: Figure,
    exit_due: Option<(Figure, String)>,
    opened_at: When,
    ended: Option<Figure>,
}

struct Ended {
    leader: LeaderName,
    market: MarketName,
    realised: Figure,
    fees: Figure,
    opened_at: When,
    ended_at: When,
}

struct Settled {
    at: When,
    is_written_off: bool,
    leader: LeaderName,
    market: MarketName,
    shares: Figure,
    basis: Figure,
    proceeds: Figure,
    result: Figure,
}

struct Earned {
    name: String,
    count: Figure,
    realised: Figure,
    fees: Figure,
}

struct Range {
    code: &'static str,
    text: &'static str,
    chosen: bool,
}

#[derive(Default, Template)]
#[template(path = "portfolio.html")]
struct Page {
    frame: Frame,
    mode: &'static str,
    path: &'static str,
    /// Breakers that stop its entries.
    tripped: Vec<String>,
    /// Proceeds that wait, soonest first.
    cooling: Vec<(When, Figure)>,
    id: i32,
    name: String,
    others: Vec<(i32, String, bool)>,
    buckets: Option<Buckets>,
    ranges: Vec<Range>,
    range: &'static str,
    curve_words: String,
    held: Vec<Held>,
    ended: Vec<Ended>,
    settled: Vec<Settled>,
    by_leader: Vec<Earned>,
    by_cause: Vec<Earned>,
    wallet: Wallet,
    contents: wallet::Contents,
    /// What somebody may say of what differs; only where a wallet is read.
    decide: Option<Decide>,
}

/// Paper Portfolio; an address of old that asks for a live one is sent there.
pub async fn paper(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    match mode(&asked.mode) {
        "live" => {
            let question = address::query(&[("portfolio", &asked.portfolio), ("range", &asked.range)]);
            Redirect::permanent(&format!("/real-portfolio?{question}")).into_response()
        }
        _paper => show(&portfolio(&web, &asked).await),
    }
}

pub async fn real(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Response {
    let mut page = portfolio(&web, &Asked { mode: "live".to_owned(), ..asked.clone() }).await;
    if web.state.gateway.is_some() {
        let answer = web.state.door.answer(&asked.answer);
        page.decide = Some(Decide::look(&web, &visitor, &page.contents, answer).await);
    }
    show(&page)
}

async fn portfolio(web: &Arc<Web>, asked: &Asked) -> Page {
    let (now, mode) = ((web.state.clock)(), mode(&asked.mode));
    let id = chosen(web, asked);
    let (title, path, place) = match mode {
        "live" => ("Real Portfolio", "/real-portfolio", "real-portfolio"),
        _paper => ("Paper Portfolio", "/paper-portfolio", "paper-portfolio"),
    };
    let mut page = Page {
        frame: Frame::new(web, title, place),
        mode,
        path,
        tripped: id.map_or_else(Vec::new, |id| tripped(web, id)),
        cooling: id.map_or_else(Vec::new, |id| cooling(web, id, now)),
        id: id.unwrap_or(0),
        name: id.map_or_else(String::new, |id| portfolio_name(web, id)),
        others: others(web, id, mode),
        ranges: RANGES.map(|(code, text, _)| Range { code, text, chosen: code == range(asked).0 }).into(),
        range: range(asked).0,
        ..Page::default()
    };
    let money = id.and_then(|id| money(web, id));
    match (id.zip(money), mode) {
        (Some((id, money)), _) => page.fill(web, id, &money, asked).await,
        (None, "live") => page.fill_wallet(web, now).await,
        (None, _) => {}
    }
    page
}

impl Page {
    async fn fill(&mut self, web: &Arc<Web>, id: i32, money: &Money, asked: &Asked) {
        let now = (web.state.clock)();
        match contents(web, id, money.clone(), asked).await {
            Ok(contents) => {
                let snapshot = web.state.published.load();
                let name = |row: &ResultRow| LeaderName::new(&row.name, &row.wallet, 0).name;
                self.buckets = Some(buckets(money, contents.fees));
                self.curve_words = curve_words(&contents.curve);
                self.held = contents.open.iter().map(|row| held(row, &snapshot, now)).collect();
                self.ended = contents.ended.iter().map(|row| ended(row, now)).collect();
                self.settled = contents.settlements.iter().map(|row| settled(row, now)).collect();
                self.by_leader = contents.by_leader.iter().map(|row| earned(row, name(row))).collect();
                self.by_cause = contents.by_cause.iter().map(|row| earned(row, words::cause(&row.name))).collect();
                self.contents = contents.wallet.unwrap_or_default();
                self.wallet =
                    if self.mode == "live" { Wallet::new(web, &self.contents, now) } else { Wallet::default() };
            }
            Err(why) => {
                let missing = "The buckets are the engine's own and current; curve, positions and results are missing.";
                self.frame.miss(&why, missing);
                self.buckets = Some(buckets(money, None));
            }
        }
    }

    /// The wallet alone, while no portfolio trades with it.
    async fn fill_wallet(&mut self, web: &Web, now: Nanos) {
        let read = async { wallet::contents(&mut web.reader().await?).await };
        match read.await {
            Ok(contents) => {
                self.wallet = Wallet::new(web, &contents, now);
                self.contents = contents;
            }
            Err(why) => self.frame.miss(&why, "What the wallet holds shows here when it is back."),
        }
    }
}

/// The most waiting amounts that are listed.
const COOLING_LISTED: usize = 20;

fn tripped(web: &Web, id: i32) -> Vec<String> {
    let standing = web.pulse().standing.clone();
    let ours = standing.tripped.iter().filter(|(portfolio, _)| i32::from(portfolio.0) == id);
    ours.map(|(_, breaker)| words::breaker(breaker.code())).collect()
}

fn cooling(web: &Web, id: i32, now: Nanos) -> Vec<(When, Figure)> {
    let snapshot = web.state.published.load();
    let ours = snapshot.cooling.iter().filter(|waits| i32::from(waits.portfolio.0) == id).take(COOLING_LISTED);
    let line = |waits: &crate::metrics::CoolingNow| {
        (When::new(figure::moment(waits.until), now), Figure::usd(figure::micros(waits.amount.0)))
    };
    ours.map(line).collect()
}

fn others(web: &Web, id: Option<i32>, mode: &str) -> Vec<(i32, String, bool)> {
    let ids: Vec<i32> = web.pulse().portfolios.iter().filter(|row| row.mode == mode).map(|row| row.id).collect();
    ids.into_iter().map(|other| (other, portfolio_name(web, other), Some(other) == id)).collect()
}

fn buckets(money: &Money, fees: Option<Decimal>) -> Buckets {
    let sum = money.sum();
    let parts = [
        ("Available", "available", money.available, "free for new orders"),
        ("Reserved", "reserved", money.reserved, "open orders at their worst cost"),
        ("Deployed", "deployed", money.deployed, "open positions at what they cost"),
        ("Cooling", "cooling", money.cooling, "proceeds of sales, not to be spent yet"),
    ];
    let mut x = 0;
    let rows = parts.map(|(name, class, amount, text)| {
        let share = if sum.is_zero() { Decimal::ZERO } else { amount / sum };
        let width = (share * Decimal::from(1_000)).round().to_u32().unwrap_or(0);
        let bucket = Bucket { name, class, amount: Figure::usd(amount), share: Figure::percent(share), x, width, text };
        x += width;
        bucket
    });
    let unrealised = money.unrealised;
    let unknown = || Figure::none("the engine does not run this portfolio now");
    Buckets {
        rows: rows.into(),
        locked: Figure::usd(money.locked()),
        sum: Figure::usd(sum),
        deposits: Figure::usd(money.deposits),
        realised: Figure::result(money.realised),
        owed: Figure::usd(money.owed()),
        is_exact: sum == money.owed(),
        difference: Figure::usd(sum - money.owed()),
        unrealised: unrealised.map_or_else(unknown, Figure::result),
        equity: unrealised.map_or_else(unknown, |unrealised| Figure::usd(sum + unrealised)),
        total: unrealised.map_or_else(unknown, |unrealised| Figure::result(money.realised + unrealised)),
        fees: fees.map_or_else(|| Figure::none("Postgres cannot be read"), Figure::usd),
        from_engine: money.source == "engine",
    }
}

/// What the curve shows, for who cannot see it.
fn curve_words(curve: &[EquityPoint]) -> String {
    let (Some(first), Some(last)) = (curve.first(), curve.last()) else {
        return String::new();
    };
    let deepest = curve.iter().map(|point| point.drawdown).max().unwrap_or_default();
    let change = Figure::result(last.earned - first.earned).text;
    format!(
        "{} points, from {} UTC. Equity {} now, {change} over the range; deepest fall from a high {}.",
        curve.len(),
        figure::stamp(first.at).replace('T', " ").chars().take(16).collect::<String>(),
        Figure::usd(last.equity).text,
        Figure::usd(deepest).text,
    )
}

fn held(row: &PositionRow, snapshot: &Snapshot, now: Nanos) -> Held {
    let mark = snapshot.marks.iter().find(|mark| i64::from(mark.token.0) == i64::from(row.token_id));
    let bid = mark.filter(|mark| mark.bid != 0).map(|mark| Decimal::new(mark.bid.into(), 6));
    let bid = row.payout.or(bid);
    let value = bid.map(|bid| bid * row.shares);
    let none = || Figure::none("no bid is known");
    Held {
        leader: LeaderName::new(&row.leader, &row.wallet, row.leader_id),
        market: MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id),
        shares: Figure::shares(row.shares),
        cost: Figure::usd(row.cost),
        average: super::trade::average(row.shares, row.cost).map_or_else(none, Figure::price_average),
        bid: bid.map_or_else(none, Figure::price),
        value: value.map_or_else(none, Figure::usd),
        unrealised: value.map_or_else(none, |value| Figure::result(value - row.cost)),
        exit_due: (!row.exit_due.is_zero()).then(|| (Figure::shares(row.exit_due), words::cause(&row.exit_cause))),
        opened_at: When::new(row.opened_at, now),
        ended: row.payout.map(Figure::price),
    }
}

fn ended(row: &PositionRow, now: Nanos) -> Ended {
    Ended {
        leader: LeaderName::new(&row.leader, &row.wallet, row.leader_id),
        market: MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id),
        realised: Figure::result(row.realised),
        fees: Figure::usd(row.fees),
        opened_at: When::new(row.opened_at, now),
        ended_at: When::new(row.updated_at, now),
    }
}

fn settled(row: &SettlementRow, now: Nanos) -> Settled {
    Settled {
        is_written_off: row.why == "written_off",
        at: When::new(row.at, now),
        leader: LeaderName::new(&row.leader, &row.wallet, row.leader_id),
        market: MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id),
        shares: Figure::shares(row.shares),
        basis: Figure::usd(row.basis),
        proceeds: Figure::usd(row.proceeds),
        result: Figure::result(row.proceeds - row.basis),
    }
}

fn earned(row: &ResultRow, name: String) -> Earned {
    Earned {
        name,
        count: Figure::count(row.count),
        realised: Figure::result(row.realised),
        fees: Figure::usd(row.fees),
    }
}
