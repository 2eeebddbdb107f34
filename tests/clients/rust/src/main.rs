//! An ordinary day with `polymarket_client_sdk_v2` against the venue of the given ready file: `life READY`.
//! POLYMARKET_PRIVATE_KEY in the environment is the secret key of its first account.
//! Prints a line for each thing done; ends with 1 at the first that came out otherwise than expected.

mod market;
mod trader;

use std::fmt::Debug;
use std::str::FromStr;
use std::time::Duration;

use alloy::signers::Signer as _;
use alloy::signers::local::PrivateKeySigner;
use anyhow::{Context, Result, bail};
use polymarket_client_sdk_v2::auth::Normal;
use polymarket_client_sdk_v2::auth::state::Authenticated;
use polymarket_client_sdk_v2::clob::types::request::{BalanceAllowanceRequest, OrdersRequest};
use polymarket_client_sdk_v2::clob::types::{AssetType, OrderStatusType, SignatureType};
use polymarket_client_sdk_v2::clob::{Client, Config};
use polymarket_client_sdk_v2::types::{Address, Decimal};
use polymarket_client_sdk_v2::{POLYGON, PRIVATE_KEY_VAR};
use serde_json::Value;

use crate::market::Market;
use crate::trader::Trader;

pub type Account = Client<Authenticated<Normal>>;

/// Prints that `what` came out as expected, or ends the day.
pub fn expect<T: Debug>(what: &str, holds: bool, got: &T) -> Result<()> {
    if !holds {
        bail!("FAILED {what}; got {got:?}");
    }
    println!("ok {what}");
    Ok(())
}

/// Expects the venue, or the client before it, to refuse with these words.
pub fn expect_refusal<T: Debug, E: ToString>(what: &str, words: &str, answer: Result<T, E>) -> Result<()> {
    let answer = answer.map_err(|error| error.to_string());
    let refused = matches!(&answer, Err(text) if text.contains(words));
    expect(&format!("{what} is refused: {words:?}"), refused, &answer)
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt::init();
    let path = std::env::args().nth(1).context("usage: life READY")?;
    let ready: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let text =
        |name: &str| ready[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in the ready file"));
    let markets: Vec<Market> = serde_json::from_value(ready["markets"].clone())?;
    let find = |generation: &str, neg_risk: bool| {
        markets.iter().find(|market| market.generation == generation && market.neg_risk == neg_risk)
    };
    let plain = find("v2", false).context("no V2 market")?;
    let grouped = find("v2", true).context("no V2 market of a negative-risk group")?;
    let newer = markets.iter().find(|market| market.generation == "v3").context("no V3 market")?;
    let own = &ready["accounts"][0];
    let signer = PrivateKeySigner::from_str(&std::env::var(PRIVATE_KEY_VAR)?)?.with_chain_id(Some(POLYGON));

    let host = text("clob")?;
    market::read_public(&Client::new(&host, Config::default())?, plain).await?;
    market::read_gamma(&text("gamma")?, plain).await?;

    let mut account = Client::new(&host, Config::default())?.authentication_builder(&signer).authenticate().await?;
    // The heart that this starts stops by itself when the first order is built: dropping the builder's copy of the client ends it.
    account.stop_heartbeats().await?;
    read_account(&account).await?;
    let trader = Trader::of(&account, &signer, plain).await?;
    trader.own_orders().await?;
    trader.batch().await?;
    trader.mistakes().await?;
    let gone = account.cancel_all_orders().await?;
    expect("cancel all", gone.canceled.len() == 2, &gone)?;
    for (market, who) in [(plain, "V2"), (grouped, "V2 negative risk"), (newer, "V3")] {
        let here = Trader::of(&account, &signer, market).await?;
        here.rest_and_cancel(who).await?;
        here.buy_and_sell(who).await?;
    }
    trader.sockets(&text("ws_user")?).await?;

    for (name, kind) in [
        ("proxy", SignatureType::Proxy),
        ("safe", SignatureType::GnosisSafe),
        ("deposit_wallet", SignatureType::Poly1271),
    ] {
        let wallet = Address::from_str(own[name].as_str().context("no wallet")?)?;
        let mut other = Client::new(&host, Config::default())?
            .authentication_builder(&signer)
            .credentials(account.credentials().clone())
            .signature_type(kind)
            .funder(wallet)
            .authenticate()
            .await?;
        other.stop_heartbeats().await?;
        for (market, who) in [(plain, "V2"), (newer, "V3")] {
            Trader::of(&other, &signer, market).await?.rest_and_cancel(&format!("{kind}, {who}")).await?;
        }
        Trader::of(&other, &signer, plain).await?.buy_and_sell(&kind.to_string()).await?;
    }
    let heart = Client::new(&host, Config::default())?
        .authentication_builder(&signer)
        .credentials(account.credentials().clone())
        .authenticate()
        .await?;
    heartbeats(heart, &account, &trader).await?;
    let deleted = account.delete_api_key().await?;
    expect("delete the key", deleted == "OK", &deleted)?;
    expect_refusal("a deleted key", "Unauthorized/Invalid api key", account.api_keys().await)
}

async fn read_account(account: &Account) -> Result<()> {
    let keys = account.api_keys().await?;
    expect("create or derive keys", format!("{keys:?}").contains(&account.credentials().key().to_string()), &keys)?;
    let closed = account.closed_only_mode().await?;
    expect("the account may open orders", !closed.closed_only, &closed)?;
    let asked = BalanceAllowanceRequest::builder().asset_type(AssetType::Collateral).build();
    let money = account.balance_allowance(asked.clone()).await?;
    expect("read the balance", money.balance > Decimal::ZERO && !money.allowances.is_empty(), &money)?;
    account.update_balance_allowance(asked).await?;
    Ok(())
}

/// Orders outlive the dead man's switch while a heart beats, and die when it stops.
async fn heartbeats(mut heart: Account, account: &Account, trader: &Trader<'_>) -> Result<()> {
    let placed = trader.place_resting().await?;
    // The first beat comes after 5 s; were it the only one, orders would die 10 to 15 s later.
    tokio::time::sleep(Duration::from_secs(22)).await;
    let order = account.order(&placed).await?;
    expect("an order lives while the heart beats", order.status == OrderStatusType::Live, &order)?;
    heart.stop_heartbeats().await?;
    for _ in 0..100 {
        if account.orders(&OrdersRequest::default(), None).await?.data.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let order = account.order(&placed).await?;
    expect("and dies when it stops", order.status.to_string().to_uppercase().starts_with("CANCELED"), &order)
}
