//! Every no of PROTOCOL.md 2.9, once; and nothing has changed after it.

use serde_json::{Value, json};

use super::client::{Client, Kind, Reply, Spec, key, listing};
use super::{start, token};
use crate::domain::{Generation, Side};
use crate::sim::server::{Limits, Standing, Switch, Trouble};
use crate::venue::polymarket::{Exchange, Network, SignatureType, signature};

/// Posts an order that must be refused, with all texts of errors in one place. `{id}` stands for the order's id.
async fn refuse(anna: &Client, entry: &Value, status: u16, text: &str) {
    let before = anna.state().await;
    let reply = anna.call("POST", "/order", &entry.to_string()).await;
    let (found_status, found) = reply.error();
    let words = text.split("{id}").collect::<Vec<&str>>();
    assert_eq!((found_status, words.iter().all(|word| found.contains(word))), (status, true), "{text}: {found}");
    assert_eq!(words.len() == 1, found == text, "{text}: {found}");
    assert_eq!(anna.state().await, before, "{text}");
}

fn with(mut entry: Value, pointer: &str, value: Value) -> Value {
    *entry.pointer_mut(pointer).expect("a field") = value;
    entry
}

#[tokio::test]
async fn orders_of_others_are_refused() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let spec = Spec::buy(&token(&venue), 50, 10);
    let not_owner = "the order owner has to be the owner of the API KEY";
    let not_address = "the order signer address has to be the address of the API KEY";
    refuse(&anna, &with(anna.entry(&spec), "/owner", json!(bob.id)), 400, not_owner).await;
    refuse(&anna, &with(bob.entry(&spec), "/owner", json!(anna.id)), 400, not_address).await;
    // A wallet of Bob's, signed for by Anna.
    for kind in [SignatureType::Proxy, SignatureType::Safe] {
        let spec = Spec { wallet: kind, ..spec.clone() };
        let mut order = anna.order(&spec);
        order.maker = bob.wallet(kind);
        let bytes = signature::sign(&order, &anna.key, Exchange::V2, Network::Polygon);
        refuse(&anna, &anna.signed(&spec, &order, &bytes), 400, "invalid signature").await;
    }
    let spec = Spec { wallet: SignatureType::DepositWallet, ..spec };
    let mut order = anna.order(&spec);
    order.maker = bob.wallet(SignatureType::DepositWallet);
    order.signer = order.maker;
    let bytes = signature::sign(&order, &anna.key, Exchange::V2, Network::Polygon);
    refuse(&anna, &anna.signed(&spec, &order, &bytes), 400, not_address).await;
    // A session key that the wallet does not know.
    let order = anna.order(&spec);
    let bytes = signature::sign_in_session(&order, &key(5), Exchange::V2, Network::Polygon);
    refuse(&anna, &anna.signed(&spec, &order, &bytes), 400, not_address).await;
}

#[tokio::test]
async fn signatures_are_of_the_order_and_of_its_exchange() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let version = "order_version_mismatch";
    for wallet in SignatureType::ALL {
        for (kind, right) in
            [(Kind::Plain, Exchange::V2), (Kind::NegRisk, Exchange::V2NegRisk), (Kind::V3, Exchange::V3)]
        {
            let token = listing(&venue, kind).tokens[1].clone();
            for wrong in Exchange::ALL.into_iter().filter(|exchange| *exchange != right) {
                let spec = Spec { wallet, exchange: wrong, ..Spec::buy(&token, 50, 10) };
                refuse(&anna, &anna.entry(&spec), 400, version).await;
            }
            let spec = Spec { wallet, exchange: right, ..Spec::buy(&token, 50, 10) };
            let entry = anna.entry(&spec);
            refuse(&anna, &with(entry.clone(), "/order/salt", json!(0)), 400, "invalid signature").await;
            assert_eq!(
                anna.call("POST", "/order", &entry.to_string()).await.ok()["status"],
                "live",
                "{wallet:?} {kind:?}"
            );
        }
    }
    let mut first = anna.entry(&Spec::buy(&token(&venue), 50, 10));
    let order = first["order"].as_object_mut().expect("an object");
    order.retain(|name, _| !["timestamp", "metadata", "builder"].contains(&name.as_str()));
    order.insert("nonce".into(), json!("0"));
    order.insert("feeRateBps".into(), json!("0"));
    order.insert("taker".into(), json!(alloy::primitives::Address::ZERO));
    refuse(&anna, &first, 400, version).await;
}

#[tokio::test]
async fn malformed_orders_are_refused() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let spec = Spec::buy(&token(&venue), 50, 10);
    let good = anna.entry(&spec);
    for entry in [
        json!({}),
        json!([]),
        json!("order"),
        with(good.clone(), "/orderType", json!("IOC")),
        with(good.clone(), "/order", json!(null)),
        with(good.clone(), "/order/salt", json!("1")),
        anna.entry(&Spec { post_only: true, ..spec.clone().of("FOK") }),
        anna.entry(&Spec { post_only: true, ..spec.clone().of("FAK") }),
    ] {
        refuse(&anna, &entry, 400, "Invalid order payload").await;
    }
    assert_eq!(anna.call("POST", "/order", "{\"order\":").await.error().1, "Invalid order payload");
    refuse(&anna, &with(good.clone(), "/order/signature", json!("0x00")), 400, "invalid signature").await;
    refuse(&anna, &with(good, "/order/tokenId", json!("12345")), 400, "the orderbook 12345 does not exist").await;
}

#[tokio::test]
async fn orders_against_the_rules_of_their_market_are_refused() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let token = token(&venue);
    bob.split(&token, 100);
    bob.rest(Spec::sell(&token, 60, 50)).await;
    let sign = |maker: u64, taker: u64, spec: &Spec| {
        let mut order = anna.order(spec);
        (order.maker_amount, order.taker_amount) = (maker, taker);
        let bytes = signature::sign(&order, &anna.key, Exchange::V2, Network::Polygon);
        anna.signed(spec, &order, &bytes)
    };
    let buy = Spec::buy(&token, 50, 10);
    let (fok, fak) = (buy.clone().of("FOK"), buy.clone().of("FAK"));
    for (entry, text) in [
        (sign(5_050_000, 10_000_000, &buy), "order {id} is invalid. Price (0.505) breaks minimum tick size rule: 0.01"),
        (sign(0, 10_000_000, &buy), "invalid price, price must be greater than 0 and less than 1"),
        (sign(10_000_000, 10_000_000, &buy), "invalid price, price must be greater than 0 and less than 1"),
        (sign(2_000_000, 4_000_000, &buy), "order {id} is invalid. Size (4) lower than the minimum: 5"),
        (sign(840_000, 1_400_000, &fak), "invalid amount for a marketable BUY order ($0.84), min size: $1"),
        (
            sign(5_001_000, 10_002_000, &fok),
            "invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals, \
             taker amount a max of 4 decimals",
        ),
        (
            anna.entry(&Spec { post_only: true, ..Spec::buy(&token, 60, 10) }),
            "invalid post-only order: order crosses book",
        ),
        (anna.entry(&Spec::buy(&token, 50, 5_000)), "not enough balance / allowance : the balance is not enough{id}"),
        (anna.entry(&Spec::sell(&token, 50, 10)), "not enough balance / allowance{id}"),
        (anna.entry(&Spec { expiration: 4_000_000_000, ..buy.clone() }), "invalid expiration"),
        (anna.entry(&buy.clone().of("GTD")), "invalid expiration"),
        (anna.entry(&Spec { expiration: 1_700_000_000, ..buy.clone().of("GTD") }), "invalid expiration"),
        (
            anna.entry(&Spec { cents: 60, size: 51, ..fok }),
            "order couldn't be fully filled. FOK orders are fully filled or killed.",
        ),
        (
            anna.entry(&fak),
            "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",
        ),
    ] {
        refuse(&anna, &entry, 400, text).await;
    }
}

#[tokio::test]
async fn an_order_counts_once() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let token = token(&venue);
    let duplicated = "order {id} is invalid. Duplicated.";
    let live = anna.entry(&Spec::buy(&token, 50, 10));
    let id = anna.call("POST", "/order", &live.to_string()).await.ok()["orderID"].clone();
    refuse(&anna, &live, 400, duplicated).await;
    anna.call("DELETE", "/order", &json!({"orderID": id}).to_string()).await.ok();
    refuse(&anna, &live, 400, duplicated).await;
    // Also what found nothing, but not what never came so far.
    let killed = anna.entry(&Spec::buy(&token, 50, 10).of("FOK"));
    refuse(&anna, &killed, 400, "order couldn't be fully filled. FOK orders are fully filled or killed.").await;
    refuse(&anna, &killed, 400, duplicated).await;
    let poor = anna.entry(&Spec::buy(&token, 50, 9_000));
    for _ in 0..2 {
        refuse(&anna, &poor, 400, "not enough balance / allowance : the balance is not enough{id}").await;
    }
}

#[tokio::test]
async fn addresses_may_be_banned_or_paused_or_let_sell_only() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let (token, address) = (token(&venue), anna.key.address());
    anna.split(&token, 20);
    let stand = |standing| venue.switch(Switch::Standing { address, standing });
    let (buy, sell) = (Spec::buy(&token, 50, 10), Spec::sell(&token, 60, 10));
    stand(Standing::Banned);
    refuse(&anna, &anna.entry(&sell), 400, &format!("'{address}' address banned")).await;
    stand(Standing::PausedOnChain);
    refuse(&anna, &anna.entry(&sell), 400, "order canceled in the CTF exchange contract").await;
    stand(Standing::ClosedOnly);
    refuse(&anna, &anna.entry(&buy), 400, &format!("'{address}' address in closed only mode")).await;
    anna.rest(sell).await;
    stand(Standing::Good);
    anna.rest(buy).await;
}

#[tokio::test]
async fn the_region_may_sell_only() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let token = token(&venue);
    anna.split(&token, 20);
    let region = json!({"blocked": true, "country": "US", "region": "NY"}).to_string();
    let put = anna.http.put(format!("{}/region", venue.urls.control)).header("content-type", "application/json");
    assert_eq!(put.body(region).send().await.expect("an answer").status(), 204);
    refuse(&anna, &anna.entry(&Spec::buy(&token, 50, 10)), 403, "Trading restricted in your region").await;
    anna.rest(Spec::sell(&token, 60, 10)).await;
}

#[tokio::test]
async fn the_venue_may_be_shut_in_four_ways() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let token = token(&venue);
    let (plain, post_only) = (Spec::buy(&token, 50, 10), Spec { post_only: true, ..Spec::buy(&token, 50, 10) });
    let batch = |specs: &[&Spec]| json!(specs.iter().map(|spec| anna.entry(spec)).collect::<Vec<Value>>()).to_string();
    let cancel = async |reply: Reply| {
        let body = json!({"orderID": reply.ok()["orderID"]}).to_string();
        anna.call("DELETE", "/order", &body).await
    };

    let cancel_only = "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.";
    let resting = anna.place(plain.clone()).await;
    venue.switch(Switch::CancelOnly);
    refuse(&anna, &anna.entry(&post_only), 503, cancel_only).await;
    assert_eq!(anna.call("POST", "/orders", &batch(&[&plain])).await.error(), (503, cancel_only.to_owned()));
    assert_eq!(cancel(resting).await.status, 200);

    let disabled = (503, "Trading is currently disabled. Check polymarket.com for updates".to_owned());
    venue.switch(Switch::Disabled);
    for (method, path, body) in [
        ("POST", "/order", anna.entry(&plain).to_string()),
        ("POST", "/orders", batch(&[&plain])),
        ("DELETE", "/order", json!({"orderID": format!("0x{}", "00".repeat(32))}).to_string()),
        ("DELETE", "/orders", "[]".to_owned()),
        ("DELETE", "/cancel-all", String::new()),
        ("DELETE", "/cancel-market-orders", json!({"asset_id": token}).to_string()),
    ] {
        assert_eq!(anna.call(method, path, &body).await.error(), disabled, "{method} {path}");
    }

    venue.switch(Switch::Restart { down_secs: 100, post_only_secs: 1 });
    assert_eq!(anna.place(plain.clone()).await.status, 425);
    assert_eq!(anna.call("DELETE", "/cancel-all", "").await.status, 425);

    venue.switch(Switch::Restart { down_secs: 0, post_only_secs: 79 });
    let reply = anna.place(plain.clone()).await;
    assert_eq!(reply.status, 503);
    let left = reply.body["retry_after_seconds"].as_u64().expect("seconds");
    assert!((70..=79).contains(&left), "{left}");
    assert_eq!(reply.headers["retry-after"], left.to_string());
    let text = "post-only mode: only post-only orders and cancels are allowed";
    assert_eq!(reply.body, json!({"error": text, "code": "post_only_mode", "retry_after_seconds": left}));
    assert_eq!(anna.call("POST", "/orders", &batch(&[&post_only, &plain])).await.status, 503);
    assert_eq!(anna.get("/data/orders").await["count"], 0);
    assert_eq!(cancel(anna.place(post_only).await).await.status, 200);
    venue.switch(Switch::Trade);
    anna.rest(plain).await;
}

#[tokio::test]
async fn the_engine_may_have_trouble() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let spec = Spec::buy(&token(&venue), 50, 10);
    for (trouble, status, text) in [
        (Trouble::TimedOut, 500, "order timed out"),
        (Trouble::NoMatchingOrders, 500, "there are no matching orders"),
        (Trouble::FokKilled, 500, "FOK orders are filled or killed"),
        (Trouble::Rounding, 500, "the trade contains rounding issues"),
        (
            Trouble::Discrepancy,
            500,
            "the price of the taker's order has a discrepancy greater than allowed with the worst maker order",
        ),
        (Trouble::CrossesBook, 400, "order {id} crosses the book"),
        (Trouble::MatchDelayed, 400, "order match delayed due to market conditions"),
        (Trouble::NotReady, 400, "the market is not yet ready to process new orders"),
    ] {
        venue.switch(Switch::Trouble { trouble, orders: 1 });
        refuse(&anna, &anna.entry(&spec), status, text).await;
    }
    anna.rest(spec).await;
}

#[tokio::test]
async fn cancels_that_make_no_sense_are_refused() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    anna.rest(Spec::buy(&token(&venue), 50, 10)).await;
    let before = anna.state().await;
    let id = format!("0x{}", "ab".repeat(32));
    for (path, body, text) in [
        ("/order", json!({}), "Invalid order payload"),
        ("/order", json!({"orderID": "0x12"}), "Invalid orderID"),
        ("/orders", json!({"orderIDs": []}), "Invalid order payload"),
        ("/orders", json!(["nonsense"]), "Invalid orderID"),
        ("/orders", json!(vec![&id; 1_001]), "Too many orders in payload, max allowed: 1000"),
        ("/cancel-market-orders", json!({}), "Invalid order payload"),
    ] {
        let reply = anna.call("DELETE", path, &body.to_string()).await;
        assert_eq!(reply.error(), (400, text.to_owned()), "{path} {body}");
    }
    let unknown = anna.call("DELETE", "/order", &json!({"orderID": id}).to_string()).await.ok();
    assert_eq!(unknown, json!({"canceled": [], "not_canceled": {id: "already canceled or matched"}}));
    assert_eq!(anna.state().await, before);
}

#[tokio::test]
async fn a_batch_is_one_to_fifteen_orders_each_on_its_own() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let spec = Spec::buy(&token(&venue), 50, 10);
    let post = async |entries: Value| anna.call("POST", "/orders", &entries.to_string()).await;
    let many = json!(vec![anna.entry(&spec); 16]);
    assert_eq!(post(many).await.error(), (400, "Too many orders in payload: 16, max allowed: 15".to_owned()));
    assert_eq!(post(json!([])).await.error(), (400, "Invalid order payload".to_owned()));
    assert_eq!(post(anna.entry(&spec)).await.error(), (400, "Invalid order payload".to_owned()));
    let entries = json!([
        anna.entry(&spec),
        {"order": "none"},
        with(anna.entry(&spec), "/owner", json!(bob.id)),
        anna.entry(&Spec { side: Side::Sell, ..spec.clone() }),
        anna.entry(&spec),
    ]);
    let answers = post(entries).await.ok();
    let texts: Vec<&str> = (0..5).map(|index| answers[index]["errorMsg"].as_str().expect("text")).collect();
    assert_eq!(texts[..3], ["", "Invalid order payload", "the order owner has to be the owner of the API KEY"]);
    assert!(texts[3].starts_with("not enough balance / allowance"), "{}", texts[3]);
    assert_eq!((texts[4], &answers[4]["status"]), ("", &json!("live")));
    let refused = json!({"success": true, "errorMsg": texts[1], "orderID": "", "status": "", "makingAmount": "", "takingAmount": ""});
    assert_eq!(answers[1], refused);
    assert_eq!(anna.get("/data/orders").await["count"], 2);
}

#[tokio::test]
async fn an_order_is_known_by_its_digest() {
    // The ids that the official clients computed are those of the venue: here for each exchange.
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    for (kind, exchange) in
        [(Kind::Plain, Exchange::V2), (Kind::NegRisk, Exchange::V2NegRisk), (Kind::V3, Exchange::V3)]
    {
        let listing = listing(&venue, kind);
        assert_eq!(listing.generation == Generation::V3, exchange == Exchange::V3);
        let spec = Spec { exchange, ..Spec::buy(&listing.tokens[0], 50, 10) };
        let order = anna.order(&spec);
        let bytes = signature::sign(&order, &anna.key, exchange, Network::Polygon);
        let reply = anna.call("POST", "/order", &anna.signed(&spec, &order, &bytes).to_string()).await.ok();
        assert_eq!(reply["orderID"], order.id(exchange, Network::Polygon).to_string());
    }
}
