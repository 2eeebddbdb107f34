//! Remora beside other clients, on the same orders and the same frames, in turn, in one run: `scripts/bench-peers`.
//!
//! Each program waits for a line that says what to measure, so one runs at a time; round after round each gets its turn, and a
//! figure is the median of its rounds. What a row's work is, its program says itself.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use serde_json::json;

#[path = "../counting.rs"]
mod counting;
#[path = "../../shared/foresight.rs"]
mod foresight;
#[path = "../../shared/frames.rs"]
mod frames;
mod given;
#[path = "../measure.rs"]
mod measure;
mod ours;
mod peers;
mod report;
mod wire;

use peers::{OURS, PEERS, Peer, Places, Running};
use report::{Report, Row};

/// As it is shipped.
#[global_allocator]
static ALLOCATOR: counting::Counting<mimalloc::MiMalloc> = counting::Counting(mimalloc::MiMalloc);

/// Measure Remora beside other clients. `scripts/bench-peers --help` has examples.
#[derive(Parser)]
struct Arguments {
    /// Print one JSON object instead of the table.
    #[arg(long)]
    json: bool,
    /// Three short rounds.
    #[arg(long)]
    quick: bool,
    /// This peer only; may be repeated.
    #[arg(long, value_name = "NAME", value_parser = PEERS.map(|peer| peer.name))]
    only: Vec<String>,
    /// How often everybody's turn comes.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long a case is measured each time.
    #[arg(long, value_name = "N", default_value_t = 100)]
    millis: u32,
    /// How long one peer may take to build or install.
    #[arg(long, value_name = "N", default_value_t = 60)]
    build_minutes: u32,
    /// Where peers are built and installed.
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
    /// Be the program that measures Remora's own cases.
    #[arg(long, hide = true)]
    serve: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = if arguments.serve { serve(&arguments.into) } else { run(&arguments) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("FAILED: {what}");
            ExitCode::FAILURE
        }
    }
}

/// Measures our cases when asked, like every peer.
fn serve(into: &std::path::Path) -> Result<(), String> {
    let folder = tempfile::tempdir_in(into).map_err(|error| format!("no folder in {}: {error}", into.display()))?;
    let orders = json!({
        "order_safe": ours::amounts(remora::venue::polymarket::SignatureType::Safe),
        "order_deposit": ours::amounts(remora::venue::polymarket::SignatureType::DepositWallet),
    });
    measure::serve(env!("CARGO_PKG_VERSION"), &orders, ours::cases(folder.path(), &given::frames()));
    Ok(())
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let (rounds, millis) = if arguments.quick { (3, 30) } else { (arguments.rounds, arguments.millis) };
    let places = Places::new(&arguments.into, &given::work())?;
    let mut report = Report::new(rounds, millis);
    let mut running = vec![Running::start(&OURS, &places).map_err(|error| format!("remora's own cases: {error}"))?];
    let is_wanted = |peer: &&Peer| arguments.only.is_empty() || arguments.only.iter().any(|name| name == peer.name);
    for peer in PEERS.iter().filter(is_wanted) {
        eprintln!("preparing {} ({}; at most {} minutes)", peer.name, peer.shown, arguments.build_minutes);
        match peer.prepare(&places, arguments.build_minutes).and_then(|()| Running::start(peer, &places)) {
            Ok(peer) => running.push(peer),
            Err(error) => report.fail(peer, error),
        }
    }
    for program in &running {
        report.version(&program.peer, &program.version);
        program.differs().into_iter().for_each(|what| report.fail(&program.peer, what));
        report.rows.extend(program.cases.iter().map(|(case, work)| Row::new(&program.peer, case, work)));
    }
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        measure_all(&mut running, millis, &mut report);
    }
    report.finish();
    if arguments.json {
        println!("{:#}", report.json())
    } else {
        println!("{report}")
    }
    report.ours()
}

/// Each case in turn, and in it each program: what is compared is measured within the same second or two.
fn measure_all(running: &mut Vec<Running>, millis: u32, report: &mut Report) {
    for case in report.cases() {
        running.retain_mut(|program| {
            if !program.has(&case) {
                return true;
            }
            match program.measure(&case, millis) {
                Ok(sample) => {
                    report.add(&program.peer, &case, sample);
                    true
                }
                Err(error) => {
                    report.fail(&program.peer, error);
                    false
                }
            }
        });
    }
}
