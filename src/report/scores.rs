//! Were the scores worth anything? Each model's probabilities beside what the outcomes paid: Brier score, log loss, and how
//! often what was called 30 % likely came true.

use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::store::query::JudgedRow;

/// Bins of the calibration table, equally wide.
pub const BINS: usize = 10;
/// A probability this near to 0 or 1 is taken for this much: one certainty that was wrong would outweigh everything.
const CERTAIN: f64 = 1e-6;

/// How good one model's probabilities were.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// `market`, `additive`, `bayesian` or `model`.
    pub model: &'static str,
    pub count: usize,
    /// The mean of (probability - payout) squared: 0 is perfect, 0.25 is what a coin gets.
    pub brier: f64,
    /// The mean of -(y ln p + (1 - y) ln(1 - p)): 0 is perfect, 0.693 is what a coin gets.
    pub log_loss: f64,
    pub calibration: Vec<Bin>,
}

/// What was said in a range of probabilities, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bin {
    pub from: f64,
    pub to: f64,
    pub count: usize,
    /// The mean probability, and the mean payout: the same, if the model is well calibrated.
    pub said: f64,
    pub paid: f64,
}

/// Returns a judgement of each model that said something: on all rows, and so each on the same as the market's but for the
/// external one, which may be silent.
pub fn judged(rows: &[JudgedRow]) -> Vec<Judgement> {
    type Said = fn(&JudgedRow) -> Option<rust_decimal::Decimal>;
    let models: [(&'static str, Said); 4] = [
        ("market", |row| Some(row.prior)),
        ("additive", |row| Some(row.additive)),
        ("bayesian", |row| Some(row.bayesian)),
        ("model", |row| row.model),
    ];
    let judgements = models.into_iter().filter_map(|(model, said)| {
        let pairs: Vec<(f64, f64)> =
            rows.iter().filter_map(|row| Some((said(row)?.to_f64()?, row.payout.to_f64()?))).collect();
        judgement(model, &pairs)
    });
    judgements.collect()
}

/// `None` without a single pair of a probability and a payout.
fn judgement(model: &'static str, pairs: &[(f64, f64)]) -> Option<Judgement> {
    if pairs.is_empty() {
        return None;
    }
    let mean = |of: fn(f64, f64) -> f64| pairs.iter().map(|(p, y)| of(*p, *y)).sum::<f64>() / pairs.len() as f64;
    let bins = (0..BINS).filter_map(|index| {
        let is_in = |p: f64| ((p * BINS as f64) as usize).min(BINS - 1) == index;
        let inside: Vec<&(f64, f64)> = pairs.iter().filter(|(p, _)| is_in(*p)).collect();
        let mean = |of: fn(&(f64, f64)) -> f64| inside.iter().map(|pair| of(pair)).sum::<f64>() / inside.len() as f64;
        let (from, to) = (index as f64 / BINS as f64, (index + 1) as f64 / BINS as f64);
        let bin = Bin { from, to, count: inside.len(), said: mean(|(p, _)| *p), paid: mean(|(_, y)| *y) };
        (!inside.is_empty()).then_some(bin)
    });
    Some(Judgement {
        model,
        count: pairs.len(),
        brier: mean(|p, y| (p - y) * (p - y)),
        log_loss: mean(|p, y| {
            let p = p.clamp(CERTAIN, 1.0 - CERTAIN);
            -(y * p.ln() + (1.0 - y) * (1.0 - p).ln())
        }),
        calibration: bins.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn a_coin_a_prophet_and_a_fool_are_told_apart() {
        let check = |pairs: &[(f64, f64)], brier: f64, log_loss: f64| {
            let found = judgement("market", pairs).expect("pairs");
            near(found.brier, brier);
            near(found.log_loss, log_loss);
        };
        check(&[(0.5, 1.0), (0.5, 0.0)], 0.25, std::f64::consts::LN_2);
        check(&[(1.0, 1.0), (0.0, 0.0)], 0.0, -(1.0_f64 - 1e-6).ln());
        check(&[(0.0, 1.0)], 1.0, -(1e-6_f64).ln());
        check(&[(0.8, 1.0), (0.8, 0.0)], 0.34, -(0.8_f64.ln() + 0.2_f64.ln()) / 2.0);
        check(&[(0.5, 0.5)], 0.0, std::f64::consts::LN_2); // a void market pays half
        assert_eq!(judgement("market", &[]), None);
    }

    #[test]
    fn calibration_counts_each_probability_in_its_bin() {
        let found = judgement("model", &[(0.0, 0.0), (0.05, 1.0), (0.1, 0.0), (0.95, 1.0), (1.0, 0.0)]).expect("pairs");
        let bins: Vec<(f64, usize)> = found.calibration.iter().map(|bin| (bin.from, bin.count)).collect();
        assert_eq!(bins, [(0.0, 2), (0.1, 1), (0.9, 2)]);
        near(found.calibration[0].said, 0.025);
        near(found.calibration[0].paid, 0.5);
    }

    #[test]
    fn a_silent_model_has_no_judgement() {
        let part = |text: &str| text.parse().expect("a number");
        let row = |model| JudgedRow {
            signal_id: 1,
            prior: part("0.5"),
            additive: part("0.6"),
            bayesian: part("0.7"),
            model,
            payout: part("1"),
        };
        let models = |rows: &[JudgedRow]| judged(rows).iter().map(|one| (one.model, one.count)).collect::<Vec<_>>();
        assert_eq!(models(&[row(None)]), [("market", 1), ("additive", 1), ("bayesian", 1)]);
        assert_eq!(models(&[row(None), row(Some(part("0.9")))])[3], ("model", 1));
        assert_eq!(models(&[]), []);
    }
}
