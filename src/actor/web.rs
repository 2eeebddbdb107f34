//! The web: pages, API and metrics, on one address.

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    config::WebConfig,
    web::{
        Door, WebState,
        door::rights::{Lock, is_here},
        serve,
    },
};

/// The server's task ended, which it does only when something is wrong.
pub struct ServerEnded(String);

pub struct Web;

#[derive(Clone)]
pub struct WebArguments {
    pub config: WebConfig,
    pub state: WebState,
}

pub struct WebActorState {
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

/// Says whether the pages may be served where other machines reach them.
pub fn locked(config: &WebConfig, door: &Door) -> Result<(), String> {
    match (is_here(config.listen.ip()), door.lock()) {
        (true, Lock::NoPassword) if !config.hosts.is_empty() => Err(
            "the pages answer to names in web.hosts, so others reach them through a proxy, and they have no password\n  fix: \
             `remora web password` with the same --data FOLDER, then start again; or take web.hosts out"
                .to_owned(),
        ),
        (true, _) | (false, Lock::Password) => Ok(()),
        (false, Lock::NoPassword) => Err(format!(
            "the pages would be served on {}, which other machines reach, and they have no password\n  fix: `remora web \
             password` with the same --data FOLDER, then start again; or listen on 127.0.0.1",
            config.listen
        )),
    }
}

impl Actor for Web {
    type Msg = ServerEnded;
    type State = WebActorState;
    type Arguments = WebArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        WebArguments { config, state }: WebArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        locked(&config, &state.door)?;
        let listener = TcpListener::bind(config.listen).await.map_err(|error| {
            format!(
                "the pages cannot be served on {}: {error}\n  fix: end what uses that port, or choose another one with \
                 --listen 127.0.0.1:PORT (or web.listen in the settings)",
                config.listen
            )
        })?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serving = tokio::spawn(async move {
            let ended = serve(listener, state, stopped.clone()).await;
            if !stopped.is_cancelled() {
                let why = ended.err().map_or_else(|| "the web server ended".to_owned(), |error| error.to_string());
                let _ = myself.cast(ServerEnded(why));
            }
        });
        Ok(WebActorState { stop, serving: Some(serving) })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        ServerEnded(why): ServerEnded,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Err(why.into())
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        state.stop.cancel();
        if let Some(serving) = state.serving.take() {
            // A server that panicked has said so.
            let _ = serving.await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_password_only_this_machine_is_served() {
        let folder = tempfile::tempdir().expect("a folder");
        let door = Door::new(folder.path());
        let check = |listen: &str, hosts: &[&str], is_served: bool| {
            let defaults = crate::config::Config::load(&Default::default(), &Default::default()).expect("right").web;
            let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            let config = WebConfig { listen: listen.parse().expect("an address"), hosts, ..defaults };
            assert_eq!(locked(&config, &door).is_ok(), is_served, "{config:?}");
        };
        check("127.0.0.1:8080", &[], true);
        check("[::1]:8080", &[], true);
        check("192.0.2.7:8080", &[], false);
        check("127.0.0.1:8080", &["remora.example.com"], false);
    }
}
