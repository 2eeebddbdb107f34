//! `remora key`: the key that signs for real money, from the first file to a green light.

use std::{
    fs::{File, OpenOptions},
    io::{IsTerminal, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::json;
use zeroize::Zeroizing;

use super::{Engine, Exit, Global, doctor, small_runtime, table};
use crate::{
    config::{Config, Written},
    secret::{Sealed, Wallet, keystore, place, process, wallet},
    venue::polymarket::{SignatureType, account::Account, key, rest},
};

/// The key that signs for real money: bring it, look at it, try it
#[derive(Clone, Debug, Subcommand)]
pub enum KeyCommand {
    /// Write a key into a file that only this user can read
    #[command(after_help = IMPORT_HELP)]
    Import(ImportArgs),
    /// Show the addresses that belong to the key in the settings
    #[command(after_help = "\
Examples:
  remora key show --config my.toml
  remora key show --config my.toml --funds --json

The key itself is never shown.")]
    Show(ShowArgs),
    /// Have the venue say which API key belongs to the key, and print its id
    #[command(after_help = "\
Examples:
  remora key derive-api --config my.toml
  remora key derive-api --config my.toml --create

Secret and passphrase are not printed and not kept: each start derives them
anew.")]
    DeriveApi(DeriveArgs),
    /// Try everything that live trading needs of the key and of its account; nothing is sent that trades
    #[command(after_help = "\
Examples:
  remora key check --config my.toml
  remora key check --config my.toml --json

Ends with 1 if something needs mending.")]
    Check,
}

#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// The file to write; one that exists is never written over
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,

    /// A file with the key's 64 hex digits [default: asked for without showing it, or standard input]
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,

    /// Write a Web3 keystore under a password, instead of plain digits
    #[arg(long)]
    pub keystore: bool,

    /// A file with the keystore's password [default: asked for without showing it]
    #[arg(long, value_name = "FILE", requires = "keystore")]
    pub password_file: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// Ask the venue which of the wallets have money
    #[arg(long)]
    pub funds: bool,
}

#[derive(Args, Clone, Debug)]
pub struct DeriveArgs {
    /// Make an API key where the venue knows none for this signer
    #[arg(long)]
    pub create: bool,
}

const IMPORT_HELP: &str = "\
Examples:
  remora key import --to /etc/remora/key
  remora key import --to /etc/remora/key.json --keystore
  systemd-ask-password | remora key import --to /run/remora.key

Then say where it is in [wallet]: key = \"file:/etc/remora/key\", or
\"keystore:...\" with keystore_password. Safest is a session key of a deposit
wallet: it trades and cannot withdraw. The owner's key then stays away from this
machine.";

/// Longer input is no key.
const INPUT_MAX: u64 = 1_024;

pub fn execute(global: &Global, command: &KeyCommand) -> Exit {
    // What cannot be kept out of a core dump is still a key that its owner brings.
    let _ = process::close();
    let done = match command {
        KeyCommand::Import(args) => import(global, args),
        KeyCommand::Show(args) => with_wallet(global, |config, wallet| show(global, args, config, wallet)),
        KeyCommand::DeriveApi(args) => with_wallet(global, |config, wallet| derive(global, args, config, wallet)),
        KeyCommand::Check => return check(global),
    };
    match done {
        Ok(()) => Exit::Done,
        Err(Failure { exit, said }) => {
            match global.json {
                true => println!("{}", json!({ "ok": false, "wrong": said })),
                false => eprintln!("{said}"),
            }
            exit
        }
    }
}

struct Failure {
    exit: Exit,
    said: String,
}

impl Failure {
    fn failed(said: impl ToString) -> Failure {
        Failure { exit: Exit::Failed, said: said.to_string() }
    }
}

fn with_wallet(global: &Global, then: impl FnOnce(&Config, &Wallet) -> Result<(), Failure>) -> Result<(), Failure> {
    let config = settings(global)?;
    let wallet = Wallet::load(&config.wallet).map_err(Failure::failed)?;
    then(&config, &wallet)
}

fn settings(global: &Global) -> Result<Config, Failure> {
    let loaded = Config::load(&global.source_or(Written::DefaultsOnly), &global.overrides(&Engine::default()));
    loaded.map_err(|problems| Failure { exit: Exit::Misused, said: problems.to_string() })
}

fn import(global: &Global, args: &ImportArgs) -> Result<(), Failure> {
    let digits = match &args.from {
        Some(path) => {
            read_all(File::open(path).map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?)
        }
        None if std::io::stdin().is_terminal() => asked("Secret key (64 hex digits)", Ask::Once),
        None => read_all(std::io::stdin()),
    }?;
    let bytes = key::digits(place::without_line_end(&digits)).map(Box::new).map_err(Failure::failed)?;
    drop(digits);
    let address =
        Sealed::new(&bytes).map_err(|_| Failure::failed("these digits are no secret key: zero or too large"))?;
    let address = address.address();
    let text = match args.keystore {
        false => Zeroizing::new(alloy::hex::encode(bytes.as_ref())),
        true => {
            let password = match &args.password_file {
                Some(path) => place::read(path).map_err(Failure::failed)?,
                None => asked("Password for the keystore", Ask::Twice)?,
            };
            let mut random = Zeroizing::new([0; 64]);
            getrandom::fill(random.as_mut()).map_err(Failure::failed)?;
            let password = place::without_line_end(&password);
            if password.is_empty() {
                return Err(Failure::failed("the password is empty: it would protect nothing"));
            }
            Zeroizing::new(keystore::seal(&bytes, address, password, &random))
        }
    };
    write_new(&args.to, text.as_bytes())?;
    let (kind, path) = (if args.keystore { "keystore" } else { "file" }, args.to.display());
    match global.json {
        true => println!("{}", json!({ "ok": true, "address": address, "key": format!("{kind}:{path}") })),
        false => println!(
            "The key of {address} is in {path}, for this user only.\nNow say so: [wallet] key = \"{kind}:{path}\""
        ),
    }
    Ok(())
}

enum Ask {
    Once,
    Twice,
}

/// Asks a person, and shows nothing of what is typed.
fn asked(prompt: &str, ask: Ask) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let question = dialoguer::Password::new().with_prompt(prompt);
    let question = match ask {
        Ask::Once => question,
        Ask::Twice => question.with_confirmation("Once more", "They differ"),
    };
    question.interact().map(|text| Zeroizing::new(text.into_bytes())).map_err(Failure::failed)
}

fn read_all(from: impl Read) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(INPUT_MAX as usize));
    from.take(INPUT_MAX).read_to_end(&mut bytes).map_err(Failure::failed)?;
    Ok(bytes)
}

fn write_new(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let said = |error: std::io::Error| {
        let fix = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "a key is never written over; choose another name with --to",
            _ => "choose a place that this user may write to with --to",
        };
        Failure::failed(format!("{} cannot be written: {error}\n  fix: {fix}", path.display()))
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(said)?;
    file.write_all(text).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all()).map_err(said)
}

fn show(global: &Global, args: &ShowArgs, config: &Config, wallet: &Wallet) -> Result<(), Failure> {
    let signer = wallet.signer();
    let mut rows = vec![];
    for kind in SignatureType::ALL {
        let is_chosen = kind == wallet.signature_type;
        let address = if is_chosen { wallet.funder } else { wallet::of(kind, signer) };
        rows.push((kind, address, is_chosen, None));
    }
    if args.funds {
        let account = Account::new(&config.feed.clob_url, wallet);
        let funds = small_runtime().block_on(async {
            let credentials = account.derive().await?;
            let mut funds = vec![];
            for kind in SignatureType::ALL {
                funds.push(account.funds(&credentials, kind).await?.balance);
            }
            Ok::<_, rest::Failure>(funds)
        });
        let funds = funds.map_err(Failure::failed)?;
        rows.iter_mut().zip(funds).for_each(|(row, balance)| row.3 = Some(balance));
    }
    if global.json {
        let wallets: Vec<_> = rows
            .iter()
            .map(|(kind, address, is_chosen, balance)| {
                let balance = balance.map(|balance| balance.to_string());
                json!({ "kind": wallet::code(*kind), "address": address, "chosen": is_chosen, "balance": balance })
            })
            .collect();
        println!("{}", json!({ "signer": signer, "session_key": wallet.is_session, "wallets": wallets }));
        return Ok(());
    }
    let mut shown = table::with_header(["wallet", "address", "pUSD", ""]);
    for (kind, address, is_chosen, balance) in rows {
        let balance = balance.map_or(String::new(), |balance| table::cents(&balance.to_string()));
        shown.add_row([wallet::code(kind), &address.to_string(), &balance, if is_chosen { "in use" } else { "" }]);
    }
    println!("Signs: {signer}{}\n{shown}", if wallet.is_session { " (a session key)" } else { "" });
    Ok(())
}

fn derive(global: &Global, args: &DeriveArgs, config: &Config, wallet: &Wallet) -> Result<(), Failure> {
    let account = Account::new(&config.feed.clob_url, wallet);
    let found = small_runtime().block_on(async {
        match account.derive().await {
            Err(_) if args.create => account.create().await,
            found => found,
        }
    });
    let credentials = found.map_err(|error| {
        Failure::failed(format!(
            "{error}\n  fix: where this signer never had an API key: remora key derive-api --create"
        ))
    })?;
    match global.json {
        true => println!("{}", json!({ "ok": true, "signer": wallet.signer(), "api_key": credentials.id })),
        false => println!("API key {} of {}", credentials.id, wallet.signer()),
    }
    Ok(())
}

fn check(global: &Global) -> Exit {
    match settings(global) {
        Ok(config) => doctor::report(global, &small_runtime().block_on(doctor::live::checks(&config))),
        Err(Failure { exit, said }) => {
            eprint!("{said}");
            exit
        }
    }
}
