//! What the venue's REST says about a token: the rules it is traded under, and what it is called.

mod group;
mod read;
mod wire;

use std::{fmt, time::Duration};

use crate::domain::{ConditionId, Generation, Market, Nanos, Shares, Tick, VenueEventId};
pub use group::Group;
use read::Reader;
use wire::{ByToken, ClobMarket, MarketAnswer, micros};

/// Longer texts of the venue are cut, in characters.
pub const TEXT_MAX: usize = 512;
/// Ids, slugs and outcomes, in bytes: with a market's rules they fit into a record of the journal.
const NAME_BYTES_MAX: usize = 240;
const OUTCOME_BYTES_MAX: usize = 100;
/// Gamma says what a market belongs to; its rules are not kept waiting for longer.
const GAMMA_WAIT: Duration = Duration::from_secs(1);

/// A token that can be traded, and its market's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownToken {
    pub market: Market,
    pub about: About,
    /// What a share pays, in millionths of a dollar, if the market is resolved.
    pub payout: Option<u32>,
}

/// What people call a token, and how its market trades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    pub condition: String,
    pub slug: String,
    pub title: String,
    pub outcome: String,
    /// What the markets of one event share.
    pub event: String,
    /// As [`crate::config::tag`] writes them; `None` where the venue did not say.
    pub tags: Option<Vec<String>>,
    /// Whether the venue takes orders now.
    pub is_accepting: bool,
    /// Marketable orders are held for so many seconds (sports).
    pub delay_secs: u32,
    /// Marketable orders are held for a moment (short crypto and finance markets).
    pub has_taker_delay: bool,
}

/// Why nothing, or nothing usable, was learned. Every text names the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestError {
    /// The id is not a decimal number of at most 78 digits.
    NotAToken {
        token: String,
    },
    /// The venue does not know it (yet: new markets take minutes to appear).
    NotFound {
        url: String,
    },
    /// The venue answered with an error.
    Status {
        url: String,
        status: u16,
        body: String,
    },
    /// No answer, after all tries.
    Failed {
        url: String,
        error: String,
    },
    TooLong {
        url: String,
    },
    /// The answer is not what the protocol says.
    Malformed {
        url: String,
        error: String,
    },
    /// The market has a rule that we do not know how to keep: not traded on.
    NotUnderstood {
        url: String,
        rule: String,
    },
}

impl fmt::Display for RestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestError::NotAToken { token } => write!(f, "{token:?} is not a token id: expected up to 78 digits"),
            RestError::NotFound { url } => {
                write!(f, "{url}: not known to the venue; new markets take minutes to appear")
            }
            RestError::Status { url, status, body } => write!(f, "{url}: HTTP {status}: {body}"),
            RestError::Failed { url, error } => write!(f, "{url}: no answer: {error}"),
            RestError::TooLong { url } => write!(f, "{url}: the answer is longer than {} bytes", read::BODY_MAX),
            RestError::Malformed { url, error } => write!(f, "{url}: unexpected answer: {error}"),
            RestError::NotUnderstood { url, rule } => write!(f, "{url}: {rule}; this market is not traded on"),
        }
    }
}

impl std::error::Error for RestError {}

/// Reads the venue's public metadata. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Metadata {
    reader: Reader,
    clob_url: String,
    gamma_url: String,
}

impl Metadata {
    /// Returns a reader of the CLOB and of Gamma, such as `https://clob.polymarket.com` and
    /// `https://gamma-api.polymarket.com`.
    pub fn new(clob_url: &str, gamma_url: &str) -> Metadata {
        let [clob_url, gamma_url] = [clob_url, gamma_url].map(|url| url.trim_end_matches('/').to_owned());
        Metadata { reader: Reader::new(), clob_url, gamma_url }
    }

    /// Returns what there is to know about a token, in three requests of two seconds and three tries each.
    /// Fails rather than guesses: a fee or a grid that is not understood is an error. What Gamma does not tell within a second
    /// (event, tags) is not known.
    pub async fn token(&self, token: &str) -> Result<KnownToken, RestError> {
        let Some(generation) = generation(token) else {
            return Err(RestError::NotAToken { token: token.to_owned() });
        };
        let by_token_url = format!("{}/markets-by-token/{token}", self.clob_url);
        let ByToken { condition_id: condition } = self.reader.get(&by_token_url).await?;
        if !is_condition(&condition) {
            let error = format!("condition_id {condition:?} is not 0x and 64 hex digits");
            return Err(RestError::Malformed { url: by_token_url, error });
        }
        let rules_url = format!("{}/clob-markets/{condition}", self.clob_url);
        let words_url = format!("{}/markets/{condition}", self.clob_url);
        let group = async { Ok(self.group(token).await) };
        let (rules, words, group): (ClobMarket, MarketAnswer, Group) =
            tokio::try_join!(self.reader.get(&rules_url), self.reader.get(&words_url), group)?;
        let market = market(&rules_url, generation, &rules, &words)?;
        let Some(outcome) = words.outcome_of(token) else {
            return Err(RestError::Malformed { url: words_url, error: format!("tokens[] lacks {token}") });
        };
        let about = About {
            outcome: cut_bytes(outcome, OUTCOME_BYTES_MAX),
            slug: cut_bytes(&words.market_slug, NAME_BYTES_MAX),
            title: cut(&words.question),
            event: cut_bytes(
                &group.event(words.neg_risk_market_id.as_deref().unwrap_or_default(), &condition),
                NAME_BYTES_MAX,
            ),
            tags: group.tags(words.tags.as_deref().unwrap_or_default()),
            condition,
            is_accepting: rules.ao && words.accepting_orders && !words.closed,
            delay_secs: rules.sd.unwrap_or(0),
            has_taker_delay: rules.itode.unwrap_or(false),
        };
        Ok(KnownToken { market, about, payout: words.payout_of(token) })
    }

    /// Returns what Gamma says of the token's market in time; nothing is known where it fails.
    async fn group(&self, token: &str) -> Group {
        let url = format!("{}/markets?clob_token_ids={token}&include_tag=true", self.gamma_url);
        let answer = tokio::time::timeout(GAMMA_WAIT, self.reader.get::<Vec<Group>>(&url)).await;
        match answer {
            Ok(Ok(groups)) => groups.into_iter().next().unwrap_or_default(),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the event and tags of a market stay unknown");
                Group::default()
            }
            Err(_) => {
                tracing::debug!(url, "no answer in time: the event and tags of a market stay unknown");
                Group::default()
            }
        }
    }
}

/// Which order a token takes: position ids of Protocol V2 have 64 zero bits above the lowest 40 (PROTOCOL.md 1.6).
/// `None` if the text is not a token id.
pub fn generation(token: &str) -> Option<Generation> {
    const POSITION_ZEROS: u128 = ((1 << 64) - 1) << 40;
    if !(1..=78).contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Only the low 104 bits matter, so that wrapping at 128 is right.
    let low = token.bytes().fold(0_u128, |low, digit| low.wrapping_mul(10).wrapping_add(u128::from(digit - b'0')));
    Some(if low & POSITION_ZEROS == 0 { Generation::V3 } else { Generation::V2 })
}

fn is_condition(text: &str) -> bool {
    text.len() == 66 && text.starts_with("0x") && text[2..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn market(url: &str, generation: Generation, rules: &ClobMarket, words: &MarketAnswer) -> Result<Market, RestError> {
    let not_understood = |rule: String| RestError::NotUnderstood { url: url.to_owned(), rule };
    let tick = micros(&rules.mts).and_then(|tick| Tick::from_micros(u32::try_from(tick).ok()?));
    let tick = tick.ok_or_else(|| not_understood(format!("tick size (mts) {} not understood", rules.mts)))?;
    let minimum = micros(&rules.mos).map(Shares);
    let minimum =
        minimum.ok_or_else(|| not_understood(format!("minimum order size (mos) {} not understood", rules.mos)))?;
    Ok(Market {
        tick,
        minimum,
        fees: rules.fees().map_err(not_understood)?,
        neg_risk: rules.nr,
        condition: ConditionId::UNKNOWN,
        venue_event: VenueEventId::UNKNOWN,
        generation,
        opens_at: rules.aot.as_deref().and_then(wire::moment).unwrap_or(Nanos::ZERO),
        closes_at: words.closes_at().unwrap_or(Nanos::NEVER),
    })
}

fn cut_bytes(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

#[cfg(test)]
mod tests;
