//! What anybody may read about a market.

use anyhow::{Context, Result};
use chrono::Utc;
use polymarket_client_sdk_v2::clob::Client;
use polymarket_client_sdk_v2::clob::types::Side;
use polymarket_client_sdk_v2::clob::types::request::{
    LastTradePriceRequest, MidpointRequest, OrderBookSummaryRequest, PriceRequest, SpreadRequest,
};
use polymarket_client_sdk_v2::gamma;
use polymarket_client_sdk_v2::gamma::types::request::{MarketBySlugRequest, MarketsRequest};
use polymarket_client_sdk_v2::types::{B256, Decimal, U256};
use serde::Deserialize;

use crate::{expect, expect_refusal};

/// A market of the ready file.
#[derive(Debug, Deserialize)]
pub struct Market {
    pub condition: B256,
    pub generation: String,
    pub neg_risk: bool,
    pub tokens: [U256; 2],
}

fn inside(price: Decimal) -> bool {
    Decimal::ZERO < price && price < Decimal::ONE
}

pub async fn read_public(client: &Client, market: &Market) -> Result<()> {
    let [token, other] = market.tokens;
    let condition = market.condition.to_string();
    let ok = client.ok().await?;
    expect("the venue is up", ok == "OK", &ok)?;
    let version = client.version().await?;
    expect("its version is 2", version == 2, &version)?;
    let skew = client.server_time().await? - Utc::now().timestamp();
    expect("its clock is right", skew.abs() < 5, &skew)?;
    let page = client.markets(None).await?;
    let listed = page.data.iter().any(|row| row.condition_id == Some(market.condition));
    expect("the market is listed", listed, &page)?;
    let row = client.market(&condition).await?;
    expect("the market has its tokens", row.tokens.len() == 2 && row.tokens[0].token_id == token, &row)?;
    let compact = client.clob_market_info(&condition).await?;
    let first = compact.tokens[0].as_ref().context("a token")?.token_id;
    expect("the market in short has them, too", first == token, &compact)?;
    let book = client.order_book(&OrderBookSummaryRequest::builder().token_id(token).build()).await?;
    expect("the book is of the token", book.asset_id == token && book.market == market.condition, &book)?;
    let crossed = matches!((book.bids.last(), book.asks.last()), (Some(bid), Some(ask)) if ask.price <= bid.price);
    expect("the book is not crossed", !crossed && !book.bids.is_empty() && !book.asks.is_empty(), &book)?;
    let asked = market.tokens.map(|token| OrderBookSummaryRequest::builder().token_id(token).build());
    let books = client.order_books(&asked).await?;
    expect("both books at once", books.len() == 2 && books.iter().any(|one| one.asset_id == other), &books)?;

    let middle = client.midpoint(&MidpointRequest::builder().token_id(token).build()).await?;
    expect("a midpoint", inside(middle.mid), &middle)?;
    let asked = market.tokens.map(|token| MidpointRequest::builder().token_id(token).build());
    let middles = client.midpoints(&asked).await?;
    expect("midpoints of both", middles.midpoints.len() == 2, &middles)?;
    let asked = PriceRequest::builder().token_id(token).side(Side::Buy).build();
    let price = client.price(&asked).await?;
    expect("a price", inside(price.price), &price)?;
    let prices = client.prices(&[asked]).await?;
    expect("prices", prices.prices.as_ref().is_some_and(|all| all.contains_key(&token)), &prices)?;
    let spread = client.spread(&SpreadRequest::builder().token_id(token).build()).await?;
    expect("a spread", inside(spread.spread), &spread)?;
    let asked = LastTradePriceRequest::builder().token_id(token).build();
    let last = client.last_trade_price(&asked).await?;
    expect("a last trade price", inside(last.price), &last)?;
    let lasts = client.last_trades_prices(&[asked]).await?;
    expect("and asked as a list", lasts.iter().all(|one| one.token_id == token), &lasts)?;
    let tick = client.tick_size(token).await?;
    expect("the tick size", tick.minimum_tick_size == book.tick_size, &tick)?;
    let neg_risk = client.neg_risk(token).await?;
    expect("negative risk or not", neg_risk.neg_risk == market.neg_risk, &neg_risk)?;
    let fee = client.fee_rate_bps(token).await?;
    expect("the fee cap", fee.base_fee <= 10_000, &fee)?;
    let unknown = OrderBookSummaryRequest::builder().token_id(U256::ONE).build();
    expect_refusal("a book of no token", "No orderbook exists", client.order_book(&unknown).await)
}

pub async fn read_gamma(host: &str, market: &Market) -> Result<()> {
    let client = gamma::Client::new(host)?;
    let up = client.status().await?;
    expect("Gamma is up", up == "OK", &up)?;
    let asked = MarketsRequest::builder().clob_token_ids(vec![market.tokens[0]]).build();
    let found = client.markets(&asked).await?;
    expect("Gamma lists the market", found.len() == 1 && found[0].condition_id == Some(market.condition), &found)?;
    let slug = found[0].slug.clone().context("a slug")?;
    let by_slug = client.market_by_slug(&MarketBySlugRequest::builder().slug(slug).build()).await?;
    expect("and knows it by its slug", by_slug.id == found[0].id, &by_slug)
}
