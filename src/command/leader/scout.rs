//! `remora leader show` and `score`: a wallet's history, read from the venue's index, and what copying it would have earned.

use std::collections::{BTreeMap, HashMap};

use indicatif::ProgressBar;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{ScoreArgs, ShowArgs, tables, wallets_of};
use crate::{
    clock,
    command::{Engine, Exit, Global, report, small_runtime},
    config::{Config, Written},
    domain::{FeeSchedule, Market, Nanos, Usdc},
    feed::rest::Metadata,
    report::scout::{
        History, Prints, What, read,
        score::{self, Copyability},
        summary::{Summary, summary},
        walk::{Assumptions, Fees},
        warnings::{Warning, warnings},
    },
    store::{
        copyability::{self, LeaderScore},
        private::Private,
    },
    venue::polymarket::rest::DataApi,
};

/// The most markets whose fees are asked for: those with the most dollars.
const FEES_MAX: usize = 40;
const SECS_A_DAY: u64 = 86_400;

/// What was found of a wallet.
pub(super) struct Found {
    pub history: History,
    pub summary: Summary,
    pub warnings: Vec<Warning>,
    pub days: u32,
}

/// Where the fees of a score come from.
pub(super) enum FeesFrom {
    Said {
        rate_ppm: u32,
    },
    /// Tokens whose market was asked, and tokens that are assumed to have the rate.
    Markets {
        known: usize,
        assumed: usize,
        assumed_ppm: u32,
    },
}

pub(super) struct Scored {
    pub found: Found,
    pub table: Vec<Copyability>,
    pub delay_ms: u64,
    pub spread: u32,
    pub fees: FeesFrom,
}

pub fn show(global: &Global, args: &ShowArgs) -> Exit {
    ended(
        global,
        "show",
        |config, wallets, bar| {
            let found = small_runtime().block_on(found(config, wallets, args.days, bar))?;
            Ok(match global.json {
                true => in_json(&found).to_string(),
                false => tables::show(&found),
            })
        },
        &args.who,
    )
}

pub fn score(global: &Global, args: &ScoreArgs) -> Exit {
    ended(
        global,
        "score",
        |config, wallets, bar| {
            let scored = small_runtime().block_on(scored(config, wallets, args, bar))?;
            if let Err(wrong) = small_runtime().block_on(kept(config, &scored)) {
                eprintln!("The score is not kept for the page of leaders: {wrong}");
            }
            Ok(match global.json {
                true => score_in_json(&scored).to_string(),
                false => tables::score(&scored),
            })
        },
        &args.who,
    )
}

fn ended(
    global: &Global,
    name: &str,
    say: impl FnOnce(&Config, &[String], &ProgressBar) -> Result<String, String>,
    who: &str,
) -> Exit {
    let config = match global.settings(Written::DefaultsOnly, &Engine::default()) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let wallets = match wallets_of(&config, who) {
        Ok(wallets) => wallets,
        Err(wrong) => {
            eprintln!("remora leader {name}: {wrong}");
            return Exit::Misused;
        }
    };
    let bar = if global.json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    let said = say(&config, &wallets, &bar);
    bar.finish_and_clear();
    match said {
        Ok(text) => {
            println!("{text}");
            Exit::Done
        }
        Err(wrong) => {
            match global.json {
                true => println!("{}", json!({ "ok": false, "wrong": wrong })),
                false => eprintln!("remora leader {name}: {wrong}"),
            }
            Exit::Failed
        }
    }
}

fn data_api(config: &Config) -> Result<DataApi, String> {
    let none = "the settings name no Data API\n  fix: data_url = \"https://data-api.polymarket.com\" in [feed]";
    config.feed.data_url.as_deref().map(DataApi::new).ok_or_else(|| none.to_owned())
}

async fn found(config: &Config, wallets: &[String], days: u32, bar: &ProgressBar) -> Result<Found, String> {
    let (data, now) = (data_api(config)?, clock::now());
    let from = now.since(Nanos::from_secs(u64::from(days) * SECS_A_DAY));
    let mut say = |text: &str| {
        bar.set_message(text.to_owned());
        bar.tick();
    };
    let mut history = History::default();
    for wallet in wallets {
        let more = read::history(&data, wallet, from, now, &mut say).await.map_err(|failure| {
            let fix = "look at feed.data_url, and whether it is reachable from here";
            format!("the history of {wallet} cannot be read: {failure}\n  fix: {fix}")
        })?;
        history.join(more);
    }
    let summary = summary(&history);
    let warnings = warnings(&history, &summary);
    Ok(Found { history, summary, warnings, days })
}

async fn scored(config: &Config, wallets: &[String], args: &ScoreArgs, bar: &ProgressBar) -> Result<Scored, String> {
    let found = found(config, wallets, args.days, bar).await?;
    let mut say = |text: &str| {
        bar.set_message(text.to_owned());
        bar.tick();
    };
    let data = data_api(config)?;
    let longest = score::DELAYS_MS.iter().copied().max().unwrap_or_default().max(args.delay_ms);
    let prints: Prints = read::prints(&data, &found.history, Nanos::from_millis(longest), &mut say)
        .await
        .map_err(|failure| format!("what others traded cannot be read: {failure}\n  fix: try again later"))?;
    let (fees, fees_from) = match args.fee_percent {
        Some(rate_ppm) => {
            let otherwise = FeeSchedule { rate_ppm };
            (Fees { known: HashMap::new(), otherwise }, FeesFrom::Said { rate_ppm })
        }
        None => fees(config, &found.history, &mut say).await,
    };
    let assumptions =
        Assumptions { delay: Nanos::from_millis(args.delay_ms), half_spread: args.spread_cents.div_ceil(2), fees };
    let table = score::table(&found.history, &prints, &assumptions);
    Ok(Scored { found, table, delay_ms: args.delay_ms, spread: args.spread_cents, fees: fees_from })
}

/// Asks for the fees of the tokens with the most dollars. Those of all others are taken for the highest that was told, or the
/// venue's common one.
async fn fees(config: &Config, history: &History, say: read::Progress<'_>) -> (Fees, FeesFrom) {
    let mut dollars: BTreeMap<&str, Usdc> = BTreeMap::new();
    for deed in history.deeds.iter().filter(|deed| matches!(deed.what, What::Bought(_) | What::Sold(_))) {
        let sum = dollars.entry(&deed.token).or_default();
        *sum = *sum + deed.dollars;
    }
    let mut tokens: Vec<(&str, Usdc)> = dollars.into_iter().collect();
    tokens.sort_by_key(|(_, dollars)| std::cmp::Reverse(*dollars));
    let metadata = Metadata::new(&config.feed.clob_url, &config.feed.gamma_url);
    let mut known = HashMap::new();
    let asked = tokens.len().min(FEES_MAX);
    for (place, (token, _)) in tokens.iter().take(FEES_MAX).enumerate() {
        say(&format!("fees of his markets: {} of {asked}", place + 1));
        if let Ok(found) = metadata.token(token).await {
            known.insert((*token).to_owned(), found.market.fees);
        }
    }
    let highest = known.values().map(|fees: &FeeSchedule| fees.rate_ppm).max();
    let otherwise = highest.map_or(Market::COMMON.fees, |rate_ppm| FeeSchedule { rate_ppm });
    let (count, assumed_ppm) = (known.len(), otherwise.rate_ppm);
    let from = FeesFrom::Markets { known: count, assumed: tokens.len() - count, assumed_ppm };
    (Fees { known, otherwise }, from)
}

/// Keeps the score where an engine's tables are up: the page of leaders shows it. Starts nothing for that.
async fn kept(config: &Config, scored: &Scored) -> Result<(), String> {
    let is_up = config.store.database_url.is_some() || Private::seems_up(&config.data.dir);
    let asked = scored.table.iter().find(|one| one.delay_ms == scored.delay_ms);
    let (true, Some(asked)) = (is_up, asked) else { return Ok(()) };
    let codes: Vec<&str> = scored.found.warnings.iter().map(|one| one.code()).collect();
    let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(clock::now().0));
    let score = |wallet: &String| LeaderScore {
        wallet: wallet.clone(),
        scored_at: now.unwrap_or(OffsetDateTime::UNIX_EPOCH),
        days: i32::try_from(scored.found.days).unwrap_or(i32::MAX),
        delay_ms: i64::try_from(asked.delay_ms).unwrap_or(i64::MAX),
        ended: i32::try_from(asked.ended).unwrap_or(i32::MAX),
        return_ppm: asked.return_ppm(),
        his_return_ppm: asked.his_return_ppm(),
        warnings: codes.join(" "),
    };
    report::in_tables(config, async |database| {
        for wallet in &scored.found.history.wallets {
            copyability::keep(database.pool(), &score(wallet)).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    })
    .await
}

fn moment(at: Option<Nanos>) -> Option<String> {
    at.and_then(tables::moment)
}

fn in_json(found: &Found) -> Value {
    let Found { history, summary, warnings, days } = found;
    let top = summary
        .top
        .iter()
        .map(|(title, dollars, trades)| json!({ "title": title, "usdc": dollars.to_string(), "trades": trades }));
    let warned = warnings.iter().map(|one| json!({ "code": one.code(), "text": one.text() }));
    json!({
        "wallets": history.wallets,
        "name": history.name,
        "days": days,
        "is_cut": history.is_cut,
        "rows_not_understood": history.unread,
        "first_at": moment(summary.first_at),
        "last_at": moment(summary.last_at),
        "trades": summary.trades(),
        "buys": summary.buys,
        "sells": summary.sells,
        "volume": summary.volume().to_string(),
        "bought": summary.bought.to_string(),
        "sold": summary.sold.to_string(),
        "trade_p50": summary.trade_p50.to_string(),
        "markets": summary.markets,
        "splits_merges_conversions": summary.moves,
        "redeemed": summary.redeemed,
        "rewards": summary.rewards.to_string(),
        "positions_ended": summary.ended,
        "positions_won": summary.won,
        "spent": summary.spent.to_string(),
        "result": summary.result.to_string(),
        "positions_open": summary.open,
        "positions_unknown": summary.unknown,
        "held_p50_s": summary.held_p50.map(Nanos::as_secs),
        "top": top.collect::<Vec<_>>(),
        "warnings": warned.collect::<Vec<_>>(),
    })
}

fn score_in_json(scored: &Scored) -> Value {
    let row = |one: &Copyability| {
        json!({
            "delay_ms": one.delay_ms,
            "ended": one.ended,
            "won": one.won,
            "spent": one.spent.to_string(),
            "returned": one.returned.to_string(),
            "result": one.result.to_string(),
            "return_ppm": one.return_ppm(),
            "his_spent": one.his_spent.to_string(),
            "his_result": one.his_result.to_string(),
            "his_return_ppm": one.his_return_ppm(),
            "fees": one.fees.to_string(),
            "spread": one.spread.to_string(),
            "moved": one.moved.to_string(),
            "open": one.open,
            "open_spent": one.open_spent.to_string(),
            "open_worth": one.open_worth.to_string(),
            "unknown": one.unknown,
            "unknown_spent": one.unknown_spent.to_string(),
            "moves_known": one.moves_known,
            "moves_quiet": one.moves_quiet,
            "moves_unknown": one.moves_unknown,
            "too_dear": one.too_dear,
            "sales_before": one.sales_before,
        })
    };
    let fees = match scored.fees {
        FeesFrom::Said { rate_ppm } => json!({ "rate_ppm": rate_ppm }),
        FeesFrom::Markets { known, assumed, assumed_ppm } => {
            json!({ "tokens_known": known, "tokens_assumed": assumed, "assumed_ppm": assumed_ppm })
        }
    };
    json!({
        "leader": in_json(&scored.found),
        "delay_ms": scored.delay_ms,
        "spread_cents": f64::from(scored.spread) / 10_000.0,
        "fees": fees,
        "scores": scored.table.iter().map(row).collect::<Vec<_>>(),
    })
}
