//! The Data API: positions, holders, lag, mistakes. How it pages is tested with the leaders' fills.

use super::public::quiet;
use super::*;

#[tokio::test]
async fn positions_add_up_to_the_fills() {
    let knobs = Knobs { index_lag_ms: 0, ..Knobs::CALM };
    let venue = Server::start(Options { rate_percent: 300, knobs, ..Options::default() }).await.expect("a free port");
    let data = &venue.data_url;
    let wallet = "0x1ead000000000000000000000000000000000003";
    let rows = async |query: &str| get(format!("{data}/v2/{query}&user={wallet}&limit=1000")).await.1;
    let count = |page: &Value| page["data"].as_array().expect("rows").len();
    while count(&rows("positions?status=OPEN").await) == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // From now on nothing is indexed, so that several answers are about the same fills.
    let url = format!("{}/knobs", venue.urls.control);
    let frozen = reqwest::Client::new().patch(url).json(&json!({"index_lag_ms": 3_600_000})).send().await;
    assert_eq!(frozen.expect("an answer").status(), 200);
    let (fills, positions) = (rows("activity?sort_direction=ASC").await, rows("positions?status=OPEN").await);
    let value = get(format!("{data}/v2/value?user={wallet}")).await.1;
    let number = |value: &Value| (value.as_f64().expect("a number") * 1e6).round() as i64;
    for position in positions["data"].as_array().expect("rows") {
        let of_token =
            fills["data"].as_array().expect("rows").iter().filter(|fill| fill["token_id"] == position["token_id"]);
        let signed =
            of_token.map(|fill| if fill["side"] == "BUY" { number(&fill["size"]) } else { -number(&fill["size"]) });
        assert_eq!(signed.sum::<i64>(), number(&position["current_size"]), "{position}");
        assert!(number(&position["total_size"]) >= number(&position["current_size"]), "{position}");
        assert_eq!(position["status"], "OPEN", "{position}");
    }
    assert!(value["data"]["value"].is_number(), "{value}");
    let condition = positions["data"][0]["condition_id"].as_str().expect("text");
    let (_, holders) = get(format!("{data}/v2/holders?condition_id={condition}")).await;
    let all: Vec<&Value> = holders["data"]
        .as_array()
        .expect("tokens")
        .iter()
        .flat_map(|token| token["holders"].as_array().expect("rows"))
        .collect();
    assert!(all.iter().any(|holder| holder["proxy_wallet"] == wallet), "{holders}");
}

#[tokio::test]
async fn mistakes_and_retired_routes_say_so() {
    let venue = quiet().await;
    for (path, status, code) in [
        ("/v2/activity", 400, "bad_request"),
        ("/v2/activity?user=0x12", 400, "bad_request"),
        ("/v2/trades?offset=5", 400, "bad_request"),
        ("/v2/trades?limit=1001", 400, "bad_request"),
        ("/v2/trades?limit=0", 400, "bad_request"),
        ("/v2/trades?cursor=x", 400, "bad_request"),
        ("/v2/trades?filterType=SHARES", 400, "bad_request"),
        ("/v2/positions", 400, "bad_request"),
        ("/v2/positions?condition_id=0x1&status=MERGEABLE", 400, "bad_request"),
        ("/v2/positions?condition_id=0x1&status=LOST", 400, "bad_request"),
        ("/v2/value", 400, "bad_request"),
        ("/v2/holders", 400, "bad_request"),
        ("/trades", 410, "gone"),
        ("/activity?user=0x12", 410, "gone"),
        ("/positions", 410, "gone"),
        ("/closed-positions", 410, "gone"),
        ("/value", 410, "gone"),
        ("/holders", 410, "gone"),
    ] {
        let (got, body) = get(format!("{}{path}", venue.data_url)).await;
        assert_eq!((got, &body["code"], &body["retryable"]), (status, &json!(code), &json!(false)), "{path}");
        assert!(body["error"].is_string() && body["trace_id"].is_string(), "{body}");
    }
    let wallet = "0x1ead000000000000000000000000000000000003";
    let (_, none) = get(format!("{}/v2/activity?user={wallet}&type=SPLIT,MERGE", venue.data_url)).await;
    assert_eq!(none["pagination"], json!({"limit": 100, "offset": 0, "has_more": false, "next_cursor": null}));
    let (_, status) = get(format!("{}/v2/status", venue.data_url)).await;
    assert_eq!(status["data"]["serving"]["lag_seconds"], 4.0);
}

#[tokio::test]
async fn a_fill_is_indexed_later_than_it_is_told() {
    let knobs = Knobs { index_lag_ms: 3_600_000, ..Knobs::CALM };
    let venue = Server::start(Options { rate_percent: 300, knobs, ..Options::default() }).await.expect("a free port");
    let mut feed = Feed::subscribe(&venue, json!([{"topic": "activity", "type": "trades", "filters": ""}])).await;
    feed.next_json().await;
    assert_eq!(get(format!("{}/v2/trades", venue.data_url)).await.1["data"], json!([]));
}
