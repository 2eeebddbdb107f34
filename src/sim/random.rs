//! Chance from a seed: the same seed gives the same numbers on every machine and in every release.

/// The generator splitmix64. Not for secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Returns a generator of its own, so that drawing more from one does not shift the other.
    pub fn fork(&mut self) -> Random {
        Random(self.word())
    }

    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Returns a number from `low` up to, not including, `high`. Panics unless `low < high`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        assert!(low < high, "an empty range: {low}..{high}");
        low + ((u128::from(self.word()) * u128::from(high - low)) >> 64) as u64
    }

    /// Returns true in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.range(0, 100) < percent
    }

    /// Returns a step from `-size` to `size`, small ones more often.
    pub fn step(&mut self, size: i64) -> i64 {
        let half = (size / 2).max(1) as u64;
        (self.range(0, half + 1) + self.range(0, half + 1)) as i64 - half as i64
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.range(0, items.len() as u64) as usize]
    }

    /// Returns `bytes` random bytes in lower-case hex, with `0x` in front.
    pub fn hex(&mut self, bytes: usize) -> String {
        let digits = (0..bytes).map(|_| format!("{:02x}", self.word() as u8));
        std::iter::once("0x".to_owned()).chain(digits).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_splitmix64() {
        // From the reference implementation by Sebastiano Vigna, seed 1234567.
        let mut random = Random::new(1_234_567);
        let first = [random.word(), random.word(), random.word()];
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_range_is_kept_and_reached() {
        let mut random = Random::new(7);
        let drawn: Vec<u64> = (0..1_000).map(|_| random.range(3, 6)).collect();
        assert!([3, 4, 5].iter().all(|number| drawn.contains(number)));
        assert!(drawn.iter().all(|number| (3..6).contains(number)));
        assert!((0..1_000).all(|_| random.step(10).abs() <= 10));
    }
}
