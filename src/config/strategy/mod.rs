//! Leaders, strategies, and what a portfolio is told to do: a file for each part of its settings.

mod buffer;
mod conduct;
mod exit;
mod filter;
mod guards;
mod limits;
pub mod markets;
mod policy;
mod scoring;
mod sizing;

use super::{LeaderConfig, PortfolioConfig, StrategyConfig, reader::Reader, section::Section};
use crate::domain::{Settings, Usdc, ids::PORTFOLIOS_MAX};

/// How many leaders one engine follows.
pub const LEADERS_MAX: usize = 1_000;
/// How many wallets one leader has at most.
const WALLETS_MAX: usize = 16;
/// What a strategy begins with where none is written: the one that a replay without strategies plays.
pub const CAPITAL_DEFAULT: Usdc = Usdc::whole(10_000);
/// How many characters the name of a leader or a strategy has at most.
pub const NAME_CHARS_MAX: usize = 40;

const NAME: &str = "1 to 40 letters, digits, spaces, dots, dashes or underscores; each name once";
const WALLET: &str = "0x and 40 hexadecimal digits; each wallet once";
const WALLETS: &str = "a list of 1 to 16 wallets (0x and 40 hexadecimal digits), each once";
const LEADERS: &str = "a list of at least one declared leader's name, or [\"*\"] for all";
const LEADERS_DENY: &str = "a list of declared leaders' names";
const DEFAULT: &str = "strategy_default";
/// Stands for all declared leaders.
const ALL: &str = "*";

pub fn leaders(reader: &mut Reader<'_>) -> Vec<LeaderConfig> {
    let mut leaders: Vec<LeaderConfig> = Vec::new();
    for index in 0..reader.count("leader") {
        let Some(mut section) = reader.element("leader", index) else { continue };
        let name = section.text("name", NAME, "\"Ada\"", is_name);
        let wallets = wallets(&mut section);
        let capital = section.has("capital_usdc").then(|| section.usdc("capital_usdc", 1_000_000, 10_000_000_000));
        if leaders.iter().any(|other| other.name == name && !name.is_empty()) {
            section.conflict("name", &format!("a second leader is called {name:?}"), NAME, "give it another name");
        }
        for wallet in &wallets {
            let Some(other) = leaders.iter().find(|other| other.wallets.contains(wallet)) else { continue };
            let (key, allowed) = if wallets.len() == 1 { ("wallet", WALLET) } else { ("wallets", WALLETS) };
            let wrong = match key {
                "wallet" => format!("the leader {:?} already has this wallet", other.name),
                _ => format!("the leader {:?} already has the wallet {wallet}", other.name),
            };
            section.conflict(key, &wrong, allowed, "take one of the two leaders out, or the wallet from one of them");
        }
        if leaders.len() == LEADERS_MAX {
            section.conflict(
                "name",
                "is one leader too many",
                &format!("at most {LEADERS_MAX} leaders"),
                "take some out",
            );
        }
        section.finish();
        leaders.push(LeaderConfig { name, wallets, capital });
    }
    leaders
}

/// Returns a leader's wallets in lower case: the one of `wallet`, or all of `wallets`; none where that was a mistake.
fn wallets(section: &mut Section<'_, '_>) -> Vec<String> {
    let has_many = section.has("wallets");
    if !has_many {
        let wallet = section.text("wallet", WALLET, "\"0x1ead000000000000000000000000000000000001\"", is_wallet);
        return Some(wallet.to_ascii_lowercase()).filter(|wallet| !wallet.is_empty()).into_iter().collect();
    }
    let example = "[\"0x1ead000000000000000000000000000000000001\"]";
    let mut wallets: Vec<String> = Vec::new();
    let has_one = section.has("wallet");
    for wallet in section.list("wallets", 1, WALLETS, example, is_wallet) {
        let wallet = wallet.to_ascii_lowercase();
        if wallets.contains(&wallet) {
            section.conflict("wallets", &format!("has {wallet} twice"), WALLETS, "take one out");
            continue;
        }
        wallets.push(wallet);
    }
    if has_one {
        section.conflict("wallets", "stands beside wallet", WALLETS, "write all of them into wallets");
    }
    if wallets.len() > WALLETS_MAX {
        section.conflict("wallets", &format!("are {}", wallets.len()), WALLETS, "take some out");
        wallets.truncate(WALLETS_MAX);
    }
    wallets
}

/// Returns the strategies, and what one would do that says nothing.
pub fn strategies(reader: &mut Reader<'_>, leaders: &[LeaderConfig]) -> (Vec<StrategyConfig>, Settings) {
    let mut shared = reader.section(DEFAULT);
    shared.list("leaders_deny", 0, LEADERS_DENY, "[\"Bo\"]", |_| Ok(()));
    markets::read(&mut shared);
    let mut paper = shared.inner("paper", "[strategy_default.paper]");
    let unless_said = settings(&mut paper, CAPITAL_DEFAULT);
    paper.finish();
    shared.rehearse("live", "paper", |live| {
        settings(live, CAPITAL_DEFAULT);
    });
    shared.finish();

    let mut strategies: Vec<StrategyConfig> = Vec::new();
    let mut portfolios = 0;
    for index in 0..reader.count("strategy") {
        let Some(section) = reader.element("strategy", index) else { continue };
        let mut section = section.backed_by(DEFAULT);
        let name = section.text("name", NAME, "\"careful\"", is_name);
        if strategies.iter().any(|other| other.name == name && !name.is_empty()) {
            section.conflict("name", &format!("a second strategy is called {name:?}"), NAME, "give it another name");
        }
        if portfolios >= PORTFOLIOS_MAX {
            let allowed =
                format!("at most {PORTFOLIOS_MAX} portfolios: one in paper and, where there is one, one live");
            section.conflict("name", "is one strategy too many", &allowed, "take some out");
        }
        let leaders = followed(&mut section, leaders);
        let markets = markets::read(&mut section);
        let mut paper = section.inner("paper", "[strategy.paper]");
        let capital = paper.usdc("capital_usdc", 1_000_000, 100_000_000);
        let told = settings(&mut paper, capital);
        paper.finish();
        let live = live(&mut section);
        section.finish();
        portfolios += 1 + usize::from(live.is_some());
        strategies.push(StrategyConfig { name, leaders, capital, settings: told, live, markets });
    }
    (strategies, unless_said)
}

/// Reads the portfolio with real money, where the strategy has one. It is told what paper is told, but for what it says
/// itself; its capital is never taken over.
fn live(section: &mut Section<'_, '_>) -> Option<PortfolioConfig> {
    if !section.says("live") {
        section.knows("live");
        return None;
    }
    let mut live = section.inner_over("live", "paper", "[strategy.live]");
    let has_capital = live.says("capital_usdc");
    let capital = live.usdc("capital_usdc", 1_000_000, 100_000_000);
    if !has_capital {
        let allowed = "1 to 100000000";
        live.conflict(
            "capital_usdc",
            "is missing for live: paper's is not taken over",
            allowed,
            "write it in [strategy.live]",
        );
    }
    let settings = settings(&mut live, capital);
    live.finish();
    Some(PortfolioConfig { capital, settings })
}

/// Returns the leaders that a strategy names and does not deny, as positions in `leaders`.
fn followed(section: &mut Section<'_, '_>, leaders: &[LeaderConfig]) -> Vec<usize> {
    let declared: Vec<&str> = leaders.iter().map(|leader| leader.name.as_str()).collect();
    let is_declared = |name: &str| match declared.contains(&name) {
        true => Ok(()),
        false if declared.is_empty() => Err(format!("{name:?} is not a declared leader; there are none")),
        false => Err(format!("{name:?} is not a declared leader; there are: {}", declared.join(", "))),
    };
    let names = section.list("leaders", 1, LEADERS, "[\"Ada\"]", |name| match name {
        ALL => Ok(()),
        name => is_declared(name),
    });
    let denied = section.list("leaders_deny", 0, LEADERS_DENY, "[\"Bo\"]", is_declared);
    if names.iter().any(|name| name == ALL) && names.len() > 1 {
        let wrong = "names leaders beside \"*\", which is all of them";
        section.conflict("leaders", wrong, LEADERS, "leave one or the other out");
    }
    let is_followed =
        |name: &str| names.iter().any(|of| of == ALL || of == name) && !denied.iter().any(|of| of == name);
    let followed: Vec<usize> = (0..declared.len()).filter(|index| is_followed(declared[*index])).collect();
    if followed.is_empty() && !declared.is_empty() && !names.is_empty() {
        let wrong = "leaves no leader to follow";
        section.conflict("leaders_deny", wrong, LEADERS_DENY, "take one out, or name more leaders");
    }
    followed
}

/// Reads what a portfolio is told to do; every key of `[strategy_default.paper]`. Percentages among its limits are of `capital`.
fn settings(section: &mut Section<'_, '_>, capital: Usdc) -> Settings {
    section.set_capital(capital);
    limits::preset(section);
    let settings = Settings {
        filter: filter::read(section),
        conduct: conduct::read(section),
        scoring: scoring::read(section),
        sizing: sizing::read(section),
        buffer: buffer::read(section),
        guards: guards::read(section),
        policy: policy::read(section),
        limits: limits::read(section),
        exit: exit::read(section),
    };
    let Settings { sizing, limits, .. } = &settings;
    for (max, key) in [(limits.position_usdc_max, "position_usdc_max"), (limits.exposure_usdc_max, "exposure_usdc_max")]
    {
        if max < sizing.order_usdc_min {
            section.out_of_order("order_usdc_min", key);
        }
    }
    settings
}

fn is_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_alphanumeric() || " .-_".contains(c);
    match name.chars().count() {
        0 => Err("is empty".to_owned()),
        count if count > NAME_CHARS_MAX => Err(format!("has {count} characters")),
        _ if name.trim() != name => Err(format!("{name:?} begins or ends with a space")),
        _ => match name.chars().find(|c| !plain(*c)) {
            Some(c) => Err(format!("{name:?} holds {c:?}")),
            None => Ok(()),
        },
    }
}

fn is_wallet(wallet: &str) -> Result<(), String> {
    let Some(digits) = wallet.strip_prefix("0x") else {
        return Err(format!("{wallet:?} does not begin with 0x"));
    };
    match digits.chars().find(|c| !c.is_ascii_hexdigit()) {
        Some(c) => Err(format!("{c:?} is not a hexadecimal digit")),
        None if digits.len() != 40 => Err(format!("has {} digits after 0x", digits.len())),
        None if digits.chars().all(|c| c == '0') => Err("is the zero address, which is nobody's".to_owned()),
        None => Ok(()),
    }
}
