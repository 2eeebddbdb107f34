//! How large a copy is.

use toml::de::DeValue;

use crate::{
    config::{
        decimal,
        literal::{describe, number},
        section::Section,
    },
    domain::{
        Usdc,
        money::ONE,
        settings::{BelowMinimum, SizeRule, Sizing, TIERS_MAX, Tier},
    },
};

const TIERS: &str = "a list of at most 8 pairs [dollars of the leader from 0, factor above 0 and at most 1000], dollars \
                     ascending";

pub fn read(section: &mut Section<'_, '_>) -> Sizing {
    let rules = rules(section);
    let rule = section.choice("sizing", &rules);
    let sizing = Sizing {
        rule,
        tiers: tiers(section),
        order_usdc_min: section.usdc("order_usdc_min", 1_000_000, 1_000_000),
        order_usdc_max: section.limit("order_usdc_max", 1_000_000, 1_000_000),
        bankroll_ppm_max: section.percent("bankroll_percent_max", 100, 100),
        below_minimum: section.choice("below_minimum", &[("skip", BelowMinimum::Skip), ("raise", BelowMinimum::Raise)]),
    };
    if sizing.order_usdc_max < sizing.order_usdc_min {
        section.out_of_order("order_usdc_min", "order_usdc_max");
    }
    let is_skipped = sizing.below_minimum == BelowMinimum::Skip && sizing.tiers[0] == Tier::UNUSED;
    match rule {
        SizeRule::Fixed(size) if size < sizing.order_usdc_min && is_skipped => {
            section.out_of_order("order_usdc_min", "size_usdc");
        }
        SizeRule::Adaptive { small, small_ppm, large, large_ppm } => {
            if large < small {
                section.out_of_order("adaptive_small_usdc", "adaptive_large_usdc");
            }
            if small_ppm < large_ppm {
                section.out_of_order("adaptive_large_percent", "adaptive_small_percent");
            }
        }
        SizeRule::Fixed(_)
        | SizeRule::Percent(_)
        | SizeRule::Mirror(_)
        | SizeRule::Budget(_)
        | SizeRule::Kelly(_)
        | SizeRule::Edge { .. }
        | SizeRule::Conviction { .. } => (),
    }
    sizing
}

/// Reads the keys of every rule, also of those that are not chosen: a mistake is one wherever it stands.
fn rules(section: &mut Section<'_, '_>) -> [(&'static str, SizeRule); 8] {
    let fixed = SizeRule::Fixed(section.usdc("size_usdc", 10_000, 1_000_000));
    let percent = SizeRule::Percent(section.percent("size_percent", 1, 1_000));
    let mirror = SizeRule::Mirror(section.percent("mirror_percent", 1, 10_000));
    let adaptive = SizeRule::Adaptive {
        small: section.usdc("adaptive_small_usdc", 0, 1_000_000_000),
        small_ppm: section.percent("adaptive_small_percent", 0, 1_000),
        large: section.usdc("adaptive_large_usdc", 0, 1_000_000_000),
        large_ppm: section.percent("adaptive_large_percent", 0, 1_000),
    };
    let budget = SizeRule::Budget(section.usdc("budget_usdc", 1_000_000, 100_000_000));
    let kelly = SizeRule::Kelly(section.percent("kelly_percent", 1, 100));
    let edge = SizeRule::Edge {
        full: section.usdc("edge_full_usdc", 10_000, 1_000_000),
        edge_ppm: section.percent("edge_percent", 1, 100),
    };
    let conviction = SizeRule::Conviction { full: section.usdc("conviction_full_usdc", 10_000, 1_000_000) };
    [
        ("fixed", fixed),
        ("percent", percent),
        ("mirror", mirror),
        ("adaptive", adaptive),
        ("budget", budget),
        ("kelly", kelly),
        ("edge", edge),
        ("conviction", conviction),
    ]
}

/// Reads the tiers; each that is wrong is reported where it stands.
fn tiers(section: &mut Section<'_, '_>) -> [Tier; TIERS_MAX] {
    let mut tiers: Vec<Tier> = Vec::new();
    for (value, place) in section.elements("tiers", 0, TIERS, "[[0, 0.5], [50, 1], [200, 2]]") {
        let wrong = match tier(value) {
            Err(wrong) => wrong,
            Ok(tier) if tiers.last().is_some_and(|last| tier.from <= last.from) => {
                let last = tiers.last().map_or(Usdc::ZERO, |last| last.from);
                format!("begins at ${}, which is not above the ${last} of the one before", tier.from)
            }
            Ok(_) if tiers.len() == TIERS_MAX => format!("is one more than the {TIERS_MAX} that there may be"),
            Ok(tier) => {
                tiers.push(tier);
                continue;
            }
        };
        section.report(place, "tiers", &wrong, TIERS, "correct it or take it out");
    }
    let mut all = [Tier::UNUSED; TIERS_MAX];
    all[..tiers.len()].copy_from_slice(&tiers);
    all
}

fn tier(value: &DeValue<'_>) -> Result<Tier, String> {
    const MOST: i64 = 1_000_000_000 * ONE as i64;
    const FACTOR_MOST: i64 = 1_000 * ONE as i64;
    let pair: Vec<_> = value.as_array().into_iter().flat_map(|pair| pair.iter()).collect();
    let [from, factor] = pair[..] else {
        return Err(format!("holds {}, not a pair", describe(value)));
    };
    let micros = |value: &DeValue<'_>| decimal::scaled(number(value)?, ONE as i64);
    let (from, factor) = (micros(from.get_ref())?, micros(factor.get_ref())?);
    match (from, factor) {
        (from, _) if !(0..=MOST).contains(&from) => Err(format!("begins at ${}", Usdc(from))),
        (_, factor) if !(1..=FACTOR_MOST).contains(&factor) => Err(format!("has the factor {}", Usdc(factor))),
        (from, factor) => Ok(Tier { from: Usdc(from), factor_ppm: factor as u32 }),
    }
}
