//! The bytes as they are, over a real socket to the simulated venue.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;
use crate::{
    clock,
    sim::{
        listing::Listing,
        server::{Funded, Limits, Options, PrivateSettings, Server},
    },
    venue::polymarket::auth::ClobAuth,
};

async fn start() -> Server {
    crate::feed::install_tls();
    let accounts = vec![Funded { key: key(), money: Usdc::whole(1_000) }];
    let private = PrivateSettings { accounts, limits: Limits::NONE };
    Server::start(Options { rate_percent: 0, private, ..Options::default() }).await.expect("free ports")
}

/// Asks for an API key, as a client does.
async fn api_key(venue: &Server) -> Credentials {
    let timestamp = clock::now().as_secs().to_string();
    let attestation = ClobAuth { address: key().address(), timestamp: &timestamp, nonce: U256::ZERO };
    let signature = attestation.sign(&key(), Network::Polygon);
    let request = reqwest::Client::new()
        .post(format!("{}/auth/api-key", venue.clob_url))
        .header("POLY_ADDRESS", key().address().to_string())
        .header("POLY_SIGNATURE", format!("0x{}", alloy::hex::encode(signature)))
        .header("POLY_TIMESTAMP", &timestamp)
        .header("POLY_NONCE", "0");
    let keys: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    Credentials::new(
        text(&keys["apiKey"]).to_owned(),
        Secret::from_base64(text(&keys["secret"])).expect("base64"),
        text(&keys["passphrase"]).to_owned(),
    )
}

/// Writes the request as it is; returns status and body of the answer.
async fn post(socket: &mut TcpStream, outgoing: &Outgoing) -> (String, Value) {
    socket.write_all(&outgoing.request[..outgoing.len]).await.expect("written");
    let mut answer = Vec::new();
    loop {
        let mut part = [0; 4_096];
        let read = socket.read(&mut part).await.expect("an answer");
        assert!(read > 0, "closed after {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            return (head.lines().next().expect("a status").to_owned(), body);
        }
    }
}

fn market_of(listing: &Listing) -> Market {
    Market { neg_risk: listing.neg_risk, generation: listing.generation, ..Market::COMMON }
}

/// Each kind of wallet in each kind of market, on one connection: the venue takes them and gives them the names we gave.
#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_venue_takes_the_bytes_as_they_are() {
    let venue = start().await;
    let api = api_key(&venue).await;
    let host = venue.clob_url.trim_start_matches("http://").to_owned();
    let mut socket = TcpStream::connect(&host).await.expect("a venue");
    let is = |generation, neg_risk| {
        move |listing: &Arc<Listing>| {
            (listing.generation, listing.neg_risk, listing.taker_delay) == (generation, neg_risk, false)
        }
    };
    let (open, mut taken) = (venue.open_markets(), 0);
    for kind in SignatureType::ALL {
        let account = Account { api: api.clone(), host: host.clone(), ..account(kind, SignedBy::Owner) };
        let mut prepared = Prepared::new(&account, clock::now()).expect("a fit account");
        let markets = [is(Generation::V2, false), is(Generation::V2, true), is(Generation::V3, false)];
        for (nth, market) in markets.into_iter().enumerate() {
            let listing = open.iter().find(|listing| market(listing)).expect("such a market");
            let token = TokenId(nth as u32);
            prepared.add_token(token, &listing.tokens[0]);
            let order = submitted(Side::Buy, OrderKind::Gtc, price(10_000), Shares::whole(200), Usdc::ZERO);
            let order = Submitted { token, ..order };
            let now = clock::now();
            let signed = prepared.order(now, now, &order, &market_of(listing), Usdc::ZERO).expect("amounts");
            let (status, body) = post(&mut socket, prepared.outgoing()).await;
            assert_eq!(status, "HTTP/1.1 200 OK", "{kind:?} {body}");
            assert_eq!((text(&body["orderID"]), text(&body["status"])), (signed.id.to_string().as_str(), "live"));
            taken += 1;
        }
    }
    assert_eq!(taken, 12);
    venue.stop().await;
}
