//! What a run talks to, and whether it has anything to do: the venue's hosts, leaders that trade, strategies that follow them,
//! channels that can be told.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Url;
use tokio::{net::TcpStream, time::timeout};

use super::Check;
use crate::{
    alert::send,
    clock,
    config::Config,
    domain::{LiveSwitch, Mode},
    venue::polymarket::rest::DataApi,
};

/// How long a host may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most leaders that are asked for; each is one request.
const LEADERS_MAX: usize = 20;
/// A leader who has not traded for so many days has probably stopped.
const DAYS_SILENT: i64 = 14;

/// Says which strategies would do something, and in which mode.
pub fn strategies(config: &Config) -> Check {
    const NAME: &str = "strategies";
    let is_live = |index: usize| config.strategies[index].portfolio(Mode::Live).is_some();
    let live = (0..config.strategies.len()).filter(|index| is_live(*index)).count();
    let followed: std::collections::BTreeSet<usize> =
        config.strategies.iter().flat_map(|strategy| strategy.leaders.iter().copied()).collect();
    let idle: Vec<&str> = (0..config.leaders.len())
        .filter(|index| !followed.contains(index))
        .map(|index| config.leaders[index].name.as_str())
        .collect();
    let found = format!(
        "{} on paper, {live} of them with real money too; leaders followed: {} of {}",
        config.strategies.len(),
        followed.len(),
        config.leaders.len()
    );
    if config.strategies.is_empty() {
        return Check::warning(NAME, "none: nothing would be copied", "add a [[strategy]], or `remora setup`");
    }
    if !config.paper.enabled && (live == 0 || config.live.switch == LiveSwitch::Off) {
        return Check::warning(NAME, format!("{found}; paper and live are both off"), "paper.enabled = true");
    }
    match idle.is_empty() {
        true => Check::good(NAME, found),
        false => Check::warning(
            NAME,
            format!("{found}; nobody follows {}", idle.join(", ")),
            "name them in a strategy's leaders, or take them out",
        ),
    }
}

/// Says whether each channel of alerts can be told: its secret is there, and nobody else's.
pub fn alerts(config: &Config) -> Check {
    const NAME: &str = "alerts";
    let channels = &config.alerts.channels;
    let wrong = channels.iter().find_map(|channel| Some((channel.name.as_str(), send::secret(channel).err()?)));
    match wrong {
        Some((channel, why)) => {
            let (found, fix) = why.split_once("\n  fix: ").unwrap_or((&why, "see [alerts] in config/default.toml"));
            Check::failed(NAME, format!("{channel}: {found}"), fix)
        }
        None if channels.is_empty() && config.live.switch == LiveSwitch::On => {
            let fix = "add an [[alert]]; config/default.toml shows how";
            Check::warning(NAME, "nobody is told when something goes wrong with real money", fix)
        }
        None if channels.is_empty() => Check::good(NAME, "no channel; the page /alerts shows them"),
        None => Check::good(NAME, format!("{} channels; `remora alert test NAME` tries one", channels.len())),
    }
}

/// Says which of the venue's hosts can be reached.
pub async fn hosts(config: &Config) -> Check {
    const NAME: &str = "venue";
    let feed = &config.feed;
    let mut urls = vec![&feed.market_url, &feed.activity_url, &feed.clob_url, &feed.gamma_url];
    urls.extend(&feed.data_url);
    urls.extend(&config.chain.rpc_url);
    let mut places: Vec<(String, u16)> = urls.into_iter().filter_map(|url| place(url)).collect();
    places.sort();
    places.dedup();
    let count = places.len();
    let tried = join_all(places.into_iter().map(async |(host, port)| match reached(&host, port).await {
        Ok(()) => None,
        Err(why) => Some(format!("{host}: {why}")),
    }));
    let gone: Vec<String> = tried.await.into_iter().flatten().collect();
    match gone.is_empty() {
        true => Check::good(NAME, format!("{count} hosts answer")),
        false => {
            let fix = "check the network, and the addresses in [feed]";
            Check::failed(NAME, format!("{} of {count} hosts cannot be reached: {}", gone.len(), gone.join("; ")), fix)
        }
    }
}

fn place(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url).ok()?;
    // The parser knows no usual port of ws and wss where it is not theirs.
    let port = url.port_or_known_default().unwrap_or(443);
    Some((url.host_str()?.trim_matches(['[', ']']).to_owned(), port))
}

async fn reached(host: &str, port: u16) -> Result<(), String> {
    match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Err(_) => Err(format!("no answer in {} s", PATIENCE.as_secs())),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) => Ok(()),
    }
}

/// Says when each leader traded last, by the venue's index.
pub async fn leaders(config: &Config) -> Check {
    const NAME: &str = "leaders";
    let Some(url) = config.feed.data_url.as_deref().filter(|_| !config.leaders.is_empty()) else {
        return Check::good(NAME, "nobody to ask about");
    };
    let (data, now) = (DataApi::new(url), clock::system().as_secs().cast_signed());
    let asked = config.leaders.iter().take(LEADERS_MAX).map(async |leader| {
        let query = format!("user={}&limit=1&type=TRADE&sort_direction=DESC", leader.wallets[0]);
        let page = timeout(PATIENCE, data.page("/v2/activity", &query, None)).await;
        let rows = page.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?.0;
        Ok::<_, String>((leader.name.as_str(), rows.first().and_then(|row| row["timestamp"].as_i64())))
    });
    let answers = join_all(asked).await;
    if let Some(why) = answers.iter().find_map(|answer| answer.as_ref().err()) {
        return Check::warning(
            NAME,
            format!("the venue's index does not say: {why}"),
            "check the network, and feed.data_url",
        );
    }
    let silent = answers.iter().flatten().filter_map(|(name, last)| match last {
        None => Some(format!("{name} never traded")),
        Some(last) => match (now - last) / 86_400 {
            days if days > DAYS_SILENT => Some(format!("{name} has not traded for {days} days")),
            _ => None,
        },
    });
    let silent: Vec<String> = silent.collect();
    match silent.is_empty() {
        true => Check::good(NAME, format!("{} asked about, each traded within {DAYS_SILENT} days", answers.len())),
        false => {
            let fix = "check the wallet; `remora leader score WALLET` says whether copying him would pay";
            Check::warning(NAME, silent.join("; "), fix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};
    use crate::{
        config::{Overrides, Written},
        sim::server::{Options, Server},
    };

    fn config(text: &str) -> Config {
        let written = Written::Text { name: "my.toml".to_owned(), text: text.to_owned() };
        Config::load(&written, &Overrides::default()).expect("right")
    }

    const ADA: &str = "[[leader]]\nname = \"Ada\"\nwallet = \"0x1ead000000000000000000000000000000000001\"\n";
    const FOLLOWS: &str = "[[strategy]]\nname = \"s\"\nleaders = [\"Ada\"]\npaper = { capital_usdc = 100 }\n";

    #[test]
    fn what_would_do_nothing_is_named() {
        assert_eq!(strategies(&config("")).verdict, Verdict::Warning);
        assert_eq!(strategies(&config(&format!("{ADA}{FOLLOWS}"))).verdict, Verdict::Good);
        let bob = ADA.replace("Ada", "Bob").replace("1\"\n", "2\"\n");
        let idle = strategies(&config(&format!("{ADA}{bob}{FOLLOWS}")));
        assert!(idle.verdict == Verdict::Warning && idle.found.ends_with("nobody follows Bob"), "{idle:?}");
        let off = strategies(&config(&format!("[paper]\nenabled = false\n{ADA}{FOLLOWS}")));
        assert!(off.found.ends_with("paper and live are both off"), "{off:?}");
    }

    #[test]
    fn a_channel_without_its_secret_is_named() {
        assert_eq!(alerts(&config("")).verdict, Verdict::Good);
        let text = "[[alert]]\nname = \"phone\"\nkind = \"slack\"\nsecret = \"file:/nowhere\"\non = [\"*\"]\n";
        let check = alerts(&config(text));
        assert_eq!(check.verdict, Verdict::Failed);
        assert!(check.found.starts_with("phone: the secret /nowhere cannot be read"), "{check:?}");
    }

    #[tokio::test]
    async fn hosts_that_answer_and_leaders_that_trade_are_told() {
        let venue = Server::start(Options { rate_percent: 0, ..Options::default() }).await.expect("a venue");
        let text = |gamma: &str| {
            let Server { market_url, activity_url, clob_url, data_url, .. } = &venue;
            format!(
                "[feed]\nmarket_url = \"{market_url}\"\nactivity_url = \"{activity_url}\"\nclob_url = \"{clob_url}\"\n\
                 gamma_url = \"{gamma}\"\ndata_url = \"{data_url}\"\n{ADA}"
            )
        };
        let good = hosts(&config(&text(&venue.gamma_url))).await;
        assert_eq!(good.verdict, Verdict::Good, "{good:?}");
        let gone = hosts(&config(&text("http://127.0.0.1:9"))).await;
        assert!(gone.verdict == Verdict::Failed && gone.found.contains("127.0.0.1: "), "{gone:?}");
        let silent = leaders(&config(&text(&venue.gamma_url).replace("0001", "00ff"))).await;
        assert!(silent.found.contains("Ada never traded") || silent.verdict == Verdict::Warning, "{silent:?}");
        venue.stop().await;
    }
}
