//! Samples -> medians, ratios, one table or one JSON object.

use std::{collections::BTreeMap, fmt, fs, process::Command};

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};

use super::{
    given,
    peers::{OURS, Peer, Sample},
    wire,
};

/// The cases in the order of the table; what each is about; and which of ours its peers stand beside. Of orders there are two
/// of ours: signed on demand is the same work as theirs, found signed ahead is not.
const CASES: [(&str, &str, &str); 9] = [
    ("order_safe", "order -> signed request, Safe wallet", "order_safe"),
    ("order_safe_ahead", "order -> signed request, Safe wallet, SIGNED AHEAD", "order_safe_ahead"),
    ("order_deposit", "order -> signed request, deposit wallet", "order_deposit"),
    ("order_deposit_ahead", "order -> signed request, deposit wallet, SIGNED AHEAD", "order_deposit_ahead"),
    ("frame_demand", "leader's frame -> signed request", "frame_demand"),
    ("frame_ahead", "leader's frame -> signed request, SIGNED AHEAD", "frame_ahead"),
    ("book_100", "book of 100 + 100 levels", "book_100"),
    ("change_1", "price_change of 1", "change_1"),
    ("change_4", "price_change of 4", "change_4"),
];

/// A ratio of the JSON object: the fastest peer's case over ours.
const RATIOS: [(&str, &str, &str); 9] = [
    ("ratio_prepared_to_fastest_peer", "order_safe", "order_safe_ahead"),
    ("ratio_miss_to_fastest_peer", "order_safe", "order_safe"),
    ("ratio_frame_prepared_to_fastest_peer", "order_safe", "frame_ahead"),
    ("ratio_frame_miss_to_fastest_peer", "order_safe", "frame_demand"),
    ("ratio_deposit_prepared_to_fastest_peer", "order_deposit", "order_deposit_ahead"),
    ("ratio_deposit_miss_to_fastest_peer", "order_deposit", "order_deposit"),
    ("ratio_decode_book", "book_100", "book_100"),
    ("ratio_decode_change", "change_1", "change_1"),
    ("ratio_decode_change_4", "change_4", "change_4"),
];

const MEANING: &str = "Each ratio is the median of the fastest peer over the median of ours: above 1 we are faster. \
    'prepared' is an order that was signed before it was wanted: a lookup, not the same work as a peer's signing; 'miss' is \
    the same work. 'frame' begins with the bytes of a leader's trade and includes the whole decision, which no peer does. \
    Wherever a peer stops before its book is updated, its row says so.";

/// One program's case.
pub struct Row {
    peer: &'static str,
    shown: &'static str,
    case: String,
    work: String,
    samples: Vec<Sample>,
}

impl Row {
    pub fn new(peer: &Peer, case: &str, work: &str) -> Row {
        let (case, work) = (case.to_owned(), work.to_owned());
        Row { peer: peer.name, shown: peer.shown, case, work, samples: Vec::new() }
    }

    fn median(&self) -> Option<f64> {
        let mut all: Vec<f64> = self.samples.iter().map(|sample| sample.ns).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }

    fn least(&self) -> Option<f64> {
        self.samples.iter().map(|sample| sample.least).min_by(f64::total_cmp)
    }

    /// The first turn may still fill caches.
    fn allocations(&self) -> Option<f64> {
        self.samples.last().and_then(|sample| sample.allocations)
    }
}

pub struct Report {
    pub rows: Vec<Row>,
    rounds: u32,
    millis: u32,
    versions: BTreeMap<&'static str, (&'static str, String)>,
    failed: BTreeMap<&'static str, String>,
    load_before: String,
    load_after: String,
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Says what this was measured on.
fn machine() -> Value {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output();
        output.map_or_else(|_| "unknown".to_owned(), |said| String::from_utf8_lossy(&said.stdout).trim().to_owned())
    };
    json!({
        "cpu": cpu.trim_start_matches([' ', '\t', ':']),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": said("uname", "-r"),
        "rustc": said("rustc", "--version"),
        "python": said("python3", "--version"),
        "node": said("node", "--version"),
    })
}

impl Report {
    pub fn new(rounds: u32, millis: u32) -> Report {
        let (versions, failed) = (BTreeMap::new(), BTreeMap::new());
        Report { rows: Vec::new(), rounds, millis, versions, failed, load_before: load(), load_after: String::new() }
    }

    pub fn version(&mut self, peer: &Peer, version: &str) {
        self.versions.insert(peer.name, (peer.shown, version.to_owned()));
    }

    /// Names a peer that could not take part, or not in all.
    pub fn fail(&mut self, peer: &Peer, error: String) {
        eprintln!("{}: {error}", peer.name);
        self.failed.entry(peer.name).and_modify(|all| *all += &format!("; {error}")).or_insert(error);
    }

    /// Returns the cases in the order in which they are measured.
    pub fn cases(&self) -> Vec<String> {
        CASES.iter().map(|(case, ..)| (*case).to_owned()).collect()
    }

    pub fn add(&mut self, peer: &Peer, case: &str, sample: Sample) {
        let row = self.rows.iter_mut().find(|row| row.peer == peer.name && row.case == case);
        row.expect("a row for each case").samples.push(sample);
    }

    pub fn finish(&mut self) {
        self.load_after = load();
    }

    /// Fails unless all of our own cases were measured.
    pub fn ours(&self) -> Result<(), String> {
        match (self.failed.get(OURS.name), CASES.iter().find(|(case, ..)| self.median(OURS.name, case).is_none())) {
            (Some(error), _) => Err(format!("remora: {error}")),
            (None, Some((case, ..))) => Err(format!("remora: '{case}' was not measured")),
            (None, None) => Ok(()),
        }
    }

    fn median(&self, peer: &str, case: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.peer == peer && row.case == case)?.median()
    }

    fn fastest(&self, case: &str) -> Option<(&'static str, f64)> {
        let others = self.rows.iter().filter(|row| row.peer != OURS.name && row.case == case);
        let known = others.filter_map(|row| Some((row.shown, row.median()?)));
        known.min_by(|(_, left), (_, right)| left.total_cmp(right))
    }

    fn ratio(&self, case: &str, ours: &str) -> Option<f64> {
        let (_, fastest) = self.fastest(case)?;
        Some(fastest / self.median(OURS.name, ours)?)
    }

    /// Returns the rows in the order of the table, each with its ratios to ours: on demand, and signed ahead.
    fn ordered(&self) -> impl Iterator<Item = (&Row, &'static str, [Option<f64>; 2])> {
        CASES.iter().flat_map(move |(case, title, ours)| {
            self.rows.iter().filter(move |row| row.case == *case).map(move |row| {
                let to = |case: &str| Some(row.median()? / self.median(OURS.name, case)?);
                (row, *title, [to(ours), to(&format!("{ours}_ahead"))])
            })
        })
    }

    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .ordered()
            .map(|(row, title, [ours, ahead])| {
                json!({
                    "who": row.shown, "name": row.peer, "version": self.versions[row.peer].1, "case": row.case,
                    "what": title, "work": row.work, "median_ns": row.median(), "least_ns": row.least(),
                    "ratio_to_ours": ours, "ratio_to_ours_signed_ahead": ahead,
                    "allocations_per_op": row.allocations(), "rounds": row.samples.len(),
                })
            })
            .collect();
        let mut machine = machine();
        (machine["load_before"], machine["load_after"]) = (json!(self.load_before), json!(self.load_after));
        let shown = |case: &str| self.fastest(case).map(|(who, _)| who);
        let mut object = json!({
            "ratios_mean": MEANING,
            "fastest_peer": { "order": shown("order_safe"), "book": shown("book_100"), "change": shown("change_1") },
            "wire_to_wire_ratio": wire::ratio().ok(),
            "wire_to_wire_reason": wire::ratio().err(),
            "frame_bytes": given::lengths(),
            "machine": machine,
            "versions": self.versions.iter().map(|(name, (_, version))| (*name, version)).collect::<BTreeMap<_, _>>(),
            "failed": self.failed,
            "rounds": self.rounds,
            "millis": self.millis,
            "rows": rows,
        });
        for (name, case, ours) in RATIOS {
            object[name] = json!(self.ratio(case, ours));
        }
        object
    }
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.decimals$}"))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["what", "who", "version", "median ns", "x ours", "x ours ahead", "allocations"]);
        let (mut last, mut works) = ("", Vec::new());
        for (row, title, [ours, ahead]) in self.ordered() {
            let what = if title == last { "" } else { title };
            last = title;
            let (version, allocations) = (&self.versions[row.peer].1, number(row.allocations(), 0));
            let cells = [number(row.median(), 0), number(ours, 2), number(ahead, 1), allocations];
            table.add_row([what, row.shown, version].map(str::to_owned).into_iter().chain(cells));
            if !works.contains(&(row.shown, row.work.as_str())) {
                works.push((row.shown, &row.work));
            }
        }
        table.column_iter_mut().skip(3).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        writeln!(f, "{table}\n\nWhat each row's work is:")?;
        works.iter().try_for_each(|(who, work)| writeln!(f, "  {who}: {work}"))?;
        let bytes: Vec<_> = given::lengths().iter().map(|(name, bytes)| format!("{name} {bytes}")).collect();
        writeln!(f, "\nBytes of a frame: {}.", bytes.join(", "))?;
        writeln!(f, "\nRatios to the fastest peer. {MEANING}")?;
        for (name, case, ours) in RATIOS {
            let value = self.ratio(case, ours).map_or_else(|| "not measured".to_owned(), |ratio| format!("{ratio:.2}"));
            writeln!(f, "  {name}: {value}")?;
        }
        match wire::ratio() {
            Ok(ratio) => writeln!(f, "  wire_to_wire_ratio: {ratio:.2}")?,
            Err(reason) => writeln!(f, "  wire_to_wire_ratio: {reason}")?,
        }
        self.failed.iter().try_for_each(|(name, error)| writeln!(f, "\nFAILED {name}: {error}"))?;
        let machine = machine();
        let said = |key: &str| machine[key].as_str().unwrap_or_default().to_owned();
        write!(
            f,
            "\nMachine: {}, {} cores, Linux {}, {}; load before {}, after {}. {} rounds of {} ms.",
            said("cpu"),
            machine["cores"],
            said("kernel"),
            said("rustc"),
            self.load_before,
            self.load_after,
            self.rounds,
            self.millis
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::PEERS;

    fn canned() -> Report {
        let mut report = Report::new(3, 1);
        let mut add = |peer: &Peer, case: &str, all: [f64; 3], allocations| {
            report.version(peer, "1.2.3");
            report.rows.push(Row::new(peer, case, "what it does"));
            for ns in all {
                report.add(peer, case, Sample { ns, least: ns / 2.0, allocations });
            }
        };
        for (case, ..) in CASES {
            let ns = if case.ends_with("_ahead") { 1_000.0 } else { 30_000.0 };
            add(&OURS, case, [ns * 7.0, ns, ns / 2.0], Some(0.0));
        }
        let [official, polyfill, _, python, _] = PEERS;
        add(&official, "order_safe", [90_000.0, 93_000.0, 99_000.0], Some(48.0));
        add(&polyfill, "order_safe", [60_000.0, 59_000.0, 61_000.0], Some(26.0));
        add(&python, "change_1", [9_000.0, 3_000.0, 6_000.0], None);
        report.fail(&PEERS[2], "not built: no network".to_owned());
        report.finish();
        report
    }

    #[test]
    fn the_json_has_all_keys_and_its_ratios_are_to_the_fastest_peer() {
        let json = canned().json();
        for (key, expected) in [
            ("ratio_prepared_to_fastest_peer", json!(60.0)),
            ("ratio_miss_to_fastest_peer", json!(2.0)),
            ("ratio_frame_prepared_to_fastest_peer", json!(60.0)),
            ("ratio_frame_miss_to_fastest_peer", json!(2.0)),
            ("ratio_deposit_prepared_to_fastest_peer", Value::Null),
            ("ratio_deposit_miss_to_fastest_peer", Value::Null),
            ("ratio_decode_book", Value::Null),
            ("ratio_decode_change", json!(0.2)),
            ("ratio_decode_change_4", Value::Null),
            (
                "versions",
                json!({ "remora": "1.2.3", "rust-official": "1.2.3", "rust-polyfill": "1.2.3", "python": "1.2.3" }),
            ),
            ("failed", json!({ "nautilus": "not built: no network" })),
        ] {
            assert_eq!(json.get(key), Some(&expected), "{key}");
        }
        assert_eq!(json["fastest_peer"]["order"], "polyfill-rs");
        assert_eq!(json["wire_to_wire_ratio"].is_null(), json["wire_to_wire_reason"].is_string());
        assert!(json["machine"]["cpu"].is_string() && json["machine"]["load_before"].is_string());
        let rows = json["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), CASES.len() + 3);
        for key in ["who", "version", "what", "work", "median_ns", "ratio_to_ours", "allocations_per_op"] {
            assert!(rows.iter().all(|row| row.get(key).is_some()), "{key}");
        }
    }

    #[test]
    fn the_table_shows_a_hit_and_a_miss_apart_and_who_could_not_take_part() {
        let text = canned().to_string();
        let line = text.lines().find(|line| line.contains("polyfill-rs")).expect("a row");
        let cells: Vec<&str> = line.split(['│', '┆', '|']).map(str::trim).collect();
        assert_eq!(cells[3..8], ["1.2.3", "60000", "2.00", "60.0", "26"], "{line}");
        assert!(text.contains("FAILED nautilus: not built: no network"), "{text}");
    }

    #[test]
    fn a_case_of_ours_that_was_not_measured_is_a_failure() {
        let mut report = canned();
        assert_eq!(report.ours(), Ok(()));
        report.rows.retain(|row| row.case != "book_100");
        assert_eq!(report.ours(), Err("remora: 'book_100' was not measured".to_owned()));
        report.fail(&OURS, "it ended".to_owned());
        assert_eq!(report.ours(), Err("remora: it ended".to_owned()));
    }
}
