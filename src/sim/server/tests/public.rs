//! The CLOB's public reads, as tables.

use super::*;

/// A world in which nearly nothing moves, so that two answers can be compared.
pub async fn quiet() -> Server {
    Server::start(Options { rate_percent: 1, ..Options::default() }).await.expect("a free port")
}

pub async fn post(url: String, body: &Value) -> (u16, Value) {
    crate::feed::install_tls();
    let answer = reqwest::Client::new().post(url).json(body).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[tokio::test]
async fn every_price_follows_from_the_book() {
    let venue = quiet().await;
    let clob = &venue.clob_url;
    let token = venue.open_markets()[0].tokens[1].clone();
    let (_, book) = get(format!("{clob}/book?token_id={token}")).await;
    let best = |side: &str| text(&book[side].as_array().expect("levels").last().expect("a level")["price"]).to_owned();
    let (bid, ask) = (best("bids"), best("asks"));
    let cents = |price: &str| (price.parse::<f64>().expect("a number") * 1e6).round() as u64;
    let decimal = |micros: u64| wire::decimal(micros as u32);
    let (mid, spread) = (decimal((cents(&bid) + cents(&ask)) / 2), decimal(cents(&ask) - cents(&bid)));

    let asked = json!([{"token_id": token, "side": "BUY"}, {"token_id": token, "side": "SELL"}, {"token_id": "1", "side": "BUY"}]);
    for (path, expected) in [
        (format!("/price?token_id={token}&side=BUY"), json!({"price": bid})),
        (format!("/price?token_id={token}&side=SELL"), json!({"price": ask})),
        (format!("/midpoint?token_id={token}"), json!({"mid": mid})),
        (format!("/spread?token_id={token}"), json!({"spread": spread})),
        (format!("/last-trade-price?token_id={token}"), json!({"price": "0.5", "side": ""})),
        (format!("/tick-size?token_id={token}"), json!({"minimum_tick_size": 0.01})),
        (format!("/tick-size/{token}"), json!({"minimum_tick_size": 0.01})),
        (format!("/neg-risk?token_id={token}"), json!({"neg_risk": false})),
        (format!("/fee-rate?token_id={token}"), json!({"base_fee": 1000})),
        ("/version".to_owned(), json!({"version": 2})),
    ] {
        assert_eq!(get(format!("{clob}{path}")).await, (200, expected), "{path}");
    }
    for (path, expected) in [
        ("/prices", json!({&token: {"BUY": bid, "SELL": ask}})),
        ("/midpoints", json!({&token: mid})),
        ("/spreads", json!({&token: spread})),
    ] {
        assert_eq!(post(format!("{clob}{path}"), &asked).await, (200, expected), "{path}");
    }
    let (status, books) = post(format!("{clob}/books"), &asked).await;
    assert_eq!((status, books.as_array().map(Vec::len), &books[0]["bids"]), (200, Some(2), &book["bids"]));
    let (_, lasts) = post(format!("{clob}/last-trades-prices"), &asked).await;
    assert_eq!(lasts[0], json!({"token_id": token, "price": "0.5", "side": ""}));
    let ok = reqwest::get(format!("{clob}/ok")).await.expect("an answer").text().await.expect("text");
    assert_eq!(ok, "OK");
}

#[tokio::test]
async fn mistakes_get_the_venues_words() {
    let venue = quiet().await;
    let clob = &venue.clob_url;
    let token = venue.open_markets()[0].tokens[0].clone();
    const NO_BOOK: &str = "No orderbook exists for the requested token id";
    for (path, status, error) in [
        ("/book?token_id=123".to_owned(), 404, NO_BOOK),
        ("/book".to_owned(), 400, "Invalid token id"),
        ("/midpoint?token_id=123".to_owned(), 404, NO_BOOK),
        (format!("/price?token_id={token}&side=up"), 400, "Invalid side"),
        ("/tick-size?token_id=123".to_owned(), 404, "market not found"),
        ("/markets/0x12".to_owned(), 404, "market not found"),
        ("/clob-markets/0x12".to_owned(), 404, "market not found"),
        ("/markets-by-token/123".to_owned(), 404, "market not found"),
        ("/markets?next_cursor=???".to_owned(), 400, "invalid next_cursor"),
        ("/prices-history".to_owned(), 400, "market is required"),
        (
            format!("/prices-history?market={token}&interval=2h"),
            400,
            "interval is invalid: use 1h, 6h, 1d, 1w, 1m, max or all",
        ),
        ("/builder/trades?builder_code=7".to_owned(), 400, "invalid builder_code"),
        (format!("/fees/builder-fees/0x{}", "0".repeat(64)), 404, "builder not found"),
        ("/rebates/current".to_owned(), 400, "date and maker_address are required"),
    ] {
        assert_eq!(get(format!("{clob}{path}")).await, (status, json!({"error": error})), "{path}");
    }
    let many = Value::Array(vec![json!({"token_id": token, "side": "BUY"}); 501]);
    for path in ["/books", "/prices", "/midpoints", "/spreads", "/last-trades-prices"] {
        let url = format!("{clob}{path}");
        assert_eq!(post(url.clone(), &many).await, (400, json!({"error": "Payload exceeds the limit"})), "{path}");
        assert_eq!(post(url, &json!({"a": 1})).await, (400, json!({"error": "Invalid payload"})), "{path}");
    }
}

#[tokio::test]
async fn markets_are_listed_and_found_by_condition_and_token() {
    let venue = quiet().await;
    let clob = &venue.clob_url;
    let markets = venue.open_markets();
    for path in ["/markets", "/simplified-markets", "/sampling-markets", "/sampling-simplified-markets"] {
        let (status, first) = get(format!("{clob}{path}?next_cursor=MA==")).await;
        assert_eq!((status, &first["next_cursor"]), (200, &json!("LTE=")), "{path}");
        assert_eq!(first["count"], markets.len(), "{path}");
        assert_eq!(first["data"][0]["condition_id"], markets[0].condition, "{path}");
        let (_, end) = get(format!("{clob}{path}?next_cursor=LTE=")).await;
        assert_eq!((&end["count"], &end["next_cursor"]), (&json!(0), &json!("LTE=")), "{path}");
    }
    for market in &markets {
        let (status, info) = get(format!("{clob}/clob-markets/{}", market.condition)).await;
        assert_eq!((status, &info["c"], &info["t"][1]["t"]), (200, &json!(market.condition), &json!(market.tokens[1])));
        let (_, found) = get(format!("{clob}/markets-by-token/{}", market.tokens[1])).await;
        assert_eq!(found["condition_id"], market.condition);
        assert_eq!([&found["primary_token_id"], &found["secondary_token_id"]], [&market.tokens[0], &market.tokens[1]]);
        let (_, answer) = get(format!("{clob}/markets/{}", market.condition)).await;
        assert_eq!((&answer["accepting_orders"], &answer["neg_risk"]), (&json!(true), &json!(market.neg_risk)));
    }
    let modern =
        markets.iter().find(|market| market.generation == crate::domain::Generation::V3).expect("one of Protocol V2");
    // 32 bytes are known, the 31 that Gamma shows are not.
    assert_eq!(get(format!("{clob}/clob-markets/{}", modern.condition)).await.0, 200);
    assert_eq!(get(format!("{clob}/clob-markets/{}", &modern.condition[..64])).await.0, 404);
    assert_eq!(get(format!("{clob}/markets/{}", modern.condition)).await.1["version"], "v2");
}

#[tokio::test]
async fn trades_leave_a_last_price_a_history_and_live_activity() {
    let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a free port");
    let clob = &venue.clob_url;
    let market = &venue.open_markets()[0];
    let token = &market.tokens[0];
    let last = loop {
        let (_, last) = get(format!("{clob}/last-trade-price?token_id={token}")).await;
        if last["side"] != "" {
            break last;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(["BUY", "SELL"].contains(&text(&last["side"])), "{last}");
    let (_, history) = get(format!("{clob}/prices-history?market={token}&interval=1h&fidelity=1")).await;
    let point = &history["history"][0];
    assert!(point["t"].as_u64().is_some_and(|at| at > 1_700_000_000) && point["p"].is_number(), "{history}");
    let activity = loop {
        let (_, activity) = get(format!("{clob}/markets/live-activity/{}", market.condition)).await;
        if activity[0].is_object() {
            break activity[0].clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(activity["market"]["condition_id"], market.condition);
    assert!(activity["transaction_hash"].as_str().is_some_and(|hash| hash.len() == 66), "{activity}");
}

#[tokio::test]
async fn the_region_is_a_setting() {
    let venue = quiet().await;
    let region = async || get(venue.urls.geoblock.clone()).await.1;
    assert_eq!(region().await["blocked"], false);
    let there = json!({"blocked": true, "country": "US", "region": "NY"});
    let url = format!("{}/region", venue.urls.control);
    assert_eq!(reqwest::Client::new().put(url).json(&there).send().await.expect("an answer").status(), 204);
    assert_eq!(region().await, json!({"blocked": true, "ip": "127.0.0.1", "country": "US", "region": "NY"}));
}
