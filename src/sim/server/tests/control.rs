//! Money, modes and markets by the control endpoint.

use super::public::{post, quiet};
use super::*;

#[tokio::test]
async fn accounts_get_money_and_approvals() {
    let venue = quiet().await;
    let control = &venue.urls.control;
    let owner = "0x00000000000000000000000000000000000000a1";
    let (status, wallets) = post(format!("{control}/accounts"), &json!({"owner": owner, "usd": "12.5"})).await;
    assert_eq!((status, wallets.as_array().map(Vec::len)), (200, Some(4)));
    let (_, wallets) = post(format!("{control}/accounts"), &json!({"owner": owner, "usd": "1"})).await;
    for wallet in wallets.as_array().expect("wallets") {
        assert_eq!(
            (&wallet["collateral_micros"], &wallet["reserved_micros"]),
            (&json!(13_500_000), &json!(0)),
            "{wallet}"
        );
        let address = wallet["address"].as_str().expect("an address");
        assert_eq!(&get(format!("{control}/accounts/{address}")).await.1, wallet);
        let approval = json!({"contract": "v2_neg_risk", "asset": "shares", "allowance": 0});
        let url = format!("{control}/accounts/{address}/approve");
        assert_eq!(reqwest::Client::new().post(url).json(&approval).send().await.expect("an answer").status(), 204);
    }
    for (body, expected) in [
        (json!({"owner": owner, "usd": "-1"}), 422),
        (json!({"owner": owner, "usd": "0.0000001"}), 422),
        (json!({"owner": "0x12", "usd": "1"}), 422),
        (json!({"owner": owner, "eur": "1"}), 422),
    ] {
        let answer = reqwest::Client::new().post(format!("{control}/accounts")).json(&body).send().await;
        assert_eq!(answer.expect("an answer").status(), expected, "{body}");
    }
    let unknown = format!("{control}/accounts/0x00000000000000000000000000000000000000b2");
    assert_eq!(get(unknown).await.0, 404);
}

#[tokio::test]
async fn markets_change_tick_close_and_resolve_when_told() {
    crate::feed::install_tls();
    let venue = quiet().await;
    let (control, clob) = (&venue.urls.control, &venue.clob_url);
    let markets = venue.open_markets();
    let tell = async |nth: usize, what: &str, body: Value| {
        let url = format!("{control}/markets/{}/{what}", markets[nth].condition);
        reqwest::Client::new().post(url).json(&body).send().await.expect("an answer").status().as_u16()
    };
    let market = async |nth: usize| get(format!("{clob}/markets/{}", markets[nth].condition)).await.1;
    let mut client = Client::subscribe(&venue, &markets[1].tokens).await;
    assert_eq!(tell(1, "tick", json!({"tick": "0.001"})).await, 204);
    assert_eq!(tell(1, "tick", json!({"tick": "0.003"})).await, 422);
    while client.next_json().await["event_type"] != "tick_size_change" {}
    assert_eq!(tell(1, "close", json!({})).await, 204);
    assert_eq!(tell(1, "close", json!({})).await, 404);
    assert_eq!(market(1).await["accepting_orders"], false);
    assert_eq!(get(format!("{clob}/book?token_id={}", markets[1].tokens[0])).await.0, 404);
    for (nth, outcome, winners, even) in
        [(1, "second", [false, true], false), (2, "first", [true, false], false), (3, "even", [false, false], true)]
    {
        assert_eq!(tell(nth, "resolve", json!({"outcome": outcome})).await, 204, "{outcome}");
        assert_eq!(tell(nth, "resolve", json!({"outcome": outcome})).await, 404, "{outcome}");
        let answer = market(nth).await;
        let won = [0, 1].map(|token| answer["tokens"][token]["winner"] == true);
        assert_eq!((won, &answer["closed"], &answer["is_50_50_outcome"]), (winners, &json!(true), &json!(even)));
    }
    let resolved = loop {
        let message = client.next_json().await;
        if message["event_type"] == "market_resolved" {
            break message;
        }
    };
    assert_eq!(resolved["winning_asset_id"], markets[1].tokens[1]);
    assert_eq!(tell(4, "resolve", json!({"outcome": "third"})).await, 422);
}

#[tokio::test]
async fn the_mode_is_switched() {
    crate::feed::install_tls();
    let venue = quiet().await;
    let switch = async |body: Value| {
        let url = format!("{}/mode", venue.urls.control);
        reqwest::Client::new().post(url).json(&body).send().await.expect("an answer").status().as_u16()
    };
    for (body, status) in [
        (json!({"switch": "cancel_only"}), 204),
        (json!({"switch": "restart", "down_secs": 1, "post_only_secs": 1}), 204),
        (json!({"switch": "trade"}), 204),
        (json!({"switch": "earthquake"}), 422),
    ] {
        assert_eq!(switch(body.clone()).await, status, "{body}");
    }
}
