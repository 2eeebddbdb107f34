//! Messages as each service wants them. What strangers wrote is in them, so everything is escaped, and nobody can be called by it.

use serde_json::{Value, json};
use time::format_description::BorrowedFormatItem;

use super::{
    board::{Note, Phase},
    rule::Severity,
};
use crate::{domain::Nanos, web::moment};

/// The most characters of one message, before it is escaped: services cut or refuse longer ones.
const TELEGRAM_MAX: usize = 3_000;
const DISCORD_MAX: usize = 1_500;
const LONG_MAX: usize = 8_000;

const TIME: &[BorrowedFormatItem<'_>] = time::macros::format_description!("[hour]:[minute]:[second]");

/// Some notes, for one channel.
pub struct Message<'a> {
    pub notes: &'a [Note],
    /// How many more were dropped before these.
    pub dropped: u64,
    pub link: Option<&'a str>,
}

/// Returns a note's heading.
pub fn heading(note: &Note) -> String {
    let title = note.rule.title();
    match (note.phase, note.rule.severity()) {
        (Phase::Passed, _) => format!("Over: {title}"),
        (Phase::Still, _) => format!("Still: {title}"),
        (Phase::Raised | Phase::Happened, Severity::Critical) => format!("CRITICAL: {title}"),
        (Phase::Raised | Phase::Happened, Severity::Warning | Severity::Info) => title.to_owned(),
    }
}

/// Returns a note's words and when it was so.
pub fn body(note: &Note) -> String {
    let more = match note.more {
        0 => String::new(),
        1 => " Once more since it was told.".to_owned(),
        more => format!(" {more} times more since it was told."),
    };
    let at = moment(note.at).format(TIME).unwrap_or_default();
    format!("{}{more} ({at} UTC)", note.text)
}

impl Message<'_> {
    /// Returns what a mail is about.
    pub fn subject(&self) -> String {
        let worst = self.notes.iter().max_by_key(|note| note.rule.severity());
        let first = worst.map_or_else(String::new, heading);
        match self.notes.len() {
            0 | 1 => format!("Remora: {first}"),
            more => format!("Remora: {first}, and {} more", more - 1),
        }
    }

    pub fn plain(&self) -> String {
        self.text(LONG_MAX, |heading| format!("{heading}\n"), str::to_owned)
    }

    pub fn telegram(&self, chat: &str) -> Value {
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        json!({
            "chat_id": chat,
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": true},
            "text": self.text(TELEGRAM_MAX, |heading| format!("<b>{}</b>\n", escape(heading)), escape),
        })
    }

    pub fn slack(&self) -> Value {
        // Without these three nothing in a text is a mention or a link.
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let text = self.text(TELEGRAM_MAX, |heading| format!("{}\n", escape(heading)), escape);
        json!({"text": text, "mrkdwn": false, "unfurl_links": false, "unfurl_media": false})
    }

    pub fn discord(&self) -> Value {
        const SUPPRESS_EMBEDS: u32 = 4;
        let text = self.text(DISCORD_MAX, |heading| format!("**{}**\n", markdown_escaped(heading)), markdown_escaped);
        let text: String = text.chars().take(2_000).collect();
        json!({"content": text, "allowed_mentions": {"parse": []}, "flags": SUPPRESS_EMBEDS})
    }

    /// Returns the notes for programs, and the same in words.
    pub fn webhook(&self) -> Value {
        let notes = self.notes.iter().map(|note| {
            json!({
                "id": note.id.to_string(),
                "rule": note.rule,
                "severity": note.rule.severity(),
                "phase": note.phase,
                "subject": note.subject,
                "title": note.rule.title(),
                "text": note.text,
                "more": note.more,
                "at": rfc3339(note.at),
            })
        });
        json!({
            "source": "remora",
            "alerts": notes.collect::<Vec<_>>(),
            "dropped": self.dropped,
            "link": self.link,
            "text": self.plain(),
        })
    }

    /// Writes notes one below the other as long as they fit into `most` characters, and says how many are left out.
    fn text(&self, most: usize, head: impl Fn(&str) -> String, escape: impl Fn(&str) -> String) -> String {
        let (mut text, mut length, mut left_out) = (String::new(), 0, self.dropped);
        for note in self.notes {
            let (heading, body) = (heading(note), body(note));
            let room = most.saturating_sub(length);
            if room < 200 {
                left_out += 1;
                continue;
            }
            let body: String = body.chars().take(room.saturating_sub(heading.chars().count())).collect();
            length += heading.chars().count() + body.chars().count() + 2;
            text.push_str(&head(&heading));
            text.push_str(&escape(&body));
            text.push_str("\n\n");
        }
        if left_out > 0 {
            text.push_str(&escape(&format!("{left_out} more are on the page.\n\n")));
        }
        if let Some(link) = self.link {
            text.push_str(&escape(&format!("{}/alerts", link.trim_end_matches('/'))));
        }
        text.trim_end().to_owned()
    }
}

/// Returns a text without meaning to Discord's markdown.
fn markdown_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\*_~`|>#[]()<@:-+".contains(c) && c != ':' {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn rfc3339(at: Nanos) -> String {
    moment(at).format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
