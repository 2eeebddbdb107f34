//! `remora demo`: the whole program on a simulated venue.

use std::time::Duration;

use clap::Args;

use super::{
    Engine, Exit, Global, logs, parse,
    run::{engine_runtime, run},
};
use crate::{config::Source, sim::server, web::DataSource};

/// Show the whole program on a simulated venue: no network, no account, no key.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct DemoArgs {
    /// Stop after this time, such as 30s, 5m or 2h [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration)]
    pub duration: Option<Duration>,

    /// The same number makes the same session
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    #[command(flatten)]
    pub engine: Engine,
}

const AFTER_HELP: &str = "\
Examples:
  remora demo                                then open http://127.0.0.1:8080
  remora demo --for 30s --seed 7
  remora demo --config my.toml               your strategies, on the simulated leaders

Without --config it runs the strategies of config/demo.toml.";

/// Runs the engine on a simulated session until it is asked to stop.
pub fn execute(global: &Global, args: &DemoArgs) -> Exit {
    let mut config = match global.settings(Source::demo(), &args.engine) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    logs::init(&config.log);
    engine_runtime().block_on(async {
        let options = server::Options { seed: args.seed, ..server::Options::default() };
        let venue = match server::Server::start(options).await {
            Ok(venue) => venue,
            Err(error) => {
                eprintln!("the simulated venue cannot listen on this machine: {error}");
                return Exit::Failed;
            }
        };
        config.feed.market_url.clone_from(&venue.market_url);
        config.feed.activity_url.clone_from(&venue.activity_url);
        config.feed.clob_url.clone_from(&venue.clob_url);
        let path = global.config.as_ref().map_or_else(|| "demo settings".to_owned(), |path| path.display().to_string());
        let exit = run(global, config, path, DataSource::Demo, args.duration).await;
        venue.stop().await;
        exit
    })
}
