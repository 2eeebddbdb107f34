//! How far the venue is: some connections to each of its hosts, and some small public questions on one that stays open.

use std::{collections::BTreeSet, time::Duration};

use reqwest::{Client, Url};
use serde::Serialize;
use tokio::{net::TcpStream, time::timeout};

use super::figure::{Figure, histogram};
use crate::{clock::mono, config::Config, feed::client_tls};

const PATIENCE: Duration = Duration::from_secs(4);
const CONNECTIONS: usize = 3;
const QUESTIONS: usize = 10;
/// Public, small, and made for it: the venue's time.
const QUESTION: &str = "/time";

#[derive(Clone, Debug, Serialize)]
pub struct Distance {
    pub host: String,
    pub what: &'static str,
    pub times: Figure,
    /// Why nothing, or less, was measured; empty: it was.
    pub wrong: String,
}

/// Asks the hosts in the settings.
pub async fn look(config: &Config) -> Vec<Distance> {
    let feed = &config.feed;
    let urls = [&feed.clob_url, &feed.market_url, &feed.activity_url, &feed.gamma_url];
    let parsed = urls.into_iter().chain(&feed.data_url).filter_map(|url| Url::parse(url).ok());
    let places: BTreeSet<(String, u16)> = parsed
        .filter_map(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default().unwrap_or(443))))
        .collect();
    let mut found = Vec::new();
    for (host, port) in places {
        found.push(connect(host, port).await);
    }
    found.push(ask(&feed.clob_url).await);
    found
}

async fn connect(host: String, port: u16) -> Distance {
    let (mut took, mut wrong) = (histogram(), String::new());
    for _ in 0..CONNECTIONS {
        let began = mono();
        match timeout(PATIENCE, TcpStream::connect((host.as_str(), port))).await {
            Ok(Ok(_)) => took.saturating_record(mono() - began),
            Ok(Err(error)) => wrong = error.to_string(),
            Err(_) => wrong = format!("no answer in {} s", PATIENCE.as_secs()),
        }
        if !wrong.is_empty() {
            break;
        }
    }
    Distance { host, what: "connection", times: Figure::of(&took), wrong }
}

async fn ask(url: &str) -> Distance {
    let (mut took, mut wrong) = (histogram(), String::new());
    let builder =
        Client::builder().tls_backend_preconfigured(client_tls()).no_proxy().tcp_nodelay(true).timeout(PATIENCE);
    let client = builder.build().expect("settings that are the same on every machine");
    let address = format!("{}{QUESTION}", url.trim_end_matches('/'));
    // The first one connects, and is not counted.
    for nth in 0..=QUESTIONS {
        let began = mono();
        match answered(&client, &address).await {
            Ok(()) if nth == 0 => (),
            Ok(()) => took.saturating_record(mono() - began),
            Err(error) => {
                wrong = error.without_url().to_string();
                break;
            }
        }
    }
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    Distance { host, what: "answer", times: Figure::of(&took), wrong }
}

async fn answered(client: &Client, address: &str) -> reqwest::Result<()> {
    client.get(address).send().await?.error_for_status()?.bytes().await.map(drop)
}
