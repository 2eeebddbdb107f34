//! Prices of coins on the activity feed's socket (PROTOCOL.md 5.3): what short markets are about.
//!
//! A coin is worth more than it was at first where the first token of its short market is worth more than half a dollar.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::Millis;
use crate::sim::listing::COINS_COUNT;
use crate::sim::place::{Kind, Place};
use crate::sim::wire::{self, Phase};

/// How often prices are told.
pub const EVERY_MS: u64 = 1_000;
/// What coins cost at first, in cents, in the order of the short markets.
const FIRST_CENTS: [u64; COINS_COUNT] = [9_650_000, 342_000];
/// A market that is sure of its end has its coin so much above or below, in parts per million.
const SWING_PPM: i64 = 2_000;

/// Whose prices: each has its own topic, and its own names for coins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    Binance,
    Chainlink,
}

impl Source {
    const ALL: [Source; 2] = [Source::Binance, Source::Chainlink];

    pub fn of_topic(topic: &str) -> Option<Source> {
        Source::ALL.into_iter().find(|source| source.topic() == topic)
    }

    const fn topic(self) -> &'static str {
        match self {
            Source::Binance => "crypto_prices",
            Source::Chainlink => "crypto_prices_chainlink",
        }
    }

    const fn symbol(self, coin: usize) -> &'static str {
        match self {
            Source::Binance => ["btcusdt", "ethusdt"][coin],
            Source::Chainlink => ["btc/usd", "eth/usd"][coin],
        }
    }
}

/// One subscription to prices.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CoinFilter {
    source: Source,
    /// In lower case; empty: all.
    symbols: Vec<String>,
}

impl CoinFilter {
    /// Reads `filters`: nothing, symbols with commas between, or `{"symbol":"…"}`; `None` for JSON that is something else.
    pub fn read(source: Source, filters: &str) -> Option<CoinFilter> {
        #[derive(Deserialize)]
        struct One {
            symbol: String,
        }
        let symbols = match filters {
            "" => Vec::new(),
            json if json.starts_with('{') => vec![serde_json::from_str::<One>(json).ok()?.symbol],
            list => list.split(',').map(|symbol| symbol.trim().to_owned()).collect(),
        };
        Some(CoinFilter { source, symbols: symbols.iter().map(|symbol| symbol.to_lowercase()).collect() })
    }

    pub fn includes(&self, price: &CoinPrice) -> bool {
        self.source == price.source
            && (self.symbols.is_empty() || self.symbols.iter().any(|symbol| symbol == price.symbol()))
    }
}

/// What a coin costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoinPrice {
    source: Source,
    coin: usize,
    micros: u64,
}

impl CoinPrice {
    /// Returns what a market says of its coin, by each source; nothing for a market that is about none, or not open.
    pub fn of(place: &Place) -> Vec<CoinPrice> {
        match (place.kind, place.phase) {
            (Kind::Short(coin), Phase::Open) => {
                let first = FIRST_CENTS[coin] as i64 * 10_000;
                let micros = first + first / 1_000_000 * SWING_PPM * (place.fair - 500_000) / 500_000;
                Source::ALL.map(|source| CoinPrice { source, coin, micros: micros as u64 }).to_vec()
            }
            (Kind::Short(_) | Kind::Standing(_) | Kind::Group(_) | Kind::Recorded, _) => Vec::new(),
        }
    }

    fn symbol(&self) -> &'static str {
        self.source.symbol(self.coin)
    }

    pub fn frame(&self, at: Millis) -> Value {
        json!({
            "topic": self.source.topic(), "type": "update", "timestamp": at.0,
            "payload": {"symbol": self.symbol(), "timestamp": at.0, "value": wire::number(self.micros)},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_have_three_forms() {
        let price = CoinPrice { source: Source::Binance, coin: 1, micros: 1 };
        for (filters, includes) in [
            ("", true),
            ("btcusdt, ethusdt", true),
            ("btcusdt", false),
            (r#"{"symbol":"ETHUSDT"}"#, true),
            (r#"{"symbol":"eth/usd"}"#, false),
        ] {
            let filter = CoinFilter::read(Source::Binance, filters).expect("a filter");
            assert_eq!(filter.includes(&price), includes, "{filters}");
            let other = CoinFilter::read(Source::Chainlink, filters).expect("a filter");
            assert!(!other.includes(&price), "{filters}");
        }
        assert_eq!(CoinFilter::read(Source::Binance, r#"{"coin":1}"#), None);
    }
}
