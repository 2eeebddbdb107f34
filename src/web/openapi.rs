//! The API's document (OpenAPI 3.1): `openapi.json` beside this file, written by hand and held to what is served by the tests; as
//! JSON for programs, and as a page for people.

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    Web,
    page::{Frame, show},
};

/// The document; its version is the program's.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document: Value = serde_json::from_str(include_str!("openapi.json")).expect("the document is built in");
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document
});

pub async fn document() -> Response {
    Json(DOCUMENT.clone()).into_response()
}

struct Way {
    method: String,
    path: String,
    id: String,
    summary: String,
    text: String,
    parameters: Vec<Named>,
    answers: Vec<Named>,
}

/// Something that has a name, a type and a meaning.
struct Named {
    name: String,
    kind: String,
    text: String,
}

struct Shape {
    name: String,
    text: String,
    parts: Vec<Named>,
}

#[derive(Template)]
#[template(path = "api.html")]
struct Page {
    frame: Frame,
    text: String,
    ways: Vec<Way>,
    shapes: Vec<Shape>,
}

pub async fn page(State(web): State<Arc<Web>>) -> Response {
    let paths = entries(&DOCUMENT["paths"]);
    let ways = paths.flat_map(|(path, methods)| entries(methods).map(|(method, way)| way_of(path, method, way)));
    let shapes = entries(&DOCUMENT["components"]["schemas"]).map(|(name, schema)| Shape {
        name: name.clone(),
        text: text(&schema["description"]),
        parts: entries(&schema["properties"]).map(|(name, part)| named(name, part, part)).collect(),
    });
    let (ways, shapes) = (ways.collect(), shapes.collect());
    let frame = Frame::new(&web, "API", "api");
    show(&Page { frame, text: text(&DOCUMENT["info"]["description"]), ways, shapes })
}

fn way_of(path: &str, method: &str, way: &Value) -> Way {
    let parameters = way["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|one| named(&text(&one["name"]), &one["schema"], one));
    let answers = entries(&way["responses"]).map(|(code, answer)| {
        let schema = entries(&answer["content"]).next().map_or(&Value::Null, |(_, content)| &content["schema"]);
        named(code, schema, answer)
    });
    Way {
        method: method.to_uppercase(),
        path: path.to_owned(),
        id: text(&way["operationId"]),
        summary: text(&way["summary"]),
        text: text(&way["description"]),
        parameters: parameters.collect(),
        answers: answers.collect(),
    }
}

fn named(name: &str, schema: &Value, about: &Value) -> Named {
    Named { name: name.to_owned(), kind: kind(schema), text: text(&about["description"]) }
}

/// Returns a schema's type in a word or two.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return name.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(values) = schema["enum"].as_array() {
        return values
            .iter()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(" | ");
    }
    let either = schema["oneOf"].as_array().into_iter().flatten().map(kind);
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect(),
        Value::String(one) if one == "array" => vec![format!("list of {}", kind(&schema["items"]))],
        Value::String(one) => vec![one.clone()],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => either.collect(),
    };
    let types = types.join(" or ");
    match schema["format"].as_str() {
        Some("date-time") => types.replace("string", "moment"),
        Some(_) | None if schema["pattern"].is_string() => types.replace("string", "decimal"),
        Some(_) | None => types,
    }
}

fn entries(of: &Value) -> impl Iterator<Item = (&String, &Value)> {
    of.as_object().into_iter().flatten()
}

fn text(of: &Value) -> String {
    of.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is served below `/api/v1`, and what it is documented with.
    #[test]
    fn every_way_is_documented_and_every_document_is_served() {
        let server = include_str!("server.rs");
        let routed = server.lines().filter_map(|line| {
            let (path, how) = line.trim().strip_prefix(".route(\"/api/v1/")?.split_once('"')?;
            let method = if how.contains("post(") { "post" } else { "get" };
            Some(format!("{method} /api/v1/{path}"))
        });
        let mut routed: Vec<String> = routed.collect();
        let mut told: Vec<String> = entries(&DOCUMENT["paths"])
            .flat_map(|(path, methods)| entries(methods).map(move |(method, _)| format!("{method} {path}")))
            .collect();
        routed.sort();
        told.sort();
        assert!(routed.len() > 9);
        assert_eq!(routed, told, "src/web/server.rs and src/web/openapi.json part");
    }

    #[test]
    fn every_shape_that_is_named_is_there_and_has_a_type() {
        let schemas = &DOCUMENT["components"]["schemas"];
        let written = DOCUMENT.to_string();
        for name in written.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(schemas[name].is_object(), "{name} is named and not there");
        }
        for (name, schema) in entries(schemas) {
            for (part, about) in entries(&schema["properties"]) {
                assert!(!kind(about).is_empty(), "{name}.{part} has no type");
            }
        }
    }
}
