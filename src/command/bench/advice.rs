//! What could be tuned on this machine, by what was found: each with its reason, and how. `config/TUNING.md` has more of it.

use serde::Serialize;

use super::{Report, figure::length};
use crate::config::Wait;

/// A gap that costs more than all of the engine's work on a trade.
const GAP_BAD_NS: u64 = 100_000;
const LOST_BAD_PERCENT: f64 = 0.5;
const CLOCK_BAD_NS: u64 = 200;
const WAKE_BAD_NS: u64 = 20_000;
const SYNC_BAD_NS: u64 = 10_000_000;
const AWAY_BAD_NS: u64 = 30_000_000;
/// More than that of the clock's error would show in what is said of delays behind leaders.
const CLOCK_ERROR_US_MAX: u64 = 50_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    pub what: String,
    pub why: String,
    pub how: String,
}

fn advice(what: impl Into<String>, why: impl Into<String>, how: impl Into<String>) -> Option<Advice> {
    Some(Advice { what: what.into(), why: why.into(), how: how.into() })
}

/// Returns what to do, the most useful first.
pub fn all(report: &Report, wait: Wait) -> Vec<Advice> {
    // Under load nothing else is worth much.
    let found = [load(report), waiting(report, wait), gaps(report), quota(report)];
    let kernel = [governor(report), isolation(report, wait), clock_source(report), clock_kept(report)];
    let others = [swap(report), disk(report), distance(report)];
    found.into_iter().chain(kernel).chain(others).flatten().collect()
}

fn waiting(report: &Report, wait: Wait) -> Option<Advice> {
    let (cores, parked) = (report.machine.cores.len(), report.waking.parked.p50_ns);
    match wait {
        Wait::Spin if cores < 2 => advice(
            "hot.wait = \"park\"",
            "the only core would be the hot thread's alone",
            "[hot] wait = \"park\" in your settings",
        ),
        Wait::Park if 4 <= cores && WAKE_BAD_NS <= parked => advice(
            "hot.wait = \"spin\"",
            format!(
                "a thread that sleeps is woken in {} (p99 {})",
                length(parked),
                length(report.waking.parked.p99_ns)
            ),
            "[hot] wait = \"spin\"; it takes a whole core. Try it first: remora bench --wait spin",
        ),
        Wait::Park if 2 <= cores && WAKE_BAD_NS <= parked => advice(
            "more cores, then hot.wait = \"spin\"",
            format!(
                "a thread that sleeps is woken in {}; with {cores} cores little is left for the rest",
                length(parked)
            ),
            "4 cores of your own; or see whether it pays here: remora bench --wait spin",
        ),
        Wait::Spin | Wait::Park => None,
    }
}

fn gaps(report: &Report) -> Option<Advice> {
    let worst = report.jitter.iter().max_by_key(|jitter| jitter.gaps.max_ns)?;
    let lost = report.jitter.iter().map(|jitter| jitter.lost_percent).fold(0.0, f64::max);
    if worst.gaps.max_ns < GAP_BAD_NS && lost < LOST_BAD_PERCENT {
        return None;
    }
    advice(
        "a quieter machine",
        format!("a thread that only spun lost up to {} at once, {lost:.2} % of a core", length(worst.gaps.max_ns)),
        match report.machine.is_virtual {
            true => "stop what else runs here; if it stays, the host gives its cores to others: rent dedicated cores",
            false => "stop what else runs here; keep a core free of it (isolation), and interrupts away from it",
        },
    )
}

fn quota(report: &Report) -> Option<Advice> {
    let quota = report.machine.quota?;
    advice(
        "no processor quota",
        format!("this container is stopped for the rest of a period once it used {quota:.1} processors"),
        "whole cores instead: docker --cpuset-cpus, or no limit",
    )
}

fn load(report: &Report) -> Option<Advice> {
    let (load, cores) = (report.machine.load, report.machine.cores.len());
    if load < cores as f64 * 0.5 {
        return None;
    }
    advice(
        "measure again",
        format!("other work had a load of {load:.1} on {cores} cores"),
        "stop it, wait a minute, and repeat",
    )
}

fn governor(report: &Report) -> Option<Advice> {
    let governor = &report.machine.governor;
    if governor.is_empty() || governor == "performance" {
        return None;
    }
    advice(
        "the governor \"performance\"",
        format!("\"{governor}\" slows an idle core down, and it takes its time to speed up"),
        "cpupower frequency-set -g performance (package linux-cpupower), at each boot",
    )
}

fn isolation(report: &Report, wait: Wait) -> Option<Advice> {
    let machine = &report.machine;
    if wait != Wait::Spin || machine.cores.len() < 4 || !machine.isolated.is_empty() {
        return None;
    }
    advice(
        "a core for the hot thread alone",
        "others run on its core whenever the kernel likes",
        "boot with isolcpus=3 nohz_full=3 rcu_nocbs=3 (the last core), then [hot] core = 3; look whether the gaps are gone",
    )
}

fn clock_source(report: &Report) -> Option<Advice> {
    if report.clock.read_ns < CLOCK_BAD_NS {
        return None;
    }
    advice(
        "a faster clock",
        format!(
            "a look at \"{}\" takes {}, and each stage takes two",
            report.machine.clock_source,
            length(report.clock.read_ns)
        ),
        "boot with clocksource=tsc, if the host keeps it steady",
    )
}

fn clock_kept(report: &Report) -> Option<Advice> {
    match report.machine.discipline {
        Some(kept) if kept.is_kept && kept.error_us_max <= CLOCK_ERROR_US_MAX => None,
        Some(kept) if kept.is_kept => advice(
            "a better source of time",
            format!(
                "the clock may be off by {}; so may be every delay behind a leader",
                length(kept.error_us_max * 1_000)
            ),
            "chrony with servers nearby, or the host's PTP clock (/dev/ptp0 as a refclock)",
        ),
        Some(_) | None => advice(
            "a clock that is kept",
            "nobody keeps it: trades' ages would be wrong, and the venue refuses orders from another time",
            "install chrony: apt-get install chrony; then chronyc tracking",
        ),
    }
}

fn swap(report: &Report) -> Option<Advice> {
    if report.machine.swap_used_bytes == 0 {
        return None;
    }
    advice(
        "no swap",
        format!(
            "{} MiB are swapped out; one page of it costs milliseconds",
            report.machine.swap_used_bytes / 1024 / 1024
        ),
        "swapoff -a, and out of /etc/fstab; or vm.swappiness = 1",
    )
}

fn disk(report: &Report) -> Option<Advice> {
    let sync = report.disk.as_ref().ok()?.sync;
    if sync.p99_ns < SYNC_BAD_NS {
        return None;
    }
    advice(
        "a faster disk",
        format!("a sync takes {} (p99): a power cut may cost so much of the journal", length(sync.p99_ns)),
        "local NVMe for the data folder, not a disk over the network",
    )
}

fn distance(report: &Report) -> Option<Advice> {
    let answer = report.network.iter().find(|distance| distance.what == "answer")?;
    if answer.times.p50_ns < AWAY_BAD_NS {
        return None;
    }
    advice(
        "a server nearer to the venue",
        format!("{} answers after {}: more than all the rest together", answer.host, length(answer.times.p50_ns)),
        "rent where that is least; `remora doctor` says whether the venue serves the place",
    )
}
