//! The live side of a session: only where the settings say `live.switch = "on"`. Otherwise no key is read, no user channel
//! opened, nothing sent that shows who we are.

use std::{fs, sync::Arc};

use super::SessionError;
use crate::{
    actor::{
        Address,
        gateway::{Arm, Desk, Places},
        tokens::TokensMessage,
    },
    clock,
    config::Config,
    domain::{LiveSwitch, Nanos},
    feed,
    hot_loop::Live,
    secret::Wallet,
    start::Resumed,
    venue::{
        chain::Purse,
        gate::Gate,
        outbox::Outbox,
        polymarket::{
            Credentials, account,
            prepare::{Account, Prepared, SignedBy, ahead},
            reconcile::Rules,
        },
    },
};

/// After a start nothing is ordered for at least so long: no leader's trade is copied by this process and the last.
const OBSERVE: Nanos = Nanos::from_secs(5);

/// Reads the key, where live orders are allowed. A key that cannot be read is no reason to go on without.
pub fn wallet(config: &Config) -> Result<Option<Wallet>, SessionError> {
    match config.live.switch {
        LiveSwitch::Off | LiveSwitch::Shadow => Ok(None),
        LiveSwitch::On => {
            let loaded = Wallet::load(&config.wallet).map(Some);
            loaded
                .map_err(|error| SessionError::Part(format!("live orders are allowed, and cannot be signed: {error}")))
        }
    }
}

/// Returns our wallet on the chain; `None` where no key was read, or the settings name no node.
pub fn purse(config: &Config, wallet: Option<&Wallet>) -> Result<Option<Purse>, SessionError> {
    let Some(wallet) = wallet else { return Ok(None) };
    Purse::of(wallet, &config.chain).map_err(SessionError::Part)
}

/// Trusts the authority that the settings name besides the usual ones.
pub fn trust(config: &Config) -> Result<(), SessionError> {
    let Some(path) = &config.feed.authority_file else { return Ok(()) };
    let pem = fs::read_to_string(path).map_err(|error| error.to_string());
    let trusted = pem.and_then(|pem| feed::trust_also(&pem));
    trusted.map_err(|error| {
        SessionError::Part(format!(
            "feed.authority_file {}: {error}\n  fix: name the PEM file of an authority, or leave it empty",
            path.display()
        ))
    })
}

pub fn live_side(
    config: &Config,
    wallet: Wallet,
    gate: Arc<Gate>,
    resumed: &Resumed,
    tokens: Arc<Address<TokensMessage>>,
) -> Arc<Desk> {
    let age_max = config.strategies.iter().filter_map(|strategy| strategy.portfolio(crate::domain::Mode::Live));
    let age_max = age_max.map(|told| told.settings.filter.trade_age_max).max().unwrap_or(Nanos::ZERO);
    let places = Places {
        clob_url: config.feed.clob_url.clone(),
        user_url: config.feed.user_url.clone(),
        geoblock_url: account::geoblock_url(&config.feed.clob_url),
        observe: age_max.max(OBSERVE),
        reconcile: Rules { every: config.reconcile.every, patience: config.reconcile.patience },
    };
    let outbox = Arc::<Outbox>::default();
    let arm = arm(wallet.clone(), config.prepare, Arc::clone(&gate), Arc::clone(&outbox), tokens);
    Arc::new(Desk::new(wallet, places, gate, outbox, arm, resumed))
}

/// The hot thread is given its way out by the tokens' actor, who knows the names of all tokens and in which order they come.
fn arm(
    wallet: Wallet,
    ahead: Option<ahead::Options>,
    gate: Arc<Gate>,
    outbox: Arc<Outbox>,
    tokens: Arc<Address<TokensMessage>>,
) -> Arm {
    Box::new(move |credentials: &Credentials, host: &str| {
        let account = Account {
            key: Arc::clone(&wallet.key),
            signed_by: if wallet.is_session { SignedBy::Session } else { SignedBy::Owner },
            signature_type: wallet.signature_type,
            funder: wallet.funder,
            network: wallet.network,
            api: credentials.clone(),
            host: host.to_owned(),
        };
        let began = clock::now();
        let mut prepared = Prepared::new(&account, began).map_err(|unfit| unfit.to_string())?;
        if let Some(options) = ahead {
            prepared.sign_ahead(options, began).start();
        }
        tokens.cast(TokensMessage::Arm(Box::new(Live::new(prepared, Arc::clone(&outbox), Arc::clone(&gate)))));
        Ok(())
    })
}
