//! A report as people read it.

use std::fmt::Write;

use comfy_table::Table;

use super::{
    Report,
    figure::{Figure, length},
};
use crate::command::table::{right, with_header, wrapped};

pub fn text(report: &Report) -> String {
    let mut out = format!("{}\n\n", machine(report));
    let _ = writeln!(out, "What the parts cost here:\n{}\n", parts(report));
    match &report.engine {
        Ok(engine) => {
            let _ = writeln!(
                out,
                "The engine on a simulated venue, for {:.0} s with hot.wait = \"{}\":\n{} signals, {} orders, {} of them live, {} \
                 of these found signed.\n{}\n",
                engine.seconds,
                engine.wait,
                engine.signals,
                engine.orders,
                engine.live_orders,
                engine.found_signed,
                stages(engine.stages.iter().map(|stage| (stage.stage, &stage.figure)))
            );
            if !engine.noes.is_empty() {
                let noes: Vec<String> = engine.noes.iter().map(|(code, count)| format!("{code} {count}")).collect();
                let _ = writeln!(out, "{}", wrapped("Not copied: ", "  ", &noes.join(", ")));
            }
            let note = "The venue, its clients and Postgres share this machine with the engine here, so stages that wait for them \
                        (receive, post, fill, store) are not what the real venue makes of them.";
            let _ = writeln!(out, "{}", wrapped("", "", note));
        }
        Err(why) => {
            let _ = writeln!(out, "The engine did not run:");
            why.lines().for_each(|line| out.push_str(&wrapped("  ", "  ", line)));
            out.push('\n');
        }
    }
    out.push_str(&tuning(report));
    out
}

fn machine(report: &Report) -> String {
    let machine = &report.machine;
    let kept = match machine.discipline {
        Some(kept) if kept.is_kept => format!("kept within {}", length(kept.error_us_max * 1_000)),
        Some(_) => "kept by nobody".to_owned(),
        None => "not known".to_owned(),
    };
    let or = |text: &str, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text.to_owned() };
    let mut table = with_header(["machine", "what it is"]);
    for (what, is) in [
        (
            "processor",
            format!(
                "{}, {} cores for us{}",
                machine.processor,
                machine.cores.len(),
                if machine.shares_cores { ", in pairs" } else { "" }
            ),
        ),
        ("kernel", format!("Linux {}{}", machine.kernel, if machine.is_virtual { ", a guest" } else { "" })),
        ("isolated cores", or(&machine.isolated, "none")),
        ("governor", or(&machine.governor, "not told: the host's")),
        ("load", format!("{:.2}", machine.load)),
        (
            "memory",
            format!(
                "{} MiB, swap {} of {} MiB",
                machine.memory_bytes >> 20,
                machine.swap_used_bytes >> 20,
                machine.swap_bytes >> 20
            ),
        ),
        ("clock", format!("{}; time of day {kept}", or(&machine.clock_source, "not told"))),
    ] {
        table.add_row([what, &is]);
    }
    table.to_string()
}

fn figures() -> Table {
    let mut table = with_header(["what", "count", "p50", "p99", "p99.9", "most"]);
    right(&mut table, 1..6);
    table
}

fn parts(report: &Report) -> String {
    let mut table = figures();
    let mut add = |what: &str, figure: &Figure| {
        table.add_row(std::iter::once(what.to_owned()).chain(figure.cells()));
    };
    for jitter in &report.jitter {
        add(&format!("core {} away, {:.2} %", jitter.core, jitter.lost_percent), &jitter.gaps);
    }
    add("a sleeping thread woken", &report.waking.parked);
    add("a spinning one told", &report.waking.spinning);
    add("a signature", &report.signature);
    if let Ok(disk) = &report.disk {
        add("a journal record", &disk.append);
        add("a sync of 4 KiB", &disk.sync);
    }
    for distance in &report.network {
        add(&format!("{}: {}", distance.host, distance.what), &distance.times);
    }
    let clock = report.clock;
    let mut out = format!(
        "{table}\nA look at the clock takes {}, and tells {} apart.",
        length(clock.read_ns),
        length(clock.resolution_ns)
    );
    if let Err(why) = &report.disk {
        let _ = write!(out, "\n{}", wrapped("The disk was not measured: ", "  ", why).trim_end());
    }
    for distance in report.network.iter().filter(|distance| !distance.wrong.is_empty()) {
        let wrong = wrapped("", "  ", &format!("{}: {}", distance.host, distance.wrong));
        let _ = write!(out, "\n{}", wrong.trim_end());
    }
    out
}

fn stages<'a>(stages: impl Iterator<Item = (&'a str, &'a Figure)>) -> Table {
    let mut table = figures();
    for (stage, figure) in stages {
        table.add_row(std::iter::once(stage.to_owned()).chain(figure.cells()));
    }
    table
}

fn tuning(report: &Report) -> String {
    if report.advice.is_empty() {
        return "Nothing to tune was found. config/TUNING.md has the rest.".to_owned();
    }
    let mut out = "What to tune, the most useful first (config/TUNING.md has more):\n".to_owned();
    for (nth, advice) in (1..).zip(&report.advice) {
        out.push_str(&wrapped(&format!("{nth}. {}: ", advice.what), "   ", &format!("{}.", advice.why)));
        out.push_str(&wrapped("   how: ", "        ", &advice.how));
    }
    out.truncate(out.trim_end().len());
    out
}
