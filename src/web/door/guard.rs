//! The way in. What changes something is looked at four times: the name we are called by, the page that asks, what proves that
//! a person of ours sent it, and whether he may.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Form, FromRequest, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::{
    VISITOR,
    rights::{Denied, Known, Visitor, Wish},
};
use crate::web::{Web, page, server::BODY_BYTES_MAX};

/// Who sent a form or a script of ours says so in this header, or in the field `csrf`.
pub const CSRF_HEADER: &str = "x-csrf-token";
const SITE: &str = "sec-fetch-site";
/// The one place of the API that takes commands.
const CONTROL: &str = "/api/v1/control";

pub async fn guard(
    State(web): State<Arc<Web>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(|host| host.as_str())).unwrap_or_default().to_owned();
    if !is_ours(&host, &web.state.hosts) {
        let text = "this name is not one of ours. If it should be, add it to web.hosts in the settings\n";
        return (StatusCode::MISDIRECTED_REQUEST, text).into_response();
    }
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    if !reads && request.method() != Method::POST {
        let allow = [(header::ALLOW, "GET, HEAD, POST")];
        return (StatusCode::METHOD_NOT_ALLOWED, allow, "only GET, HEAD and POST are known here\n").into_response();
    }
    if !reads && request.uri().path().starts_with("/api/") && request.uri().path() != CONTROL {
        let allow = [(header::ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, allow, "this can only be read; commands go to /api/v1/control\n")
            .into_response();
    }
    if !reads && let Err(wrong) = is_from_us(request.headers(), &host) {
        return (StatusCode::FORBIDDEN, format!("{wrong}\n")).into_response();
    }
    let Ok(visitor) = web.state.door.visitor(request.headers(), peer, (web.state.clock)()) else {
        return unauthorized("this token does not hold here. fix: `remora token list`, `remora token create`");
    };
    let wish = wish_of(request.method(), request.uri().path());
    let is_page = !request.uri().path().starts_with("/api/") && request.uri().path() != "/events";
    let place = request.uri().path_and_query().map_or("/", |place| place.as_str()).to_owned();
    VISITOR
        .scope(visitor.clone(), async {
            if let Err(denied) = visitor.may(wish) {
                return denied_to(&web, denied, is_page, if reads { &place } else { "/controls" });
            }
            let mut request = request;
            if !reads && !matches!(visitor.is, Known::Token { .. }) {
                request = match proven(request, &visitor).await {
                    Ok(proven) => proven,
                    Err(refused) if is_page => return page::refused(&web, StatusCode::FORBIDDEN, refused.0, refused.1),
                    Err((wrong, fix)) => {
                        return (StatusCode::FORBIDDEN, Json(json!({"error": wrong, "fix": fix}))).into_response();
                    }
                };
            }
            request.extensions_mut().insert(visitor);
            let mut response = next.run(request).await;
            // A page says what its visitor may do, and holds what proves that he asks.
            let headers = response.headers_mut();
            headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
            response
        })
        .await
}

/// Returns what a request wants. What is not known here and changes something needs a login.
pub fn wish_of(method: &Method, path: &str) -> Wish {
    let reads = method == Method::GET || method == Method::HEAD;
    match path {
        "/healthz" | "/readyz" | "/login" | "/logout" | "/favicon.ico" => Wish::Public,
        asset if asset.starts_with("/assets/") => Wish::Public,
        "/metrics" if reads => Wish::Metrics,
        // Whether it opens something its command says.
        "/control" | CONTROL => Wish::Close,
        _ if reads => Wish::Read,
        _ => Wish::Open,
    }
}

/// Says how the answer to somebody who may not reads.
pub fn denied_to(web: &Web, denied: Denied, is_page: bool, next: &str) -> Response {
    let (code, wrong, fix) = match denied {
        Denied::LoginFirst if is_page => {
            return Redirect::to(&format!("/login?next={}", escaped(next))).into_response();
        }
        Denied::LoginFirst => {
            return unauthorized("this needs a login or a token. fix: `remora token create NAME --scope read`");
        }
        Denied::PasswordFirst => (
            StatusCode::FORBIDDEN,
            "This opens something, so it needs a login, and there is no password yet.",
            "Set one with `remora web password` on this machine, then log in.",
        ),
        Denied::OtherScope => (
            StatusCode::FORBIDDEN,
            "This token is for reading.",
            "Make another one: `remora token create NAME --scope control`.",
        ),
    };
    match is_page {
        true => page::refused(web, code, wrong, fix),
        false => (code, Json(json!({"error": wrong, "fix": fix}))).into_response(),
    }
}

fn unauthorized(wrong: &str) -> Response {
    let ask = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, ask, Json(json!({"error": wrong}))).into_response()
}

/// Percent-encodes what could mean something else in a query.
pub fn escaped(place: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    place.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Says whether a page of ours asks, or no page at all: a browser tells, in headers that no script can write.
pub fn is_from_us(headers: &HeaderMap, host: &str) -> Result<(), &'static str> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if !matches!(text(SITE), None | Some("same-origin" | "none")) {
        return Err("this was asked for by a page of somebody else");
    }
    if let Some(origin) = text("origin") {
        let from = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if !from.is_some_and(|from| from.eq_ignore_ascii_case(host)) {
            return Err("this was asked for by a page of another origin");
        }
    }
    let kind = text("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_known =
        ["application/json", "application/x-www-form-urlencoded"].iter().any(|ours| kind.eq_ignore_ascii_case(ours));
    if is_known { Ok(()) } else { Err("what is sent here is JSON, or a form of our pages") }
}

/// Lets a request through that says what only a page of ours knows.
async fn proven(request: Request, visitor: &Visitor) -> Result<Request, (&'static str, &'static str)> {
    const FIX: &str =
        "Load the page again and press once more; a program shows a token (Authorization: Bearer) instead.";
    let is_right = |shown: &str| bool::from(shown.as_bytes().ct_eq(visitor.csrf.as_bytes()));
    if let Some(shown) = request.headers().get(CSRF_HEADER) {
        let right = shown.to_str().is_ok_and(is_right);
        return if right { Ok(request) } else { Err(("This does not come from a page that is open now.", FIX)) };
    }
    let (parts, body) = request.into_parts();
    let long = |_| ("This is longer than any form of ours.", FIX);
    let bytes = to_bytes(body, BODY_BYTES_MAX).await.map_err(long)?;
    let copy = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
    let fields = Form::<Vec<(String, String)>>::from_request(copy, &()).await;
    let shown = fields.ok().and_then(|Form(fields)| fields.into_iter().find(|(name, _)| name == "csrf"));
    match shown {
        Some((_, shown)) if is_right(&shown) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Some(_) => Err(("This form is from before a login, a logout or a restart.", FIX)),
        None => Err(("This does not come from one of our pages.", FIX)),
    }
}

pub fn is_ours(host: &str, configured: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    ["127.0.0.1", "localhost", "[::1]"].contains(&name.as_str())
        || configured.iter().any(|ours| ours.eq_ignore_ascii_case(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_names_are_answered() {
        let configured = ["remora.example.com".to_owned()];
        for (host, ours) in [
            ("127.0.0.1:8080", true),
            ("localhost", true),
            ("LOCALHOST:1", true),
            ("localhost.:8080", true),
            ("[::1]:8080", true),
            ("[::1]", true),
            ("remora.example.com:443", true),
            ("evil.example.com", false),
            ("127.0.0.1.evil.com", false),
            ("localhost:8080.evil.com", false),
            ("", false),
            (":8080", false),
        ] {
            assert_eq!(is_ours(host, &configured), ours, "{host}");
        }
    }

    #[test]
    fn only_our_own_pages_may_ask_for_a_change() {
        const JSON: &str = "application/json";
        let check = |site: Option<&'static str>, origin: Option<&'static str>, kind: &'static str, expected: bool| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(SITE, site), ("origin", origin), ("content-type", Some(kind))] {
                value.map(|value| headers.insert(name, HeaderValue::from_static(value)));
            }
            assert_eq!(is_from_us(&headers, "localhost:8080").is_ok(), expected, "{headers:?}");
        };
        let ours = Some("http://localhost:8080");
        check(Some("same-origin"), ours, "application/x-www-form-urlencoded", true);
        check(Some("none"), None, JSON, true);
        check(None, None, "application/json; charset=utf-8", true);
        check(None, Some("https://LOCALHOST:8080"), JSON, true);
        check(Some("cross-site"), ours, JSON, false);
        check(Some("same-site"), ours, JSON, false);
        check(None, Some("http://evil.example"), JSON, false);
        check(None, Some("http://localhost:8081"), JSON, false);
        check(None, Some("http://localhost:8080.evil.example"), JSON, false);
        check(None, Some("null"), JSON, false);
        check(Some("same-origin"), Some("null"), JSON, false);
        check(Some("same-origin"), ours, "text/plain", false);
        check(Some("same-origin"), ours, "multipart/form-data; boundary=x", false);
        check(Some("same-origin"), ours, "", false);
    }

    #[test]
    fn what_is_not_known_needs_the_most() {
        for (method, path, wish) in [
            (Method::GET, "/", Wish::Read),
            (Method::GET, "/api/v1/status", Wish::Read),
            (Method::GET, "/metrics", Wish::Metrics),
            (Method::GET, "/healthz", Wish::Public),
            (Method::HEAD, "/assets/remora.css", Wish::Public),
            (Method::POST, "/login", Wish::Public),
            (Method::POST, "/control", Wish::Close),
            (Method::POST, "/api/v1/control", Wish::Close),
            (Method::POST, "/api/v1/strategies", Wish::Open),
            (Method::POST, "/metrics", Wish::Open),
            (Method::POST, "/", Wish::Open),
        ] {
            assert_eq!(wish_of(&method, path), wish, "{method} {path}");
        }
        assert_eq!(escaped("/signals/1?a=b&c=d#"), "/signals/1%3Fa%3Db%26c%3Dd%23");
    }
}
