//! Leases on the real Postgres of the tests, at a faster pace.

use tokio::time::Instant;

use super::*;
use crate::{
    domain::{LeaderId, LiveSwitch, NotSent, Side},
    store::testing::TestDatabase,
};

const QUICK: Pace = Pace {
    term: Duration::from_millis(1_200),
    margin: Duration::from_millis(200),
    renew_every: Duration::from_millis(300),
    again_after: Duration::from_millis(50),
};
const WALLET: &str = "0xabc";

fn claim(host: &str, pid: u32) -> Claim {
    let [wallet, boot, data_dir, journal] = [WALLET, "boot", "/data", "00"].map(str::to_owned);
    Claim { wallet, host: host.to_owned(), boot, pid, data_dir, journal }
}

fn open_gate() -> Arc<Gate> {
    let gate = Arc::new(Gate::default());
    gate.set_live(LiveSwitch::On);
    gate
}

fn may_leave(gate: &Gate) -> Result<(), NotSent> {
    gate.permit(LeaderId(0), Side::Buy, clock::since_boot()).map(|_| ())
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_engine_is_told_who_lives_and_takes_over_when_it_stops() {
    let pool = TestDatabase::create().await;
    let gate = open_gate();
    assert_eq!(may_leave(&gate), Err(NotSent::WalletNotHeld), "nobody took it yet");
    let ann = take(&pool, claim("ann", 1), QUICK).await.expect("free");
    let ann = ann.keep(Arc::clone(&gate), Arc::default());
    assert_eq!(may_leave(&gate), Ok(()));
    let refused = take(&pool, claim("bob", 2), QUICK).await.expect_err("it lives").to_string();
    for part in ["the wallet 0xabc is another engine's", "process 1 on ann", "/data", "fix: stop that one first"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    // It is renewed for longer than it holds.
    sleep(2 * QUICK.term).await;
    assert_eq!(may_leave(&gate), Ok(()));
    ann.release().await;
    assert_eq!(may_leave(&gate), Err(NotSent::WalletNotHeld));
    let began = Instant::now();
    let bob = take(&pool, claim("bob", 2), QUICK).await.expect("given back");
    assert_eq!(bob.epoch, 2);
    assert!(began.elapsed() < QUICK.term, "what was given back is not waited for");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_died_is_followed_only_after_his_own_gate_would_have_shut() {
    let pool = TestDatabase::create().await;
    let (gate, status) = (open_gate(), Arc::<GatewayStatus>::default());
    let dead = take(&pool, claim("ann", 1), QUICK).await.expect("free");
    let held_until = dead.held_until;
    // Its process is gone, so nobody renews.
    drop(dead.keep(Arc::clone(&gate), status));
    let next = take(&pool, claim("bob", 2), QUICK).await.expect("over");
    assert_eq!(next.epoch, 2);
    let margin = nanos(2 * QUICK.margin);
    assert!(held_until.plus(margin) <= clock::since_boot(), "the margins lie between the two");
    assert_eq!(may_leave(&gate), Err(NotSent::WalletNotHeld));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_process_of_the_same_engine_need_not_wait() {
    let pool = TestDatabase::create().await;
    let dead = take(&pool, claim("ann", 1), QUICK).await.expect("free");
    let began = Instant::now();
    let next = take(&pool, claim("ann", 2), QUICK).await.expect("ours");
    assert_eq!((dead.epoch, next.epoch), (1, 2));
    assert!(began.elapsed() < QUICK.term);
}

/// Postgres is away: first for less than the lease's time, then for longer.
#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_is_away_orders_leave_until_the_lease_is_over_and_again_when_it_is_back() {
    let pool = TestDatabase::create().await;
    let (gate, status) = (open_gate(), Arc::<GatewayStatus>::default());
    let ann = take(&pool, claim("ann", 1), QUICK).await.expect("free");
    let _kept = ann.keep(Arc::clone(&gate), Arc::clone(&status));
    let rename = |from: &str, to: &str| {
        let text = format!("alter table {from} rename to {to}");
        let pool = pool.clone();
        async move { sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&pool).await.expect("renamed") }
    };
    rename("wallet_leases", "away").await;
    until("trouble is told", || !status.lease().trouble.is_empty()).await;
    assert_eq!(may_leave(&gate), Ok(()), "{}", status.lease().trouble);
    rename("away", "wallet_leases").await;
    until("it is renewed again", || status.lease().trouble.is_empty()).await;
    assert_eq!(may_leave(&gate), Ok(()));
    rename("wallet_leases", "away").await;
    until("the gate shuts by itself", || may_leave(&gate) == Err(NotSent::WalletNotHeld)).await;
    rename("away", "wallet_leases").await;
    until("it opens", || may_leave(&gate) == Ok(())).await;
    assert_eq!(status.lease().epoch, 1, "nobody took it meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_overtaken_stays_shut() {
    let pool = TestDatabase::create().await;
    let (gate, status) = (open_gate(), Arc::<GatewayStatus>::default());
    let ann = take(&pool, claim("ann", 1), QUICK).await.expect("free");
    let _kept = ann.keep(Arc::clone(&gate), Arc::clone(&status));
    let _next = take(&pool, claim("ann", 2), QUICK).await.expect("the same engine");
    until("it is told", || status.lease().trouble.contains("taken by process 2 on ann")).await;
    assert_eq!(may_leave(&gate), Err(NotSent::WalletNotHeld));
    sleep(QUICK.term).await;
    assert_eq!(may_leave(&gate), Err(NotSent::WalletNotHeld));
}
