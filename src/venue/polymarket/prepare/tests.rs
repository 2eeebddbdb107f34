//! The prepared way against the vectors, against the plain way, and against the simulated venue.

use std::sync::Arc;

use alloy::primitives::{Address, B256, U256};
use proptest::prelude::*;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::*;
use crate::domain::{Cause, Generation, Millis, SignalId};
use crate::secret::Sealed;
use crate::venue::polymarket::{
    Credentials, Key, Network, Order, SignatureType, Signer,
    auth::{Request, Secret},
    key::{decode_hex, digits},
    signature, wallet,
};

mod wire;

const ORDERS: &str = include_str!("../../../../tests/data/vectors_orders_v2.json");
const RELAYER: &str = include_str!("../../../../tests/data/vectors_relayer.json");
const NAME: &str = "71321045679252212594626385532706912750332728571942532289631379312455583992563";
const NOW: Nanos = Nanos::from_millis(1_794_700_800_123);
const TOKEN: TokenId = TokenId(0);

fn key() -> Key {
    Key::from_bytes([1; 32]).expect("a key")
}

fn sealed(bytes: [u8; 32]) -> Arc<Sealed> {
    Arc::new(Sealed::new(&Zeroizing::new(bytes)).expect("a page"))
}

pub fn account(signature_type: SignatureType, signed_by: SignedBy) -> Account {
    let owner = key().address();
    let funder = match signature_type {
        SignatureType::Eoa => owner,
        SignatureType::Proxy => wallet::proxy(owner),
        SignatureType::Safe => wallet::safe(owner),
        SignatureType::DepositWallet => wallet::deposit(owner),
    };
    let api = Credentials::new(
        "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
        Secret::from_bytes(vec![7; 32]),
        "ab".repeat(32),
    );
    let host = "clob.polymarket.com".to_owned();
    Account { key: sealed([1; 32]), signed_by, signature_type, funder, network: Network::Polygon, api, host }
}

fn prepared(account: &Account) -> Prepared {
    let mut prepared = Prepared::new(account, NOW).expect("a fit account");
    prepared.add_token(TOKEN, NAME);
    prepared
}

fn price(micros: u32) -> Price {
    Price::from_micros(micros).expect("a price")
}

fn submitted(side: Side, kind: OrderKind, limit: Price, shares: Shares, budget: Usdc) -> Submitted {
    Submitted {
        order: OrderId(OrderId::LIVE.0 + 1),
        signal: SignalId(1),
        portfolio: PortfolioId(1),
        leader: LeaderId(0),
        token: TOKEN,
        side,
        kind,
        cause: Cause::Entry,
        limit,
        shares,
        budget,
        reserved: budget,
        touch: limit,
        reference: limit,
        attempt: 1,
    }
}

fn buy() -> Submitted {
    submitted(Side::Buy, OrderKind::Fak, price(520_000), Shares::whole(19), Usdc::whole(10))
}

/// What a request says, as its receiver reads it.
struct Read {
    head: String,
    body: Value,
    bytes: Vec<u8>,
}

impl Read {
    fn of(outgoing: &Outgoing) -> Read {
        let (head, body) = outgoing.request[..outgoing.len].split_at(outgoing.body_at);
        let head = std::str::from_utf8(head).expect("text").to_owned();
        Read { head, body: serde_json::from_slice(body).expect("JSON"), bytes: body.to_vec() }
    }

    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("{name} in {}", self.head))
    }

    /// Checks the head against the body and the account.
    fn check(&self, account: &Account, now: Nanos) {
        assert!(self.head.starts_with("POST /order HTTP/1.1\r\nhost: ") && self.head.ends_with("\r\n\r\n"));
        assert_eq!(self.header("content-length"), self.bytes.len().to_string());
        let timestamp = now.as_secs().to_string();
        assert_eq!(self.header("POLY_TIMESTAMP"), timestamp);
        let request = Request { timestamp: &timestamp, method: "POST", path: "/order", body: &self.bytes };
        assert_eq!(self.header("POLY_SIGNATURE"), account.api.secret.sign(&request));
        assert_eq!(self.header("POLY_ADDRESS"), account.key.address().to_string());
        assert_eq!(self.header("POLY_API_KEY"), account.api.id);
        assert_eq!(self.header("POLY_PASSPHRASE"), account.api.passphrase());
    }

    fn signature(&self) -> Vec<u8> {
        decode_hex(self.body["order"]["signature"].as_str().expect("a text")).expect("hex")
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("a number: {value}"))
}

/// An account that makes the orders of a vector, and what its order asks.
fn of_vector(file: &Value, vector: &Value, signed_by: SignedBy) -> (Account, Asked, Name) {
    let (order, network) = (&vector["order"], number(&vector["chainId"]));
    let network = Network::BOTH.into_iter().find(|known| known.chain_id() == network).expect("a known chain");
    let contract: Address = text(&vector["domain"]["verifyingContract"]).parse().expect("an address");
    let exchange = Exchange::ALL.into_iter().find(|exchange| exchange.address(network) == contract);
    let api = Credentials::new(
        text(&file["apiCreds"]["key"]).to_owned(),
        Secret::from_base64(text(&file["apiCreds"]["secret"])).expect("base64"),
        text(&file["apiCreds"]["passphrase"]).to_owned(),
    );
    let account = Account {
        key: sealed(*digits(text(&file["privateKey"]).as_bytes()).expect("a key")),
        signed_by,
        signature_type: SignatureType::from_number(number(&order["signatureType"])).expect("a type"),
        funder: text(&order["maker"]).parse().expect("an address"),
        network,
        api,
        host: "clob.polymarket.com".to_owned(),
    };
    let asked = Asked {
        token: TOKEN,
        exchange: exchange.expect("a known exchange"),
        side: if number(&order["side"]) == 0 { Side::Buy } else { Side::Sell },
        amounts: Amounts { maker: number(&order["makerAmount"]), taker: number(&order["takerAmount"]) },
    };
    (account, asked, Name::read(text(&order["tokenId"])).expect("a name"))
}

/// All vectors but those of orders that we never make: deferred, with an expiration, metadata or a builder.
#[test]
fn bodies_and_headers_are_those_of_the_official_client() {
    let file: Value = serde_json::from_str(ORDERS).expect("JSON");
    let mut made = 0;
    for vector in file["vectors"].as_array().expect("vectors") {
        let theirs: Value = serde_json::from_str(text(&vector["postBody"])).expect("JSON");
        let is_ours = |name: &str| theirs["order"][name] == json!(B256::ZERO);
        let is_plain = theirs["order"]["expiration"] == "0" && theirs["deferExec"] == false;
        if !is_plain || !is_ours("metadata") || !is_ours("builder") {
            continue;
        }
        let (account, asked, name) = of_vector(&file, vector, SignedBy::Owner);
        let (pen, at) = (Pen::new(&account), Nanos::from_millis(number(&vector["order"]["timestamp"])));
        let written = pen.write(&asked, &name, number(&vector["order"]["salt"]), at);
        assert_eq!(written.id.to_string(), text(&vector["digest"]), "{}", vector["id"]);
        let terms = Terms::ALL.into_iter().find(|terms| {
            terms.json().contains(&format!(r#""orderType":{}"#, theirs["orderType"]))
                && terms.json().contains(&format!(r#""postOnly":{}"#, theirs["postOnly"]))
        });
        let mut outgoing = Outgoing { sent: NO_ORDER, leave_by: at, request: [0; REQUEST_MAX], len: 0, body_at: 0 };
        let sent_at = Nanos::from_secs(number(&vector["l2Headers"]["POLY_TIMESTAMP"]));
        let mut head = Head::new(&account, pen.lead());
        (outgoing.body_at, outgoing.len) =
            head.request(sent_at, pen.lead(), &written, terms.expect("known terms"), &mut outgoing.request);
        let ours = Read::of(&outgoing);
        ours.check(&account, sent_at);
        assert_eq!(ours.body, theirs, "{}", vector["id"]);
        made += 1;
    }
    assert_eq!(made, 100);
}

#[test]
fn a_session_keys_order_is_that_of_the_official_client() {
    let (file, relayer): (Value, Value) =
        (serde_json::from_str(ORDERS).expect("JSON"), serde_json::from_str(RELAYER).expect("JSON"));
    let wrapped = &relayer["sessionOrder"];
    let vectors = file["vectors"].as_array().expect("vectors");
    let vector = vectors.iter().find(|vector| vector["id"] == wrapped["id"]).expect("the vector");
    let (account, asked, name) = of_vector(&file, vector, SignedBy::Session);
    let at = Nanos::from_millis(number(&vector["order"]["timestamp"]));
    let written = Pen::new(&account).write(&asked, &name, number(&vector["order"]["salt"]), at);
    let json = String::from_utf8_lossy(written.text.bytes()).into_owned();
    assert!(json.contains(text(&wrapped["signature"])), "{json}");
}

fn any_submitted() -> impl Strategy<Value = (Submitted, Market)> {
    let market = (0..Tick::KNOWN.len(), any::<bool>(), any::<bool>()).prop_map(|(tick, neg_risk, is_v3)| Market {
        tick: Tick::KNOWN[tick],
        neg_risk,
        generation: if is_v3 { Generation::V3 } else { Generation::V2 },
        ..Market::COMMON
    });
    let kind = prop_oneof![Just(OrderKind::Fak), Just(OrderKind::Fok), Just(OrderKind::Gtc)];
    let sizes = prop_oneof![1_u64..10_000, 10_000_u64..10_000_000, 10_000_000_u64..1_000_000_000_000];
    (market, any::<bool>(), kind, any::<u32>(), sizes).prop_map(|(market, buys, kind, at, size)| {
        let limit = price((1 + at % (ONE as u32 / market.tick.micros() - 1)) * market.tick.micros());
        let side = if buys { Side::Buy } else { Side::Sell };
        (submitted(side, kind, limit, Shares(size), Usdc(size as i64)), market)
    })
}

fn any_account() -> impl Strategy<Value = Account> {
    (0..5_usize).prop_map(|nth| match SignatureType::ALL.get(nth) {
        Some(kind) => account(*kind, SignedBy::Owner),
        None => account(SignatureType::DepositWallet, SignedBy::Session),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_prepared_way_and_the_plain_way_say_the_same(
        (order, market) in any_submitted(), account in any_account(), ms in 0_u64..4_000, is_foreseen in any::<bool>()
    ) {
        let now = NOW.plus(Nanos::from_millis(ms));
        let mut prepared = prepared(&account);
        prepared.warm(NOW);
        if is_foreseen {
            let mut signer = prepared.sign_ahead(ahead::Options::USUAL, NOW);
            let Submitted { side, limit, budget, shares, .. } = order;
            let name = Name::read(NAME).expect("a name");
            let foreseen = [Foreseen { side, limit, budget, shares }];
            prepared.ahead().expect("set up").foretell(NOW, TOKEN, &foreseen, &market, &name);
            signer.sign(NOW, 9);
        }
        let Ok(signed) = prepared.order(now, now, &order, &market, Usdc::ZERO) else { return Ok(()) };
        let plain = Order {
            salt: signed.salt,
            maker: account.funder,
            signer: account.signer(),
            token: U256::from_str_radix(NAME, 10).expect("a token"),
            maker_amount: signed.maker_amount,
            taker_amount: signed.taker_amount,
            side: order.side,
            signature_type: account.signature_type,
            timestamp: signed.timestamp,
            metadata: B256::ZERO,
            builder: B256::ZERO,
        };
        let exchange = Exchange::of(market.generation, market.neg_risk);
        let expected = match account.signed_by {
            SignedBy::Owner => signature::sign(&plain, &account.key, exchange, Network::Polygon),
            SignedBy::Session => signature::sign_in_session(&plain, &account.key, exchange, Network::Polygon),
        };
        let signer = match account.signed_by {
            SignedBy::Owner => Signer::Owner(account.key.address()),
            SignedBy::Session => Signer::Session(account.key.address()),
        };
        let read = Read::of(prepared.outgoing());
        let is_found = is_foreseen && order.kind != OrderKind::Gtc;
        prop_assert_eq!(prepared.age().is_some(), is_found);
        prop_assert_eq!(signed.timestamp, Millis(if is_found { NOW } else { now }.as_millis()));
        prop_assert_eq!(signed.id.0, plain.id(exchange, Network::Polygon).0);
        prop_assert_eq!(read.signature(), expected.clone());
        prop_assert_eq!(signature::check(&plain, &expected, exchange, Network::Polygon), Ok(signer));
        read.check(&account, now);
        let body = json!({
            "deferExec": false, "postOnly": false, "owner": account.api.id,
            "orderType": order.kind.code().to_uppercase(),
            "order": {
                "salt": plain.salt, "maker": plain.maker.to_string(), "signer": plain.signer.to_string(),
                "tokenId": NAME, "makerAmount": plain.maker_amount.to_string(),
                "takerAmount": plain.taker_amount.to_string(), "side": order.side.code().to_uppercase(),
                "signatureType": plain.signature_type.number(), "timestamp": plain.timestamp.0.to_string(),
                "expiration": "0", "metadata": plain.metadata, "builder": plain.builder,
                "signature": format!("0x{}", alloy::hex::encode(expected)),
            },
        });
        prop_assert_eq!(read.body, body);
        let sent = prepared.outgoing().sent;
        prop_assert_eq!((sent.id, sent.order, sent.at), (signed.id, order.order, now));
    }

    /// F36: the venue takes the price from the amounts.
    #[test]
    fn amounts_imply_the_bound_and_nothing_worse((order, market) in any_submitted()) {
        let Ok(Asked { amounts: Amounts { maker, taker }, .. }) = asked(&order, &market) else {
            // Only of very little is nothing left.
            let asks = if order.side == Side::Buy && order.kind != OrderKind::Gtc { order.budget.0 as u64 } else { order.shares.0 };
            prop_assert!(asks < 20_000, "{:?}", order);
            return Ok(());
        };
        let (given, wanted) = match order.side {
            Side::Buy => (maker, taker),
            Side::Sell => (taker, maker),
        };
        let implied = u128::from(given) * u128::from(ONE) / u128::from(wanted);
        prop_assert_eq!(market.tick.floor(price(implied as u32)), Some(order.limit));
        match order.side {
            Side::Buy if order.kind == OrderKind::Gtc => prop_assert!(taker <= order.shares.0),
            Side::Buy => prop_assert!(maker <= order.budget.0 as u64),
            Side::Sell => prop_assert!(maker <= order.shares.0),
        }
        prop_assert!(given * ONE >= wanted * u64::from(order.limit.micros()) || wanted > u64::MAX / ONE);
    }
}

/// Binds: not_sent_no_amounts.
#[test]
fn what_rounds_to_nothing_is_not_signed() {
    let mut prepared = prepared(&account(SignatureType::Eoa, SignedBy::Owner));
    let mut check = |order: Submitted| {
        assert_eq!(prepared.order(NOW, NOW, &order, &Market::COMMON, Usdc::ZERO), Err(NotSent::NoAmounts), "{order:?}");
    };
    check(Submitted { budget: Usdc(9_999), ..buy() });
    check(submitted(Side::Sell, OrderKind::Fak, price(500_000), Shares(9_999), Usdc::ZERO));
    check(submitted(Side::Sell, OrderKind::Gtc, price(505_000), Shares::whole(5), Usdc::ZERO));
    check(Submitted { token: TokenId(1), ..buy() });
}

#[test]
fn amounts_that_imply_another_price_are_seen() {
    let check = |side, maker, taker, holds| {
        let amounts = Amounts { maker, taker };
        assert_eq!(implies(amounts, side, price(520_000), Tick::CENT), holds, "{side:?} {amounts:?}");
    };
    check(Side::Buy, 10_000_000, 19_230_700, true);
    // Rounded up: it would miss the ask at the bound.
    check(Side::Buy, 10_000_000, 19_230_800, false);
    check(Side::Buy, 53, 100, false);
    check(Side::Sell, 100, 52, true);
    check(Side::Sell, 100, 51, false);
    check(Side::Sell, 100, 53, false);
}

#[test]
fn two_orders_of_one_moment_have_two_names() {
    let mut prepared = prepared(&account(SignatureType::Safe, SignedBy::Owner));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let signed = prepared.order(NOW, NOW, &buy(), &Market::COMMON, Usdc::ZERO).expect("amounts");
        assert!(signed.salt < SALT_END && seen.insert(signed.id), "{signed:?}");
    }
}

#[test]
fn the_mac_is_of_the_second_in_which_it_is_asked() {
    let account = account(SignatureType::Proxy, SignedBy::Owner);
    let mut prepared = prepared(&account);
    for ms in [0, 876, 877, 1_877, 700, 60_000] {
        let now = NOW.plus(Nanos::from_millis(ms));
        prepared.warm(Nanos(now.0 - 1_000_000_000));
        prepared.order(now, now, &buy(), &Market::COMMON, Usdc::ZERO).expect("amounts");
        Read::of(prepared.outgoing()).check(&account, now);
    }
}

#[test]
fn an_account_that_would_make_bad_requests_is_refused_without_its_secrets() {
    let good = account(SignatureType::Eoa, SignedBy::Owner);
    let check = |account: Account, unfit: Unfit| {
        assert_eq!(Prepared::new(&account, NOW).err(), Some(unfit));
        assert!(!unfit.to_string().contains("hush"), "{unfit}");
    };
    let with = |id: &str, passphrase: &str, host: &str| Account {
        api: Credentials::new(id.to_owned(), good.api.secret.clone(), passphrase.to_owned()),
        host: host.to_owned(),
        ..good.clone()
    };
    check(with("", "p", "h"), Unfit::Text("API key"));
    check(with("a\"b", "p", "h"), Unfit::Text("API key"));
    check(with("a", "hush\r\nx: y", "h"), Unfit::Text("API passphrase"));
    check(with("a", "p", &"h".repeat(256)), Unfit::Text("venue's host"));
    check(Account { signed_by: SignedBy::Session, ..good.clone() }, Unfit::SessionOfAnother);
    assert!(!format!("{good:?}").contains(&"ab".repeat(32)));
    // The longest request there can be fits.
    let long = "x".repeat(255);
    let account = Account {
        api: with(&long, &long, &long).api,
        host: long,
        ..account(SignatureType::DepositWallet, SignedBy::Session)
    };
    let mut prepared = prepared(&account);
    let order = submitted(Side::Sell, OrderKind::Fak, price(500_000), Shares::whole(1_000_000_000), Usdc::ZERO);
    prepared.order(NOW, NOW, &order, &Market::COMMON, Usdc::ZERO).expect("amounts");
    Read::of(prepared.outgoing()).check(&account, NOW);
}
