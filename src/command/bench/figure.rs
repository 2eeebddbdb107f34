//! Lengths of time, many of one kind: the few numbers that say what they are like, and how they are written.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Nanoseconds; all zero where nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figure {
    pub count: u64,
    pub p50_ns: u64,
    pub p99_ns: u64,
    pub p999_ns: u64,
    pub max_ns: u64,
}

impl Figure {
    pub fn of(measured: &Histogram<u64>) -> Figure {
        let at = |quantile| if measured.is_empty() { 0 } else { measured.value_at_quantile(quantile) };
        Figure { count: measured.len(), p50_ns: at(0.5), p99_ns: at(0.99), p999_ns: at(0.999), max_ns: at(1.0) }
    }

    /// Returns its numbers for a row of a table.
    pub fn cells(&self) -> [String; 5] {
        match self.count {
            0 => ["0".into(), String::new(), String::new(), String::new(), String::new()],
            count => {
                [count.to_string(), length(self.p50_ns), length(self.p99_ns), length(self.p999_ns), length(self.max_ns)]
            }
        }
    }
}

/// Returns an empty histogram, for what takes at most minutes.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(600_000_000_000, 3).expect("the bounds are right")
}

/// Returns a length for people, in three digits or so.
pub fn length(nanos: u64) -> String {
    let of = |unit: f64, name: &str| {
        let value = nanos as f64 / unit;
        let decimals = if value < 9.95 { 2 } else { usize::from(value < 99.5) };
        format!("{value:.decimals$} {name}")
    };
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => of(1e3, "us"),
        1_000_000..1_000_000_000 => of(1e6, "ms"),
        _ => of(1e9, "s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_well() {
        for (nanos, expected) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (27_930, "27.9 us"),
            (227_000, "227 us"),
            (1_500_000, "1.50 ms"),
            (12_000_000_000, "12.0 s"),
        ] {
            assert_eq!(length(nanos), expected);
        }
    }

    #[test]
    fn nothing_measured_is_no_figure() {
        assert_eq!(Figure::of(&histogram()), Figure::default());
        assert_eq!(Figure::default().cells()[1], "");
    }
}
