//! What clients do, as the Data API tells it: fills by role, and what is done without a trade.

use serde_json::{Value, json};

use super::client::{Client, Kind, Spec, listing, start, token};
use crate::clock::now;
use crate::domain::Shares;
use crate::sim::exchange::MarketId;
use crate::sim::message::{Outcome, Resolution};
use crate::sim::server::{Limits, Server};

async fn rows(venue: &Server, query: &str) -> Vec<Value> {
    let answer = reqwest::get(format!("{}/v2/{query}", venue.data_url)).await.expect("an answer");
    let page: Value = answer.json().await.expect("JSON");
    page["data"].as_array().unwrap_or_else(|| panic!("{page}")).clone()
}

async fn at_once(venue: &Server) {
    let url = format!("{}/knobs", venue.urls.control);
    let answer = reqwest::Client::new().patch(url).json(&json!({"index_lag_ms": 0})).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

/// Waits for the fills: the feed tells them a moment after their match.
async fn fills(venue: &Server, query: &str, count: usize) -> Vec<Value> {
    loop {
        let rows = rows(venue, query).await;
        if rows.len() >= count {
            return rows;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn makers_are_left_out_where_takers_only_are_asked_for() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    at_once(&venue).await;
    let token = token(&venue);
    bob.split(&token, 100);
    bob.rest(Spec::sell(&token, 60, 20)).await;
    anna.place(Spec::buy(&token, 60, 5)).await.ok();
    let all = fills(&venue, "trades", 2).await;
    assert_eq!(all.len(), 2);
    let takers = rows(&venue, "trades?taker_only=true").await;
    assert_eq!(takers.len(), 1);
    assert_eq!(
        (&takers[0]["proxy_wallet"], &takers[0]["side"]),
        (&json!(anna.key.address()).to_owned(), &json!("BUY"))
    );
    let of_bob = format!("user={}", bob.key.address());
    assert_eq!(rows(&venue, &format!("trades?{of_bob}&takerOnly=true")).await, [Value::Null; 0]);
    assert_eq!(rows(&venue, &format!("trades?{of_bob}&takerOnly=false")).await.len(), 1);
    assert_eq!(rows(&venue, &format!("trades?{of_bob}")).await[0]["side"], "SELL");
}

#[tokio::test]
async fn splits_merges_redemptions_and_conversions_are_told_and_change_positions() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    at_once(&venue).await;
    let group: Vec<_> = venue.open_markets().into_iter().filter(|market| !market.neg_risk_id.is_empty()).collect();
    let plain = listing(&venue, Kind::Plain);
    let account = venue.wallets(anna.key.address())[0].account;
    let market = |token: &String| venue.world.hub().spot(token).expect("a market").market;
    let plain_market = market(&plain.tokens[0]);
    let markets: Vec<MarketId> = group.iter().map(|listing| market(&listing.tokens[0])).collect();
    anna.split(&plain.tokens[0], 100);
    group.iter().for_each(|listing| anna.split(&listing.tokens[0], 50));
    {
        let mut hub = venue.world.hub();
        let exchange = hub.exchange_mut();
        exchange.merge(account, plain_market, Shares::whole(30)).expect("pairs");
        exchange.convert(account, &markets[..2], &markets[2..], Shares::whole(10)).expect("they are held");
        exchange.resolve(plain_market, Resolution::Won(Outcome::No));
        exchange.redeem(account, plain_market);
        hub.tell(now());
    }
    let user = format!("user={}", anna.key.address());
    let of = async |types: &str| rows(&venue, &format!("activity?{user}&type={types}")).await;
    let told = of("SPLIT,MERGE,REDEEM,CONVERSION").await;
    assert_eq!(told.len(), 4 + 1 + 1 + 2);
    assert!(told.iter().all(|row| row["transaction_hash"].as_str().is_some_and(|hash| hash.len() == 66)), "{told:?}");
    let about_plain = async |name: &str| {
        let rows = of(name).await;
        let row = rows.iter().find(|row| row["condition_id"] == plain.condition).expect("one").clone();
        (row["size"].clone(), row["usdc_size"].clone(), row["type"].clone())
    };
    assert_eq!(about_plain("SPLIT").await, (json!(100), json!(100), json!("SPLIT")));
    assert_eq!(about_plain("merge").await, (json!(30), json!(30), json!("MERGE")));
    // The second outcome won: of 70 pairs each is worth a dollar.
    assert_eq!(about_plain("REDEEM").await, (json!(70), json!(70), json!("REDEEM")));
    let conversions = of("CONVERSION").await;
    let paid: f64 = conversions.iter().map(|row| row["usdc_size"].as_f64().expect("a number")).sum();
    assert_eq!((conversions.len(), paid), (2, 10.0));
    assert_eq!(of("TRADE").await, [Value::Null; 0]);
    assert_eq!(of("REWARD,DEPOSIT").await, [Value::Null; 0]);
    // The positions are what is held on the chain.
    let positions = rows(&venue, &format!("positions?{user}")).await;
    let size = |token: &String| {
        let row = positions.iter().find(|row| row["token_id"] == json!(token));
        row.map_or(0.0, |row| row["current_size"].as_f64().expect("a number"))
    };
    for listing in group.iter().chain([&plain]) {
        for (outcome, token) in Outcome::BOTH.into_iter().zip(&listing.tokens) {
            // Not in one expression: both ask the world.
            let market = market(token);
            let held = venue.world.hub().exchange().shares(account, market, outcome).held;
            assert_eq!(size(token), held.0 as f64 / 1e6, "{} {outcome:?}", listing.slug);
        }
    }
    let closed = rows(&venue, &format!("positions?{user}&status=CLOSED")).await;
    assert_eq!(closed.len(), 2, "both tokens of the market that is over: {closed:?}");
    let answer = reqwest::get(format!("{}/v2/activity?{user}&type=SPLITS", venue.data_url)).await.expect("an answer");
    assert_eq!(answer.status(), 400);
}
