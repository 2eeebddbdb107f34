//! Live orders one by one, over the wire and to their end: each kind, each wallet, and each way in which the venue's word comes
//! late, twice, wrong or not at all. At the end of each the books are the venue's to the last unit.

use std::time::{Duration, Instant};

use remora::{
    domain::{Side, Usdc},
    sim::{hand::ByHand, server::Fault},
    venue::polymarket::{SignatureType, connection::CONNECTIONS},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    engine::PATIENCE,
    stage::{Signs, Stage, placed},
};

/// The shares of live positions, in millionths.
const HELD: &str = "select (coalesce(sum(shares), 0) * 1000000)::bigint from positions p
    join portfolios f on f.id = p.portfolio_id where f.mode = 'live'";
fn kind(body: &Value) -> &str {
    body["orderType"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_and_sales_are_each_sent_once_and_settle() {
    let mut stage = Stage::new().await;
    let engine = stage.engine(Signs::Owner, "").await;
    stage.leader_buys(0, 40).await;
    stage.until("confirmed", 1).await;
    let bought = stage.count(HELD).await;
    assert!(bought > 0);
    // He leaves; so do we, with all that we have.
    stage.leader_sells(0, 60).await;
    stage.until("confirmed", 2).await;
    stage.rest().await;
    assert!(stage.count(HELD).await < bought, "{}", stage.events().await);
    let posted = stage.posted();
    let sides: Vec<&str> = posted.iter().filter_map(|body| body["order"]["side"].as_str()).collect();
    assert_eq!((sides, kind(&posted[0]), kind(&posted[1])), (vec!["BUY", "SELL"], "FAK", "FAK"));
    let extent = stage.ends(engine, 0).await;
    assert_eq!((extent.submitted, extent.posted, extent.unknown, extent.voided), (2, 2, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_key_trades_for_its_deposit_wallet() {
    let mut stage = Stage::new().await;
    let engine = stage.engine(Signs::Session, "").await;
    stage.leader_buys(0, 40).await;
    stage.until("confirmed", 1).await;
    stage.leader_sells(0, 60).await;
    stage.until("confirmed", 2).await;
    let posted = stage.posted();
    assert!(posted.iter().all(|body| body["order"]["signatureType"] == 3), "{posted:?}");
    let extent = stage.ends(engine, 0).await;
    assert_eq!((extent.submitted, extent.posted), (2, 2));
}

/// More than the shop has.
const LARGE: &str = "size_usdc = 490\norder_usdc_max = 490\nposition_usdc_max = \"none\"\nexposure_usdc_max = \"none\"\n\
    market_usdc_max = \"none\"\nevent_usdc_max = \"none\"\nday_usdc_max = \"none\"\nleader_day_usdc_max = \"none\"\n\
    leader_usdc_max = \"none\"\ndepth_factor_buy_min = 0\ndepth_buy_percent_max = 100\nmedian_factor_max = 0\n\
    leader_trade_usdc_min = 20\n";

/// The leader makes the token known, then buys while the market channel is silent: our book has more than the shop.
async fn buys_unseen(stage: &Stage) {
    stage.leader_buys(0, 5).await;
    sleep(Duration::from_secs(3)).await;
    stage.turn(json!({"market_stall_every_ms": 1, "market_stall_for_ms": 1})).await;
    stage.leader_buys(0, 40).await;
}

async fn spent(stage: &Stage) -> i64 {
    stage.count("select (coalesce(sum(cash), 0) * 1000000)::bigint from fills where order_id >= 1099511627776").await
}

/// A FOK that cannot be filled is proven to have failed: only then the same is wanted again, as FAK, under another name.
#[tokio::test(flavor = "multi_thread")]
async fn a_fok_that_was_killed_is_tried_again_as_fak() {
    let mut stage = Stage::new().await;
    let engine = stage.engine(Signs::Owner, &format!("{LARGE}order_kind = \"FOK_THEN_FAK\"\n")).await;
    buys_unseen(&stage).await;
    stage.until("confirmed", 1).await;
    stage.rest().await;
    let posted = stage.posted();
    let kinds: Vec<&str> = posted.iter().map(kind).collect();
    assert_eq!(kinds, ["FOK", "FAK"], "{}", stage.events().await);
    assert_ne!(posted[0]["order"]["salt"], posted[1]["order"]["salt"]);
    assert!((1..490_000_000).contains(&spent(&stage).await), "{}", stage.events().await);
    let extent = stage.ends(engine, 0).await;
    assert_eq!((extent.submitted, extent.posted, extent.unknown), (2, 2, 0));
}

/// What the book does not hold within the bound is cancelled, and its money is back.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_fak_the_rest_is_cancelled() {
    let mut stage = Stage::new().await;
    let engine = stage.engine(Signs::Owner, LARGE).await;
    buys_unseen(&stage).await;
    stage.until("closed", 1).await;
    stage.rest().await;
    assert_eq!(stage.count("select count(*) from events where body->'Closed'->>'end' = 'Cancelled'").await, 1);
    assert!((1..490_000_000).contains(&spent(&stage).await), "{}", stage.events().await);
    stage.ends(engine, 0).await;
}

/// MATCHED, then FAILED: the purchase is undone to the last unit, and the next one holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_ghost_fill_is_undone() {
    let mut stage = Stage::new().await;
    let engine = stage.engine(Signs::Owner, "").await;
    stage.leader_buys(0, 10).await;
    stage.until("confirmed", 1).await;
    let (held, available) = (stage.count(HELD).await, available(&stage).await);
    stage.turn(json!({"ghost_fill_ppm": 1_000_000, "ghost_fill_ms_min": 200, "ghost_fill_ms_max": 400})).await;
    stage.leader_buys(1, 10).await;
    stage.until("voided", 1).await;
    stage.rest().await;
    assert_eq!((stage.count(HELD).await, self::available(&stage).await), (held, available), "{}", stage.events().await);
    stage.turn(json!({"ghost_fill_ppm": 0})).await;
    stage.leader_buys(2, 10).await;
    stage.until("confirmed", 2).await;
    let extent = stage.ends(engine, 0).await;
    assert_eq!((extent.confirmed, extent.voided), (2, 1));
}

async fn available(stage: &Stage) -> i64 {
    stage.count("select (available * 1000000)::bigint from portfolios where mode = 'live'").await
}

/// What the owner does with the wallet beside us is told as such, and is in no portfolio.
#[tokio::test(flavor = "multi_thread")]
async fn a_trade_by_hand_is_external() {
    let mut stage = Stage::new().await;
    let engine = stage.engine(Signs::Owner, "").await;
    stage.leader_buys(0, 10).await;
    stage.until("confirmed", 1).await;
    let (held, available) = (stage.count(HELD).await, available(&stage).await);
    // Of a token that we have ordered: what a market takes of takers is known of those only.
    let order = stage.by_hand(0, Side::Buy);
    placed(&stage.owner, &ByHand { usdc: Usdc::whole(7), ..order }).await;
    const EXTERNAL: &str = "select count(*) from external_trades";
    while stage.count(EXTERNAL).await == 0 {
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((stage.count(HELD).await, self::available(&stage).await), (held, available));
    let spent = "select ((sum(cash + fee)) * 1000000)::bigint from external_trades";
    stage.rest().await;
    let spent = stage.count(spent).await;
    assert!((6_990_000..7_500_000).contains(&spent), "{spent}");
    let extent = stage.ends(engine, spent).await;
    assert!(extent.submitted == 1 && 0 < extent.external, "{extent:?}");
}

/// The venue tells of the settlement on the user channel only, and that is lost: the gap is read when the channel is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_gap_of_the_user_channel_is_read() {
    let mut stage = Stage::new().await;
    let engine = stage.engine(Signs::Owner, "").await;
    // From here on it tells nothing, and the chain takes longer than an order is looked up for.
    stage.turn(json!({"user_drop_ppm": 1_000_000, "settle_ms_min": 3_000, "settle_ms_max": 3_000})).await;
    stage.leader_buys(0, 10).await;
    stage.until("closed", 1).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(stage.told("confirmed").await, 0, "{}", stage.events().await);
    stage.venue.inject(Fault::DropConnections);
    stage.until("confirmed", 1).await;
    let extent = stage.ends(engine, 0).await;
    assert_eq!((extent.confirmed, extent.unknown), (1, 0));
}

/// OFF while four orders are on the wire and more wait for a connection: these leave no more, those are followed to their end.
#[tokio::test(flavor = "multi_thread")]
async fn off_keeps_in_what_waits_and_follows_what_left() {
    let mut stage = Stage::new().await;
    let engine = stage.engine(Signs::Owner, "unknown_orders_max = 9\n").await;
    // Each answer is late, or never comes: the first orders take all connections.
    stage
        .turn(json!({"accept_then_timeout_ppm": 1_000_000, "answer_late_ms_min": 2_000, "answer_late_ms_max": 2_000}))
        .await;
    let off = async {
        let began = Instant::now();
        while stage.posted().len() < CONNECTIONS || stage.told("submitted").await <= CONNECTIONS as i64 {
            assert!(began.elapsed() < PATIENCE, "{}", stage.events().await);
            sleep(Duration::from_millis(5)).await;
        }
        stage.say(&["off"]).await
    };
    let ((), said) = tokio::join!(stage.leader_buys_many(CONNECTIONS + 2, 20), off);
    assert!(said.contains("live is off"), "{said}");
    stage.rest().await;
    let not_sent = "select count(*) from events where kind = 'closed' and body->'Closed'->'end' ? 'NotSent'";
    let (kept_in, submitted) = (stage.count(not_sent).await, stage.told("submitted").await);
    assert!(0 < kept_in && kept_in + CONNECTIONS as i64 == submitted, "{}", stage.events().await);
    assert_eq!((stage.posted().len(), stage.told("confirmed").await), (CONNECTIONS, CONNECTIONS as i64));
    stage.ends(engine, 0).await;
}

/// The engine dies while its order is on the wire: the next one finds what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn killed_in_flight_there_is_one_order_and_the_books_are_the_venues() {
    let mut stage = Stage::new().await;
    let engine = stage.engine(Signs::Owner, "").await;
    stage.turn(json!({"delayed_ppm": 1_000_000, "delayed_ms": 1_500})).await;
    let order = stage.by_hand(0, Side::Buy);
    let _ = stage.leader.place(SignatureType::Eoa, &ByHand { usdc: Usdc::whole(10), ..order }).await;
    while stage.posted().is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
    engine.kill();
    let engine = stage.engine_again().await;
    stage.until("confirmed", 1).await;
    assert_eq!(stage.posted().len(), 1);
    let extent = stage.ends(engine, 0).await;
    assert_eq!((extent.sessions, extent.submitted, extent.posted, extent.confirmed), (2, 1, 1, 1));
}
