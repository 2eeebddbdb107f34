//! One file a page: rows and snapshot in, HTML out.

pub mod address;
pub mod alerts;
pub mod audit;
pub mod controls;
pub mod csv;
pub mod execution;
pub mod latency;
pub mod leaders;
pub mod life;
pub mod logs;
pub mod orders;
pub mod overview;
pub mod portfolio;
pub mod results;
pub mod scope;
pub mod settings;
pub mod setup;
pub mod signals;
pub mod skips;
pub mod stand;
pub mod strategies;
pub mod token;
pub mod trade;
pub mod trades;
pub mod wallet;
mod decide;

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};

use super::{
    DataSource, Web,
    door::{
        VISITOR,
        rights::{Known, Visitor, Wish},
    },
    figure,
    health::{self, Health},
    server::Unread,
};

/// The most characters of a market's title, a leader's name, or an outcome that are shown.
pub const TITLE_MAX: usize = 120;
pub const NAME_MAX: usize = 40;

/// Every page in the navigation: its place, its address, its name.
pub const PLACES: [(&str, &str, &str); 16] = [
    ("overview", "/", "Overview"),
    ("paper-trades", "/paper-trades", "Paper trades"),
    ("paper-portfolio", "/paper-portfolio", "Paper portfolio"),
    ("live-trades", "/live-trades", "Live trades"),
    ("real-portfolio", "/real-portfolio", "Real portfolio"),
    ("signals", "/signals", "Signals"),
    ("leaders", "/leaders", "Leaders"),
    ("strategies", "/strategies", "Strategies"),
    ("execution", "/execution", "Execution"),
    ("results", "/results", "Results"),
    ("skips", "/skips", "Skips"),
    ("latency", "/latency", "Latency"),
    ("logs", "/logs", "Logs"),
    ("alerts", "/alerts", "Alerts"),
    ("config", "/config", "Settings"),
    ("controls", "/controls", "Controls"),
];

/// What is around every page.
#[derive(Default)]
pub struct Frame {
    pub title: &'static str,
    /// The page's place in the navigation; empty where it has none.
    pub place: &'static str,
    pub version: String,
    pub config_path: String,
    pub mode: String,
    /// How the live switch stands.
    pub live: &'static str,
    pub demo: bool,
    pub health: Health,
    pub now_millis: u64,
    /// Why parts of the page are missing or old; empty while they are not.
    pub stale: String,
    /// What a form of the page says with what it asks for; empty where nobody may ask for anything.
    pub csrf: String,
    /// Somebody has logged in, and may log out.
    pub has_session: bool,
}

impl Frame {
    pub fn new(web: &Web, title: &'static str, place: &'static str) -> Frame {
        let now = (web.state.clock)();
        let about = &web.state.about;
        let visitor = VISITOR.try_with(Visitor::clone).ok();
        let may_close = visitor.clone().filter(|visitor| visitor.may(Wish::Close).is_ok());
        Frame {
            title,
            place,
            version: about.version.clone(),
            config_path: figure::tame(&about.config_path, 200),
            mode: figure::tame(&about.mode, 40).to_uppercase(),
            live: web.pulse().standing.live.unwrap_or_default().code(),
            demo: about.data == DataSource::Demo,
            health: health::look(web),
            now_millis: now.as_millis(),
            stale: String::new(),
            csrf: may_close.map_or_else(String::new, |visitor| visitor.csrf),
            has_session: visitor.is_some_and(|visitor| matches!(visitor.is, Known::Session { .. })),
        }
    }

    /// Says what is missing while Postgres cannot be read.
    pub fn without_postgres(mut self, why: &Unread, missing: &str) -> Frame {
        self.miss(why, missing);
        self
    }

    pub fn miss(&mut self, why: &Unread, missing: &str) {
        self.stale = format!("Postgres cannot be read ({}). {missing}", why.0);
    }

    pub fn places(&self) -> &'static [(&'static str, &'static str, &'static str)] {
        &PLACES
    }

    pub fn place_is(&self, place: &str) -> bool {
        self.place == place
    }
}

pub fn show(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            let text = format!("this page could not be made: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

#[derive(Template)]
#[template(path = "missing.html")]
struct Missing {
    frame: Frame,
    what: String,
}

pub async fn missing(State(web): State<Arc<Web>>) -> Response {
    not_found(&web, "There is no page at this address.")
}

pub fn not_found(web: &Web, what: &str) -> Response {
    let page = Missing { frame: Frame::new(web, "Not found", ""), what: what.to_owned() };
    (StatusCode::NOT_FOUND, show(&page)).into_response()
}

#[derive(Template)]
#[template(path = "refused.html")]
struct Refused {
    frame: Frame,
    what: String,
    fix: String,
}

/// Says that something was not done, and what to do.
pub fn refused(web: &Web, code: StatusCode, what: &str, fix: &str) -> Response {
    let page = Refused { frame: Frame::new(web, "Refused", ""), what: what.to_owned(), fix: fix.to_owned() };
    (code, show(&page)).into_response()
}

/// What a market is called: its title, or the short token id while nobody knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketName {
    pub title: String,
    /// Yes, No, a team.
    pub outcome: String,
    pub token: String,
}

impl MarketName {
    pub fn new(title: &str, outcome: &str, token: &str, token_id: i32) -> MarketName {
        let title = match figure::tame(title, TITLE_MAX) {
            title if !title.is_empty() => title,
            _ if token.is_empty() => format!("Token number {token_id}"),
            _ => format!("Token {}", figure::short_id(token)),
        };
        MarketName { title, outcome: figure::tame(outcome, NAME_MAX), token: figure::tame(token, 80) }
    }
}

/// A leader: his name, or the short wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderName {
    pub name: String,
    pub wallet: String,
}

impl LeaderName {
    pub fn new(name: &str, wallet: &str, id: i32) -> LeaderName {
        let name = match figure::tame(name, NAME_MAX) {
            name if !name.is_empty() => name,
            _ if wallet.is_empty() => format!("Leader {id}"),
            _ => figure::short_id(wallet),
        };
        LeaderName { name, wallet: figure::tame(wallet, 60) }
    }
}

/// Returns the mode that an address asks for: paper unless it says `live`.
pub fn mode(asked: &str) -> &'static str {
    if asked == "live" { "live" } else { "paper" }
}

/// Returns a portfolio's name: its strategy, with the mode where it is not paper.
pub fn portfolio_name(web: &Web, id: i32) -> String {
    let pulse = web.pulse();
    match pulse.portfolios.iter().find(|row| row.id == id) {
        Some(row) if row.mode == "paper" => figure::tame(&row.strategy, NAME_MAX),
        Some(row) => format!("{} ({})", figure::tame(&row.strategy, NAME_MAX), figure::tame(&row.mode, 10)),
        None => format!("portfolio {id}"),
    }
}

/// Returns the mode of a portfolio; paper while it is not known, as this stage has no other.
pub fn is_paper(web: &Web, id: i32) -> bool {
    web.pulse().portfolios.iter().find(|row| row.id == id).is_none_or(|row| row.mode == "paper")
}
