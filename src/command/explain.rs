//! `remora explain`: what a strategy would make of a leader's trade.

mod steps;
mod story;

use clap::Args;
use serde_json::json;

use self::story::Case;
use super::{Engine, Exit, Global, parse, table};
use crate::{
    config::{Config, StrategyConfig, Written},
    domain::{FeeSchedule, Market, Price, Role, Settings, Shares, Side, SizeRule, Tick, Usdc, settings::Gate},
    start::{engine_options, paper_options},
};

/// Say what a strategy would do about a leader's trade, step by step.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ExplainArgs {
    /// Which strategy of the settings
    #[arg(long, value_name = "NAME")]
    pub strategy: String,

    /// The dollars of the leader's trade
    #[arg(long, value_name = "DOLLARS", value_parser = parse::usdc)]
    pub leader_usdc: Usdc,

    /// The leader's price
    #[arg(long, value_parser = parse::price)]
    pub price: Price,

    /// What the leader did: buy or sell
    #[arg(long, default_value = "buy", value_parser = parse::side)]
    pub side: Side,

    /// The book's best bid [default: a tick below the ask]
    #[arg(long, value_name = "PRICE", value_parser = parse::price)]
    pub bid: Option<Price>,

    /// The book's best ask [default: the leader's price]
    #[arg(long, value_name = "PRICE", value_parser = parse::price)]
    pub ask: Option<Price>,

    /// Shares at each of them
    #[arg(long, value_name = "SHARES", default_value = "10000", value_parser = parse::shares)]
    pub depth_shares: Shares,

    /// The market's price grid
    #[arg(long, default_value = "0.01", value_parser = parse::tick)]
    pub tick: Tick,

    /// The market's taker fee rate, in percent
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = parse::percent)]
    pub fee_rate_percent: u32,

    /// His part in the match: maker or taker
    #[arg(long, default_value = "taker", value_parser = parse::role)]
    pub role: Role,

    /// The model's probability of the outcome, in percent (kelly, edge, filter, score gate)
    #[arg(long, value_name = "PERCENT", value_parser = parse::percent)]
    pub probability: Option<u32>,

    /// The dollars that he owns in all (mirror)
    #[arg(long, value_name = "DOLLARS", value_parser = parse::usdc)]
    pub leader_capital: Option<Usdc>,

    /// How many of them are in positions (budget) [default: all of them]
    #[arg(long, value_name = "DOLLARS", value_parser = parse::usdc)]
    pub leader_exposure: Option<Usdc>,
}

const AFTER_HELP: &str = "\
Examples:
  remora explain --strategy careful --leader-usdc 500 --price 0.42
  remora explain --strategy careful --leader-usdc 500 --price 0.42 \\
      --bid 0.41 --ask 0.43 --depth-shares 800
  remora explain --strategy careful --leader-usdc 200 --price 0.6 --side sell
  remora explain --strategy mirror --leader-usdc 500 --price 0.42 \\
      --leader-capital 20000
  remora explain --strategy kelly --leader-usdc 500 --price 0.42 \\
      --probability 55";

pub fn execute(global: &Global, args: &ExplainArgs) -> Exit {
    let config = match global.settings_in_force(Written::demo(), &Engine::default()) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match explained(global, args, &config) {
        Ok(text) => {
            println!("{text}");
            Exit::Done
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            Exit::Misused
        }
    }
}

/// Returns what is printed, or what is wrong with the arguments.
fn explained(global: &Global, args: &ExplainArgs, config: &Config) -> Result<String, String> {
    let strategy = strategy(config, &args.strategy)?;
    let case = case(config, strategy, args)?;
    let (source, settings_from) = match &global.config {
        Some(path) => (path.display().to_string(), format!("settings: {}", path.display())),
        None => ("demo".to_owned(), "settings: those of the demo; your own with --config FILE".to_owned()),
    };
    let told = story::tell(&case);
    let steps = steps::steps(&case, &told);
    if global.json {
        let steps: Vec<_> = steps.iter().map(|step| json!({ "step": step.name, "text": step.text })).collect();
        let answer = json!({
            "strategy": strategy.name, "settings": source, "side": case.side.code(),
            "leader": { "usdc": args.leader_usdc.to_string(), "price": case.price.to_string(),
                "shares": case.shares.to_string() },
            "steps": steps, "outcome": steps::outcome(&case, &told),
        });
        return Ok(answer.to_string());
    }
    let mut table = table::with_header(["step", "what"]);
    table.add_rows(steps.into_iter().map(|step| [step.name.to_owned(), step.text]));
    let mut text = format!("strategy: {}\n{settings_from}\n{table}", strategy.name);
    text.push_str(
        "\nassumed: his trade is seen at once, nothing else is held, and the market is\n  far from its close",
    );
    if strategy.markets.is_any() {
        text.push_str("\nand let in by the filters of markets and tags");
    }
    Ok(text)
}

/// Returns the strategy of this name, or says which there are.
fn strategy<'a>(config: &'a Config, name: &str) -> Result<&'a StrategyConfig, String> {
    if let Some(found) = config.strategies.iter().find(|strategy| strategy.name == name) {
        return Ok(found);
    }
    let names: Vec<&str> = config.strategies.iter().map(|strategy| strategy.name.as_str()).collect();
    let Some(nearest) = names.iter().min_by_key(|known| strsim::damerau_levenshtein(name, known)) else {
        return Err("the settings have no strategy\n  fix: add a [[strategy]], or leave --config out".to_owned());
    };
    Err(format!(
        "there is no strategy {name:?} in the settings; there are: {}\n  fix: did you mean --strategy {nearest}?",
        names.join(", ")
    ))
}

fn case(config: &Config, strategy: &StrategyConfig, args: &ExplainArgs) -> Result<Case, String> {
    let tick = args.tick;
    let ask = args.ask.unwrap_or(tick.ceil(args.price).unwrap_or(tick.last()));
    let below = ask.micros().checked_sub(tick.micros()).and_then(Price::from_micros);
    let bid = args.bid.or(below.and_then(|price| tick.floor(price)));
    for (name, price) in [("--ask", Some(ask)), ("--bid", bid)] {
        if let Some(price) = price.filter(|price| !tick.holds(*price)) {
            let fix = "give a price on the grid, or the market's grid with --tick";
            return Err(format!("{name} {price} is not on the price grid of {}\n  fix: {fix}", tick.first()));
        }
    }
    if let Some(bid) = bid.filter(|bid| ask <= *bid) {
        return Err(format!("the best bid {bid} is not below the best ask {ask}\n  fix: give both --bid and --ask"));
    }
    if let Some(wrong) = not_said(&strategy.settings, args) {
        return Err(wrong);
    }
    Ok(Case {
        options: engine_options(config),
        paper: paper_options(config),
        settings: strategy.settings,
        capital: strategy.capital,
        market: Market { tick, fees: FeeSchedule { rate_ppm: args.fee_rate_percent }, ..Market::COMMON },
        bid,
        ask,
        depth: args.depth_shares,
        side: args.side,
        price: args.price,
        shares: shares_for(args.price, args.leader_usdc),
        role: args.role,
        probability_ppm: args.probability,
        leader_capital: args.leader_capital.or(args.leader_exposure),
        leader_exposure: args.leader_exposure.or(args.leader_capital),
    })
}

/// Returns which argument is missing that the strategy's rules go by.
fn not_said(settings: &Settings, args: &ExplainArgs) -> Option<String> {
    let rule = settings.sizing.rule;
    let by_model = matches!(rule, SizeRule::Kelly(_) | SizeRule::Edge { .. }) || settings.scoring.gate == Gate::Model;
    if args.probability.is_none() && (by_model || settings.filter.probability_ppm_min > 0) {
        let fix = "say what the model thinks, such as --probability 55";
        return Some(format!("this strategy goes by the model's probability of the outcome\n  fix: {fix}"));
    }
    let worth = match rule {
        SizeRule::Mirror(_) if args.leader_capital.is_none() => Some(("capital", "--leader-capital 20000")),
        SizeRule::Budget(_) if args.leader_exposure.or(args.leader_capital).is_none() => {
            Some(("money at stake", "--leader-exposure 5000"))
        }
        SizeRule::Fixed(_)
        | SizeRule::Percent(_)
        | SizeRule::Mirror(_)
        | SizeRule::Adaptive { .. }
        | SizeRule::Budget(_)
        | SizeRule::Kelly(_)
        | SizeRule::Edge { .. }
        | SizeRule::Conviction { .. } => None,
    };
    worth
        .map(|(what, flag)| format!("this strategy goes by the leader's {what}\n  fix: say what it is, such as {flag}"))
}

/// Returns the fewest shares that are worth `dollars`: rounded down, a tenth of them would miss a cent.
fn shares_for(price: Price, dollars: Usdc) -> Shares {
    let floor = price.shares_floor(dollars);
    if price.cost_floor(floor) < dollars { floor + Shares(1) } else { floor }
}

#[cfg(test)]
mod tests;
