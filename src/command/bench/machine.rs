//! What the machine is: processors, memory, clock, and how the kernel runs them. Read from `/proc` and `/sys`; what is not told
//! there is empty.

use std::fs;

use serde::Serialize;

use crate::clock::{self, Discipline};

const CLOCK_SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
const CPUS: &str = "/sys/devices/system/cpu";

#[derive(Clone, Debug, Default, Serialize)]
pub struct Machine {
    pub version: &'static str,
    pub kernel: String,
    pub processor: String,
    /// Whether it is a guest of another machine.
    pub is_virtual: bool,
    /// Cores that this process may run on.
    pub cores: Vec<usize>,
    /// Cores that the kernel keeps free of others, and those without its tick.
    pub isolated: String,
    pub without_tick: String,
    /// Whether two of the cores are one with two faces.
    pub shares_cores: bool,
    /// How the kernel chooses the speed of the first core; empty in most guests, where the host does.
    pub governor: String,
    /// Processors that this container may use at once; `None`: no limit.
    pub quota: Option<f64>,
    pub load: f64,
    pub memory_bytes: u64,
    pub swap_used_bytes: u64,
    pub swap_bytes: u64,
    /// Source of the clock that stages are timed with.
    pub clock_source: String,
    pub discipline: Option<Discipline>,
}

impl Machine {
    pub fn look() -> Machine {
        let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let of =
            |key: &str| told.lines().find(|line| line.starts_with(key)).and_then(|line| Some(line.split_once(':')?.1));
        let swap = bytes("SwapTotal:");
        Machine {
            version: env!("CARGO_PKG_VERSION"),
            kernel: text("/proc/sys/kernel/osrelease"),
            processor: of("model name").unwrap_or_default().trim().to_owned(),
            is_virtual: of("flags").is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
            cores: super::cores::allowed(),
            isolated: text(&format!("{CPUS}/isolated")),
            without_tick: text(&format!("{CPUS}/nohz_full")).replace("(null)", ""),
            shares_cores: text(&format!("{CPUS}/smt/active")) == "1",
            governor: text(&format!("{CPUS}/cpu0/cpufreq/scaling_governor")),
            quota: quota(&text("/sys/fs/cgroup/cpu.max")),
            load: text("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
            memory_bytes: bytes("MemTotal:"),
            swap_used_bytes: swap.saturating_sub(bytes("SwapFree:")),
            swap_bytes: swap,
            clock_source: text(CLOCK_SOURCE),
            discipline: clock::discipline(),
        }
    }
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn bytes(key: &str) -> u64 {
    let told = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

/// Reads `200000 100000`, or `max 100000`.
fn quota(text: &str) -> Option<f64> {
    let (share, period) = text.split_once(' ')?;
    Some(share.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_read() {
        assert_eq!(quota("150000 100000"), Some(1.5));
        assert_eq!((quota("max 100000"), quota("")), (None, None));
    }
}
