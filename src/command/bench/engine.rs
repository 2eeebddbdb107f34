//! The whole engine, as `remora run` has it, for some seconds: it copies the leaders of a simulated venue on this machine over
//! TLS, on paper and with live orders under a key made up for it. What is reported its own stages say.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc, time::Duration};

use alloy::primitives::hex;
use serde::Serialize;

use super::figure::{Figure, length};
use crate::{
    config::{Config, HotConfig, Overrides, Wait, Written},
    domain::{Input, LiveOrders, LiveSwitch, Refusal, Skip, Usdc},
    metrics::{Miss, Snapshot, Stage, Stages},
    session::{Session, Until},
    sim::server::{Funded, Options, PrivateSettings, Server, tls::Identity},
    venue::polymarket::Key,
    web::DataSource,
};

/// In the wallet of the key that is made up.
const MONEY: Usdc = Usdc::whole(1_000_000);
/// How long it may take until live orders can leave.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How many times as long it goes on at most, while nothing was ordered yet.
const LONGER_MAX: u32 = 5;
/// The least time between two bounds of a stage's columns, as a ratio: ten bounds a decade.
const COLUMNS_A_DECADE: f64 = 10.0;

#[derive(Clone, Debug, Serialize)]
pub struct Engine {
    pub wait: &'static str,
    pub seconds: f64,
    pub inputs: u64,
    pub signals: u64,
    pub orders: u64,
    pub live_orders: u64,
    /// Live orders that were found signed.
    pub found_signed: u64,
    /// Why others were not, and how many.
    pub signed_on_demand: Vec<(&'static str, u64)>,
    /// Why trades were not copied, and how many.
    pub noes: Vec<(&'static str, u64)>,
    pub queue_full: u64,
    pub stages: Vec<StageTimes>,
}

#[derive(Clone, Debug, Serialize)]
pub struct StageTimes {
    pub stage: &'static str,
    pub text: &'static str,
    #[serde(flatten)]
    pub figure: Figure,
    /// Columns of a histogram: the upper bound of each in nanoseconds, and how often it was that long.
    pub columns: Vec<(u64, u64)>,
}

/// Runs it in `folder` for `length`, once live orders can leave. `say` is told how it goes.
pub async fn run(folder: &Path, hot: &HotConfig, length: Duration, say: &dyn Fn(&str)) -> Result<Engine, String> {
    let venue = venue(folder).await?;
    let config = config(folder, hot, &venue)?;
    let measured = measured(config, length, say).await;
    venue.stop().await;
    measured.map(|(snapshot, stages)| told(hot.wait, &snapshot, &stages))
}

/// Serves a busy venue over TLS, with money for a key that is made up and written into `folder`.
async fn venue(folder: &Path) -> Result<Server, String> {
    let failed = |error: std::io::Error| format!("the simulated venue cannot begin: {error}");
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| error.to_string())?;
    let key = Key::from_bytes(secret).map_err(|_| "the system's random bytes are no key; try again".to_owned())?;
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(folder.join("key")).map_err(failed)?;
    file.write_all(hex::encode(secret).as_bytes()).map_err(failed)?;
    let identity = Identity::generate().map_err(failed)?;
    identity.write_authority(folder).map_err(failed)?;
    let private = PrivateSettings { accounts: vec![Funded { key, money: MONEY }], ..PrivateSettings::default() };
    let options = Options { private, tls: Some(identity), ..Options::default() };
    Server::start(options).await.map_err(failed)
}

/// Returns settings for that venue and nobody else: no service is told, no other database is touched.
fn config(folder: &Path, hot: &HotConfig, venue: &Server) -> Result<Arc<Config>, String> {
    let leader =
        |(nth, name): (usize, &str)| format!("[[leader]]\nname = \"{name}\"\nwallet = \"0x1ead{:036}\"\n", nth + 1);
    let leaders: String = ["Ada", "Bo", "Cy"].into_iter().enumerate().map(leader).collect();
    let limits = "preset = \"aggressive\"\ncapital_usdc = 500000\nsize_usdc = 5\nspread_buy_max = 1\n\
                  day_loss_usdc_max = \"none\"\ndrawdown_percent_max = 100\nlosses_in_row_max = 0\n\
                  orders_per_minute_max = 0\n";
    let text = format!(
        "[hot]\nwait = \"{}\"\ncore = {}\n[web]\ninside = false\n[feed]\nmarket_url = \"{}\"\nactivity_url = \"{}\"\nclob_url = \"{}\"\n\
         gamma_url = \"{}\"\ndata_url = \"{}\"\nuser_url = \"{}\"\nauthority_file = {:?}\n[live]\nswitch = \"on\"\n\
         [ceilings]\norders_per_second_max = 1000\nusdc_per_order_max = 1000\nusdc_per_minute_max = 0\n[wallet]\n\
         key = {:?}\nsignature_type = \"eoa\"\n{leaders}[[strategy]]\nname = \"bench\"\nleaders = [\"Ada\", \"Bo\", \"Cy\"]\n\
         [strategy.paper]\ntrade_age_ms_max = 60000\n{limits}[strategy.live]\n{limits}",
        code(hot.wait),
        hot.core.map_or(-1, |core| core as i64),
        venue.market_url,
        venue.activity_url,
        venue.clob_url,
        venue.gamma_url,
        venue.data_url,
        venue.urls.ws_user,
        folder.join("ca.pem").display().to_string(),
        format!("file:{}", folder.join("key").display()),
    );
    let source = Written::Text { name: "bench".into(), text };
    let overrides = Overrides { data: Some(folder.join("data")), ..Overrides::default() };
    Config::load(&source, &overrides).map(Arc::new).map_err(|problems| problems.to_string())
}

pub fn code(wait: Wait) -> &'static str {
    match wait {
        Wait::Park => "park",
        Wait::Spin => "spin",
    }
}

async fn measured(
    config: Arc<Config>,
    until: Duration,
    say: &dyn Fn(&str),
) -> Result<(Arc<Snapshot>, Arc<Stages>), String> {
    say("starting an engine, its Postgres and a simulated venue");
    let session = Session::start(config, String::new(), DataSource::Demo).await.map_err(|error| error.to_string())?;
    let (published, stages) = (session.published(), session.stages());
    let mut waited = Duration::ZERO;
    say("waiting until live orders can leave: it only observes for some seconds");
    while published.load().live_orders != LiveOrders::Ready && waited < PATIENCE {
        tokio::time::sleep(LOOK_EVERY).await;
        waited += LOOK_EVERY;
    }
    session.tell(Input::SwitchLive { to: LiveSwitch::On }).await;
    say(&format!("measuring for {}", length(until.as_nanos() as u64)));
    let mut measured = Duration::ZERO;
    // Leaders may be quiet for a moment: nothing ordered is nothing measured.
    while measured < until || published.load().orders == 0 && measured < until * LONGER_MAX {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => measured += LOOK_EVERY,
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    session.run(Until::Passed(Duration::ZERO)).await.map_err(|error| error.to_string())?;
    Ok((published.load_full(), stages))
}

fn told(wait: Wait, now: &Snapshot, stages: &Stages) -> Engine {
    let misses = Miss::ALL.iter().zip(now.ahead.misses).filter(|(_, count)| *count > 0);
    let skips = Skip::ALL.iter().map(|skip| skip.code()).zip(now.skips.iter().copied());
    let refusals = Refusal::ALL.iter().map(|refusal| refusal.code()).zip(now.refusals.iter().copied());
    Engine {
        noes: skips.chain(refusals).filter(|(_, count)| *count > 0).collect(),
        wait: code(wait),
        seconds: now.at.since(now.started_at).0 as f64 / 1e9,
        inputs: now.inputs,
        signals: now.signals,
        orders: now.orders,
        live_orders: now.ahead.orders(),
        found_signed: now.ahead.hits,
        signed_on_demand: misses.map(|(miss, count)| (miss.code(), count)).collect(),
        queue_full: now.queue_full,
        stages: Stage::ALL.map(|stage| times(stage, stages)).to_vec(),
    }
}

fn times(stage: Stage, stages: &Stages) -> StageTimes {
    let measured = stages.read(stage, Duration::from_millis(50));
    let mut columns: Vec<(u64, u64)> = Vec::new();
    for step in measured.iter_recorded() {
        let column = ((step.value_iterated_to() as f64).log10() * COLUMNS_A_DECADE).ceil();
        let bound = 10_f64.powf(column / COLUMNS_A_DECADE).round() as u64;
        match columns.last_mut() {
            Some((last, count)) if *last == bound => *count += step.count_at_value(),
            Some(_) | None => columns.push((bound, step.count_at_value())),
        }
    }
    StageTimes { stage: stage.code(), text: stage.text(), figure: Figure::of(&measured), columns }
}
