//! `remora demo`: the whole program on a simulated venue.

use std::time::Duration;

use clap::Args;

use super::{
    Engine, Exit, Global, logs, parse,
    run::{engine_runtime, finish, start},
};
use crate::{config::Written, session::Session, sim::server, web::DataSource};

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
  remora demo --config my.toml               your strategies

Without --config it runs the strategies of config/demo.toml.";

/// Runs the engine on a simulated session until it is asked to stop.
pub fn execute(global: &Global, args: &DemoArgs) -> Exit {
    let mut config = match global.settings_in_force(Written::demo(), &args.engine) {
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
        config.feed.gamma_url.clone_from(&venue.gamma_url);
        config.feed.data_url = Some(venue.data_url.clone());
        config.sources.node_url = Some(venue.urls.rpc_ws.clone());
        let path = global.config.as_ref().map_or_else(|| "demo settings".to_owned(), |path| path.display().to_string());
        let exit = match start(global, config, path, DataSource::Demo, args.duration).await {
            Ok(session) => {
                end_old_markets(&session, &venue).await;
                finish(global, session, args.duration).await
            }
            Err(exit) => exit,
        };
        venue.stop().await;
        exit
    })
}

/// Half a dollar a share: what a market pays that ended while nobody looked.
const EVEN: u32 = 500_000;

/// The simulated world begins anew at each start, and its short markets of last time are gone: what is still held in them is
/// settled at half a dollar, or it would stay for ever.
async fn end_old_markets(session: &Session, venue: &server::Server) {
    let open = venue.open_markets();
    let gone: Vec<_> =
        session.held.iter().filter(|(_, text)| !open.iter().any(|market| market.tokens.contains(text))).collect();
    for (token, _) in &gone {
        session.resolve(*token, EVEN).await;
    }
    if !gone.is_empty() {
        eprintln!("note: {} markets of an earlier demo are gone; what was held in them is settled at 0.50", gone.len());
    }
}
