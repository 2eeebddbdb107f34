//! How the simulated venue says no to a read.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub type Refused = (StatusCode, Json<Value>);

/// What the CLOB and Gamma answer: `{"error":"…"}` (PROTOCOL.md 2.4).
pub fn refused(status: StatusCode, message: &str) -> Refused {
    (status, Json(json!({"error": message})))
}

pub fn not_found(message: &str) -> Refused {
    refused(StatusCode::NOT_FOUND, message)
}

pub fn bad_request(message: &str) -> Refused {
    refused(StatusCode::BAD_REQUEST, message)
}

/// Answers with JSON that is written already.
pub fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
