//! Alerts: what lasts now, what was told and whether it arrived, who hears what, and from where on.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    Frame,
    address::{self, Choice},
    show,
};
use crate::{
    alert::{AlertsNow, Rule, board::Kind},
    control::words::form_id,
    domain::Nanos,
    store::query::AlertRow,
    web::{
        Web,
        door::rights::{Visitor, Wish},
        figure::{self, Figure, When},
        server::Unread,
    },
};

/// Rows of a page.
pub const ROWS: i64 = 50;
const TEXT_MAX: usize = 600;
const WRONG_MAX: usize = 200;

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Only those that are older than this one.
    pub before: String,
    pub rule: String,
}

struct Line {
    title: String,
    severity: String,
    subject: String,
    text: String,
    at: When,
    passed: Option<When>,
    is_happening: bool,
    times: Option<Figure>,
    deliveries: Vec<DeliveryLine>,
}

struct DeliveryLine {
    channel: String,
    tries: i32,
    wrong: String,
}

struct FiringLine {
    title: &'static str,
    severity: &'static str,
    text: String,
    at: When,
}

struct ChannelLine {
    name: String,
    kind: String,
    hears: String,
    quiet: String,
    waiting: Figure,
    delivered: Figure,
    failed: Figure,
    dropped: Figure,
    last: Option<When>,
    wrong: Option<(String, When)>,
}

struct RuleLine {
    code: String,
    title: String,
    text: String,
    limits: String,
    severity: String,
    channels: String,
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct Page {
    frame: Frame,
    said: Option<When>,
    trouble: String,
    firing: Vec<FiringLine>,
    channels: Vec<ChannelLine>,
    rules: Vec<RuleLine>,
    choices: Vec<Choice>,
    lines: Vec<Line>,
    is_first: bool,
    older: String,
    /// Its visitor may have a channel tried; the form's id, which does it once.
    can_test: bool,
    id: String,
}

impl Asked {
    fn cursor(&self) -> i64 {
        self.before.parse().unwrap_or_default()
    }

    pub fn rule(&self) -> &str {
        Rule::of(&self.rule).map_or("", Rule::code)
    }

    pub fn query(&self, before: i64) -> String {
        match self.rule() {
            "" => format!("before={before}"),
            rule => format!("rule={rule}&before={before}"),
        }
    }
}

/// What the tables say: how the alerter is, a page of what was told, and the query of the next page.
pub async fn rows(web: &Web, asked: &Asked) -> Result<(Option<AlertsNow>, Vec<AlertRow>, Option<String>), Unread> {
    let mut reader = web.reader().await?;
    let now = reader.alerting().await?;
    let mut rows = reader.alerts(asked.cursor(), asked.rule(), ROWS + 1).await?;
    let older = address::cut(&mut rows, ROWS).map(|row| asked.query(row.id));
    Ok((now, rows, older))
}

pub async fn alerts(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Response {
    let mut frame = Frame::new(&web, "Alerts", "alerts");
    let now = (web.state.clock)();
    let (said, rows, older) = rows(&web, &asked).await.unwrap_or_else(|why| {
        frame = Frame::new(&web, "Alerts", "alerts")
            .without_postgres(&why, "Alerts are sent all the same, and show here when it is back.");
        (None, Vec::new(), None)
    });
    let alerting = said.unwrap_or_default();
    show(&Page {
        can_test: visitor.may(Wish::Open).is_ok(),
        id: form_id(),
        said: (alerting.at > Nanos::ZERO).then(|| When::new(figure::moment(alerting.at), now)),
        trouble: figure::tame(&alerting.trouble, WRONG_MAX),
        firing: alerting
            .firing
            .iter()
            .rev()
            // What happened has no end: it is told, and that is all.
            .filter(|thing| thing.kind != Kind::Happening)
            .map(|thing| FiringLine {
                title: thing.rule.title(),
                severity: thing.rule.severity().code(),
                text: figure::tame(&thing.text, TEXT_MAX),
                at: When::new(figure::moment(thing.raised_at), now),
            })
            .collect(),
        channels: alerting.channels.iter().map(|channel| channel_line(channel, now)).collect(),
        rules: alerting.rules.iter().map(rule_line).collect(),
        choices: choices(asked.rule()),
        lines: rows.iter().map(|row| line(row, now)).collect(),
        is_first: asked.cursor() == 0,
        older: older.unwrap_or_default(),
        frame,
    })
}

fn choices(chosen: &str) -> Vec<Choice> {
    let choice = |rule: Rule| Choice {
        value: rule.code().to_owned(),
        text: rule.title().to_owned(),
        chosen: rule.code() == chosen,
    };
    Rule::ALL.into_iter().map(choice).collect()
}

fn line(row: &AlertRow, now: Nanos) -> Line {
    let deliveries = row.deliveries.0.iter().map(|delivery| DeliveryLine {
        channel: figure::tame(&delivery.channel, 40),
        tries: delivery.tries,
        wrong: figure::tame(&delivery.wrong, WRONG_MAX),
    });
    Line {
        title: Rule::of(&row.rule).map_or_else(|| figure::tame(&row.rule, 40), |rule| rule.title().to_owned()),
        severity: figure::tame(&row.severity, 10),
        subject: figure::tame(&row.subject, 60),
        text: figure::tame(&row.text, TEXT_MAX),
        at: When::new(row.raised_at, now),
        passed: row.passed_at.map(|at| When::new(at, now)),
        is_happening: row.is_happening,
        times: (row.times > 1).then(|| Figure::count(row.times)),
        deliveries: deliveries.collect(),
    }
}

fn channel_line(channel: &crate::alert::status::ChannelNow, now: Nanos) -> ChannelLine {
    let when = |at: Nanos| When::new(figure::moment(at), now);
    let hears = match channel.on.len() == Rule::ALL.len() {
        true => "everything".to_owned(),
        false => channel.on.iter().map(|code| code.replace('_', " ")).collect::<Vec<_>>().join(", "),
    };
    ChannelLine {
        name: figure::tame(&channel.name, 40),
        kind: figure::tame(&channel.kind, 20),
        hears: figure::tame(&hears, TEXT_MAX),
        quiet: figure::tame(&channel.quiet, 40),
        waiting: Figure::count(channel.waiting as i128),
        delivered: Figure::count(channel.delivered),
        failed: Figure::count(channel.failed),
        dropped: Figure::count(channel.dropped),
        last: channel.delivered_at.map(when),
        wrong: channel.wrong_at.map(|at| (figure::tame(&channel.wrong, WRONG_MAX), when(at))),
    }
}

fn rule_line(rule: &crate::alert::status::RuleNow) -> RuleLine {
    RuleLine {
        code: figure::tame(&rule.code, 40),
        title: figure::tame(&rule.title, 60),
        text: figure::tame(&rule.text, TEXT_MAX),
        limits: figure::tame(&rule.limits, 120),
        severity: figure::tame(&rule.severity, 10),
        channels: figure::tame(&rule.channels.join(", "), TEXT_MAX),
    }
}
