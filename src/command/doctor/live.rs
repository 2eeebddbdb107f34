//! What real money needs: a key that is nobody else's, an account that the venue takes orders of, a clock that is right.

use std::time::Duration;

use tokio::time::timeout;

use super::Check;
use crate::{
    config::Config,
    secret::{Wallet, sealed, wallet},
    store::lease,
    venue::{
        chain::Purse,
        polymarket::{
            Exchange,
            account::{Account, Funds, try_signing},
            onchain::Purpose,
            redeem::Power,
            rest::Failure,
        },
    },
};

/// From here on orders may be refused; beyond the other they are.
const CLOCK_WARN_S: i64 = 2;
const CLOCK_MAX_S: i64 = 10;
/// Postgres may take so long to say who holds the wallet.
const LEASE_PATIENCE: Duration = Duration::from_secs(3);
const NETWORK_FIX: &str = "check the network, and feed.clob_url";

/// Returns the checks of live trading. Asks the venue with the key in the settings; sends nothing that trades.
pub async fn checks(config: &Config) -> Vec<Check> {
    let wallet = match Wallet::load(&config.wallet) {
        Ok(wallet) => wallet,
        Err(error) => {
            let said = error.to_string();
            let (found, fix) = said.split_once("\n  fix: ").unwrap_or((&said, "see [wallet] in config/default.toml"));
            return vec![Check::failed("key", found, fix)];
        }
    };
    let mut found = vec![key(&wallet), signing(&wallet), lease(&wallet, config).await];
    found.push(on_chain(&wallet, config).await);
    let account = Account::new(&config.feed.clob_url, &wallet);
    found.push(clock(account.clock_ahead().await));
    found.push(match account.place().await {
        Err(error) => Check::warning("place", error.to_string(), NETWORK_FIX),
        Ok((true, place)) => Check::failed(
            "place",
            format!("the venue does not serve this place ({})", country(&place)),
            "run it where the venue may serve you; it takes no orders from here",
        ),
        Ok((false, place)) => Check::good("place", format!("served ({})", country(&place))),
    });
    let credentials = match account.derive().await {
        Ok(credentials) => credentials,
        Err(error) => {
            found.push(Check::failed("credentials", error.to_string(), "remora key derive-api --create"));
            return found;
        }
    };
    found.push(Check::good("credentials", format!("API key {}", credentials.id)));
    found.push(match account.is_closed_only(&credentials).await {
        Err(error) => Check::failed("account", error.to_string(), NETWORK_FIX),
        Ok(true) => Check::failed(
            "account",
            "closed-only: it may sell and take no new positions",
            "ask the venue why; exits go on",
        ),
        Ok(false) => Check::good("account", "may trade"),
    });
    found.push(funds(&wallet, account.funds(&credentials, wallet.signature_type).await));
    found
}

/// Who may trade with the wallet now.
async fn lease(wallet: &Wallet, config: &Config) -> Check {
    const NAME: &str = "wallet";
    let Some(url) = &config.store.database_url else {
        let found =
            "a Postgres of this data folder's own: engines of other machines would not see that the wallet is taken";
        return Check::good(NAME, found);
    };
    let asked = timeout(LEASE_PATIENCE, lease::look_at(url, &wallet.text())).await;
    let row = match asked {
        Err(_) => {
            return Check::warning(NAME, "who holds it is not known: Postgres does not answer", "see Postgres above");
        }
        Ok(Err(error)) => {
            return Check::warning(NAME, format!("who holds it is not known: {error}"), "see Postgres above");
        }
        Ok(Ok(row)) => row,
    };
    let here = config.data.dir.join("journal").canonicalize().unwrap_or_default().display().to_string();
    match row.filter(|row| !row.is_free) {
        None => Check::good(NAME, "no engine holds it"),
        Some(row) if row.data_dir == here => Check::good(NAME, format!("held by {row}")),
        Some(row) => {
            let fix = "only one engine trades with a wallet: stop that one first, or let this one be a shadow";
            Check::warning(NAME, format!("held by {row}"), fix)
        }
    }
}

/// Whether shares that win become money again, and whether the contracts may take what they must.
async fn on_chain(wallet: &Wallet, config: &Config) -> Check {
    const NAME: &str = "chain";
    const CHECK: &str = "remora wallet check";
    let purse = match Purse::of(wallet, &config.chain) {
        Err(error) => return Check::failed(NAME, error, "see [chain] in config/default.toml"),
        Ok(None) => {
            let fix = "chain.rpc_url = a node; or let the venue redeem: `remora wallet approve --auto-redeem`";
            return Check::warning(NAME, "no node: shares that win are not redeemed from here", fix);
        }
        Ok(Some(purse)) => purse,
    };
    let expected = wallet.network.chain_id();
    match purse.node.chain_id().await {
        Ok(id) if id == expected => {}
        Ok(id) => return Check::failed(NAME, format!("the node is of chain {id}, not {expected}"), "chain.rpc_url"),
        Err(error) => return Check::failed(NAME, error.to_string(), "check chain.rpc_url"),
    }
    let approvals = match purse.approvals().await {
        Err(error) => return Check::failed(NAME, error.to_string(), "check chain.rpc_url"),
        Ok(approvals) => approvals,
    };
    let lacks = |purpose| approvals.iter().any(|(approval, _, suffices)| approval.purpose == purpose && !suffices);
    match purse.power() {
        _ if lacks(Purpose::Trading) => Check::failed(NAME, "an exchange may not take what orders need", CHECK),
        Power::NeedsOwner if lacks(Purpose::AutoRedemption) => Check::warning(
            NAME,
            "this key cannot redeem, and the venue's auto-redeemer may not: shares that win wait for the wallet's owner",
            "where the owner's key is: remora wallet approve --auto-redeem",
        ),
        Power::NeedsOwner => Check::good(NAME, "the venue's auto-redeemer may redeem; this key cannot"),
        Power::Direct | Power::Relayed if lacks(Purpose::Redemption) => {
            Check::warning(NAME, "the contracts that redeem may not take shares that won", "remora wallet approve")
        }
        Power::Direct | Power::Relayed => Check::good(NAME, "approved for trading and redemption"),
    }
}

fn key(wallet: &Wallet) -> Check {
    let who =
        format!("{} signs for the {} wallet {}", wallet.signer(), wallet::code(wallet.signature_type), wallet.funder);
    match (sealed::is_locked(), wallet.is_session) {
        (false, _) => Check::warning("key", format!("{who}; it may be swapped to disk"), "ulimit -l 64, or no swap"),
        (true, true) => Check::good("key", format!("{who}, as a session key")),
        (true, false) => Check::warning(
            "key",
            format!("{who}; who steals it can withdraw everything"),
            "a session key of a deposit wallet trades and cannot withdraw: session_key = true",
        ),
    }
}

fn signing(wallet: &Wallet) -> Check {
    match try_signing(wallet) {
        Ok(()) => Check::good("signing", "an order that was never sent holds on every exchange"),
        Err(wrong) => Check::failed("signing", wrong, "check signature_type, funder and session_key in [wallet]"),
    }
}

/// The region stands behind it.
fn country(place: &str) -> &str {
    place.split(' ').next().unwrap_or_default()
}

fn clock(ahead: Result<i64, Failure>) -> Check {
    const FIX: &str = "let chrony (or systemd-timesyncd) keep the clock; signatures hold about 30 s";
    match ahead {
        Err(error) => Check::failed("clock", error.to_string(), NETWORK_FIX),
        Ok(seconds) if seconds.abs() > CLOCK_MAX_S => {
            Check::failed("clock", format!("{seconds} s ahead of the venue's"), FIX)
        }
        Ok(seconds) if seconds.abs() >= CLOCK_WARN_S => {
            Check::warning("clock", format!("{seconds} s ahead of the venue's"), FIX)
        }
        Ok(_) => Check::good("clock", "within a second of the venue's"),
    }
}

fn funds(wallet: &Wallet, funds: Result<Funds, Failure>) -> Check {
    match funds {
        Err(error) => Check::failed("funds", error.to_string(), NETWORK_FIX),
        Ok(Funds { balance, missing }) if !missing.is_empty() => Check::failed(
            "funds",
            format!("${balance} in {}; not approved: {}", wallet.funder, contracts(wallet, &missing)),
            "where the owner's key is: remora wallet approve; or approve pUSD on the venue's page",
        ),
        Ok(Funds { balance, .. }) if balance.0 <= 0 => Check::warning(
            "funds",
            format!("nothing in {}", wallet.funder),
            "pay in, or check funder and signature_type: `remora key show --funds`",
        ),
        Ok(Funds { balance, .. }) => Check::good("funds", format!("${balance} in {}, approved", wallet.funder)),
    }
}

fn contracts(wallet: &Wallet, missing: &[Exchange]) -> String {
    missing.iter().map(|exchange| exchange.address(wallet.network).to_string()).collect::<Vec<_>>().join(", ")
}
