//! Controls: how the switches stand, what turning live on would mean, and a button for each thing that can be turned. All that
//! is known of them the engine says itself, at its socket; what shadow did beside paper is Postgres'.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Extension, Json,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{Frame, show};
use crate::{
    control::{
        Answer, Command, Envelope, SENTENCE,
        outlook::{Bound, LeaderNow, Outlook, StrategyNow},
        words::{State as Switches, form_id},
    },
    domain::Nanos,
    store::query::RolloutRow,
    web::{
        Web,
        door::{
            order::said,
            rights::{Known, Lock, Visitor, Wish},
            token::digest,
        },
        figure::{self, Figure},
        server::Unread,
    },
};

/// How far back shadow and paper are compared.
const SINCE: Nanos = Nanos::from_secs(7 * 24 * 60 * 60);

#[derive(Deserialize)]
pub struct Asked {
    /// The answer to what was just pressed.
    answer: Option<String>,
}

/// What the visitor may do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hand {
    Opens,
    /// There is no password yet, so nobody can log in to open anything.
    ClosesOnly,
    None,
}

struct Compared {
    strategy: String,
    shadow_orders: Figure,
    shadow_usdc: Figure,
    paper_orders: Figure,
    paper_filled: Figure,
    paper_usdc: Figure,
    both: Figure,
    only_shadow: Figure,
    only_paper: Figure,
    noes: Figure,
}

#[derive(Template)]
#[template(path = "controls.html")]
struct Page {
    frame: Frame,
    answer: Option<Answer>,
    hand: Hand,
    /// Why the engine says nothing; empty while it does.
    silent: String,
    state: Switches,
    outlook: Outlook,
    live_strategies: Vec<StrategyNow>,
    bounds: Vec<String>,
    switched: Vec<LeaderNow>,
    compared: Vec<Compared>,
    sentence: &'static str,
    /// One for each form: said again, it is not done again.
    id: String,
}

impl Page {
    fn opens(&self) -> bool {
        self.hand == Hand::Opens
    }
    fn closes_only(&self) -> bool {
        self.hand == Hand::ClosesOnly
    }
    fn closes(&self) -> bool {
        self.hand != Hand::None
    }
    /// Each form that opens something has an id of its own.
    fn id_of(&self, part: &str) -> String {
        format!("{}-{}", self.id, &digest(part)[..16])
    }
    fn reset_id_of(&self, strategy: &str) -> String {
        self.id_of(&format!("breakers of {strategy}"))
    }
    fn bound<'a>(&self, strategy: &'a StrategyNow, of: &str) -> &'a str {
        strategy.live.iter().find(|bound| bound.of == *of).map_or("–", |bound| bound.at.as_str())
    }
}

async fn look(web: &Web, visitor: &Visitor) -> Result<(Switches, Outlook), String> {
    let answer = said(web, Envelope::fresh(visitor.name(), Command::Status)).await;
    match answer {
        Ok(Answer { state: Some(state), outlook: Some(outlook), .. }) => Ok((state, *outlook)),
        Ok(Answer { said, fix, .. }) | Err(Answer { said, fix, .. }) => Err(format!("{said}. {fix}")),
    }
}

async fn compare(web: &Web) -> Result<Vec<RolloutRow>, Unread> {
    let since = figure::moment((web.state.clock)().since(SINCE));
    Ok(web.reader().await?.rollout(since).await?)
}

pub async fn controls(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Response {
    let mut frame = Frame::new(&web, "Controls", "controls");
    let rows = compare(&web).await.unwrap_or_else(|why| {
        frame.stale = format!("Postgres cannot be read ({}). What shadow did shows when it is back.", why.0);
        Vec::new()
    });
    let (state, outlook, silent) = match look(&web, &visitor).await {
        Ok((state, outlook)) => (state, outlook, String::new()),
        Err(wrong) => (Switches::unknown(), Outlook::default(), figure::tame(&wrong, 400)),
    };
    let hand = match (visitor.may(Wish::Open), visitor.may(Wish::Close)) {
        (Ok(()), _) => Hand::Opens,
        (Err(_), Ok(())) => Hand::ClosesOnly,
        (Err(_), Err(_)) => Hand::None,
    };
    let live_strategies: Vec<StrategyNow> =
        outlook.strategies.iter().filter(|strategy| !strategy.live.is_empty()).cloned().collect();
    let names = |bounds: &Vec<Bound>| bounds.iter().map(|bound| bound.of.clone()).collect();
    show(&Page {
        answer: asked.answer.and_then(|id| web.state.door.answer(&id)),
        bounds: live_strategies.first().map_or_else(Vec::new, |strategy| names(&strategy.live)),
        switched: outlook.leaders.iter().filter(|leader| leader.switch != "inherit").cloned().collect(),
        compared: rows.iter().map(compared).collect(),
        sentence: SENTENCE,
        id: form_id(),
        hand,
        silent,
        state,
        outlook,
        live_strategies,
        frame,
    })
}

/// How the switches stand, and all that the page says of them.
pub async fn api(State(web): State<Arc<Web>>, Extension(visitor): Extension<Visitor>) -> Response {
    let (state, outlook) = match look(&web, &visitor).await {
        Ok(found) => found,
        Err(wrong) => return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"error": wrong}))).into_response(),
    };
    let rollout = compare(&web).await.ok();
    let login = match (&visitor.is, visitor.lock) {
        (Known::Session { .. } | Known::Token { .. }, _) | (Known::Nobody, Lock::Password) => "password",
        (Known::Nobody, Lock::NoPassword) => "none",
    };
    let all: BTreeMap<_, _> =
        [("switches", json!(state)), ("outlook", json!(outlook)), ("rollout", json!(rollout)), ("login", json!(login))]
            .into();
    Json(all).into_response()
}

fn compared(row: &RolloutRow) -> Compared {
    Compared {
        strategy: figure::tame(&row.strategy, super::NAME_MAX),
        shadow_orders: Figure::count(row.shadow_orders),
        shadow_usdc: Figure::usd(row.shadow_usdc),
        paper_orders: Figure::count(row.paper_orders),
        paper_filled: Figure::count(row.paper_filled),
        paper_usdc: Figure::usd(row.paper_usdc),
        both: Figure::count(row.signals_both),
        only_shadow: Figure::count(row.signals_shadow),
        only_paper: Figure::count(row.signals_paper),
        noes: Figure::count(row.shadow_noes),
    }
}
