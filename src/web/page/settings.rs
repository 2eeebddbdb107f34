//! Settings: what each is, means and may be, by modes; changed by a form, looked at before it is applied. All of it the engine
//! says itself, at its socket.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Extension, Json,
    extract::{Form, Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{Frame, NAME_MAX, not_found, refused, scope::Tab, show};
use crate::{
    config::{Change, Difference, Setting, changes, explain},
    control::{
        Answer, Command, Envelope, SENTENCE,
        words::{SettingsNow, form_id},
    },
    web::{
        Web,
        door::{
            guard::escaped,
            order::said,
            rights::{Visitor, Wish},
        },
        figure,
    },
};

/// The longest value that is shown whole.
const VALUE_MAX: usize = 2_000;

#[derive(Deserialize)]
pub struct Asked {
    mode: Option<String>,
    /// The answer to what was just applied.
    answer: Option<String>,
}

/// One setting as the form has it.
struct Row {
    /// `paper.size_usdc`
    name: String,
    key: String,
    value: String,
    default: &'static str,
    from: String,
    changed: bool,
    allowed: String,
    meaning: String,
}

struct Group {
    title: String,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    title: String,
    lead: &'static str,
    action: String,
    tabs: Vec<Tab>,
    groups: Vec<Group>,
    version: String,
    /// Its visitor may change something.
    can_change: bool,
    /// There is something that can be taken back.
    can_reset: bool,
    answer: Option<Answer>,
    /// Why the engine says nothing; empty while it does.
    silent: String,
}

/// What would differ, before it is applied.
#[derive(Template)]
#[template(path = "settings_look.html")]
struct Look {
    frame: Frame,
    title: String,
    action: String,
    differences: Vec<Difference>,
    said: String,
    needs_sentence: bool,
    sentence: &'static str,
    changes: String,
    out: String,
    version: String,
    mode: &'static str,
    seen: String,
    id: String,
}

/// Whose settings a page shows.
enum Whose {
    Strategy(String),
    Defaults,
}

impl Whose {
    fn strategy(&self) -> Option<&str> {
        match self {
            Whose::Strategy(name) => Some(name),
            Whose::Defaults => None,
        }
    }

    fn action(&self) -> String {
        match self {
            Whose::Strategy(name) => format!("/strategies/{}", escaped(name)),
            Whose::Defaults => "/config".to_owned(),
        }
    }

    fn title(&self) -> String {
        match self {
            Whose::Strategy(name) => format!("Strategy {}", figure::tame(name, NAME_MAX)),
            Whose::Defaults => "Settings".to_owned(),
        }
    }

    /// Returns the field's name of a setting, if a page of this mode has it.
    fn field(&self, one: &Setting, mode: &str) -> Option<String> {
        let both = match self {
            Whose::Strategy(name) => format!("strategy {name}"),
            Whose::Defaults => "strategy_default".to_owned(),
        };
        let part = match self {
            Whose::Strategy(_) => format!("{both}, {mode}"),
            Whose::Defaults => format!("{both}.{mode}"),
        };
        match &one.section {
            section if *section == part => Some(format!("{mode}.{}", one.key)),
            section if *section == both && one.key != "name" => Some(one.key.clone()),
            _ => None,
        }
    }
}

pub async fn defaults(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Response {
    page(&web, &visitor, &asked, &Whose::Defaults).await
}

pub async fn strategy(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    page(&web, &visitor, &asked, &Whose::Strategy(name)).await
}

/// Everything in force, as the engine says it.
pub async fn api(State(web): State<Arc<Web>>, Extension(visitor): Extension<Visitor>) -> Response {
    match now(&web, &visitor).await {
        Ok(settings) => Json(settings).into_response(),
        Err(wrong) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"error": wrong}))).into_response(),
    }
}

/// Asks the engine what is in force.
pub async fn now(web: &Web, visitor: &Visitor) -> Result<Box<SettingsNow>, String> {
    match said(web, Envelope::fresh(visitor.name(), Command::Settings)).await {
        Ok(Answer { settings: Some(settings), .. }) => Ok(settings),
        Ok(Answer { said, fix, .. }) | Err(Answer { said, fix, .. }) => Err(format!("{said}. {fix}")),
    }
}

async fn page(web: &Web, visitor: &Visitor, asked: &Asked, whose: &Whose) -> Response {
    let mode = match (asked.mode.as_deref(), whose) {
        (Some("live"), _) => "live",
        (Some("all"), Whose::Defaults) => "all",
        (Some(_) | None, _) => "paper",
    };
    let (now, silent) = match now(web, visitor).await {
        Ok(now) => (now, String::new()),
        Err(wrong) => (Box::default(), figure::tame(&wrong, 400)),
    };
    let groups = match mode {
        "all" => others(&now.settings),
        mode => groups(&now.settings, whose, mode),
    };
    if groups.is_empty() && silent.is_empty() && mode == "paper" {
        return not_found(web, "There is no such strategy. The list of them has all.");
    }
    let action = whose.action();
    let tab = |to: &str, text: &'static str| Tab { href: format!("{action}?mode={to}"), text, chosen: to == mode };
    let mut tabs = vec![tab("paper", "Paper"), tab("live", "Live")];
    if matches!(whose, Whose::Defaults) {
        tabs.push(tab("all", "Everything else"));
    }
    let place = if whose.strategy().is_some() { "strategies" } else { "config" };
    show(&Page {
        frame: Frame::new(web, if whose.strategy().is_some() { "Strategy" } else { "Settings" }, place),
        title: whose.title(),
        lead: lead(whose, mode),
        can_change: mode != "all" && visitor.may(Wish::Open).is_ok(),
        can_reset: groups.iter().flat_map(|group| &group.rows).any(|row| row.changed) && whose.strategy().is_some(),
        action,
        tabs,
        groups,
        version: now.version,
        answer: asked.answer.as_deref().and_then(|id| web.state.door.answer(id)),
        silent,
    })
}

fn lead(whose: &Whose, mode: &str) -> &'static str {
    match (whose, mode) {
        (Whose::Defaults, "all") => {
            "What the engine was started with. It is written in your settings' file, and changes with the next start."
        }
        (Whose::Defaults, "live") => "What live portfolios do that do not say otherwise themselves.",
        (Whose::Defaults, _) => "What paper portfolios do that do not say otherwise themselves.",
        (Whose::Strategy(_), "live") => {
            "What its portfolio with real money is told. What live does not say is as in paper."
        }
        (Whose::Strategy(_), _) => "What its paper portfolio is told.",
    }
}

/// Returns the settings of a page: what is of both modes first.
fn groups(settings: &[Setting], whose: &Whose, mode: &str) -> Vec<Group> {
    let (mut both, mut own) = (vec![], vec![]);
    for one in settings {
        let Some(name) = whose.field(one, mode) else { continue };
        let rows = if name.contains('.') { &mut own } else { &mut both };
        rows.push(row(one, name));
    }
    let title = if mode == "live" { "Live" } else { "Paper" };
    let named = [("Both modes", both), (title, own)].map(|(title, rows)| Group { title: title.to_owned(), rows });
    let groups: Vec<Group> = named.into_iter().filter(|group| !group.rows.is_empty()).collect();
    // What is of both modes alone is no page of a mode that the strategy does not have.
    if groups.iter().any(|group| group.title == title) { groups } else { Vec::new() }
}

/// Returns what is neither a strategy's nor a default of them.
fn others(settings: &[Setting]) -> Vec<Group> {
    let mut groups: Vec<Group> = vec![];
    for one in settings.iter().filter(|one| !one.section.starts_with("strategy")) {
        if groups.last().is_none_or(|group| group.title != one.section) {
            groups.push(Group { title: figure::tame(&one.section, 80), rows: vec![] });
        }
        if let Some(group) = groups.last_mut() {
            group.rows.push(row(one, String::new()));
        }
    }
    groups
}

fn row(one: &Setting, name: String) -> Row {
    let explained = explain(&one.section, &one.key);
    Row {
        name,
        key: figure::tame(&one.key, 60),
        value: figure::tame(&one.value, VALUE_MAX),
        default: explained.default,
        changed: one.from.contains(changes::FILE),
        from: figure::tame(&one.from, 200),
        allowed: figure::tame(&one.allowed, 400),
        meaning: explained.meaning,
    }
}

pub async fn change_defaults(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Response {
    change(&web, &visitor, &fields, &Whose::Defaults).await
}

pub async fn change_strategy(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Response {
    change(&web, &visitor, &fields, &Whose::Strategy(name)).await
}

/// What a form wants: to look, to apply what was looked at, or to take a strategy's changes back.
async fn change(web: &Web, visitor: &Visitor, fields: &BTreeMap<String, String>, whose: &Whose) -> Response {
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let (changes, out) = match field("do").as_str() {
        "apply" => return apply(web, visitor, fields, whose).await,
        "reset" => (vec![], whose.strategy().map(str::to_owned).into_iter().collect()),
        _ => match wanted(web, visitor, fields, whose).await {
            Ok(changes) => (changes, vec![]),
            Err((wrong, fix)) => return refused(web, StatusCode::BAD_REQUEST, &wrong, &fix),
        },
    };
    look(web, visitor, whose, changes, out, (field("version"), mode_of(fields))).await
}

/// Returns the fields that say something else than is in force.
async fn wanted(
    web: &Web,
    visitor: &Visitor,
    fields: &BTreeMap<String, String>,
    whose: &Whose,
) -> Result<Vec<Change>, (String, String)> {
    let again = "Load the page again.".to_owned();
    let now = now(web, visitor).await.map_err(|wrong| (wrong, again.clone()))?;
    let mode = mode_of(fields);
    let mut changes = vec![];
    for one in &now.settings {
        let Some(name) = whose.field(one, mode) else { continue };
        let Some(value) = fields.get(&name).filter(|value| value.trim() != figure::tame(&one.value, VALUE_MAX)) else {
            continue;
        };
        let change = Change::of(whose.strategy(), &name, value);
        changes.push(change.ok_or_else(|| (format!("{name} is no setting."), again.clone()))?);
    }
    Ok(changes)
}

async fn look(
    web: &Web,
    visitor: &Visitor,
    whose: &Whose,
    changes: Vec<Change>,
    out: Vec<String>,
    (version, mode): (String, &'static str),
) -> Response {
    let command = Command::Change {
        changes: changes.clone(),
        strategies_out: out.clone(),
        version: version.clone(),
        dry: true,
        sentence: None,
        seen: None,
    };
    let answer = match said(web, Envelope::fresh(visitor.name(), command)).await {
        Ok(answer) if answer.ok && !answer.differences.is_empty() => answer,
        Ok(answer) | Err(answer) => return answered(web, whose, mode, answer),
    };
    show(&Look {
        frame: Frame::new(web, "What would change", ""),
        title: whose.title(),
        action: whose.action(),
        differences: answer.differences,
        said: answer.said,
        needs_sentence: answer.needs_sentence,
        sentence: SENTENCE,
        changes: serde_json::to_string(&changes).expect("changes are JSON"),
        out: serde_json::to_string(&out).expect("names are JSON"),
        version,
        mode,
        seen: answer.state.map(|state| state.seen).unwrap_or_default(),
        id: form_id(),
    })
}

async fn apply(web: &Web, visitor: &Visitor, fields: &BTreeMap<String, String>, whose: &Whose) -> Response {
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let read = (serde_json::from_str(&field("changes")), serde_json::from_str(&field("out")));
    let (Ok(changes), Ok(strategies_out)) = read else {
        return refused(
            web,
            StatusCode::BAD_REQUEST,
            "This form says nothing that can be done.",
            "Load the page again.",
        );
    };
    let command = Command::Change {
        changes,
        strategies_out,
        version: field("version"),
        dry: false,
        sentence: Some(field("sentence")),
        seen: Some(field("seen")),
    };
    let envelope = Envelope { id: field("id"), ..Envelope::fresh(visitor.name(), command) };
    let answer = said(web, envelope).await.unwrap_or_else(|nobody| nobody);
    answered(web, whose, mode_of(fields), answer)
}

fn mode_of(fields: &BTreeMap<String, String>) -> &'static str {
    super::mode(fields.get("mode").map_or("", String::as_str))
}

fn answered(web: &Web, whose: &Whose, mode: &str, answer: Answer) -> Response {
    let id = web.state.door.keep_answer(answer);
    Redirect::to(&format!("{}?mode={mode}&answer={id}", whose.action())).into_response()
}
