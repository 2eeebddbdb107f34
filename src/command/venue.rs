//! `remora venue`: the simulated venue as a program of its own, for any client of Polymarket.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, builder::TypedValueParser};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, Global, parse, run::engine_runtime};
use crate::{
    config::{LogConfig, LogFormat, LogLevel},
    domain::{Generation, Usdc},
    sim::{
        listing::Listing,
        server::{
            Funded, Knobs, Options, PrivateSettings, Profile, Scene, Server, Summary, Urls, tls::Identity, truth::Truth,
        },
        wire,
    },
    venue::polymarket::wallet,
};

/// Serve a simulated Polymarket on this machine: its whole protocol, with markets that move and fills that settle.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct VenueArgs {
    /// Where the CLOB listens, on this machine only; Gamma, the Data API and the relayer take the next three ports.
    /// Port 0: any free ones
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// The same number makes the same markets, and the same luck
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// A secret key and the dollars in each of its wallets; several times for several [default: the key that all test
    /// chains give away, with 10000]
    #[arg(long = "account", value_name = "HEXKEY:USD")]
    pub accounts: Vec<String>,

    /// Write the JSON to this file too, when the venue is ready
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,

    /// How much goes wrong
    #[arg(long, value_name = "PROFILE", default_value = "calm", value_parser = profile())]
    pub profile: Profile,

    /// One knob of the profile, such as ghost_fill_ppm=250000; `GET /control/knobs` names them all
    #[arg(long = "knob", value_name = "NAME=VALUE")]
    pub knobs: Vec<String>,

    /// A recording of the market channel, played as the markets (.jsonl, .gz or .zst); orders meet what was there
    #[arg(long, value_name = "FILE")]
    pub market: Option<PathBuf>,

    /// Serve over TLS only, under a new test CA, whose certificate is written to this folder
    #[arg(long, value_name = "FOLDER")]
    pub tls: Option<PathBuf>,

    /// Write everything received, answered, matched and settled to this file, as JSON lines
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,

    /// How busy the markets are, in percent: 100 is about a hundred messages a second, or a recording's own pace
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub rate: u64,

    /// Stop after this time, such as 30s, 5m or 2h [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration)]
    pub duration: Option<Duration>,
}

const AFTER_HELP: &str = "\
Examples:
  remora venue
      then trade on the addresses that it prints
  remora venue --listen 127.0.0.1:7000 --seed 7 --ready-file venue.json
  remora venue --account 0xac09...ff80:1000 --account 0x59c6...690d:50
  remora venue --profile hell --truth truth.jsonl --for 10m
  remora venue --market monday.jsonl.zst
      a recorded day instead of made-up markets
  remora venue --tls certs
      https and wss; clients trust certs/ca.pem
  curl -X PATCH $CONTROL/knobs -H 'content-type: application/json' \\
    -d '{\"ghost_fill_ppm\":1000000}'
      where $CONTROL is what it prints as control

It prints one JSON object: base URLs, accounts, markets. Ctrl-C stops it.
The money is not real; the keys of --account are seen by whoever can list the
processes of this machine, so use keys that hold nothing.";

/// The account that is there when none is given: Anvil's and Hardhat's first, published everywhere.
const KNOWN_ACCOUNT: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80:10000";

fn profile() -> impl TypedValueParser<Value = Profile> {
    let codes = Profile::ALL.map(Profile::code);
    clap::builder::PossibleValuesParser::new(codes).map(|code| {
        Profile::ALL.into_iter().find(|profile| profile.code() == code).expect("clap lets only these through")
    })
}

/// What is printed and written when the venue is ready.
#[derive(Serialize)]
struct Ready<'a> {
    #[serde(flatten)]
    urls: &'a Urls,
    /// What TLS clients must trust.
    ca: Option<&'a Path>,
    seed: u64,
    profile: &'static str,
    accounts: Vec<Account>,
    markets: Vec<Market>,
}

#[derive(Serialize)]
struct Account {
    address: String,
    proxy: String,
    safe: String,
    deposit_wallet: String,
    /// In each of the four.
    usd: String,
}

impl Account {
    fn of(funded: &Funded) -> Account {
        let owner = funded.key.address();
        Account {
            address: owner.to_string(),
            proxy: wallet::proxy(owner).to_string(),
            safe: wallet::safe(owner).to_string(),
            deposit_wallet: wallet::deposit(owner).to_string(),
            usd: dollars(funded.money),
        }
    }
}

fn dollars(amount: Usdc) -> String {
    format!("{}.{:02}", amount.0 / 1_000_000, amount.0 % 1_000_000 / 10_000)
}

#[derive(Serialize)]
struct Market {
    condition: String,
    question: String,
    slug: String,
    tokens: [String; 2],
    outcomes: [String; 2],
    generation: &'static str,
    neg_risk: bool,
    tick: String,
}

impl Market {
    fn of(listing: &Listing, tick: String) -> Market {
        Market {
            condition: listing.condition.clone(),
            question: listing.title.clone(),
            slug: listing.slug.clone(),
            tokens: listing.tokens.clone(),
            outcomes: listing.outcomes.clone(),
            generation: match listing.generation {
                Generation::V2 => "v2",
                Generation::V3 => "v3",
            },
            neg_risk: listing.neg_risk,
            tick,
        }
    }
}

/// Serves until it is asked to stop.
pub fn execute(global: &Global, args: &VenueArgs) -> Exit {
    let accounts = match accounts(&args.accounts) {
        Ok(accounts) => accounts,
        Err(error) => return misused(&error),
    };
    let knobs = match knobs(args.profile, &args.knobs) {
        Ok(knobs) => knobs,
        Err(error) => return misused(&error),
    };
    let level = global.log_level.unwrap_or(LogLevel::Warn);
    super::logs::init(&LogConfig { format: LogFormat::Pretty, level });
    engine_runtime().block_on(async {
        match serve(global, args, accounts, knobs).await {
            Ok(exit) => exit,
            Err(error) => {
                eprintln!("remora venue: {error}");
                Exit::Failed
            }
        }
    })
}

fn misused(error: &str) -> Exit {
    eprintln!("remora venue: {error}");
    Exit::Misused
}

/// Reads the accounts. A mistake is named by its position: the text may be a key.
fn accounts(texts: &[String]) -> Result<Vec<Funded>, String> {
    if texts.is_empty() {
        eprintln!("note: no --account, so there is the first one of every test chain, with $10000 in each wallet");
        return Ok(vec![KNOWN_ACCOUNT.parse().expect("the known account is right")]);
    }
    let mut accounts: Vec<Funded> = Vec::new();
    for (nth, text) in (1..).zip(texts) {
        let funded: Funded = text.parse().map_err(|error| format!("account {nth} of {}: {error}", texts.len()))?;
        if accounts.iter().any(|before| before.key.address() == funded.key.address()) {
            return Err(format!("account {nth} of {}: its key was given before; give each key once", texts.len()));
        }
        accounts.push(funded);
    }
    Ok(accounts)
}

fn knobs(profile: Profile, texts: &[String]) -> Result<Knobs, String> {
    let mut changes = Map::new();
    for text in texts {
        let wrong = || format!("--knob {text}: write NAME=VALUE, such as ghost_fill_ppm=250000");
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        changes.insert(name.to_owned(), Value::from(value.parse::<u64>().map_err(|_| wrong())?));
    }
    profile.knobs().with(&Value::Object(changes)).map_err(|error| format!("--knob: {error}"))
}

async fn serve(global: &Global, args: &VenueArgs, accounts: Vec<Funded>, knobs: Knobs) -> io::Result<Exit> {
    let tls = args.tls.as_ref().map(|_| Identity::generate()).transpose()?;
    let ca = match (&args.tls, &tls) {
        (Some(folder), Some(identity)) => {
            Some(identity.write_authority(folder).map_err(|error| named(folder, &error))?)
        }
        (None, _) | (_, None) => None,
    };
    let truth = match &args.truth {
        Some(path) => Some(Truth::begin(path).map_err(|error| named(path, &error))?),
        None => None,
    };
    let told = accounts.iter().map(Account::of).collect();
    let options = Options {
        seed: args.seed,
        rate_percent: args.rate,
        listen: args.listen,
        scene: args.market.clone().map_or(Scene::Seeded, Scene::Recorded),
        knobs,
        tls,
        truth,
        private: PrivateSettings { accounts, ..PrivateSettings::default() },
        ..Options::default()
    };
    // Before the venue says that it is ready, so that whoever reads that may stop it.
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let venue = Server::start(options).await?;
    let ready = Ready {
        urls: &venue.urls,
        ca: ca.as_deref(),
        seed: args.seed,
        profile: args.profile.code(),
        accounts: told,
        markets: venue
            .market_images()
            .iter()
            .map(|image| Market::of(&image.listing, wire::decimal(image.tick.micros())))
            .collect(),
    };
    tell(global, args, &ready)?;
    let over = async {
        match args.duration {
            Some(length) => tokio::time::sleep(length).await,
            None => std::future::pending().await,
        }
    };
    let exit = tokio::select! {
        () = over => Exit::Done,
        _ = terminated.recv() => Exit::Done,
        _ = interrupted.recv() => Exit::Done,
        () = venue.broken() => {
            eprintln!("remora venue: the truth log lost a line, so the venue stops; give it a faster disk or less to do");
            Exit::Failed
        }
    };
    let summary = venue.finish().await?;
    eprintln!("{}", summed_up(&summary));
    Ok(exit)
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Prints the one JSON object, and writes it where it is wanted: complete or not at all.
fn tell(global: &Global, args: &VenueArgs, ready: &Ready<'_>) -> io::Result<()> {
    let text = match global.json {
        true => serde_json::to_string(ready)?,
        false => serde_json::to_string_pretty(ready)?,
    };
    if let Some(path) = &args.ready_file {
        let part = path.with_extension("part");
        std::fs::write(&part, format!("{text}\n")).map_err(|error| named(&part, &error))?;
        std::fs::rename(&part, path).map_err(|error| named(path, &error))?;
    }
    println!("{text}");
    Ok(())
}

fn summed_up(summary: &Summary) -> String {
    let Summary { markets, fills, private_requests, sockets, truth_lines } = summary;
    let truth = if *truth_lines == 0 { String::new() } else { format!(", {truth_lines} lines in the truth log") };
    format!("Stopped: {markets} markets, {fills} fills, {private_requests} private requests, {sockets} sockets{truth}.")
}
