//! What real money needs: a key that is nobody else's, an account that the venue takes orders of, a clock that is right.

use super::Check;
use crate::{
    config::Config,
    secret::{Wallet, sealed, wallet},
    venue::polymarket::{
        Exchange,
        account::{Account, AccountError, Funds, try_signing},
    },
};

/// From here on orders may be refused; beyond the other they are.
const CLOCK_WARN_S: i64 = 2;
const CLOCK_MAX_S: i64 = 10;
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
    let mut found = vec![key(&wallet), signing(&wallet)];
    let account = Account::new(&config.feed.clob_url, &wallet);
    found.push(clock(account.clock_ahead().await));
    found.push(match account.place().await {
        Err(error) => Check::warning("place", error.to_string(), NETWORK_FIX),
        Ok(place) if place.blocked => Check::failed(
            "place",
            format!("the venue does not serve this place ({})", place.country),
            "run it where the venue may serve you; it takes no orders from here",
        ),
        Ok(place) => Check::good("place", format!("served ({})", place.country)),
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

fn clock(ahead: Result<i64, AccountError>) -> Check {
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

fn funds(wallet: &Wallet, funds: Result<Funds, AccountError>) -> Check {
    match funds {
        Err(error) => Check::failed("funds", error.to_string(), NETWORK_FIX),
        Ok(Funds { balance, missing }) if !missing.is_empty() => Check::failed(
            "funds",
            format!("${balance} in {}; not approved: {}", wallet.funder, contracts(wallet, &missing)),
            "approve pUSD for these contracts from the wallet, on the venue's page or by its owner",
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
