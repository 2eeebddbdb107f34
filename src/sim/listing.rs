//! What a simulated market is: ids, words and rules, none of which change while it lives.

use time::OffsetDateTime;
use time::macros::{format_description, offset};

use super::random::Random;
use crate::domain::{Generation, Millis, Shares};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub condition: String,
    pub tokens: [String; 2],
    pub outcomes: [String; 2],
    pub title: String,
    pub slug: String,
    /// What the market is a question of; of the markets of a neg-risk event one wins.
    pub event_slug: String,
    pub event_title: String,
    /// What sets a market of an event apart; empty for an event of one market.
    pub group_title: String,
    /// The id that the markets of a neg-risk event share; empty for others.
    pub neg_risk_id: String,
    pub category: &'static str,
    pub generation: Generation,
    /// Parts per million.
    pub fee_rate_ppm: u32,
    pub minimum: Shares,
    pub neg_risk: bool,
    /// Marketable orders are held for a moment, as on short crypto markets.
    pub taker_delay: bool,
    /// Marketable orders are held for so many seconds, as on sports.
    pub delay_secs: u32,
    pub opens_at: Millis,
    pub closes_at: Millis,
}

/// A market that stands for months.
struct Standing {
    title: &'static str,
    slug: &'static str,
    outcomes: [&'static str; 2],
    category: &'static str,
    generation: Generation,
    fee_rate_ppm: u32,
    neg_risk: bool,
    delay_secs: u32,
}

const YES_NO: [&str; 2] = ["Yes", "No"];

const STANDING: [Standing; 4] = [
    Standing {
        title: "Will the central bank cut rates at its next meeting?",
        slug: "central-bank-cuts-rates-next-meeting",
        outcomes: YES_NO,
        category: "Economics",
        generation: Generation::V2,
        fee_rate_ppm: 50_000,
        neg_risk: false,
        delay_secs: 0,
    },
    Standing {
        title: "Harbor City Gulls vs. Northfield Larks",
        slug: "bball-gulls-larks-winner",
        outcomes: ["Gulls", "Larks"],
        category: "Sports",
        generation: Generation::V2,
        fee_rate_ppm: 50_000,
        neg_risk: false,
        delay_secs: 3,
    },
    // Keeps every page and log honest: markup, quotes, a right-to-left override, text of another direction.
    Standing {
        title: "Will <script>alert('remora')</script> & \"\u{202e}txet desrever\u{202c}\" (\u{5e9}\u{5dc}\u{5d5}\u{5dd}) win Best Title?",
        slug: "best-title-script-alert",
        outcomes: ["<b>Yes</b>", "No"],
        category: "Culture",
        generation: Generation::V2,
        fee_rate_ppm: 40_000,
        neg_risk: true,
        delay_secs: 0,
    },
    Standing {
        title: "Ceasefire signed before the end of the quarter?",
        slug: "ceasefire-signed-before-quarter-end",
        outcomes: YES_NO,
        category: "Geopolitics",
        generation: Generation::V3,
        fee_rate_ppm: 0,
        neg_risk: false,
        delay_secs: 0,
    },
];

/// How many markets stand all the time.
pub const STANDING_COUNT: usize = STANDING.len();
/// What short markets are about: name and slug.
const COINS: [(&str, &str); 2] = [("Bitcoin", "btc"), ("Ethereum", "eth")];
pub const COINS_COUNT: usize = COINS.len();
/// The markets of a neg-risk event: who may win.
pub const BOATS: [&str; 3] = ["Kestrel", "Petrel", "Gannet"];
const STANDING_LIFE: Millis = Millis(90 * 24 * 3_600 * 1_000);

impl Listing {
    /// Returns the standing market number `nth` (below [`STANDING_COUNT`]), open since `now`.
    pub fn standing(nth: usize, random: &mut Random, now: Millis) -> Listing {
        let market = &STANDING[nth];
        let (condition, tokens) = ids(market.generation, random);
        Listing {
            condition,
            tokens,
            outcomes: market.outcomes.map(str::to_owned),
            title: market.title.to_owned(),
            slug: market.slug.to_owned(),
            event_slug: market.slug.to_owned(),
            event_title: market.title.to_owned(),
            group_title: String::new(),
            neg_risk_id: String::new(),
            category: market.category,
            generation: market.generation,
            fee_rate_ppm: market.fee_rate_ppm,
            minimum: Shares::whole(5),
            neg_risk: market.neg_risk,
            taker_delay: false,
            delay_secs: market.delay_secs,
            opens_at: now,
            closes_at: Millis(now.0 + STANDING_LIFE.0),
        }
    }

    /// Returns an up-or-down market on the coin number `nth` (below [`COINS_COUNT`]).
    pub fn short(nth: usize, random: &mut Random, opens_at: Millis, closes_at: Millis) -> Listing {
        let (name, slug) = COINS[nth];
        let (condition, tokens) = ids(Generation::V2, random);
        let title = format!("{name} Up or Down - {}", window(opens_at, closes_at));
        let slug = format!("{slug}-updown-{}", opens_at.0 / 1_000);
        Listing {
            condition,
            tokens,
            outcomes: ["Up", "Down"].map(str::to_owned),
            title: title.clone(),
            slug: slug.clone(),
            event_slug: slug,
            event_title: title,
            group_title: String::new(),
            neg_risk_id: String::new(),
            category: "Crypto",
            generation: Generation::V2,
            fee_rate_ppm: 70_000,
            minimum: Shares::whole(5),
            neg_risk: false,
            taker_delay: true,
            delay_secs: 0,
            opens_at,
            closes_at,
        }
    }
}

impl Listing {
    /// Returns the markets of a regatta, of which exactly one wins: one for each of [`BOATS`].
    pub fn regatta(random: &mut Random, opens_at: Millis, closes_at: Millis) -> [Listing; BOATS.len()] {
        let neg_risk_id = random.hex(32);
        let event_slug = format!("regatta-winner-{}", opens_at.0 / 1_000);
        BOATS.map(|boat| {
            let (condition, tokens) = ids(Generation::V2, random);
            Listing {
                condition,
                tokens,
                outcomes: YES_NO.map(str::to_owned),
                title: format!("Will {boat} win the regatta of {}?", iso(opens_at)),
                slug: format!("{}-wins-regatta-{}", boat.to_lowercase(), opens_at.0 / 1_000),
                event_slug: event_slug.clone(),
                event_title: format!("Winner of the regatta of {}", iso(opens_at)),
                group_title: boat.to_owned(),
                neg_risk_id: neg_risk_id.clone(),
                category: "Other",
                generation: Generation::V2,
                fee_rate_ppm: 50_000,
                minimum: Shares::whole(5),
                neg_risk: true,
                taker_delay: false,
                delay_secs: 0,
                opens_at,
                closes_at,
            }
        })
    }
}

/// Writes a moment as the venue's REST answers do, in UTC.
pub fn iso(at: Millis) -> String {
    utc(at)
        .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
        .expect("all parts of a moment are known")
}

fn utc(at: Millis) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp((at.0 / 1_000) as i64).expect("a moment of this age")
}

fn window(opens_at: Millis, closes_at: Millis) -> String {
    let new_york = |at| utc(at).to_offset(offset!(-5));
    let (day, clock) = (
        format_description!("[month repr:long] [day padding:none]"),
        format_description!("[hour repr:12 padding:none]:[minute]:[second][period]"),
    );
    let known = "all parts of a moment are known";
    format!(
        "{}, {}-{} ET",
        new_york(opens_at).format(day).expect(known),
        new_york(opens_at).format(clock).expect(known),
        new_york(closes_at).format(clock).expect(known)
    )
}

/// Draws a condition id and two token ids of the shape that the generation has.
fn ids(generation: Generation, random: &mut Random) -> (String, [String; 2]) {
    match generation {
        Generation::V2 => (random.hex(32), [(); 2].map(|()| decimal_id(random))),
        Generation::V3 => position_ids(random),
    }
}

/// 77 decimal digits: the longest that surely fit into 256 bits.
fn decimal_id(random: &mut Random) -> String {
    let first = char::from(b'1' + random.range(0, 9) as u8);
    let rest = (1..77).map(|_| char::from(b'0' + random.range(0, 10) as u8));
    std::iter::once(first).chain(rest).collect()
}

/// Ids of Protocol V2 (PROTOCOL.md 1.6): module 1, base hash, arity 2, 64 zero bits, chain, condition, outcome.
fn position_ids(random: &mut Random) -> (String, [String; 2]) {
    let mut bytes = [0_u8; 32];
    bytes[0] = 1;
    bytes[1..17].iter_mut().for_each(|byte| *byte = random.word() as u8);
    bytes[18] = 2;
    let tokens = [0, 1].map(|outcome| {
        bytes[31] = outcome;
        decimal(bytes)
    });
    let condition: String = bytes[..31].iter().map(|byte| format!("{byte:02x}")).collect();
    (format!("0x{condition}00"), tokens)
}

/// Writes a big-endian number in decimal.
fn decimal(mut bytes: [u8; 32]) -> String {
    let mut digits = Vec::new();
    while bytes != [0; 32] {
        let mut rest = 0_u32;
        for byte in &mut bytes {
            let number = rest * 256 + u32::from(*byte);
            *byte = (number / 10) as u8;
            rest = number % 10;
        }
        digits.push(char::from(b'0' + rest as u8));
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shapes_of_the_venue() {
        let mut random = Random::new(5);
        for nth in 0..STANDING_COUNT {
            let listing = Listing::standing(nth, &mut random, Millis(1));
            let digits = match listing.generation {
                Generation::V2 => 77,
                Generation::V3 => 75,
            };
            assert!(listing.tokens.iter().all(|token| token.len() == digits), "{listing:?}");
            assert_eq!(listing.condition.len(), 66);
            assert_ne!(listing.tokens[0], listing.tokens[1]);
        }
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        let mut bytes = [0; 32];
        bytes[30..].copy_from_slice(&[0x30, 0x39]);
        assert_eq!(decimal(bytes), "12345");
        let all = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(decimal([255; 32]), all);
    }

    #[test]
    fn a_short_market_names_its_window() {
        let opens_at = Millis(1_795_260_900_000);
        let listing = Listing::short(0, &mut Random::new(1), opens_at, Millis(opens_at.0 + 300_000));
        assert_eq!(listing.title, "Bitcoin Up or Down - November 21, 6:35:00AM-6:40:00AM ET");
        assert_eq!(iso(listing.closes_at), "2026-11-21T11:40:00Z");
    }
}
