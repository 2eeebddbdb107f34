//! The login and the way out.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Form, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{
    COOKIE, NoLogin,
    rights::{Known, Lock, Visitor},
    session::IDLE_MAX,
};
use crate::web::{Web, page::show};

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    csrf: String,
    next: String,
    /// Why the last try failed; empty where there was none.
    wrong: &'static str,
    has_password: bool,
}

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub struct Filled {
    password: String,
    #[serde(default)]
    next: String,
}

pub async fn form(Extension(visitor): Extension<Visitor>, Query(asked): Query<Asked>) -> Response {
    match visitor.is {
        Known::Session { .. } => Redirect::to(ours(&asked.next)).into_response(),
        Known::Nobody | Known::Token { .. } => login(&visitor, &asked.next, ""),
    }
}

fn login(visitor: &Visitor, next: &str, wrong: &'static str) -> Response {
    let (csrf, next) = (visitor.csrf.clone(), ours(next).to_owned());
    show(&Login { csrf, next, wrong, has_password: visitor.lock == Lock::Password })
}

pub async fn log_in(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Form(filled): Form<Filled>,
) -> Response {
    match web.state.door.log_in(visitor.peer, filled.password, (web.state.clock)()).await {
        Ok(secret) => {
            let age = IDLE_MAX.as_millis() / 1_000;
            let cookie = format!("{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}");
            ([(header::SET_COOKIE, cookie)], Redirect::to(ours(&filled.next))).into_response()
        }
        Err(NoLogin::TooOften) => {
            let wrong = "Too many tries. Wait a minute, then try once more.";
            let wait = [(header::RETRY_AFTER, "60")];
            (StatusCode::TOO_MANY_REQUESTS, wait, login(&visitor, &filled.next, wrong)).into_response()
        }
        Err(NoLogin::Wrong) => {
            (StatusCode::UNAUTHORIZED, login(&visitor, &filled.next, "This is not the password.")).into_response()
        }
        Err(NoLogin::NoPassword) => (StatusCode::CONFLICT, login(&visitor, &filled.next, "")).into_response(),
    }
}

pub async fn log_out(State(web): State<Arc<Web>>, headers: HeaderMap) -> Response {
    web.state.door.log_out(&headers);
    let gone = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    ([(header::SET_COOKIE, gone)], Redirect::to("/login")).into_response()
}

/// Returns a place of ours: nobody is sent elsewhere by a link to the login.
fn ours(next: &str) -> &str {
    let is_ours =
        next.starts_with('/') && !next[1..].starts_with(['/', '\\']) && next.chars().all(|c| c.is_ascii_graphic());
    if is_ours && !next.starts_with("/login") { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::ours;

    #[test]
    fn a_login_leads_to_a_page_of_ours() {
        for place in ["/", "/signals/1?a=b", "/controls#on"] {
            assert_eq!(ours(place), place);
        }
        for place in ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nX: y", "/login?next=/"] {
            assert_eq!(ours(place), "/");
        }
    }
}
