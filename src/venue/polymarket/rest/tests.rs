//! Against the simulated venue.

use serde_json::json;

use super::*;
use crate::clock;
use crate::domain::{Millis, Side, Usdc};
use crate::sim::server::{Enforcement, Fault, Funded, Limits, Options, PrivateSettings, Server, Standing, Switch};
use crate::venue::polymarket::{Exchange, Order, amounts, signature};

const MONEY: Usdc = Usdc::whole(1_000);

struct Bench {
    venue: Server,
    public: Public,
    rest: Rest,
    key: Key,
    api: Credentials,
}

fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32]).expect("a key")
}

async fn bench() -> Bench {
    crate::feed::install_tls();
    let accounts = vec![Funded { key: key(1), money: MONEY }];
    let limits = Limits { signer: Enforcement::Off, address: Enforcement::Off, ..Limits::default() };
    let private = PrivateSettings { accounts, limits };
    let venue = Server::start(Options { rate_percent: 0, private, ..Options::default() }).await.expect("a venue");
    let public = Public::new(&venue.clob_url, &venue.urls.geoblock);
    let key = key(1);
    let api = public.derive(&key, Network::Polygon, clock::now()).await.expect("an API key");
    let rest = Rest::new(&venue.clob_url, key.address(), Arc::new(api.clone()), Arc::default(), clock::now);
    Bench { venue, public, rest, key, api }
}

impl Bench {
    /// Places a bid of five shares that rests, and returns its name.
    async fn bid(&self, salt: u64) -> VenueOrderId {
        let listing = self.venue.open_markets().into_iter().find(|listing| !listing.neg_risk && !listing.taker_delay);
        let listing = listing.expect("a plain market");
        let exchange = Exchange::of(listing.generation, listing.neg_risk);
        let price = crate::domain::Price::from_micros(20_000).expect("a price");
        let tick = crate::domain::Tick::from_micros(10_000).expect("a tick");
        let amounts = amounts::limit(tick, Side::Buy, price, crate::domain::Shares::whole(20)).expect("amounts");
        let order = Order {
            salt,
            maker: self.key.address(),
            signer: self.key.address(),
            token: U256::from_str_radix(&listing.tokens[0], 10).expect("a token"),
            maker_amount: amounts.maker,
            taker_amount: amounts.taker,
            side: Side::Buy,
            signature_type: SignatureType::Eoa,
            timestamp: Millis(clock::now().as_millis()),
            metadata: alloy::primitives::B256::ZERO,
            builder: alloy::primitives::B256::ZERO,
        };
        let signature = signature::sign(&order, &self.key, exchange, Network::Polygon);
        let body = json!({
            "deferExec": false, "postOnly": false, "owner": self.api.id, "orderType": "GTC",
            "order": {
                "salt": salt, "maker": order.maker.to_string(), "signer": order.signer.to_string(),
                "tokenId": listing.tokens[0], "makerAmount": order.maker_amount.to_string(),
                "takerAmount": order.taker_amount.to_string(), "side": "BUY", "signatureType": 0,
                "timestamp": order.timestamp.0.to_string(), "expiration": "0", "metadata": order.metadata,
                "builder": order.builder, "signature": format!("0x{}", alloy::hex::encode(signature)),
            },
        });
        let body = body.to_string();
        let headers = signed(&self.api, self.key.address(), "POST", "/order", &body, clock::now());
        let place = Place { method: Method::Post, path: "/order", query: "" };
        let answer = self.rest.requester.ask(&place, headers, body).await.expect("an answer");
        assert_eq!(answer["status"], "live", "{answer}");
        VenueOrderId(order.id(exchange, Network::Polygon).0)
    }
}

#[tokio::test]
async fn the_world_says_whether_we_may_trade() {
    let Bench { venue, public, rest, key, api } = bench().await;
    assert!(public.time().await.expect("a time").abs_diff(clock::now().as_secs()) <= 2);
    assert_eq!(public.version().await, Ok(2));
    assert_eq!(public.is_blocked().await, Ok((false, "IS 1".to_owned())));
    let again = public.derive(&key, Network::Polygon, clock::now()).await.expect("an API key");
    assert_eq!((again.id.as_str(), again.passphrase()), (api.id.as_str(), api.passphrase()), "found again");
    let late = public.derive(&key, Network::Polygon, Nanos::from_secs(1_000)).await.expect_err("a stale attestation");
    assert!(late.is_unauthorised(), "{late}");

    assert_eq!(rest.closed_only().await, Ok(false));
    venue.switch(Switch::Standing { address: key.address(), standing: Standing::ClosedOnly });
    assert_eq!(rest.closed_only().await, Ok(true));
    let balance = rest.balance(Asset::Collateral, SignatureType::Eoa).await.expect("a balance");
    assert_eq!(balance.held, MONEY.0 as u64);
    assert!(balance.allowances.iter().any(|(_, allowed)| *allowed == U256::MAX), "{balance:?}");
    rest.update_balance(Asset::Collateral, SignatureType::Eoa).await.expect("done");
    let token = venue.open_markets()[0].tokens[0].clone();
    for asset in [Asset::Conditional(&token), Asset::Position(&token)] {
        assert_eq!(rest.balance(asset, SignatureType::Eoa).await.expect("a balance").held, 0);
    }

    venue.switch(Switch::RevokeKeys { address: key.address() });
    let refused = rest.closed_only().await.expect_err("a dead key");
    assert!(refused.is_unauthorised(), "{refused}");
    for secret in [api.secret.to_base64(), api.passphrase().to_owned()] {
        assert!(!refused.to_string().contains(&secret));
    }
    venue.stop().await;
}

#[tokio::test]
async fn orders_are_read_page_by_page_and_cancelled() {
    let bench = bench().await;
    let Bench { venue, rest, .. } = &bench;
    let mut ids = Vec::new();
    for salt in 1..=101 {
        ids.push(bench.bid(salt).await);
    }
    let row = rest.order(ids[0]).await.expect("an answer").expect("an order");
    assert_eq!((row["status"].as_str(), row["id"].as_str()), (Some("LIVE"), Some(ids[0].to_string().as_str())));
    assert_eq!(rest.order(VenueOrderId([9; 32])).await, Ok(None));
    assert_eq!(rest.open_orders().await.expect("two pages").len(), 101);
    assert_eq!(rest.trades(0).await.expect("a page").len(), 0);
    assert_eq!(rest.cancel(ids[0]).await, Ok(Cancelled::Yes));
    assert!(matches!(rest.cancel(ids[0]).await, Ok(Cancelled::No(why)) if !why.is_empty()));
    assert_eq!(rest.cancel_all().await, Ok((100, 0)));
    assert_eq!(rest.open_orders().await.expect("a page").len(), 0);
    // What fails says what was asked; nothing is asked twice.
    venue.inject(Fault::RestErrors { requests: 1 });
    let failed = rest.open_orders().await.expect_err("a simulated failure");
    assert!(matches!(failed, Failure::Status { status: 500, .. }), "{failed}");
    assert_eq!(rest.open_orders().await.expect("a page").len(), 0);
    bench.venue.stop().await;
}

/// Binds: our own limit on reads, before the venue's.
#[tokio::test]
async fn what_is_asked_too_often_is_not_asked() {
    let bench = bench().await;
    let failure = loop {
        if let Err(failure) = bench.rest.closed_only().await {
            break failure;
        }
    };
    assert_eq!(failure, Failure::NoRoom { what: "GET /auth/ban-status/closed-only".to_owned() });
    bench.venue.stop().await;
}

#[test]
fn cursors_go_into_queries_as_they_are_meant() {
    assert_eq!(escaped("MTAw"), "MTAw");
    assert_eq!(escaped("a+b/c=="), "a%2Bb%2Fc%3D%3D");
}
