//! `remora wallet`: what the chain says of our wallet, whom it lets take what, and what becomes of it where our books differ.

mod books;

use std::io::{BufRead, Write};

use alloy::primitives::U256;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Exit, Global, small_runtime, table};
use crate::{
    clock,
    config::{Config, WalletConfig, Written},
    domain::Nanos,
    secret::Wallet,
    venue::{
        chain::{Node, Purse, Setup},
        polymarket::{
            onchain::{Answer, Approval, Call, Progress, Purpose, Ticket},
            redeem::Power,
        },
    },
};

/// The wallet in `[wallet]`: what the chain says of it, and where the engine's books differ.
#[derive(Clone, Debug, Subcommand)]
pub enum WalletCommand {
    Check(CheckArgs),
    Approve(ApproveArgs),
    Differences(books::DifferencesArgs),
    Adopt(books::AdoptArgs),
    Ignore(books::IgnoreArgs),
    WriteOff(books::WriteOffArgs),
}

/// Show what the venue's contracts may take of the wallet, and what they must.
#[derive(Args, Clone, Debug)]
#[command(after_help = CHECK_HELP)]
pub struct CheckArgs {}

/// Let the venue's contracts take what trading and redemption need, after showing it.
#[derive(Args, Clone, Debug)]
#[command(after_help = APPROVE_HELP)]
pub struct ApproveArgs {
    /// Do not ask
    #[arg(long)]
    pub yes: bool,

    /// Let the venue's auto-redeemer take shares that won, too
    #[arg(long)]
    pub auto_redeem: bool,
}

const CHECK_HELP: &str = "\
Examples:
  remora wallet check --config my.toml
  remora wallet check --config my.toml --json

It reads the chain (chain.rpc_url) and changes nothing. Ends with 1 if something
is missing.";

const APPROVE_HELP: &str = "\
Examples:
  remora wallet approve --config my.toml
  remora wallet approve --config my.toml --auto-redeem --yes

An EOA sends a transaction for each approval, and pays for it in POL; other
wallets send all of them at once through the relayer (chain.relayer_key). It
takes the owner's key: a session key cannot approve.";

/// How long one approval may take.
const PATIENCE: Nanos = Nanos::from_secs(180);
const ASK_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

pub fn execute(global: &Global, command: &WalletCommand) -> Exit {
    let giving = match command {
        WalletCommand::Differences(args) => return books::differences(global, args),
        WalletCommand::Adopt(args) => return books::adopt(global, args),
        WalletCommand::Ignore(args) => return books::ignore(global, args),
        WalletCommand::WriteOff(args) => return books::write_off(global, args),
        WalletCommand::Check(_) => None,
        WalletCommand::Approve(args) => Some(args),
    };
    let config = match global.settings(Written::DefaultsOnly, &super::Engine::default()) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let done = small_runtime().block_on(async {
        let purse = purse(&config)?;
        match giving {
            None => check(global, &purse).await,
            Some(args) => approve(global, &purse, args).await,
        }
    });
    done.unwrap_or_else(|error| {
        eprintln!("remora wallet: {error}");
        Exit::Failed
    })
}

/// Returns the wallet of the settings. Without its key it can be looked at, if the settings say where it is.
fn purse(config: &Config) -> Result<Purse, String> {
    let Some(url) = &config.chain.rpc_url else {
        return Err("chain.rpc_url is empty, so there is nobody to ask\n  fix: chain.rpc_url = a node of the wallet's network, such \
                    as \"https://polygon-rpc.com\""
            .to_owned());
    };
    let WalletConfig { key, signature_type: kind, funder, network, .. } = &config.wallet;
    let setup = match (key, funder) {
        (None, Some(wallet)) => Setup { wallet: *wallet, kind: *kind, network: *network, owner: None, relayer: None },
        (None, None) => {
            let fix = "wallet.funder = its address, to look at it; wallet.key = where its key is, to approve";
            return Err(format!("the settings name no wallet\n  fix: {fix}"));
        }
        (Some(_), _) => {
            let wallet = Wallet::load(&config.wallet).map_err(|error| error.to_string())?;
            Setup::of(&wallet, &config.chain)?
        }
    };
    Ok(Purse::new(Node::new(url), setup))
}

/// What an approval allows now.
struct Row {
    approval: Approval,
    allowed: U256,
    suffices: bool,
}

async fn read(purse: &Purse) -> Result<Vec<Row>, String> {
    let chain_id = purse.node.chain_id().await.map_err(|error| error.to_string())?;
    let expected = purse.network().chain_id();
    if chain_id != expected {
        return Err(format!(
            "the node is of chain {chain_id}, and wallet.network is of chain {expected}\n  fix: chain.rpc_url = a node of that network"
        ));
    }
    let all = purse.approvals().await.map_err(|error| error.to_string())?;
    Ok(all.into_iter().map(|(approval, allowed, suffices)| Row { approval, allowed, suffices }).collect())
}

impl Row {
    /// Returns whether trading or redemption here fails without it.
    fn is_missing(&self, power: Power) -> bool {
        let is_needed = match self.approval.purpose {
            Purpose::Trading => true,
            Purpose::Redemption => power != Power::NeedsOwner,
            Purpose::AutoRedemption => power == Power::NeedsOwner,
        };
        is_needed && !self.suffices
    }

    fn word(&self, power: Power) -> String {
        match (self.suffices, self.is_missing(power)) {
            (_, true) if !self.allowed.is_zero() => {
                format!("MISSING: only ${} of it", self.allowed / U256::from(1_000_000))
            }
            (_, true) => "MISSING".to_owned(),
            (true, false) => "given".to_owned(),
            (false, false) => "not given, not needed".to_owned(),
        }
    }

    fn json(&self, power: Power) -> Value {
        json!({
            "token": self.approval.token.to_string(),
            "spender": self.approval.spender.to_string(),
            "name": self.approval.name,
            "purpose": self.approval.purpose.code(),
            "allowed": self.allowed.to_string(),
            "suffices": self.suffices,
            "missing": self.is_missing(power),
        })
    }
}

/// Prints the table, or the JSON.
fn print(global: &Global, purse: &Purse, rows: &[Row]) {
    let power = purse.power();
    if global.json {
        let rows: Vec<Value> = rows.iter().map(|row| row.json(power)).collect();
        println!("{}", json!({ "wallet": purse.wallet().to_string(), "redeems": redeems(power), "approvals": rows }));
        return;
    }
    let mut table = table::with_header(["what and to whom", "spender", "for", ""]);
    for row in rows {
        let Approval { spender, name, purpose, .. } = row.approval;
        table.add_row([name.to_owned(), spender.to_string(), purpose.code().to_owned(), row.word(power)]);
    }
    println!("Wallet {}; redeems {}.", purse.wallet(), redeems(power));
    println!("{table}");
}

const fn redeems(power: Power) -> &'static str {
    match power {
        Power::Direct => "by its own transactions",
        Power::Relayed => "through the relayer",
        Power::NeedsOwner => "not from here: by its owner, or the venue's auto-redeemer",
    }
}

async fn check(global: &Global, purse: &Purse) -> Result<Exit, String> {
    let rows = read(purse).await?;
    print(global, purse, &rows);
    let missing = rows.iter().filter(|row| row.is_missing(purse.power())).count();
    if missing == 0 {
        return Ok(Exit::Done);
    }
    if !global.json {
        println!("{}", advice(purse.power(), missing));
    }
    Ok(Exit::Failed)
}

fn advice(power: Power, missing: usize) -> String {
    let by = match power {
        Power::Direct | Power::Relayed => "remora wallet approve",
        Power::NeedsOwner => "where the owner's key is: remora wallet approve --auto-redeem, or the venue's page",
    };
    format!("Missing: {missing}. To give them: {by}")
}

async fn approve(global: &Global, purse: &Purse, args: &ApproveArgs) -> Result<Exit, String> {
    if purse.power() == Power::NeedsOwner {
        return Err(
            "this key cannot approve anything: it takes the owner's key, and for a proxy, Safe or deposit wallet \
                    chain.relayer_key\n  fix: run it where the owner's key is, or approve on the venue's page"
                .to_owned(),
        );
    }
    let rows = read(purse).await?;
    let is_wanted = |row: &&Row| match row.approval.purpose {
        Purpose::Trading | Purpose::Redemption => !row.suffices,
        Purpose::AutoRedemption => args.auto_redeem && !row.suffices,
    };
    let wanted: Vec<Approval> = rows.iter().filter(is_wanted).map(|row| row.approval).collect();
    if wanted.is_empty() {
        print(global, purse, &rows);
        return Ok(Exit::Done);
    }
    eprintln!("These contracts may then take all of what is named, until it is taken back:");
    for approval in &wanted {
        eprintln!("  {} ({})", approval.name, approval.spender);
    }
    if !args.yes && !is_confirmed(&mut std::io::stdin().lock()) {
        eprintln!("Nothing was changed.");
        return Ok(Exit::Failed);
    }
    let calls: Vec<Call> = wanted.iter().map(Approval::call).collect();
    let at_once = if purse.power() == Power::Direct { 1 } else { calls.len() };
    for calls in calls.chunks(at_once) {
        send(purse, calls).await?;
    }
    let rows = read(purse).await?;
    print(global, purse, &rows);
    let is_missing = rows.iter().any(|row| row.is_missing(purse.power()));
    Ok(if is_missing { Exit::Failed } else { Exit::Done })
}

/// Asks for the word; anything else is no.
fn is_confirmed(input: &mut impl BufRead) -> bool {
    eprint!("Type yes to approve: ");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    input.read_line(&mut line).is_ok() && line.trim() == "yes"
}

/// Sends calls and waits until they are in a block.
async fn send(purse: &Purse, calls: &[Call]) -> Result<(), String> {
    let signed = purse.sign(calls, None).await.map_err(|error| error.to_string())?;
    let ticket = match purse.send(&signed).await {
        Answer::Taken(ticket) => ticket,
        Answer::Refused(why) => return Err(why),
        Answer::Later { why, secs } => return Err(format!("{why}\n  fix: try again in {secs} s")),
        Answer::Unknown(why) => {
            return Err(format!("{why}\n  It may have been taken. fix: `remora wallet check` in a minute shows it"));
        }
    };
    match &ticket {
        Ticket::Transaction(hash) => eprintln!("Sent: transaction {hash}"),
        Ticket::Relayed(id) => eprintln!("Sent: relayer's transaction {id}"),
    }
    let until = clock::now().plus(PATIENCE);
    while clock::now() < until {
        match purse.progress(std::slice::from_ref(&ticket)).await {
            Ok(Progress::Mined | Progress::Confirmed) => return Ok(()),
            Ok(Progress::Failed(why)) => return Err(why),
            // A node that does not answer now may answer in a second.
            Ok(Progress::Waiting) | Err(_) => tokio::time::sleep(ASK_EVERY).await,
        }
    }
    Err("it is in no block after three minutes; `remora wallet check` shows when it is".to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt, path::Path};

    use super::*;
    use crate::{
        config::Overrides,
        domain::Usdc,
        sim::server::{Funded, Options, PrivateSettings, Server},
        venue::polymarket::{Key, account::Account},
    };

    const SECRET: &str = "0101010101010101010101010101010101010101010101010101010101010101";

    fn write(path: &Path, text: &str) {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o400).open(path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
    }

    /// Settings with a key of its own account, for a venue that runs here.
    fn settings(venue: &Server, folder: &Path, more: &str) -> Config {
        let text = format!(
            "[wallet]\nkey = \"file:{folder}/key\"\n{more}\n[chain]\nrpc_url = \"{rpc}\"\nrelayer_url = \"{relayer}\"\n\
             relayer_key = \"file:{folder}/relayer\"\n[feed]\nclob_url = \"{clob}\"\n",
            folder = folder.display(),
            rpc = venue.urls.rpc_http,
            relayer = venue.urls.relayer,
            clob = venue.urls.clob,
        );
        let source = Written::Text { name: "test".to_owned(), text };
        Config::load(&source, &Overrides::default()).expect("right settings")
    }

    #[tokio::test]
    async fn what_is_missing_is_shown_and_given() {
        let key: Key = SECRET.parse().expect("a key");
        let accounts = vec![Funded { key, money: Usdc::whole(10) }];
        let private = PrivateSettings { accounts, ..PrivateSettings::default() };
        let venue = Server::start(Options { rate_percent: 0, private, ..Options::default() }).await.expect("ports");
        let folder = tempfile::tempdir().expect("a folder");
        write(&folder.path().join("key"), SECRET);
        let config = settings(&venue, folder.path(), "signature_type = \"eoa\"\n");
        let wallet = Wallet::load(&config.wallet).expect("a wallet");
        let made = Account::new(&config.feed.clob_url, &wallet).create().await.expect("an API key");
        let text = json!({ "key": made.id, "secret": made.secret.to_base64(), "passphrase": made.passphrase() });
        write(&folder.path().join("relayer"), &text.to_string());

        let global = Global { json: true, ..Global::default() };
        let missing = async |purse: &Purse| {
            let rows = read(purse).await.expect("an answer");
            rows.iter().filter(|row| row.is_missing(purse.power())).map(|row| row.approval.purpose).collect::<Vec<_>>()
        };
        for (kind, auto_redeem) in [("eoa", false), ("safe", true), ("proxy", false), ("deposit_wallet", true)] {
            let config = settings(&venue, folder.path(), &format!("signature_type = \"{kind}\"\n"));
            let purse = purse(&config).expect("a wallet");
            assert_eq!(missing(&purse).await, [Purpose::Redemption; 3], "{kind}");
            assert_eq!(check(&global, &purse).await, Ok(Exit::Failed), "{kind}");
            let args = ApproveArgs { yes: true, auto_redeem };
            assert_eq!(approve(&global, &purse, &args).await, Ok(Exit::Done), "{kind}");
            assert_eq!(missing(&purse).await, [], "{kind}");
            assert_eq!(check(&global, &purse).await, Ok(Exit::Done), "{kind}");
            // A session key of the same wallet is told what it cannot, and whether the venue may.
            let of = format!("funder = \"{}\"\nsignature_type = \"{kind}\"\n", purse.wallet());
            let text = format!("[wallet]\n{of}[chain]\nrpc_url = \"{}\"\n", venue.urls.rpc_http);
            let source = Written::Text { name: "test".to_owned(), text };
            let watched = Config::load(&source, &Overrides::default()).expect("right settings");
            let watched = super::purse(&watched).expect("a wallet to look at");
            let expected = if auto_redeem { vec![] } else { vec![Purpose::AutoRedemption; 2] };
            assert_eq!(missing(&watched).await, expected, "{kind}");
            let refused = approve(&global, &watched, &args).await.expect_err("no key");
            assert!(refused.contains("owner's key"), "{refused}");
        }
    }

    #[test]
    fn only_the_word_is_yes() {
        for (typed, is_yes) in [("yes\n", true), (" yes ", true), ("y\n", false), ("YES\n", false), ("", false)] {
            assert_eq!(is_confirmed(&mut typed.as_bytes()), is_yes, "{typed:?}");
        }
    }

    #[test]
    fn without_a_node_or_a_wallet_it_says_what_to_set() {
        let check = |text: &str, expected: &str| {
            let source = Written::Text { name: "test".to_owned(), text: text.to_owned() };
            let config = Config::load(&source, &Overrides::default()).expect("right settings");
            let error = purse(&config).expect_err("nothing to look at");
            assert!(error.contains(expected) && error.contains("fix: "), "{error}");
        };
        check("", "chain.rpc_url is empty");
        check("[chain]\nrpc_url = \"http://127.0.0.1:1\"\n", "the settings name no wallet");
    }
}
