//! Against the simulated venue, over real sockets.

use super::*;
use crate::{
    config::tag,
    sim::server::{Fault, Options, Server},
};

async fn venue() -> Server {
    Server::start(Options::default()).await.expect("a free port")
}

#[tokio::test]
async fn every_token_of_the_venue_becomes_known_with_its_rules_and_words() {
    let venue = venue().await;
    let metadata = Metadata::new(&venue.clob_url, &venue.gamma_url);
    for listing in venue.open_markets() {
        for nth in 0..2 {
            let KnownToken { market, about, payout } =
                metadata.token(&listing.tokens[nth]).await.expect("a known token");
            assert_eq!(market.fees.rate_ppm, listing.fee_rate_ppm);
            assert_eq!((market.minimum, market.neg_risk), (listing.minimum, listing.neg_risk));
            assert_eq!(market.generation, listing.generation);
            assert!(Tick::KNOWN.contains(&market.tick));
            assert_eq!(market.opens_at.as_secs(), listing.opens_at.0 / 1_000);
            assert_eq!(market.closes_at.as_secs(), listing.closes_at.0 / 1_000);
            let expected = About {
                condition: listing.condition.clone(),
                slug: listing.slug.clone(),
                title: listing.title.clone(),
                outcome: listing.outcomes[nth].clone(),
                event: [&listing.neg_risk_id, &listing.event_slug]
                    .into_iter()
                    .find(|name| !name.is_empty())
                    .cloned()
                    .expect("one"),
                tags: Some(vec![tag(listing.category)]),
                is_accepting: true,
                delay_secs: listing.delay_secs,
                has_taker_delay: listing.taker_delay,
            };
            assert_eq!((about, payout), (expected, None));
        }
    }
    venue.stop().await;
}

#[tokio::test]
async fn a_failing_or_slow_venue_is_asked_three_times_and_no_more() {
    let venue = venue().await;
    let metadata = Metadata::new(&venue.clob_url, &venue.gamma_url);
    let token = venue.open_markets()[0].tokens[0].clone();
    venue.inject(Fault::RestErrors { requests: 2 });
    metadata.token(&token).await.expect("the third try");
    venue.inject(Fault::RestErrors { requests: 3 });
    let error = metadata.token(&token).await.expect_err("three failures");
    assert!(matches!(&error, RestError::Status { status: 500, body, .. } if body.contains("simulated")), "{error}");
    venue.inject(Fault::RestSlow { requests: 1, millis: 4_000 });
    metadata.token(&token).await.expect("the second try");
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    crate::feed::install_tls();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let endless = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("the reader");
        socket.read_u8().await.expect("a request");
        socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("a head");
        while socket.write_all(&[b' '; 65_536]).await.is_ok() {}
    });
    let error = Reader::new().get::<serde_json::Value>(&url).await.expect_err("too long").to_string();
    assert_eq!(error, format!("{url}: the answer is longer than 8388608 bytes"));
    endless.await.expect("the connection was closed");
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let venue = venue().await;
    let metadata = Metadata::new(&venue.clob_url, &venue.gamma_url);
    let check = async |token: &str, expected: &str| {
        let error = metadata.token(token).await.expect_err("an error").to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("123", "not known to the venue").await;
    check("../book", "not a token id").await;
    check("", "not a token id").await;
    check(&"9".repeat(79), "not a token id").await;
    let nowhere = Metadata::new("http://127.0.0.1:1/", "http://127.0.0.1:1/")
        .token("123")
        .await
        .expect_err("nobody is there")
        .to_string();
    assert!(nowhere.starts_with("http://127.0.0.1:1/markets-by-token/123: no answer: "), "{nowhere}");
}

#[test]
fn position_ids_are_told_from_token_ids() {
    for (token, expected) in [
        // A position id, and ordinary tokens.
        ("859200000273234893217704100561460298679196827126852708541873133663178194944", Some(Generation::V3)),
        ("859200000273234893217704100561460298679196827126852708541873133663178194945", Some(Generation::V3)),
        ("350977769852917329387037893294763093471844346281449484439085576212613048126", Some(Generation::V2)),
        ("71321045679252212594626385532706912750332728571942532289631379312455583992563", Some(Generation::V2)),
        ("1099511627776", Some(Generation::V2)),
        ("1099511627775", Some(Generation::V3)),
        ("0x12", None),
    ] {
        assert_eq!(generation(token), expected, "{token}");
    }
}
