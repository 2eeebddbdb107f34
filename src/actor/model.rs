//! The external model: asked again and again for the probabilities of the tokens we look after, never by a trade that
//! waits. Its answers are inputs; what it does wrong is counted and shown beside the sockets.
//!
//! It gets `POST {"tokens": ["123", "456"]}` and answers `{"probabilities": {"123": 0.57, "456": 0.031}}`: numbers from 0 to
//! 1. A token it does not name has no probability; names that nobody asked for are passed over.

use std::{collections::HashMap, time::Duration};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Plant;
use crate::{
    clock,
    config::{ModelConfig, decimal},
    domain::{Input, TokenId, money::ONE},
    hot_loop::{Command, Stamped},
};

/// The longest answer that is read, in bytes.
pub const BODY_MAX: usize = 1 << 20;

/// The task that asks ended by itself, which it does only when something is wrong.
pub struct AskingEnded;

pub struct Model;

pub struct ModelState {
    stop: CancellationToken,
    asking: Option<JoinHandle<()>>,
}

impl Actor for Model {
    type Msg = AskingEnded;
    type State = ModelState;
    type Arguments = Plant;

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, plant: Plant) -> Result<Self::State, ActorProcessingErr> {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let asking = tokio::spawn(async move {
            stopped.run_until_cancelled(ask_again_and_again(plant)).await;
            if !stopped.is_cancelled() {
                let _ = myself.cast(AskingEnded);
            }
        });
        Ok(ModelState { stop, asking: Some(asking) })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        AskingEnded: AskingEnded,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Err("the model is no longer asked".into())
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        state.stop.cancel();
        if let Some(asking) = state.asking.take() {
            let _ = asking.await;
        }
        Ok(())
    }
}

/// Ends when the hot thread does, or at once where no model is configured.
async fn ask_again_and_again(plant: Plant) {
    let Some(questioner) = Questioner::new(&plant.config.model) else { return };
    let mut ticks = tokio::time::interval(plant.config.model.every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let tokens = asked_about(&plant);
        if tokens.is_empty() {
            continue;
        }
        // Its word is at least as old as the question.
        let at = clock::now();
        match questioner.ask(&tokens).await {
            Ok(Answer { probabilities, wrong }) => {
                plant.model_status.connected(at);
                plant.model_status.frame(clock::now());
                for (token, ppm) in probabilities {
                    let input = Stamped { at: clock::now(), input: Input::Probability { token, ppm, at } };
                    if plant.inlet.command(Command::Input(input)).await.is_err() {
                        return;
                    }
                }
                if let Some(wrong) = wrong {
                    plant.model_status.malformed(clock::now(), wrong);
                }
            }
            Err(Trouble::Unreachable(error)) => plant.model_status.lost(clock::now(), error),
            Err(Trouble::Malformed(error)) => plant.model_status.malformed(clock::now(), error),
        }
    }
}

/// Returns the tokens that are looked after, those known last first, and what they are called.
fn asked_about(plant: &Plant) -> Vec<(TokenId, String)> {
    let registry = plant.registry.load();
    let awake: Vec<TokenId> = plant.awake.iter().collect();
    let latest = awake.into_iter().rev().take(plant.config.model.tokens_max);
    latest.map(|token| (token, registry.token_text(token).to_owned())).collect()
}

/// Asks one model.
pub struct Questioner {
    client: Client,
    url: String,
}

/// What the model said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Parts per million, of tokens that were asked about.
    pub probabilities: Vec<(TokenId, u32)>,
    /// The first of its numbers that is no probability, if there is one: it is not used.
    pub wrong: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answers, not in time, or with a status that is no success.
    Unreachable(String),
    /// It is too long, or not what this file says.
    Malformed(String),
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    probabilities: HashMap<String, &'a RawValue>,
}

impl Questioner {
    /// `None` where no model is configured.
    pub fn new(config: &ModelConfig) -> Option<Questioner> {
        let url = config.url.clone()?;
        let client = Client::builder()
            .tls_backend_preconfigured(crate::feed::client_tls())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(config.patience.max(Duration::from_millis(1)))
            .build()
            .expect("settings that are the same on every machine");
        Some(Questioner { client, url })
    }

    /// Asks about `tokens` once. Reads at most [`BODY_MAX`] bytes.
    pub async fn ask(&self, tokens: &[(TokenId, String)]) -> Result<Answer, Trouble> {
        let texts: Vec<&str> = tokens.iter().map(|(_, text)| text.as_str()).collect();
        let question = json!({ "tokens": texts }).to_string();
        let request = self.client.post(&self.url).header("content-type", "application/json").body(question);
        let failed = |error: reqwest::Error| Trouble::Unreachable(format!("{}: {}", self.url, innermost(&error)));
        let mut response = request.send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(Trouble::Unreachable(format!("{} answers with {}", self.url, response.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if BODY_MAX < body.len() + chunk.len() {
                return Err(Trouble::Malformed(format!("{}: the answer is longer than {BODY_MAX} bytes", self.url)));
            }
            body.extend_from_slice(&chunk);
        }
        read(&body, tokens).map_err(|error| Trouble::Malformed(format!("{}: {error}", self.url)))
    }
}

fn read(body: &[u8], tokens: &[(TokenId, String)]) -> Result<Answer, String> {
    let answer: Body<'_> = serde_json::from_slice(body)
        .map_err(|error| format!("the answer is not {{\"probabilities\": {{\"TOKEN\": 0.5}}}}: {error}"))?;
    let mut probabilities = Vec::with_capacity(tokens.len());
    let mut wrong = None;
    for (token, text) in tokens {
        let Some(number) = answer.probabilities.get(text) else { continue };
        match ppm(number.get()) {
            Some(ppm) => probabilities.push((*token, ppm)),
            None => {
                let shown: String = number.get().chars().take(40).collect();
                wrong.get_or_insert(format!("{shown} (token {text}) is no probability from 0 to 1"));
            }
        }
    }
    Ok(Answer { probabilities, wrong })
}

/// Returns a JSON number from 0 to 1 in parts per million, rounded to the nearest; `None` for anything else.
fn ppm(number: &str) -> Option<u32> {
    let exact = decimal::exact(number).ok()?;
    let millionths = (exact.checked_mul(ONE.into())?).round();
    u32::try_from(millionths).ok().filter(|ppm| u64::from(*ppm) <= ONE)
}

/// Returns the innermost cause: the outer ones only repeat the address.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        body::{Body, Bytes},
        http::StatusCode,
        response::{IntoResponse, Response},
        routing::post,
    };

    use super::*;

    /// Serves the answers that each path stands for, on this machine, and returns its address.
    async fn model() -> String {
        let says = |text: &'static str| post(move || async move { text });
        let router = Router::new()
            .route("/echo", post(|question: Bytes| async move { echo(&question) }))
            .route("/slow", post(|| async { tokio::time::sleep(Duration::from_secs(30)).await }))
            .route("/broken", post(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "no") }))
            .route("/moved", post(|| async { (StatusCode::FOUND, [("location", "/echo")]) }))
            .route("/text", says("hello"))
            .route("/list", says("[0.5]"))
            .route("/deep", says("{\"probabilities\": {\"1\": [[[[0.5]]]], \"2\": 0.25}}"))
            .route("/odd", says("{\"probabilities\": {\"1\": 1.5, \"2\": -0.1, \"3\": 1e400, \"4\": \"0.5\", \"5\": null, \"6\": 0.6}}"))
            .route("/edges", says("{\"probabilities\": {\"1\": 0, \"2\": 1, \"3\": 1e-9, \"4\": 0.1234567, \"9\": 0.5}, \"more\": 1}"))
            .route("/endless", post(endless));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    /// Every second token gets a half.
    fn echo(question: &[u8]) -> String {
        let question: serde_json::Value = serde_json::from_slice(question).expect("JSON");
        let asked = question["tokens"].as_array().expect("a list");
        let half = |text: &serde_json::Value| (text.as_str().expect("a text").to_owned(), json!(0.5));
        let halves: serde_json::Map<_, _> = asked.iter().step_by(2).map(half).collect();
        json!({ "probabilities": halves }).to_string()
    }

    async fn endless() -> Response {
        let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 65_536])));
        Body::from_stream(chunks).into_response()
    }

    #[tokio::test]
    async fn a_model_is_believed_only_where_it_says_probabilities() {
        let address = model().await;
        let tokens: Vec<(TokenId, String)> = (1..=6).map(|id| (TokenId(id), id.to_string())).collect();
        let said = |answers: &[(u32, u32)], wrong: &str| {
            let probabilities = answers.iter().map(|(token, ppm)| (TokenId(*token), *ppm)).collect();
            Ok(Answer { probabilities, wrong: (!wrong.is_empty()).then(|| wrong.to_owned()) })
        };
        let unreachable = |text: &str| Err(Trouble::Unreachable(text.to_owned()));
        let malformed = |text: &str| Err(Trouble::Malformed(text.to_owned()));
        for (path, expected) in [
            ("echo", said(&[(1, 500_000), (3, 500_000), (5, 500_000)], "")),
            ("edges", said(&[(1, 0), (2, 1_000_000), (3, 0), (4, 123_457)], "")),
            ("odd", said(&[(6, 600_000)], "1.5 (token 1) is no probability from 0 to 1")),
            ("deep", said(&[(2, 250_000)], "[[[[0.5]]]] (token 1) is no probability from 0 to 1")),
            ("slow", unreachable("")),
            ("broken", unreachable("answers with 500")),
            ("moved", unreachable("answers with 302")),
            ("text", malformed("the answer is not")),
            ("list", malformed("the answer is not")),
            ("endless", malformed("longer than 1048576 bytes")),
        ] {
            let config = ModelConfig {
                url: Some(format!("{address}/{path}")),
                every: Duration::from_secs(1),
                patience: Duration::from_millis(if path == "slow" { 50 } else { 20_000 }),
                tokens_max: 10,
            };
            let found = Questioner::new(&config).expect("an address").ask(&tokens).await;
            match (&found, &expected) {
                (Err(Trouble::Unreachable(found)), Err(Trouble::Unreachable(part)))
                | (Err(Trouble::Malformed(found)), Err(Trouble::Malformed(part))) => {
                    assert!(found.contains(part), "{path}: {found}");
                }
                (found, expected) => assert_eq!(found, expected, "{path}"),
            }
        }
    }

    #[tokio::test]
    async fn nobody_is_asked_where_no_model_is_configured_and_nobody_answers_where_none_is() {
        let mut config =
            ModelConfig { url: None, every: Duration::from_secs(1), patience: Duration::from_secs(5), tokens_max: 10 };
        assert!(Questioner::new(&config).is_none());
        config.url = Some("http://127.0.0.1:1/".to_owned());
        let found = Questioner::new(&config).expect("an address").ask(&[]).await;
        assert!(matches!(found, Err(Trouble::Unreachable(_))), "{found:?}");
    }
}
