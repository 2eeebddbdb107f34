//! Strategies: each with its paper and its live portfolio side by side, and a form that makes another one.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Extension, Json,
    extract::{Form, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{Frame, NAME_MAX, refused, settings::now, show};
use crate::{
    config::{Change, Part, Setting},
    control::{Answer, Command, Envelope, words::form_id},
    domain::Usdc,
    metrics::PortfolioNow,
    web::{
        Web,
        door::{
            guard::escaped,
            order::said,
            rights::{Visitor, Wish},
        },
        figure::{self, Figure},
    },
};

#[derive(Deserialize)]
pub struct Asked {
    answer: Option<String>,
}

/// A strategy as the settings have it, and its portfolios as the engine shows them.
#[derive(Default)]
struct Strategy {
    name: String,
    leaders: String,
    sizing: String,
    /// It was made here, and is in no file.
    made: bool,
    portfolios: Vec<Portfolio>,
}

struct Portfolio {
    mode: &'static str,
    now: PortfolioNow,
}

impl Portfolio {
    fn equity(&self) -> Figure {
        usd(self.now.equity())
    }
    fn available(&self) -> Figure {
        usd(self.now.available)
    }
    fn deployed(&self) -> Figure {
        usd(self.now.deployed)
    }
    fn realised(&self) -> Figure {
        Figure::result(figure::micros(self.now.realised.0))
    }
    fn unrealised(&self) -> Figure {
        Figure::result(figure::micros(self.now.unrealised.0))
    }
    fn tripped(&self) -> Vec<&'static str> {
        self.now.breakers().collect()
    }
}

fn usd(amount: Usdc) -> Figure {
    Figure::usd(figure::micros(amount.0))
}

#[derive(Template)]
#[template(path = "strategies.html")]
struct Page {
    frame: Frame,
    strategies: Vec<Strategy>,
    version: String,
    can_change: bool,
    answer: Option<Answer>,
    silent: String,
    id: String,
}

impl Page {
    fn href(&self, name: &str) -> String {
        format!("/strategies/{}", escaped(name))
    }
}

pub async fn strategies(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Response {
    let (now, silent) = match now(&web, &visitor).await {
        Ok(now) => (now, String::new()),
        Err(wrong) => (Box::default(), figure::tame(&wrong, 400)),
    };
    show(&Page {
        frame: Frame::new(&web, "Strategies", "strategies"),
        strategies: all(&web, &now.settings, &now.made),
        version: now.version,
        can_change: visitor.may(Wish::Open).is_ok(),
        answer: asked.answer.and_then(|id| web.state.door.answer(&id)),
        silent,
        id: form_id(),
    })
}

/// All strategies, with what their portfolios are worth.
pub async fn api(State(web): State<Arc<Web>>, Extension(visitor): Extension<Visitor>) -> Response {
    match now(&web, &visitor).await {
        Ok(now) => {
            let portfolio = |Portfolio { mode, now }: &Portfolio| {
                json!({
                    "mode": mode,
                    "equity": now.equity().to_string(),
                    "available": now.available.to_string(),
                    "deployed": now.deployed.to_string(),
                    "realised": now.realised.to_string(),
                    "unrealised": now.unrealised.to_string(),
                    "paused": now.paused,
                    "tripped": now.breakers().collect::<Vec<_>>(),
                })
            };
            let strategy = |one: &Strategy| {
                json!({
                    "name": one.name,
                    "leaders": one.leaders,
                    "sizing": one.sizing,
                    "made": one.made,
                    "portfolios": one.portfolios.iter().map(portfolio).collect::<Vec<_>>(),
                })
            };
            let strategies: Vec<_> = all(&web, &now.settings, &now.made).iter().map(strategy).collect();
            Json(json!({"version": now.version, "strategies": strategies})).into_response()
        }
        Err(wrong) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"error": wrong}))).into_response(),
    }
}

fn all(web: &Web, settings: &[Setting], made: &[String]) -> Vec<Strategy> {
    let mut strategies: Vec<Strategy> = vec![];
    for one in settings {
        let Some(section) = one.section.strip_prefix("strategy ") else { continue };
        let (name, part) = section.split_once(", ").unwrap_or((section, ""));
        if strategies.last().is_none_or(|last| last.name != name) {
            let portfolios = portfolios(web, name);
            let made = made.iter().any(|made| made == name);
            strategies.push(Strategy { name: name.to_owned(), made, portfolios, ..Strategy::default() });
        }
        let Some(strategy) = strategies.last_mut() else { continue };
        match (part, one.key.as_str()) {
            ("", "leaders") => strategy.leaders = figure::tame(&one.value.replace(['[', ']', '"'], ""), 200),
            ("paper", "sizing") => strategy.sizing = figure::tame(one.value.trim_matches('"'), NAME_MAX),
            (_, _) => {}
        }
    }
    strategies
}

fn portfolios(web: &Web, name: &str) -> Vec<Portfolio> {
    let snapshot = web.state.published.load();
    let known = web.pulse().portfolios.clone();
    let of_mode = |mode: &'static str| {
        let row = known.iter().find(|row| row.strategy == name && row.mode == mode)?;
        let now = snapshot.portfolios.iter().find(|now| i32::from(now.id.0) == row.id)?;
        Some(Portfolio { mode, now: *now })
    };
    ["paper", "live"].into_iter().filter_map(of_mode).collect()
}

/// Makes a strategy; the answer says when it begins.
pub async fn create(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Response {
    let field = |name: &str| fields.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
    let (name, capital) = (field("name"), field("capital_usdc"));
    if name.is_empty() || capital.is_empty() {
        let wrong = "A strategy has a name, and simulated dollars to begin with.";
        return refused(&web, StatusCode::BAD_REQUEST, wrong, "Fill both in.");
    }
    // With the version that was looked at: nobody makes one of this name meanwhile.
    let taken = now(&web, &visitor)
        .await
        .is_ok_and(|now| now.settings.iter().any(|one| one.section == format!("strategy {name}")));
    if taken {
        let wrong = "A strategy of this name is there already.";
        return refused(&web, StatusCode::BAD_REQUEST, wrong, "Choose another name, or change that one on its page.");
    }
    let leaders: Vec<String> =
        field("leaders").split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    let leaders = serde_json::to_string(&leaders).expect("texts are JSON, and such a list is TOML, too");
    let change = |part, key: &str, to| Change { strategy: Some(name.clone()), part, key: key.to_owned(), to: Some(to) };
    let command = Command::Change {
        changes: vec![change(Part::Both, "leaders", leaders), change(Part::Paper, "capital_usdc", capital)],
        strategies_out: vec![],
        version: field("version"),
        dry: false,
        sentence: None,
        seen: None,
    };
    let envelope = Envelope { id: field("id"), ..Envelope::fresh(visitor.name(), command) };
    let answer = said(&web, envelope).await.unwrap_or_else(|nobody| nobody);
    let id = web.state.door.keep_answer(answer);
    Redirect::to(&format!("/strategies?answer={id}")).into_response()
}
