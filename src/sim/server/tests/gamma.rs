//! Gamma's listings.

use super::public::quiet;
use super::*;

#[tokio::test]
async fn markets_are_found_by_every_filter() {
    let venue = quiet().await;
    let gamma = &venue.gamma_url;
    let all = venue.open_markets();
    let is_alone = |category: &str| all.iter().filter(|market| market.category == category).count() == 1;
    let alone = all.iter().find(|market| is_alone(market.category)).expect("one without company");
    let (_, tags) = get(format!("{gamma}/tags")).await;
    let tag = tags.as_array().expect("tags").iter().find(|tag| tag["label"] == alone.category).expect("a tag");
    let (id, event_id) = (wire::gamma_market_id(alone), wire::gamma_event_id(alone));
    for (path, id) in [("markets", &id), ("events", &event_id)] {
        let (status, list) = get(format!("{gamma}/{path}?id={id}")).await;
        assert_eq!(
            (status, &list[0]["slug"], list.as_array().map(Vec::len)),
            (200, &json!(alone.slug), Some(1)),
            "{path}"
        );
    }
    for filter in [
        format!("slug={}", alone.slug),
        format!("clob_token_ids={}", alone.tokens[1]),
        format!("condition_ids={}&condition_ids=0x00", alone.condition),
        format!("question_ids={}", alone.condition),
        format!("tag_id={}", tag["id"].as_str().expect("an id")),
    ] {
        for (path, key) in [("markets", "markets"), ("events", "events")] {
            let (status, list) = get(format!("{gamma}/{path}?{filter}")).await;
            assert_eq!((status, list.as_array().map(Vec::len)), (200, Some(1)), "{path} {filter}");
            assert_eq!(list[0]["slug"], alone.slug, "{path} {filter}");
            let (_, page) = get(format!("{gamma}/{path}/keyset?{filter}")).await;
            assert_eq!(page[key], list, "{path} {filter}");
            assert_eq!(page.get("next_cursor"), None, "{path} {filter}");
        }
    }
    for (filter, count) in [
        ("closed=false", all.len()),
        ("closed=true", 0),
        ("active=false", 0),
        ("archived=true", 0),
        ("liquidity_num_min=1", all.len()),
        ("liquidity_num_max=1", 0),
        ("volume_num_min=1000000", 0),
        ("end_date_max=2020-01-01T00:00:00Z", 0),
        ("start_date_min=2020-01-01T00:00:00Z", all.len()),
        ("uma_resolution_status=resolved", 0),
        ("game_id=7", 0),
        ("rfq_enabled=true", 0),
        ("limit=2", 2),
        ("limit=2&offset=5", (all.len() - 5).min(2)),
    ] {
        let (status, list) = get(format!("{gamma}/markets?{filter}")).await;
        assert_eq!((status, list.as_array().map(Vec::len)), (200, Some(count)), "{filter}");
    }
    for (path, status) in [
        (format!("/markets/{id}"), 200),
        (format!("/markets/slug/{}", alone.slug), 200),
        (format!("/events/{event_id}"), 200),
        (format!("/events/slug/{}", alone.slug), 200),
        ("/markets/0".to_owned(), 404),
        ("/events/slug/nothing".to_owned(), 404),
        ("/markets?order=colour".to_owned(), 400),
        ("/markets?closed=perhaps".to_owned(), 400),
        ("/markets/keyset?offset=1".to_owned(), 400),
        ("/markets/keyset?after_cursor=zzz".to_owned(), 400),
        ("/public-search".to_owned(), 400),
    ] {
        assert_eq!(get(format!("{gamma}{path}")).await.0, status, "{path}");
    }
}

#[tokio::test]
async fn markets_of_a_neg_risk_group_are_one_event() {
    let venue = quiet().await;
    let gamma = &venue.gamma_url;
    let group: Vec<Arc<Listing>> =
        venue.open_markets().into_iter().filter(|market| !market.neg_risk_id.is_empty()).collect();
    let slug = &group[0].event_slug;
    assert!(group.len() > 1 && group.iter().all(|market| market.event_slug == *slug), "{group:?}");
    let (_, event) = get(format!("{gamma}/events/slug/{slug}")).await;
    let id = event["id"].as_str().expect("an id");
    let of_event = |key: &str| -> Vec<Value> {
        event["markets"].as_array().expect("markets").iter().map(|market| market[key].clone()).collect()
    };
    assert_eq!(of_event("conditionId"), group.iter().map(|market| json!(market.condition)).collect::<Vec<Value>>());
    assert_eq!(
        of_event("groupItemTitle"),
        group.iter().map(|market| json!(market.group_title)).collect::<Vec<Value>>()
    );
    assert!(of_event("negRiskMarketID").iter().all(|id| *id == json!(group[0].neg_risk_id)), "{event}");
    assert_eq!(
        (&event["negRiskMarketID"], &event["title"]),
        (&json!(group[0].neg_risk_id), &json!(group[0].event_title))
    );
    let sum = of_event("liquidityNum").iter().map(|number| number.as_f64().expect("a number")).sum::<f64>();
    assert!((event["liquidity"].as_f64().expect("a number") - sum).abs() < 0.01, "{event}");
    // Each of its markets leads to it, and is listed once.
    for market in &group {
        let (_, row) = get(format!("{gamma}/markets/slug/{}", market.slug)).await;
        assert_eq!((&row["events"][0]["id"], &row["events"][0]["slug"]), (&json!(id), &json!(slug)), "{row}");
        let (_, hits) = get(format!("{gamma}/events?condition_ids={}", market.condition)).await;
        assert_eq!((hits.as_array().map(Vec::len), &hits[0]["id"]), (Some(1), &json!(id)), "{hits}");
    }
    let (_, page) = get(format!("{gamma}/events/keyset?limit=500")).await;
    let slugs: Vec<&Value> = page["events"].as_array().expect("events").iter().map(|event| &event["slug"]).collect();
    assert_eq!(slugs.iter().filter(|listed| **listed == slug).count(), 1, "{slugs:?}");
    assert_eq!(slugs.len(), venue.open_markets().len() - group.len() + 1);
    let (_, clob) = get(format!("{}/markets/{}", venue.clob_url, group[1].condition)).await;
    assert_eq!(clob["neg_risk_market_id"], json!(group[0].neg_risk_id));
}

#[tokio::test]
async fn a_cursor_walks_through_all_in_order() {
    let venue = quiet().await;
    let (all, mut seen, mut cursor) = (venue.open_markets(), Vec::new(), String::new());
    loop {
        let (_, page) =
            get(format!("{}/markets/keyset?limit=2&order=endDate&ascending=false{cursor}", venue.gamma_url)).await;
        seen.extend(page["markets"].as_array().expect("markets").clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&after_cursor={next}");
    }
    assert_eq!(seen.len(), all.len());
    let ends: Vec<&str> = seen.iter().map(|market| market["endDate"].as_str().expect("a date")).collect();
    assert!(ends.is_sorted_by(|a, b| a >= b), "{ends:?}");
}

#[tokio::test]
async fn a_market_says_its_generation_and_its_ids() {
    let venue = quiet().await;
    for market in venue.open_markets() {
        let (_, row) = get(format!("{}/markets/slug/{}", venue.gamma_url, market.slug)).await;
        // Lists are JSON in strings.
        let list = |key: &str| serde_json::from_str::<Vec<String>>(row[key].as_str().expect("text")).expect("a list");
        assert_eq!(list("clobTokenIds"), market.tokens);
        assert_eq!(list("outcomes"), market.outcomes);
        assert_eq!(list("outcomePrices").len(), 2);
        match market.generation {
            crate::domain::Generation::V2 => {
                assert_eq!((&row["version"], &row["conditionId"]), (&json!("v1"), &json!(market.condition)));
                assert!(row["positionIds"].is_null());
            }
            crate::domain::Generation::V3 => {
                assert_eq!((&row["version"], &row["conditionId"]), (&json!("v2"), &json!(market.condition[..64])));
                assert_eq!(row["positionIds"], json!(market.tokens));
            }
        }
    }
    let (_, hits) = get(format!("{}/public-search?q=gulls%20LARKS", venue.gamma_url)).await;
    assert_eq!((&hits["pagination"]["totalResults"], hits["events"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    let (_, series) = get(format!("{}/series", venue.gamma_url)).await;
    assert!(series.as_array().expect("series").iter().any(|series| series["slug"] == "btc-updown"), "{series}");
}

#[tokio::test]
async fn the_clob_learns_of_a_new_market_later_than_gamma() {
    let knobs = Knobs { new_market_lag_ms: 3_600_000, ..Knobs::CALM };
    let venue = Server::start(Options { knobs, ..Options::default() }).await.expect("a free port");
    let market = &venue.open_markets()[0];
    let urls = [
        format!("{}/clob-markets/{}", venue.clob_url, market.condition),
        format!("{}/book?token_id={}", venue.clob_url, market.tokens[0]),
    ];
    assert_eq!(get(format!("{}/markets/slug/{}", venue.gamma_url, market.slug)).await.1["acceptingOrders"], true);
    for url in &urls {
        assert_eq!(get(url.clone()).await.0, 404, "{url}");
    }
    let control = format!("{}/knobs", venue.urls.control);
    let changes = json!({"new_market_lag_ms": 0});
    assert_eq!(reqwest::Client::new().patch(control).json(&changes).send().await.expect("an answer").status(), 200);
    for url in &urls {
        assert_eq!(get(url.clone()).await.0, 200, "{url}");
    }
}
