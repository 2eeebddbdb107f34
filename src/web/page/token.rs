//! One outcome token: its market, its book with our orders in it, what we hold of it, and our last orders.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::Serialize;

use super::{Frame, LeaderName, MarketName, not_found, orders::OrderLine, portfolio_name, show};
use crate::{
    metrics::BookNow,
    store::query::{EVER, LotRow, OrderFilter, OrderRow, TokenRow},
    web::{
        Web,
        figure::{self, Figure, When},
        server::Unread,
    },
};

const ORDERS_SHOWN: i64 = 20;

/// All that the page and the API show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contents {
    pub token: TokenRow,
    pub lots: Vec<LotRow>,
    /// The newest of both modes.
    pub orders: Vec<OrderRow>,
    /// Its best levels; none where the engine shows no book of it.
    pub book: Option<BookNow>,
}

/// Returns what is known of a token; `None` for a number that none has.
pub async fn contents(web: &Web, id: i32) -> Result<Option<Contents>, Unread> {
    let mut reader = web.reader().await?;
    let Some(token) = reader.token(id).await? else { return Ok(None) };
    let mut orders = Vec::new();
    for mode in ["live", "paper"] {
        let filter = OrderFilter { token: id, ..OrderFilter::of(mode) };
        orders.extend(reader.orders(&filter, (EVER.1, i64::MAX), ORDERS_SHOWN).await?);
    }
    orders.sort_by_key(|order| (std::cmp::Reverse(order.submitted_at), order.id));
    orders.truncate(ORDERS_SHOWN as usize);
    let snapshot = web.state.published.load();
    let book = snapshot.books.iter().find(|book| i64::from(book.token.0) == i64::from(id)).cloned();
    Ok(Some(Contents { lots: reader.lots(id).await?, token, orders, book }))
}

/// One price of the book, best asks nearest to best bids.
struct Level {
    side: &'static str,
    word: &'static str,
    price: Figure,
    shares: Figure,
    width: u32,
    /// What of ours is there.
    ours: String,
}

struct Lot {
    portfolio: String,
    leader: LeaderName,
    shares: Figure,
    cost: Figure,
    realised: Figure,
    at: When,
}

#[derive(Default, Template)]
#[template(path = "token.html")]
struct Page {
    frame: Frame,
    heading: String,
    market: Option<MarketName>,
    facts: Vec<(&'static str, String)>,
    closes_at: Option<When>,
    has_book: bool,
    is_trusted: bool,
    levels: Vec<Level>,
    lots: Vec<Lot>,
    orders: Vec<OrderLine>,
}

pub async fn token(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<i32>() else {
        return not_found(&web, "A token's address ends in its number.");
    };
    let mut page =
        Page { frame: Frame::new(&web, "Token", "signals"), heading: format!("Token number {id}"), ..Page::default() };
    match contents(&web, id).await {
        Ok(Some(contents)) => page.fill(&web, &contents),
        Ok(None) => return not_found(&web, &format!("There is no token {id}. It may not be in Postgres yet.")),
        Err(why) => page.frame.miss(&why, "What is known of the token shows here when it is back."),
    }
    show(&page)
}

impl Page {
    fn fill(&mut self, web: &Web, contents: &Contents) {
        let now = (web.state.clock)();
        let token = &contents.token;
        let market = MarketName::new(&token.title, &token.outcome, &token.token, token.id);
        self.heading = market.title.clone();
        self.market = Some(market);
        self.closes_at = token.closes_at.map(|at| When::new(at, now));
        let plain = |number: Option<Decimal>, show: fn(Decimal) -> Figure| {
            number.map_or_else(|| "not known".to_owned(), |number| show(number).text)
        };
        self.facts = vec![
            ("Tick", plain(token.tick, Figure::price)),
            ("Smallest order", plain(token.minimum, Figure::shares)),
            ("Taker's fee rate", plain(token.fee_rate, Figure::percent)),
            ("Pays", token.payout.map_or_else(|| "not resolved".to_owned(), |payout| Figure::price(payout).text)),
            ("Condition", figure::tame(&token.condition_id, 80)),
            ("Token id", figure::tame(&token.token, 80)),
        ];
        (self.has_book, self.is_trusted) =
            (contents.book.is_some(), contents.book.as_ref().is_some_and(|book| book.is_trusted));
        self.levels = contents.book.as_ref().map_or_else(Vec::new, |book| levels(book, &contents.orders));
        self.lots = contents.lots.iter().map(|row| lot(web, row, now)).collect();
        self.orders = contents.orders.iter().map(|row| OrderLine::new(web, row, now)).collect();
    }
}

fn lot(web: &Web, row: &LotRow, now: crate::domain::Nanos) -> Lot {
    Lot {
        portfolio: portfolio_name(web, row.portfolio_id),
        leader: LeaderName::new(&row.leader, &row.wallet, row.leader_id),
        shares: Figure::shares(row.shares),
        cost: Figure::usd(row.cost),
        realised: Figure::result(row.realised),
        at: When::new(row.updated_at, now),
    }
}

/// Returns the book from the highest ask shown down to the lowest bid, with our open orders at their limits.
fn levels(book: &BookNow, orders: &[OrderRow]) -> Vec<Level> {
    let most = book.asks.iter().chain(&book.bids).map(|(_, shares)| *shares).max().unwrap_or(1).max(1);
    let level = |side: &'static str, word: &'static str, (price, shares): (u32, u64)| {
        let price = Decimal::new(price.into(), 6);
        let ours = orders.iter().filter(|order| {
            order.closed_at.is_none() && order.limit_price == price && (order.side == "sell") == (side == "sell")
        });
        let ours = ours
            .map(|order| format!("order {}: {} shares", order.id, Figure::shares(order.shares - order.filled).text));
        Level {
            side,
            word,
            price: Figure::price(price),
            shares: Figure::shares(Decimal::from_i128_with_scale(shares.into(), 6)),
            width: (u128::from(shares) * 1_000 / u128::from(most)).to_u32().unwrap_or(0).max(4),
            ours: ours.collect::<Vec<_>>().join("; "),
        }
    };
    let asks = book.asks.iter().rev().map(|at| level("sell", "Ask", *at));
    asks.chain(book.bids.iter().map(|at| level("buy", "Bid", *at))).collect()
}
