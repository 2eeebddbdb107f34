//! What every Rust program of the comparison does alike: it says what it can do, then measures a case whenever it is asked.
//! A line in (`CASE MILLISECONDS`), a line of JSON out. Between two lines it waits, so that one program runs at a time.

use std::{
    io::BufRead,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::counting::allocations;

/// What is measured of a piece of work.
#[derive(Clone, Copy, Default)]
pub struct Spent {
    pub time: Duration,
    pub allocations: u64,
}

impl Spent {
    #[allow(dead_code, reason = "most programs measure in one piece")]
    pub fn plus(self, other: Spent) -> Spent {
        Spent { time: self.time + other.time, allocations: self.allocations + other.allocations }
    }
}

/// Measures a piece of work.
pub fn spent(work: impl FnOnce()) -> Spent {
    let (before, begun) = (allocations(), Instant::now());
    work();
    let time = begun.elapsed();
    Spent { time, allocations: allocations() - before }
}

pub struct Case<'a> {
    pub name: &'static str,
    /// Where the work begins and where it ends, in a few words.
    pub work: &'static str,
    /// Does so much of it. What is spent between two pieces of it is not counted.
    pub run: Box<dyn FnMut(u64) -> Spent + 'a>,
}

impl<'a> Case<'a> {
    /// `each` is called with 0, 1, 2 ...
    pub fn new(name: &'static str, work: &'static str, mut each: impl FnMut(usize) + 'a) -> Case<'a> {
        let mut next = 0;
        let run = move |count: u64| {
            spent(|| {
                for _ in 0..count {
                    each(next);
                    next += 1;
                }
            })
        };
        Case { name, work, run: Box::new(run) }
    }
}

/// A sample is at least so long, so that reading the clock does not show in it; but not where what lies between takes longer.
const SAMPLE_MIN: Duration = Duration::from_micros(500);
const SAMPLE_WAIT_MAX: Duration = Duration::from_millis(10);
const SAMPLES: std::ops::RangeInclusive<usize> = 5..=201;

/// Returns how often a case is to be done for one sample. Also warms it up.
fn calibrated(case: &mut Case<'_>) -> u64 {
    let mut count = 1;
    loop {
        let begun = Instant::now();
        let is_enough = SAMPLE_MIN <= (case.run)(count).time || SAMPLE_WAIT_MAX <= begun.elapsed();
        // The first time is not like the others.
        if is_enough && 1 < count {
            return count;
        }
        count *= 2;
    }
}

/// Returns the median of samples, the least of them, and how often memory was asked for.
fn measured(case: &mut Case<'_>, count: u64, budget: Duration) -> Value {
    let (mut samples, mut allocations, begun) = (Vec::new(), 0, Instant::now());
    while samples.len() < *SAMPLES.start() || begun.elapsed() < budget && samples.len() < *SAMPLES.end() {
        let spent = (case.run)(count);
        samples.push(spent.time.as_nanos() as f64 / count as f64);
        allocations += spent.allocations;
    }
    samples.sort_by(f64::total_cmp);
    let per_op = allocations as f64 / (samples.len() as u64 * count) as f64;
    json!({ "ns": samples[samples.len() / 2], "least": samples[0], "allocations": per_op })
}

/// Says what there is, then measures what is asked for until nobody asks any more. `orders`: what amounts the cases of that
/// name sign, so that it can be seen that all sign the same.
pub fn serve(version: &str, orders: &Value, mut cases: Vec<Case<'_>>) {
    let works: serde_json::Map<String, Value> =
        cases.iter().map(|case| (case.name.to_owned(), Value::from(case.work))).collect();
    println!("{}", json!({ "version": version, "cases": works, "orders": orders }));
    let mut counts = vec![0; cases.len()];
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let (name, millis) = line.split_once(' ').expect("CASE MILLISECONDS");
        let index = cases.iter().position(|case| case.name == name).expect("a case of ours");
        if counts[index] == 0 {
            counts[index] = calibrated(&mut cases[index]);
        }
        let budget = Duration::from_millis(millis.parse().expect("milliseconds"));
        println!("{}", measured(&mut cases[index], counts[index], budget));
    }
}
