//! What a person or a program turns over HTTP: a form of our pages, or one JSON object. Both go to the engine's socket, in the
//! name of who asks.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Form, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    guard::denied_to,
    rights::{Visitor, Wish},
};
use crate::{
    control::{
        Answer, Command, Envelope, Weight,
        client::tell,
        kill,
        words::{ID_MAX, VALID_MS},
    },
    web::{Web, page},
};

/// A command as it is sent to the API: `{"command": {"do": "off"}}`. What opens something says an id of its own, and until when
/// it holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    command: Command,
    id: Option<String>,
    until_ms: Option<u64>,
}

/// The page of the wallet, whose forms lead back to it.
const WALLET_PAGE: &str = "/real-portfolio";

/// Fields of a form that are not the command's.
const ASIDE: [&str; 4] = ["csrf", "id", "sure", "back"];

/// What a form of our pages says. The answer is on the page of controls, or where the form says.
pub async fn form(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Response {
    let command = fields.iter().filter(|(name, _)| !ASIDE.contains(&name.as_str()));
    let value = |text: &str| match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => Value::from(text),
    };
    let command: Value = command.map(|(name, text)| (name.clone(), value(text))).collect();
    let Ok(command) = serde_json::from_value::<Command>(command) else {
        return page::refused(
            &web,
            StatusCode::BAD_REQUEST,
            "This form says nothing that can be done.",
            "Load the page again.",
        );
    };
    let envelope = match (command.weight(), fields.get("id")) {
        (Weight::Opens, Some(id)) if !id.is_empty() && id.len() <= ID_MAX => {
            Envelope { id: id.clone(), ..Envelope::fresh(visitor.name(), command) }
        }
        (Weight::Opens, _) => {
            return page::refused(&web, StatusCode::BAD_REQUEST, "This form has no id.", "Load the page again.");
        }
        // What closes is said anew each time: a page that was open for an hour closes, too.
        (Weight::Reads | Weight::Closes, _) => Envelope::fresh(visitor.name(), command),
    };
    if let Err(denied) = may(&visitor, &envelope.command) {
        return denied_to(&web, denied, true, "/controls");
    }
    let answer = said(&web, envelope).await.unwrap_or_else(|nobody| nobody);
    let id = web.state.door.keep_answer(answer);
    let back = match fields.get("back").map(String::as_str) {
        Some(WALLET_PAGE) => WALLET_PAGE,
        Some(_) | None => "/controls",
    };
    Redirect::to(&format!("{back}?answer={id}")).into_response()
}

/// What a program says: 200 when it was done, 409 when it was refused, 503 where no engine answers.
pub async fn api(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    sent: Result<Json<Sent>, JsonRejection>,
) -> Response {
    let Sent { command, id, until_ms } = match sent {
        Ok(Json(sent)) => sent,
        Err(wrong) => {
            let fix = "{\"command\": {\"do\": \"off\"}}; see the documentation of the API for all commands";
            return (StatusCode::BAD_REQUEST, Json(json!({"error": wrong.body_text(), "fix": fix}))).into_response();
        }
    };
    if let Err(denied) = may(&visitor, &command) {
        return denied_to(&web, denied, false, "/");
    }
    if command.weight() == Weight::Opens && (id.is_none() || until_ms.is_none()) {
        let fix = format!(
            "\"id\": a new text of at most {ID_MAX} bytes, \"until_ms\": milliseconds since 1970, at most {} s from now",
            VALID_MS / 1_000
        );
        let wrong = "what opens something says an id of its own and until when it holds";
        return (StatusCode::BAD_REQUEST, Json(json!({"error": wrong, "fix": fix}))).into_response();
    }
    let fresh = Envelope::fresh(visitor.name(), command);
    let envelope = Envelope {
        id: id.unwrap_or(fresh.id),
        until_ms: until_ms.unwrap_or(fresh.until_ms),
        by: fresh.by,
        command: fresh.command,
    };
    match said(&web, envelope).await {
        Ok(answer) => {
            let code = if answer.ok { StatusCode::OK } else { StatusCode::CONFLICT };
            (code, Json(answer)).into_response()
        }
        Err(nobody) => (StatusCode::SERVICE_UNAVAILABLE, Json(nobody)).into_response(),
    }
}

fn may(visitor: &Visitor, command: &Command) -> Result<(), super::rights::Denied> {
    visitor.may(match command.weight() {
        Weight::Reads => Wish::Read,
        Weight::Closes => Wish::Close,
        Weight::Opens => Wish::Open,
    })
}

/// Says it at the engine's socket. An error is the answer where nobody listens; off holds all the same, by the file.
pub async fn said(web: &Web, envelope: Envelope) -> Result<Answer, Answer> {
    let data = &web.state.door.data;
    // The file holds whatever becomes of the conversation, and an engine sees it within 100 ms.
    let made = (envelope.command == Command::Off).then(|| kill::make(data));
    let error = match tell(data, envelope).await {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    let nobody = format!("no engine answers in {}: {error}", data.display());
    let fix = "start it, or look at its log";
    Err(match made {
        None => Answer::refused(nobody, fix),
        Some(Ok(())) => {
            let made =
                "The file KILL is made: an engine that runs there shuts within 100 ms, one that starts there is off";
            Answer::refused(format!("{nobody}. {made}"), fix)
        }
        Some(Err(wrong)) => Answer::refused(
            format!("{nobody}. And the file KILL cannot be made: {wrong}"),
            "if live is on, end the engine's process: kill -USR1 PID, or kill PID",
        ),
    })
}
