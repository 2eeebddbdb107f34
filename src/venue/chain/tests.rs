//! Redemption end to end: a real server with the simulated venue's chain, node and relayer, and wallets of every kind.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use alloy::hex;
use alloy::primitives::{Address, U256};
use reqwest::Client;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::*;
use crate::clock::{now, system};
use crate::domain::{Generation, Nanos, Shares, Usdc};
use crate::feed::rest::Metadata;
use crate::secret::Sealed;
use crate::sim::listing::Listing;
use crate::sim::server::{Fault, Funded, Options, PrivateSettings, Server};
use crate::venue::polymarket::auth::ClobAuth;
use crate::venue::polymarket::onchain::{Answer, Call, Progress, Purpose, Signed, Ticket, Transaction};
use crate::venue::polymarket::redeem::{Market, Power, Totals};
use crate::venue::polymarket::{Key, Network, SignatureType};

const PATIENCE: Nanos = Nanos::from_secs(60);
/// The chain makes blocks so often, and the collector's clock runs as much faster than ours.
const BLOCK: Duration = Duration::from_millis(40);
const HASTE: u64 = 2_000 / 40;
const FIVE: Shares = Shares::whole(5);

struct World {
    venue: Server,
    key: Arc<Sealed>,
    relayer_key: RelayerKey,
    http: Client,
}

/// The collector's clock.
fn fast() -> Nanos {
    static BEGAN: LazyLock<Nanos> = LazyLock::new(now);
    BEGAN.plus(Nanos(now().since(*BEGAN).0 * HASTE))
}

fn key() -> Key {
    Key::from_bytes([1; 32]).expect("a key")
}

impl World {
    async fn start() -> World {
        World::with_blocks(BLOCK).await
    }

    async fn with_blocks(every: Duration) -> World {
        crate::feed::install_tls();
        let accounts = vec![Funded { key: key(), money: Usdc::whole(1_000) }];
        let private = PrivateSettings { accounts, ..PrivateSettings::default() };
        let options = Options { rate_percent: 0, private, block_every: every, ..Options::default() };
        let venue = Server::start(options).await.expect("free ports");
        let http = Client::new();
        let relayer_key = api_key(&venue, &http).await;
        World { venue, key: Arc::new(Sealed::new(&Zeroizing::new([1; 32])).expect("a page")), relayer_key, http }
    }

    fn wallet(&self, kind: SignatureType) -> Address {
        let wallets = self.venue.wallets(self.key.address());
        wallets.into_iter().find(|wallet| wallet.kind == kind).expect("one of each kind").address
    }

    fn purse(&self, kind: SignatureType) -> Purse {
        let relayer = Relayer::new(&self.venue.urls.relayer, self.relayer_key.clone());
        let setup = Setup {
            wallet: self.wallet(kind),
            kind,
            network: Network::Polygon,
            owner: Some(Arc::clone(&self.key)),
            relayer: Some(relayer),
        };
        Purse::new(Node::new(&self.venue.urls.rpc_http), setup)
    }

    fn collector(&self, kind: SignatureType) -> Collector {
        Collector::new(self.purse(kind), Metadata::new(&self.venue.clob_url, &self.venue.gamma_url))
    }

    /// A market of the generation that nobody has resolved.
    fn market(&self, generation: Generation, neg_risk: bool) -> Arc<Listing> {
        let fits = |listing: &Listing| listing.generation == generation && listing.neg_risk == neg_risk;
        self.venue.open_markets().into_iter().find(|listing| fits(listing)).expect("such a market")
    }

    /// Gives the wallet five shares of each outcome.
    fn hold(&self, kind: SignatureType, market: &Listing) {
        self.venue.split(self.wallet(kind), &market.tokens[0], FIVE).expect("dollars to split");
    }

    async fn control(&self, path: &str, body: Value) {
        let url = format!("{}/{path}", self.venue.urls.control);
        let status = self.http.post(url).json(&body).send().await.expect("an answer").status();
        assert!(status.is_success(), "{path}: {status}");
    }

    async fn resolve(&self, market: &Listing, outcome: &str) {
        self.control(&format!("markets/{}/resolve", market.condition), json!({ "outcome": outcome })).await;
    }

    async fn knobs(&self, knobs: Value) {
        let request = self.http.patch(format!("{}/knobs", self.venue.urls.control)).json(&knobs);
        assert!(request.send().await.expect("an answer").status().is_success());
    }
}

/// The venue's API key of the account: its relayer takes it as a builder's.
async fn api_key(venue: &Server, http: &Client) -> RelayerKey {
    let timestamp = system().as_secs().to_string();
    let auth = ClobAuth { address: key().address(), timestamp: &timestamp, nonce: U256::ZERO };
    let signature = hex::encode_prefixed(auth.sign(&key(), Network::Polygon));
    let request = http.post(format!("{}/auth/api-key", venue.clob_url));
    let request = request.header("POLY_ADDRESS", key().address().to_string()).header("POLY_SIGNATURE", signature);
    let answer =
        request.header("POLY_TIMESTAMP", &timestamp).header("POLY_NONCE", "0").send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    let text = json!({ "key": answer["apiKey"], "secret": answer["secret"], "passphrase": answer["passphrase"] });
    RelayerKey::parse(text.to_string().as_bytes()).expect("a builder's key")
}

/// Sends calls and waits until they are executed; returns how they ended.
async fn execute(purse: &Purse, calls: &[Call]) -> Progress {
    let signed = purse.sign(calls, None).await.expect("signed");
    let Answer::Taken(ticket) = purse.send(&signed).await else { panic!("not taken") };
    wait_for(purse, &[ticket]).await
}

async fn wait_for(purse: &Purse, tickets: &[Ticket]) -> Progress {
    let until = now().plus(PATIENCE);
    while now() < until {
        match purse.progress(tickets).await.expect("an answer") {
            Progress::Waiting => tokio::time::sleep(BLOCK / 2).await,
            // Deep enough for a test.
            ended => return ended,
        }
    }
    panic!("never in a block");
}

/// Something that every wallet may do.
fn an_approval() -> Call {
    crate::venue::polymarket::onchain::approvals::all(Network::Polygon)[5].call()
}

/// Lets the adapters and the router take the wallet's shares.
async fn approve(purse: &Purse) {
    let lacking = purse.approvals().await.expect("an answer").into_iter();
    let lacking = lacking.filter(|(approval, _, suffices)| !suffices && approval.purpose == Purpose::Redemption);
    let calls: Vec<Call> = lacking.map(|(approval, ..)| approval.call()).collect();
    let batch = if purse.power() == Power::Direct { 1 } else { calls.len().max(1) };
    for calls in calls.chunks(batch) {
        assert_eq!(execute(purse, calls).await, Progress::Mined);
    }
}

/// Goes on until nothing is left to redeem.
async fn run(collector: &mut Collector) -> Totals {
    let until = now().plus(PATIENCE);
    while collector.redemptions.open().next().is_some() {
        assert!(now() < until, "{:?}", collector.redemptions);
        // What is not answered is asked again later.
        let next = collector.step(fast()).await.unwrap_or(Nanos::ZERO);
        let wait = next.since(fast()).0 / HASTE;
        tokio::time::sleep(Duration::from_nanos(wait).min(BLOCK)).await;
    }
    collector.redemptions.totals
}

async fn dollars(purse: &Purse) -> i64 {
    i64::try_from(purse.money().await.expect("an answer")).expect("so few")
}

/// Holds a pair, sees the market end, redeems what won, and looks at the money.
async fn redeem(world: &World, kind: SignatureType, market: &Listing, outcome: &str) {
    world.hold(kind, market);
    let mut collector = world.collector(kind);
    let purse = world.purse(kind);
    collector.search(&market.tokens, fast()).await.expect("an answer");
    assert_eq!(collector.redemptions.open().count(), 0, "it is not resolved yet");
    world.resolve(market, outcome).await;
    let before = dollars(&purse).await;
    collector.search(&market.tokens, fast()).await.expect("an answer");
    assert_eq!(collector.redemptions.open().count(), 1, "one of them won");
    let totals = run(&mut collector).await;
    assert_eq!((totals.redeemed, totals.paid, totals.elsewhere), (1, Usdc::whole(5), 0), "{kind:?}");
    assert_eq!(dollars(&purse).await, before + 5_000_000, "{kind:?}");
    collector.search(&market.tokens, fast()).await.expect("an answer");
    assert_eq!(collector.redemptions.open().count(), 0, "nothing is left, and the losing share is left alone");
}

/// A market of each kind.
const MARKETS: [(Generation, bool, &str); 3] =
    [(Generation::V2, false, "first"), (Generation::V2, true, "second"), (Generation::V3, false, "second")];

async fn redeem_in(kind: SignatureType, markets: &[(Generation, bool, &str)]) {
    let world = World::start().await;
    approve(&world.purse(kind)).await;
    for (generation, neg_risk, outcome) in markets {
        let market = world.market(*generation, *neg_risk);
        redeem(&world, kind, &market, outcome).await;
    }
}

#[tokio::test]
async fn an_account_of_its_own_redeems() {
    redeem_in(SignatureType::Eoa, &MARKETS).await;
}

#[tokio::test]
async fn a_proxy_redeems() {
    redeem_in(SignatureType::Proxy, &MARKETS).await;
}

#[tokio::test]
async fn a_safe_redeems() {
    redeem_in(SignatureType::Safe, &MARKETS).await;
}

#[tokio::test]
async fn a_deposit_wallet_redeems() {
    redeem_in(SignatureType::DepositWallet, &MARKETS).await;
}

#[tokio::test]
async fn a_market_without_a_winner_pays_half_to_each() {
    let world = World::start().await;
    let (kind, market) = (SignatureType::Safe, world.market(Generation::V2, false));
    let purse = world.purse(kind);
    approve(&purse).await;
    world.hold(kind, &market);
    world.resolve(&market, "even").await;
    let before = dollars(&purse).await;
    let mut collector = world.collector(kind);
    collector.search(&market.tokens, fast()).await.expect("an answer");
    let open: Vec<Usdc> = collector.redemptions.open().map(|(_, pays, _)| pays).collect();
    assert_eq!(open, [Usdc(2_500_000); 2]);
    run(&mut collector).await;
    assert_eq!(dollars(&purse).await, before + 5_000_000);
}

#[tokio::test]
async fn what_another_redeemed_is_recognised() {
    let world = World::start().await;
    let (kind, market) = (SignatureType::Safe, world.market(Generation::V3, false));
    let purse = world.purse(kind);
    approve(&purse).await;
    world.hold(kind, &market);
    world.resolve(&market, "first").await;
    let mut collector = world.collector(kind);
    collector.search(&market.tokens, fast()).await.expect("an answer");
    // By hand, while ours is due.
    let token: U256 = market.tokens[0].parse().expect("a token");
    assert_eq!(execute(&purse, &[Market::V3.redemption(token, FIVE.0)]).await, Progress::Mined);
    let totals = run(&mut collector).await;
    assert_eq!(totals, Totals { elsewhere: 1, ..Totals::default() });
}

async fn redeem_after_a_kill(kind: SignatureType) {
    // Slow enough to find the shares before they are gone.
    let world = World::with_blocks(Duration::from_secs(1)).await;
    let market = world.market(Generation::V2, false);
    let purse = world.purse(kind);
    approve(&purse).await;
    world.hold(kind, &market);
    world.resolve(&market, "first").await;
    let before = dollars(&purse).await;
    // The process that sent this forgot all about it.
    let condition = market.condition.parse().expect("a condition");
    let token: U256 = market.tokens[0].parse().expect("a token");
    let call = Market::V2 { condition, neg_risk: false }.redemption(token, FIVE.0);
    let signed = purse.sign(std::slice::from_ref(&call), None).await.expect("signed");
    assert!(matches!(purse.send(&signed).await, Answer::Taken(_)));
    // Sent once more as it was, it is known, or its nonce is used.
    let again = purse.send(&signed).await;
    assert!(matches!(again, Answer::Taken(_) | Answer::Refused(_)), "{again:?}");

    let mut collector = world.collector(kind);
    collector.search(&market.tokens, fast()).await.expect("an answer");
    run(&mut collector).await;
    assert_eq!(dollars(&purse).await, before + 5_000_000, "{kind:?}");
    let totals = collector.redemptions.totals;
    assert_eq!(totals.redeemed + totals.elsewhere, 1, "{totals:?}");
    // And sent when there is nothing left, it pays nothing.
    assert_eq!(execute(&purse, &[call]).await, Progress::Mined);
    assert_eq!(dollars(&purse).await, before + 5_000_000, "{kind:?}");
}

#[tokio::test]
async fn killed_between_send_and_answer_a_transaction_pays_once() {
    redeem_after_a_kill(SignatureType::Eoa).await;
}

#[tokio::test]
async fn killed_between_send_and_answer_the_relayer_pays_once() {
    redeem_after_a_kill(SignatureType::DepositWallet).await;
}

async fn redeem_in_bad_weather(kind: SignatureType) {
    let world = World::start().await;
    let market = world.market(Generation::V2, true);
    let purse = world.purse(kind);
    approve(&purse).await;
    world.hold(kind, &market);
    world.resolve(&market, "second").await;
    let before = dollars(&purse).await;
    let mut collector = world.collector(kind);
    collector.search(&market.tokens, fast()).await.expect("an answer");
    world.knobs(json!({ "reorg_every_ms": 60, "reorg_blocks": 3 })).await;
    world.venue.inject(Fault::RestErrors { requests: 2 });
    let mut failed = 0;
    while collector.redemptions.open().next().is_some() && failed < 2 {
        failed += u32::from(collector.step(fast()).await.is_err());
        tokio::time::sleep(BLOCK / 10).await;
    }
    world.venue.inject(Fault::RestErrors { requests: 2 });
    // While the last blocks are replaced all the time, nothing is ever deep enough.
    let until = now().plus(Nanos(20 * BLOCK.as_nanos() as u64));
    while now() < until {
        let _ = collector.step(fast()).await;
        tokio::time::sleep(BLOCK / 10).await;
    }
    assert_eq!(collector.redemptions.totals.redeemed, 0, "twenty blocks, and none of them stays");
    world.knobs(json!({ "reorg_every_ms": 0 })).await;
    let totals = run(&mut collector).await;
    assert_eq!((totals.redeemed, dollars(&purse).await), (1, before + 5_000_000), "{kind:?}");
}

#[tokio::test]
async fn errors_and_replaced_blocks_only_delay_a_transaction() {
    redeem_in_bad_weather(SignatureType::Eoa).await;
}

#[tokio::test]
async fn errors_and_replaced_blocks_only_delay_the_relayer() {
    redeem_in_bad_weather(SignatureType::Proxy).await;
}

#[tokio::test]
async fn the_contracts_no_is_told_and_nothing_is_sent() {
    let world = World::start().await;
    let market = world.market(Generation::V2, false);
    for kind in SignatureType::ALL {
        world.hold(kind, &market);
    }
    world.resolve(&market, "first").await;
    for kind in SignatureType::ALL {
        // The adapter may not take the shares.
        let mut collector = world.collector(kind);
        collector.search(&market.tokens, fast()).await.expect("an answer");
        while collector.redemptions.totals.failures == 0 {
            collector.step(fast()).await.expect("an answer");
        }
        let news = format!("{:?}", collector.redemptions.take_news());
        assert!(news.contains("need operator approval"), "{kind:?}: {news}");
        assert_eq!(world.purse(kind).node.nonces(world.wallet(kind)).await.expect("an answer").pending, 0);
    }
}

#[tokio::test]
async fn a_transaction_that_is_undone_in_its_block_is_seen() {
    // Slow enough for a second look at what waits.
    let world = World::with_blocks(Duration::from_secs(1)).await;
    let (kind, market) = (SignatureType::Eoa, world.market(Generation::V2, false));
    let purse = world.purse(kind);
    world.hold(kind, &market);
    world.resolve(&market, "first").await;
    let condition = market.condition.parse().expect("a condition");
    let call = Market::V2 { condition, neg_risk: false }.redemption(U256::ZERO, FIVE.0);
    // Not approved, and sent all the same.
    let fees = purse.node.fees().await.expect("an answer").expect("cheap");
    let body = Transaction { chain_id: 137, nonce: 0, fees, gas_limit: 400_000, call: call.clone() };
    let (bytes, hash) = body.sign(&world.key);
    let signed = Signed::Transaction { body, bytes, hash };
    let Answer::Taken(ticket) = purse.send(&signed).await else { panic!("not taken") };
    assert!(matches!(purse.send(&signed).await, Answer::Taken(_)), "a node that has it takes it again");
    let waits = purse.sign(&[an_approval()], None).await.expect_err("one waits");
    assert_eq!(waits, purse::Unsigned::Waits { nonce: 0 });
    let Progress::Failed(why) = wait_for(&purse, &[ticket]).await else { panic!("it was undone") };
    assert!(why.contains("undone in block"), "{why}");
    let late = purse.send(&signed).await;
    assert!(
        matches!(&late, Answer::Refused(why) if why.contains("already known") || why.contains("nonce too low"))
            || matches!(late, Answer::Taken(_)),
        "{late:?}"
    );
}

#[tokio::test]
async fn a_relayer_refuses_and_says_why() {
    let world = World::start().await;
    let purse = world.purse(SignatureType::Safe);
    let call = an_approval();
    let signed = purse.sign(std::slice::from_ref(&call), None).await.expect("signed");
    let Answer::Taken(ticket) = purse.send(&signed).await else { panic!("not taken") };
    // The same again: the wallet is busy, then its nonce is used.
    let Answer::Refused(why) = purse.send(&signed).await else { panic!("busy") };
    // Its block may have been made meanwhile.
    assert!(why.contains("wallet busy") || why.contains("does not match on-chain nonce"), "{why}");
    assert_eq!(wait_for(&purse, &[ticket]).await, Progress::Mined);
    let Answer::Refused(why) = purse.send(&signed).await else { panic!("its nonce is used") };
    assert!(why.contains("does not match on-chain nonce"), "{why}");
    // Others of this account have used up what it takes in a minute.
    loop {
        match purse.send(&signed).await {
            Answer::Refused(_) => {}
            Answer::Later { why, secs } => {
                assert!(why.contains("quota") && (1..=60).contains(&secs), "{why}: {secs}");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    // Somebody else's key.
    let key = RelayerKey::Bare { key: "nobody".to_owned(), address: world.key.address() };
    let error = Relayer::new(&world.venue.urls.relayer, key).progress("x").await.expect_err("refused");
    assert_eq!((error.is_in_doubt(), error.to_string().contains("401")), (false, true), "{error}");
}

#[tokio::test]
async fn who_cannot_sign_only_watches() {
    let world = World::start().await;
    let (kind, market) = (SignatureType::DepositWallet, world.market(Generation::V3, false));
    world.hold(kind, &market);
    world.resolve(&market, "first").await;
    let wallet = world.wallet(kind);
    let setup = Setup { wallet, kind, network: Network::Polygon, owner: None, relayer: None };
    let purse = Purse::new(Node::new(&world.venue.urls.rpc_http), setup);
    assert_eq!(purse.power(), Power::NeedsOwner);
    let mut collector = Collector::new(purse, Metadata::new(&world.venue.clob_url, &world.venue.gamma_url));
    collector.search(&market.tokens, fast()).await.expect("an answer");
    let at = fast();
    assert_eq!(collector.step(at).await, Ok(at), "it is looked at");
    assert_eq!(collector.step(at).await, Ok(at.plus(Nanos::from_secs(600))), "and again in a while");
    assert_eq!(collector.redemptions.open().count(), 1);
}

#[tokio::test]
async fn a_node_that_is_no_node_is_named_without_its_key() {
    let world = World::start().await;
    let url = format!("{}/v2/secret-key", world.venue.clob_url);
    let error = Node::new(&url).block_number().await.expect_err("no node").to_string();
    assert!(error.starts_with("127.0.0.1: ") && !error.contains("secret"), "{error}");
    let error = Node::new("http://127.0.0.1:1/secret-key").block_number().await.expect_err("nobody").to_string();
    assert!(error.starts_with("127.0.0.1: no answer") && !error.contains("secret"), "{error}");
    // An address without a contract: no balance is made of nothing.
    let question = Call { to: Address::ZERO, data: vec![].into() };
    let error = Node::new(&world.venue.urls.rpc_http).words(&[question]).await.expect_err("no contract").to_string();
    assert!(error.contains("0 bytes, not 32"), "{error}");
}

#[test]
fn a_relayer_key_is_read_and_not_printed() {
    let parse = |text: &str| RelayerKey::parse(text.as_bytes());
    let builder = parse(r#"{"key":"abc","secret":"c2VjcmV0","passphrase":"pass"}"#).expect("a builder's");
    assert_eq!(format!("{builder:?}"), "RelayerKey::Builder(..)");
    let bare = parse(r#"{"key":"abc","address":"0x00000000000000000000000000000000000000aa"}"#).expect("a relayer key");
    assert!(!format!("{bare:?}").contains("abc"));
    for wrong in ["", "abc", "{}", r#"{"key":"a"}"#, r#"{"key":"a","secret":"!","passphrase":"p"}"#] {
        assert_eq!(parse(wrong).expect_err("no key"), relayer::BadRelayerKey, "{wrong}");
    }
}
