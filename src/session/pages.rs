//! The pages as a process of their own: without keys, without the engine. They read Postgres, watch the engine's picture at its
//! socket, and say there what people turn. While the engine is gone they show what it said last, and how old that is.

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    actor::web::locked,
    clock,
    config::Config,
    control::{client::ask, words::Line},
    metrics::{Published, Stages},
    store::{Database, DatabaseChoice},
    web::{About, DataSource, Door, Picture, WebState, serve},
};

/// An engine shows a picture each second; one that says nothing for so long is asked anew.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// Between two tries to reach it.
const PAUSE: Duration = Duration::from_secs(1);
/// How long pages that are open may take to end.
const ENDING_MAX: Duration = Duration::from_secs(3);

/// Serves the pages of the engine that uses the data folder of `config`, until `stop`. An error says why that cannot begin.
pub async fn run(config: &Config, config_path: String, stop: CancellationToken) -> Result<(), String> {
    let door = Door::new(&config.data.dir);
    locked(&config.web, &door)?;
    super::make_data_dir(&config.data.dir).map_err(|error| error.to_string())?;
    let mut state = state(config, config_path, door)?;
    let listener = TcpListener::bind(config.web.listen).await.and_then(TcpListener::into_std).map_err(|error| {
        format!(
            "the pages cannot be served on {}: {error}\n  fix: end what uses that port, let `remora run` leave the pages to \
             this process with web.inside = false, or choose another one with --listen 127.0.0.1:PORT",
            config.web.listen
        )
    })?;
    while !stop.is_cancelled() {
        let over = stop.child_token();
        let listening = listener.try_clone().and_then(TcpListener::from_std).map_err(|error| error.to_string())?;
        let mut serving = tokio::spawn(serve(listening, state.clone(), over.clone()));
        let other = tokio::select! {
            other = watch(config, &state) => Some(other),
            () = stop.cancelled() => None,
            ended = &mut serving => return Err(format!("the pages' server ended: {ended:?}")),
        };
        over.cancel();
        end(serving).await;
        // Another engine, or another set of feeds: pages are made of handles that fit.
        other.inspect(|picture| picture.install(&mut state));
    }
    Ok(())
}

async fn end(mut serving: JoinHandle<std::io::Result<()>>) {
    if tokio::time::timeout(ENDING_MAX, &mut serving).await.is_err() {
        serving.abort();
    }
}

/// What there is to look at before an engine said anything.
fn state(config: &Config, config_path: String, door: Arc<Door>) -> Result<WebState, String> {
    let url = config.web.database_url.clone().or_else(|| config.store.database_url.clone());
    let choice = match url {
        Some(url) => DatabaseChoice::Url(url),
        None => DatabaseChoice::Private { root: config.data.dir.clone() },
    };
    let about = About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_path,
        mode: "paper".to_owned(),
        data: DataSource::Venue,
    };
    Ok(WebState {
        pool: Database::visit(&choice).map_err(|error| error.to_string())?,
        published: Published::default(),
        stages: Arc::new(Stages::new()),
        store: Arc::default(),
        feeds: Arc::default(),
        redeem: Arc::default(),
        gateway: None,
        alerts: Arc::default(),
        about,
        door,
        hosts: config.web.hosts.clone(),
        clock: clock::now,
    })
}

/// Holds up the engine's picture, again and again. Returns one that does not fit the handles.
async fn watch(config: &Config, state: &WebState) -> Picture {
    let mut is_told = false;
    loop {
        let lost = match ask(&config.data.dir, &Line::Watch).await {
            Err(error) => error.to_string(),
            Ok(mut lines) => loop {
                let line = match tokio::time::timeout(SILENCE_MAX, lines.next_line()).await {
                    Ok(Ok(Some(line))) => line,
                    Ok(Ok(None)) => break "it hung up".to_owned(),
                    Ok(Err(error)) => break error.to_string(),
                    Err(_) => break format!("it said nothing for {} s", SILENCE_MAX.as_secs()),
                };
                match serde_json::from_str::<Picture>(&line) {
                    Ok(picture) if picture.fits(state) => picture.show(state),
                    Ok(picture) => return picture,
                    Err(error) => {
                        let said: String = line.chars().take(200).collect();
                        break format!("it does not show a picture ({error}): {said}");
                    }
                }
                if std::mem::take(&mut is_told) {
                    tracing::info!("the engine is back");
                }
            },
        };
        if !std::mem::replace(&mut is_told, true) {
            tracing::warn!(lost, data = %config.data.dir.display(), "the engine does not answer at its socket; asked again each second");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
