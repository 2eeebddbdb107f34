//! A quiet stage for live orders: a venue over TLS where nobody trades but one leader, by hand; an engine that copies him with
//! real money, as a process; and at the end, at rest, the audit: the books are the venue's to the last unit.

use std::{
    os::unix::fs::PermissionsExt,
    process::Output,
    sync::Arc,
    time::{Duration, Instant},
};

use remora::{
    control::SENTENCE,
    domain::{Generation, Nanos, OrderKind, Price, Shares, Side, Usdc},
    sim::{
        hand::{self, ByHand, Hand},
        listing::Listing,
        live_audit::{self, Evidence, Extent, Keys, Rest, Terms, WINDOW},
        server::{
            Funded, Knobs, Options, PrivateSettings, Server,
            tls::Identity,
            truth::{self, Bytes, Entry, Truth},
        },
    },
    store::testing::TestDatabase,
    venue::polymarket::{Key, SignatureType},
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::sleep;

use crate::{
    engine::{Engine, Home, PATIENCE, remora, settings},
    tables,
};

const MONEY: Usdc = Usdc::whole(1_000);
/// What the shop has of each token. Our largest order wants more.
const IN_STOCK: u64 = 300;
/// What the live portfolio has unless a test says otherwise.
const USUAL: [&str; 4] =
    ["size_usdc = 5\n", "price_guard_buy_percent = 20\n", "slippage_buy_percent = 20\n", "spread_buy_max = 1\n"];
/// The chain and its settlements do in a tenth of a second what they usually do in seconds.
const BLOCK: Duration = Duration::from_millis(100);
/// An order is open, or a match unsettled, if this is not zero.
const MOVING: &str = include_str!("../tools/rest.sql");
/// What the live orders brought in, less what they cost; in millionths.
const BALANCE: &str =
    "select coalesce(sum(case o.side when 'buy' then -f.cash - f.fee else f.cash - f.fee end) * 1000000, 0)::bigint
    from fills f join orders o on o.id = f.order_id where o.id >= 1099511627776 and f.settlement = 'confirmed'";

pub struct Stage {
    pub home: Home,
    pub pool: PgPool,
    pub venue: Server,
    pub leader: Hand,
    /// Who trades with our wallet beside the engine.
    pub owner: Hand,
    /// What is traded: each token by its market and outcome.
    pub tokens: Vec<(Arc<Listing>, usize)>,
    http: reqwest::Client,
    wallet: SignatureType,
}

/// Whose orders: the key's own account, or a deposit wallet that a session key signs for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    Owner,
    Session,
}

impl Stage {
    pub async fn new() -> Stage {
        let (home, pool) = (Home::new(), TestDatabase::create().await);
        let identity = Identity::generate().expect("a certificate");
        identity.write_authority(home.path()).expect("written");
        let http = hand::client(Some(&identity.authority_pem)).expect("a client");
        let money = [MONEY, Usdc::whole(10_000), Usdc::whole(100_000)];
        let accounts = (1..).zip(money).map(|(byte, money)| Funded { key: key(byte), money }).collect();
        let options = Options {
            rate_percent: 0,
            block_every: BLOCK,
            knobs: Knobs::CALM,
            private: PrivateSettings { accounts, ..PrivateSettings::default() },
            tls: Some(identity),
            truth: Some(Truth::begin(&home.path().join("truth.jsonl")).expect("a file")),
            ..Options::default()
        };
        let venue = Server::start(options).await.expect("a venue");
        let connect = |byte| Hand::connect(&http, &venue.clob_url, key(byte));
        let owner = connect(1).await.expect("our wallet's owner");
        let leader = connect(2).await.expect("a leader");
        let shop = connect(3).await.expect("somebody who sells");
        let markets = prompt(&venue);
        for market in &markets {
            shop.keep_shop(&venue, market, IN_STOCK).await.unwrap_or_else(|error| panic!("{error}"));
        }
        let tokens = markets.iter().flat_map(|market| [0, 1].map(|outcome| (Arc::clone(market), outcome))).collect();
        Stage { home, pool, venue, leader, owner, tokens, http, wallet: SignatureType::Eoa }
    }

    /// Starts an engine that follows him, with more settings for its live portfolio, and turns live on.
    pub async fn engine(&mut self, signs: Signs, live: &str) -> Engine {
        let (byte, wallet) = match signs {
            Signs::Owner => (1, "signature_type = \"eoa\"".to_owned()),
            Signs::Session => {
                self.wallet = SignatureType::DepositWallet;
                let funder = remora::secret::wallet::of(self.wallet, self.owner.address());
                let (session, wallet) = (key(4).address(), funder);
                self.venue.switch(remora::sim::server::Switch::Session {
                    session,
                    wallet,
                    valid_until_secs: 4_000_000_000,
                });
                (4, format!("signature_type = \"deposit_wallet\"\nfunder = \"{funder:#x}\"\nsession_key = true"))
            }
        };
        let file = self.home.write("key", &format!("{byte:02x}").repeat(32));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("permissions");
        let usual = USUAL.map(|line| if live.contains(line.split(' ').next().expect("a key")) { "" } else { line });
        let (user_url, authority) = (&self.venue.urls.ws_user, self.home.path().join("ca.pem"));
        let more = format!(
            "user_url = \"{user_url}\"\nauthority_file = \"{}\"\n\n[live]\nswitch = \"on\"\n\n[ceilings]\n\
             usdc_per_order_max = 1000\nusdc_per_minute_max = 0\n\n[wallet]\nkey = \"file:{}\"\n{wallet}\n\n\
             [[leader]]\nname = \"Hand\"\nwallet = \"{:#x}\"\n\n[[strategy]]\nname = \"real\"\nleaders = [\"Hand\"]\n\n\
             [strategy.paper]\ncapital_usdc = 500\n\n[strategy.live]\ncapital_usdc = 500\n{}{live}",
            authority.display(),
            file.display(),
            self.leader.address(),
            usual.concat()
        );
        let text = settings(&self.venue, &more).replace("silence_s_max = 5", "silence_s_max = 600");
        let config = self.home.write("config.toml", &text);
        self.start(&config.display().to_string()).await
    }

    /// The same settings, again.
    pub async fn engine_again(&self) -> Engine {
        self.start(&self.home.path().join("config.toml").display().to_string()).await
    }

    async fn start(&self, config: &str) -> Engine {
        let url = tables::url(&self.pool);
        let mut engine = Engine::start(&self.home, &["run", "--config", config, "--database-url", &url]);
        let began = Instant::now();
        loop {
            assert!(engine.has_ended().is_none(), "it ended\n{}", engine.output());
            let said = self.say(&["on", "--sentence", SENTENCE]).await;
            if said.starts_with("0 ") || said.contains("live is on") {
                return engine;
            }
            if said.contains("live is off") {
                // Another port is another setting: a person looks first.
                self.say(&["shadow"]).await;
            }
            assert!(began.elapsed() < PATIENCE, "{said}\n{}", engine.output());
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// Runs the program beside the engine. Returns its exit code and what it said.
    pub async fn say(&self, words: &[&str]) -> String {
        let mut command = remora();
        command.args(words).arg("--data").arg(self.home.data());
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
        let Output { status, stdout, stderr } = output.expect("the program starts");
        format!("{} {}", status.code().unwrap_or(-1), String::from_utf8_lossy(&[stdout, stderr].concat()))
    }

    /// The leader buys a token for so much, at what the shop asks.
    pub async fn leader_buys(&self, token: usize, usdc: i64) {
        let order = self.by_hand(token, Side::Buy);
        placed(&self.leader, &ByHand { usdc: Usdc::whole(usdc), ..order }).await;
    }

    /// The leader buys so many tokens at once, whatever he is answered.
    pub async fn leader_buys_many(&self, tokens: usize, usdc: i64) {
        let orders = (0..tokens).map(|token| self.by_hand(token, Side::Buy));
        let orders: Vec<ByHand<'_>> = orders.map(|order| ByHand { usdc: Usdc::whole(usdc), ..order }).collect();
        let placed = orders
            .iter()
            .map(|order| tokio::time::timeout(Duration::from_secs(3), self.leader.place(SignatureType::Eoa, order)));
        futures_util::future::join_all(placed).await;
    }

    /// The leader sells so many shares of a token, at what the shop bids.
    pub async fn leader_sells(&self, token: usize, shares: u64) {
        let order = self.by_hand(token, Side::Sell);
        placed(&self.leader, &ByHand { shares: Shares::whole(shares), ..order }).await;
    }

    /// An order at any price, of nothing yet.
    pub fn by_hand(&self, token: usize, side: Side) -> ByHand<'_> {
        let (market, outcome) = &self.tokens[token];
        let price = Price::from_micros(if side == Side::Buy { 990_000 } else { 10_000 }).expect("a price");
        let (shares, usdc) = (Shares::ZERO, Usdc::ZERO);
        ByHand { market, outcome: *outcome, side, kind: OrderKind::Fak, price, shares, usdc }
    }

    /// Turns knobs of the venue; the others stay as they are.
    pub async fn turn(&self, knobs: Value) {
        let answer = self.http.patch(format!("{}/knobs", self.venue.urls.control)).json(&knobs).send().await;
        let answer = answer.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    }

    pub async fn count(&self, query: &str) -> i64 {
        tables::count(&self.pool, query).await
    }

    /// Waits until so many live orders were told this.
    pub async fn until(&self, kind: &str, least: i64) {
        let query = told(kind);
        let began = Instant::now();
        while self.count(&query).await < least {
            assert!(began.elapsed() < PATIENCE, "never {least} of {kind}\n{}", self.events().await);
            sleep(Duration::from_millis(25)).await;
        }
    }

    /// How often live orders were told this.
    pub async fn told(&self, kind: &str) -> i64 {
        self.count(&told(kind)).await
    }

    /// What was told of live orders, for a failure to show.
    pub async fn events(&self) -> String {
        let query = "select seq || ' ' || body::text from events
            where (jsonb_path_query_first(body, '$.*.order'))::bigint >= 1099511627776 or kind like 'live%' or kind = 'external'
            or kind in ('skipped', 'refused', 'declined', 'faulted') order by seq";
        let rows: Vec<String> = sqlx::query_scalar(query).fetch_all(&self.pool).await.expect("rows");
        rows.join("\n")
    }

    /// Returns the bodies of the orders that arrived at the venue so far.
    pub fn posted(&self) -> Vec<Value> {
        let lines = truth::read(&self.home.path().join("truth.jsonl")).unwrap_or_default();
        let ours = |body: &Value| body["order"]["maker"].as_str().is_some_and(|maker| maker == self.address());
        let posted = lines.into_iter().filter_map(|line| match line.entry {
            Entry::Received { method, path, body: Bytes::Text(body), .. } if method == "POST" && path == "/order" => {
                serde_json::from_str(&body).ok()
            }
            _ => None,
        });
        posted.filter(|body| ours(body) && Some(hand::SALT_END) <= body["order"]["salt"].as_u64()).collect()
    }

    fn address(&self) -> String {
        remora::secret::wallet::of(self.wallet, self.owner.address()).to_string()
    }

    /// Waits until nothing of ours is open or unsettled, and stays so for a while.
    pub async fn rest(&self) {
        let (began, mut still) = (Instant::now(), 0);
        while still < 10 {
            still = if self.count(MOVING).await == 0 { still + 1 } else { 0 };
            assert!(began.elapsed() < PATIENCE, "no rest\n{}", self.events().await);
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Comes to rest, stops, and audits: journal, tables and truth log, and what the wallet holds against what the orders
    /// brought. `beside`: what was spent by hand, in millionths.
    pub async fn ends(self, engine: Engine, beside: i64) -> Extent {
        self.rest().await;
        let held = async |token| self.owner.holds(self.wallet, token).await.expect("a balance") as i64;
        let money = held(None).await;
        // What the venue says of V2 tokens; of V3 the audit has every match.
        let mut shares = vec![];
        for (market, outcome) in self.tokens.iter().filter(|(market, _)| market.generation == Generation::V2) {
            let token = &market.tokens[*outcome];
            shares.push((token.clone(), held(Some(token)).await));
        }
        engine.stop();
        let story = self.events().await;
        assert_eq!(money, MONEY.0 + self.count(BALANCE).await - beside, "{story}");
        for (token, shares) in shares {
            let ours = format!(
                "select (coalesce((select sum(shares) from positions p join portfolios f on f.id = p.portfolio_id
                    where f.mode = 'live' and p.token_id = t.id), 0) + coalesce((select sum(case side when 'buy' then shares
                    else -shares end) from external_trades e where e.token_id = t.id), 0)) * 1000000 from tokens t
                    where t.token = '{token}'"
            );
            let ours = self.count(&format!("select coalesce(({ours}), 0)::bigint")).await;
            assert_eq!(shares, ours, "{token}\n{story}");
        }
        let Stage { home, pool, venue, .. } = self;
        venue.finish().await.expect("the truth is whole");
        let rows: Vec<(i64, Value)> =
            sqlx::query_as("select seq, body from events order by seq").fetch_all(&pool).await.expect("rows");
        let evidence = Evidence {
            truth: live_audit::read_truth(&home.path().join("truth.jsonl")).expect("a truth log"),
            journal: live_audit::read_journal(&home.journal()).expect("a journal"),
            archive: Some(rows.into_iter().map(|(seq, body)| (seq as u64, body)).collect()),
        };
        let terms = Terms {
            rest: Rest::AtRest,
            keys: Keys::Loaded,
            age_max: Nanos::from_millis(7_500),
            grace: Nanos::from_millis(250),
            absent_after: WINDOW,
        };
        let (found, extent) = live_audit::audit(&evidence, &terms);
        assert!(found.is_empty(), "{found:#?}\n{story}");
        extent
    }
}

/// The markets that hold nobody's orders back: one of each exchange contract at least.
pub fn prompt(venue: &Server) -> Vec<Arc<Listing>> {
    venue.open_markets().into_iter().filter(|market| !market.taker_delay && market.delay_secs == 0).collect()
}

fn told(kind: &str) -> String {
    format!(
        "select count(*) from events where kind = '{kind}' and
         (jsonb_path_query_first(body, '$.*.order'))::bigint >= 1099511627776"
    )
}

pub fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32]).expect("a key")
}

/// Places an order that must be matched.
pub async fn placed(hand: &Hand, order: &ByHand<'_>) {
    let answer = hand.place(SignatureType::Eoa, order).await.expect("an answer");
    assert!(answer["success"] == json!(true) && answer["status"] == "matched", "{answer}");
}
