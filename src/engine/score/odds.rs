//! Exact arithmetic of odds, without floats: a prior probability and evidence in log-odds make a posterior probability.

/// Evidence beyond this (in millionths of log-odds) says no more: the odds change by a factor of 403 at most.
pub const EVIDENCE_MAX: i64 = 6_000_000;

const MILLION: i64 = 1_000_000;
/// Fixed point of the exponential: 32 bits after the point.
const UNIT: i64 = 1 << 32;
/// The natural logarithm of two in that fixed point.
const LN_2: i64 = 2_977_044_472;

/// Returns the probability (ppm, between 1 and 999,999) that the odds of `prior_ppm` become by `evidence` (millionths of
/// log-odds, cut to [`EVIDENCE_MAX`]): p e^x / (p e^x + 1 - p), within 2 ppm of the exact value.
pub fn posterior(prior_ppm: u32, evidence: i64) -> u32 {
    let prior = i128::from(prior_ppm.clamp(1, 999_999));
    let won = prior * exponential(evidence.clamp(-EVIDENCE_MAX, EVIDENCE_MAX));
    let lost = (i128::from(MILLION) - prior) * i128::from(UNIT);
    let ppm = (won * i128::from(MILLION) + (won + lost) / 2) / (won + lost);
    (ppm as u32).clamp(1, 999_999)
}

/// Returns e^x in fixed point for x in millionths. x = k ln 2 + r with |r| <= ln 2 / 2, and the series of e^r to the ninth
/// term leaves less than one part in a billion.
fn exponential(millionths: i64) -> i128 {
    let x = (i128::from(millionths) * i128::from(UNIT) / i128::from(MILLION)) as i64;
    let halves = (x * 2).div_euclid(LN_2);
    let power = (halves + 1).div_euclid(2);
    let rest = i128::from(x - power * LN_2);
    let mut sum = i128::from(UNIT);
    for term in (1..=9).rev() {
        sum = i128::from(UNIT) + rest * sum / (i128::from(UNIT) * term);
    }
    if 0 <= power { sum << power } else { sum >> -power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posterior_is_the_prior_moved_by_its_evidence() {
        for (prior, evidence, posterior_ppm) in [
            (500_000, 0, 500_000),
            (123_456, 0, 123_456),
            (500_000, 1_000_000, 731_059),
            (500_000, -1_000_000, 268_941),
            (900_000, 693_147, 947_368), // Twice the odds of 9.
            (1, i64::MIN, 1),
            (999_999, i64::MAX, 999_999),
            (0, 0, 1),
            (u32::MAX, 0, 999_999),
        ] {
            let found = posterior(prior, evidence);
            assert!(found.abs_diff(posterior_ppm) <= 1, "{prior} {evidence}: {found}");
        }
    }

    #[test]
    fn the_stated_error_holds_over_the_whole_range() {
        for prior in (1..1_000_000u32).step_by(9_973) {
            for evidence in (-EVIDENCE_MAX..=EVIDENCE_MAX).step_by(59_999) {
                let (p, x) = (f64::from(prior) / 1e6, evidence as f64 / 1e6);
                let exact = 1e6 * p * x.exp() / (p * x.exp() + 1.0 - p);
                let found = f64::from(posterior(prior, evidence));
                assert!((found - exact).abs() <= 2.0, "{prior} {evidence}: {found} is not {exact}");
            }
        }
    }

    #[test]
    fn more_evidence_never_makes_it_less_likely() {
        let all: Vec<u32> = (-EVIDENCE_MAX..=EVIDENCE_MAX).step_by(1_009).map(|x| posterior(300_000, x)).collect();
        assert!(all.is_sorted() && all[0] < all[all.len() - 1]);
    }
}
