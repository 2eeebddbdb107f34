//! The stages as a picture: a row each, how often it took how long, on one logarithmic scale; SVG, readable in light and dark.

use std::fmt::Write;

use super::{Report, engine::StageTimes, figure::length};

const WIDTH: f64 = 960.0;
/// Left of it are the stages' names, right of it their numbers.
const LEFT: f64 = 150.0;
const RIGHT: f64 = 760.0;
const TOP: f64 = 84.0;
const ROW: f64 = 46.0;
/// What is shown: 10 ns to 100 s.
const DECADES: std::ops::Range<i32> = 1..11;

const STYLE: &str = "\
svg { background: #fff; color: #1b1f24; font: 12px system-ui, sans-serif; }
text { fill: currentColor; } .fine { opacity: 0.65; } .end { text-anchor: end; } .middle { text-anchor: middle; }
.title { font-size: 18px; font-weight: 600; } .grid { stroke: currentColor; opacity: 0.12; }
.column { fill: #2f7dd1; } .p50 { stroke: #1b8a4b; stroke-width: 2; } .p99 { stroke: #d1542f; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  svg { background: #14171a; color: #e4e7ea; } .column { fill: #5aa2ee; } .p50 { stroke: #4ccb84; } .p99 { stroke: #f0835f; }
}";

/// Returns where a length stands, from left to right.
fn place(nanos: u64) -> f64 {
    let (first, last) = (f64::from(DECADES.start), f64::from(DECADES.end));
    let at = ((nanos.max(1) as f64).log10() - first) / (last - first);
    LEFT + at.clamp(0.0, 1.0) * (RIGHT - LEFT)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns the picture of what the engine's stages took; rows of nothing where it did not run.
pub fn svg(report: &Report) -> String {
    let stages = report.engine.as_ref().map_or(&[][..], |engine| &engine.stages);
    let shown: Vec<&StageTimes> = stages.iter().filter(|stage| stage.figure.count > 0).collect();
    let bottom = TOP + ROW * shown.len().max(1) as f64;
    let height = bottom + 34.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"How long each \
         stage took\">\n<style>{STYLE}</style>\n<text class=\"title\" x=\"24\" y=\"34\">How long each stage took</text>\n"
    );
    let _ = writeln!(out, "<text class=\"fine\" x=\"24\" y=\"56\">{}</text>", escaped(&subtitle(report)));
    for decade in DECADES.start..=DECADES.end {
        let nanos = 10_u64.pow(decade.unsigned_abs());
        let x = place(nanos);
        let _ = writeln!(out, "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>");
        let label = length(nanos).replace(".00", "").replace(".0", "");
        let _ = writeln!(out, "<text class=\"fine middle\" x=\"{x:.1}\" y=\"{:.1}\">{label}</text>", bottom + 18.0);
    }
    for (nth, stage) in shown.iter().enumerate() {
        row(&mut out, stage, TOP + ROW * nth as f64);
    }
    out.push_str("</svg>\n");
    out
}

fn subtitle(report: &Report) -> String {
    let machine = &report.machine;
    let what = report.engine.as_ref().map_or_else(
        |_| "the engine did not run".to_owned(),
        |engine| format!("hot.wait = {}, {:.0} s, {} live orders", engine.wait, engine.seconds, engine.live_orders),
    );
    format!(
        "Remora {}, {}, {} cores; {what}. Green: half, red: 99 of 100.",
        machine.version,
        machine.processor,
        machine.cores.len()
    )
}

fn row(out: &mut String, stage: &StageTimes, top: f64) {
    let (base, tall) = (top + ROW - 6.0, ROW - 12.0);
    let most = stage.columns.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1) as f64;
    let _ = writeln!(out, "<g><title>{}</title>", escaped(stage.text));
    let _ = writeln!(out, "<text class=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>", LEFT - 12.0, base - 8.0, stage.stage);
    let _ = writeln!(out, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{base:.1}\" y2=\"{base:.1}\"/>");
    for (bound, count) in &stage.columns {
        // A column ends at its bound, and ten of them make a decade.
        let (right, left) = (place(*bound), place((*bound as f64 / 10_f64.powf(0.1)) as u64));
        // What is rare stays visible.
        let high = (*count as f64 / most * tall).max(1.0);
        let (y, wide) = (base - high, (right - left).max(1.0));
        let _ = writeln!(
            out,
            "<rect class=\"column\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\"/>"
        );
    }
    for (class, nanos) in [("p50", stage.figure.p50_ns), ("p99", stage.figure.p99_ns)] {
        let (x, y) = (place(nanos), base - tall);
        let _ = writeln!(out, "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y:.1}\" y2=\"{base:.1}\"/>");
    }
    let (p50, p99) = (length(stage.figure.p50_ns), length(stage.figure.p99_ns));
    let _ = writeln!(out, "<text x=\"{}\" y=\"{:.1}\">{p50} · {p99}</text>", RIGHT + 14.0, base - 14.0);
    let count = stage.figure.count;
    let _ = writeln!(out, "<text class=\"fine\" x=\"{}\" y=\"{:.1}\">{count} times</text></g>", RIGHT + 14.0, base);
}
