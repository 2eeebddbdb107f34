//! SOMEBODY WHO TRADES BY HAND: signs orders with a key of his own and places them over the venue's wire, as people do on its
//! page. In tests he is the leader whom we copy, or the owner of our wallet, who trades beside us.

use std::sync::atomic::{AtomicU64, Ordering};

use alloy::{
    hex,
    primitives::{Address, B256, U256},
};
use reqwest::Client;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};

use super::{listing::Listing, server::Server};
use crate::{
    clock,
    domain::{Millis, OrderKind, Price, Shares, Side, Tick, Usdc},
    secret::wallet,
    venue::polymarket::{
        Credentials, Exchange, Key, Network, Order, SignatureType, amounts, auth::ClobAuth, rest::signed, signature,
    },
};

/// Salts below this are of hands: those of engines are times.
pub const SALT_END: u64 = 1 << 20;
static SALT: AtomicU64 = AtomicU64::new(1);

pub struct Hand {
    key: Key,
    http: Client,
    clob_url: String,
    api: Credentials,
}

/// An order by hand. A FAK or FOK to buy is for dollars, all others are for shares.
#[derive(Clone, Copy, Debug)]
pub struct ByHand<'a> {
    pub market: &'a Listing,
    /// Which of its two tokens.
    pub outcome: usize,
    pub side: Side,
    pub kind: OrderKind,
    pub price: Price,
    pub shares: Shares,
    pub usdc: Usdc,
}

/// Returns a client for a venue over TLS, which trusts this authority (PEM) and no other.
pub fn client(authority: Option<&str>) -> Result<Client, String> {
    crate::feed::install_tls();
    let Some(pem) = authority else { return Client::builder().build().map_err(|error| error.to_string()) };
    let told = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(told).map_err(|error| error.to_string())?;
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Client::builder().tls_backend_preconfigured(tls).build().map_err(|error| error.to_string())
}

impl Hand {
    /// Comes with a key, and finds its API key.
    pub async fn connect(http: &Client, clob_url: &str, key: Key) -> Result<Hand, String> {
        let timestamp = clock::system().as_secs().to_string();
        let attestation = ClobAuth { address: key.address(), timestamp: &timestamp, nonce: U256::ZERO };
        let request = http
            .get(format!("{clob_url}/auth/derive-api-key"))
            .header("POLY_ADDRESS", key.address().to_string())
            .header("POLY_SIGNATURE", hex::encode_prefixed(attestation.sign(&key, Network::Polygon)))
            .header("POLY_TIMESTAMP", &timestamp)
            .header("POLY_NONCE", "0");
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let body = answer.bytes().await.map_err(|error| error.to_string())?;
        let api = Credentials::from_answer(&body).map_err(|error| error.to_string())?;
        Ok(Hand { key, http: http.clone(), clob_url: clob_url.to_owned(), api })
    }

    /// The address that signs; an account of its own trades from it.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// Places an order of the wallet of this kind. Returns the venue's answer, whatever it says.
    pub async fn place(&self, of: SignatureType, order: &ByHand<'_>) -> Result<Value, String> {
        let (entry, exchange) = self.order(of, order)?;
        let signature = signature::sign(&entry, &self.key, exchange, Network::Polygon);
        let body = self.body(&entry, order, &signature).to_string();
        let url = format!("{}/order", self.clob_url);
        let headers = signed(&self.api, self.address(), "POST", "/order", &body, clock::now());
        let request =
            headers.into_iter().fold(self.http.post(url), |request, (name, value)| request.header(name, value));
        let answer = request.header("content-type", "application/json").body(body).send().await;
        let text = match answer {
            Ok(answer) => answer.text().await,
            Err(error) => Err(error),
        };
        let text = text.map_err(|error| error.to_string())?;
        serde_json::from_str(&text).map_err(|_| text)
    }

    /// Rests so many shares of each token of a market for sale at 52 cents, and as many wanted at 48: a book that moves only when
    /// somebody trades.
    pub async fn keep_shop(&self, venue: &Server, market: &Listing, shares: u64) -> Result<(), String> {
        let shares = Shares::whole(shares);
        let pairs = venue.split(self.address(), &market.tokens[0], shares);
        pairs.ok_or("there are no dollars to make shares of")?;
        for (outcome, side, micros) in
            [0, 1].into_iter().flat_map(|outcome| [(outcome, Side::Sell, 520_000), (outcome, Side::Buy, 480_000)])
        {
            let (kind, usdc) = (OrderKind::Gtc, Usdc::ZERO);
            let price = Price::from_micros(micros).expect("a price");
            let answer =
                self.place(SignatureType::Eoa, &ByHand { market, outcome, side, kind, price, shares, usdc }).await?;
            // Where others quote, too, some of it may be traded at once.
            if answer["success"] != true {
                return Err(answer.to_string());
            }
        }
        Ok(())
    }

    /// Returns what the venue says that the wallet of a kind holds: of a token, or dollars; in millionths.
    pub async fn holds(&self, of: SignatureType, token: Option<&str>) -> Result<u64, String> {
        let asset = token.map_or("COLLATERAL".to_owned(), |token| format!("CONDITIONAL&token_id={token}"));
        let path = "/balance-allowance";
        let url = format!("{}{path}?asset_type={asset}&signature_type={}", self.clob_url, of.number());
        let headers = signed(&self.api, self.address(), "GET", path, "", clock::now());
        let request =
            headers.into_iter().fold(self.http.get(url), |request, (name, value)| request.header(name, value));
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let text = answer.text().await.map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        answer["balance"].as_str().and_then(|balance| balance.parse().ok()).ok_or(text)
    }

    fn order(&self, of: SignatureType, order: &ByHand<'_>) -> Result<(Order, Exchange), String> {
        let ByHand { market, outcome, side, kind, price, shares, usdc } = *order;
        let amounts = match (kind, side) {
            (OrderKind::Fak | OrderKind::Fok, Side::Buy) => amounts::market_buy(Tick::CENT, price, usdc),
            (OrderKind::Fak | OrderKind::Fok, Side::Sell) => amounts::market_sell(Tick::CENT, price, shares),
            (OrderKind::Gtc, side) => amounts::limit(Tick::CENT, side, price, shares),
        };
        let amounts = amounts.map_err(|wrong| format!("{wrong:?}"))?;
        let maker = wallet::of(of, self.address());
        let entry = Order {
            salt: SALT.fetch_add(1, Ordering::Relaxed),
            maker,
            signer: if of == SignatureType::DepositWallet { maker } else { self.address() },
            token: market.tokens[outcome].parse().map_err(|_| "the token is no number")?,
            maker_amount: amounts.maker,
            taker_amount: amounts.taker,
            side,
            signature_type: of,
            timestamp: Millis(clock::now().as_millis()),
            metadata: B256::ZERO,
            builder: B256::ZERO,
        };
        Ok((entry, Exchange::of(market.generation, market.neg_risk)))
    }

    fn body(&self, entry: &Order, order: &ByHand<'_>, signature: &[u8]) -> Value {
        let kind = match order.kind {
            OrderKind::Fak => "FAK",
            OrderKind::Fok => "FOK",
            OrderKind::Gtc => "GTC",
        };
        json!({
            "deferExec": false, "postOnly": false, "owner": self.api.id, "orderType": kind,
            "order": {
                "salt": entry.salt, "maker": entry.maker.to_string(), "signer": entry.signer.to_string(),
                "tokenId": order.market.tokens[order.outcome], "makerAmount": entry.maker_amount.to_string(),
                "takerAmount": entry.taker_amount.to_string(),
                "side": if entry.side == Side::Buy { "BUY" } else { "SELL" },
                "signatureType": entry.signature_type.number(), "timestamp": entry.timestamp.0.to_string(),
                "expiration": "0", "metadata": entry.metadata, "builder": entry.builder,
                "signature": hex::encode_prefixed(signature),
            },
        })
    }
}
