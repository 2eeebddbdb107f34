//! Alerts: who is told, of what, from where on, and when not.

use reqwest::Url;

use super::{KeyPlace, reader::Reader, section::Section, sections::secret_place};
use crate::{
    alert::{Rule, Thresholds},
    domain::Nanos,
};

/// The most channels.
const CHANNELS_MAX: usize = 16;
const NAME: &str = "1 to 40 letters, digits, dots, dashes or underscores; each name once";
const SECRET: &str = "\"credential:NAME\" or \"file:/PATH\"";
const RULES: &str = "[\"*\"] for all, or a list of rules; `remora alert list` names them";
const TIME: &str = "a time of day (UTC), such as \"22:00\", or \"\"";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertsConfig {
    pub thresholds: Thresholds,
    /// How long something that lasts is not told again.
    pub repeat: Nanos,
    /// How long it must be over before that is told.
    pub calm: Nanos,
    pub messages_per_minute_max: u32,
    /// What happens to paper portfolios is told, too.
    pub paper: bool,
    /// What messages point to; `None`: nothing.
    pub link: Option<String>,
    /// Channels may be on this machine, unencrypted: for tests.
    pub allow_loopback: bool,
    pub channels: Vec<ChannelConfig>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelConfig {
    pub name: String,
    pub kind: ChannelKind,
    /// Where the bot's token, the address or the password is; `None`: a mail server that asks for none.
    pub secret: Option<KeyPlace>,
    pub on: Vec<Rule>,
    pub quiet: Option<Quiet>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    Telegram { chat: String },
    Slack,
    Discord,
    Webhook,
    Email(MailConfig),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailConfig {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub from: String,
    pub to: String,
}

/// A part of each day (UTC), in minutes from its beginning; over midnight where it ends before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    pub from: u32,
    pub to: u32,
}

const DAY: u32 = 24 * 60;
const MINUTE: Nanos = Nanos::from_secs(60);

impl Quiet {
    /// Returns when the quiet time is over that `now` lies in; `None`: it lies in none.
    pub fn until(self, now: Nanos) -> Option<Nanos> {
        let begun = Nanos::of_day(now.day());
        let minute = (now.since(begun).0 / MINUTE.0) as u32;
        let is_quiet = match self.from <= self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        };
        let left = (self.to + DAY - minute) % DAY;
        is_quiet.then(|| begun.plus(Nanos(u64::from(minute + left) * MINUTE.0)))
    }
}

impl ChannelKind {
    pub const fn code(&self) -> &'static str {
        match self {
            ChannelKind::Telegram { .. } => "telegram",
            ChannelKind::Slack => "slack",
            ChannelKind::Discord => "discord",
            ChannelKind::Webhook => "webhook",
            ChannelKind::Email(_) => "email",
        }
    }
}

pub fn read(reader: &mut Reader<'_>) -> AlertsConfig {
    let mut section = reader.section("alerts");
    let thresholds = Thresholds {
        order_unknown: section.seconds("order_unknown_s", 0, 86_400),
        live_orders_stopped: section.seconds("live_orders_stopped_s", 0, 86_400),
        feed_silent: section.seconds("feed_silent_s", 0, 86_400),
        store_down: section.seconds("store_down_s", 0, 86_400),
        store_lag_records: section.whole("store_lag_records", 1, 100_000_000).into(),
        balance_min: section.usdc("balance_usdc_min", 0, 100_000_000),
        failures: section.whole("failures_max", 0, 1_000),
        failures_within: section.seconds("failures_within_s", 1, 86_400),
        slippage_ppm: section.percent("slippage_percent", 0, 100),
    };
    let repeat = section.minutes("repeat_minutes", 1, 10_080);
    let calm = section.seconds("calm_s", 0, 3_600);
    let messages_per_minute_max = section.whole("messages_per_minute_max", 1, 60);
    let paper = section.switch("paper");
    let link = section.url_or_none("link", "https", "http", "\"https://remora.example.org\"");
    let allow_loopback = section.switch("allow_loopback");
    section.finish();
    let channels = channels(reader);
    AlertsConfig { thresholds, repeat, calm, messages_per_minute_max, paper, link, allow_loopback, channels }
}

fn channels(reader: &mut Reader<'_>) -> Vec<ChannelConfig> {
    let mut channels: Vec<ChannelConfig> = Vec::new();
    for index in 0..reader.count("alert") {
        let Some(mut section) = reader.element("alert", index) else { continue };
        let channel = channel(&mut section);
        if channels.iter().any(|other| other.name == channel.name && !channel.name.is_empty()) {
            let wrong = format!("a second channel is called {:?}", channel.name);
            section.conflict("name", &wrong, NAME, "give it another name");
        }
        if channels.len() == CHANNELS_MAX {
            section.conflict("name", "is one channel too many", "at most 16 channels", "take some out");
        }
        section.finish();
        channels.push(channel);
    }
    channels
}

fn channel(section: &mut Section<'_, '_>) -> ChannelConfig {
    let name = section.text("name", NAME, "\"phone\"", |text| {
        let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
        if is_plain && (1..=40).contains(&text.len()) { Ok(()) } else { Err(format!("{text:?} is no such name")) }
    });
    let kinds = ["telegram", "slack", "discord", "webhook", "email"];
    let kind = section.choice("kind", &kinds.map(|kind| (kind, kind)));
    let kind = match kind {
        "telegram" => ChannelKind::Telegram { chat: chat(section) },
        "slack" => ChannelKind::Slack,
        "discord" => ChannelKind::Discord,
        "webhook" => ChannelKind::Webhook,
        _ => ChannelKind::Email(mail(section)),
    };
    let needs_secret = !matches!(&kind, ChannelKind::Email(mail) if mail.user.is_empty());
    let secret = match needs_secret || section.has("secret") {
        false => None,
        true => {
            let written =
                section.text("secret", SECRET, "\"credential:remora-alerts\"", |text| match secret_place(text)? {
                    Some(KeyPlace::Keystore(_)) => Err("this secret is not in a keystore".to_owned()),
                    Some(KeyPlace::Credential(_) | KeyPlace::File(_)) => Ok(()),
                    None => Err("is empty".to_owned()),
                });
            secret_place(&written).ok().flatten()
        }
    };
    let rules = section.list("on", 1, RULES, "[\"*\"]", |rule| {
        if rule == "*" || Rule::of(rule).is_some() { Ok(()) } else { Err(format!("{rule:?} is no rule")) }
    });
    let on = match rules.iter().any(|rule| rule == "*") {
        true => Rule::ALL.to_vec(),
        false => rules.iter().filter_map(|rule| Rule::of(rule)).collect(),
    };
    ChannelConfig { name, kind, secret, on, quiet: quiet(section) }
}

fn chat(section: &mut Section<'_, '_>) -> String {
    section.text("chat", "a chat's number, or @name of a channel", "\"123456789\"", |text| {
        let number = text.strip_prefix('-').unwrap_or(text);
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let name = text.strip_prefix('@').unwrap_or_default();
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_number || is_name { Ok(()) } else { Err(format!("{text:?} is neither")) }
    })
}

fn mail(section: &mut Section<'_, '_>) -> MailConfig {
    const SERVER: &str = "a mail server's name and its port: 465 (TLS), or 587 (STARTTLS)";
    const ADDRESS: &str = "a mail address";
    let server = section.text("server", SERVER, "\"smtp.example.org:465\"", |text| {
        mail_server(text).map(drop).ok_or_else(|| format!("{text:?} is no name with a port"))
    });
    let is_address =
        |text: &str| text.parse::<lettre::Address>().map(drop).map_err(|_| format!("{text:?} is no mail address"));
    let from = section.text("from", ADDRESS, "\"remora@example.org\"", is_address);
    let to = section.text("to", ADDRESS, "\"me@example.org\"", is_address);
    let user = match section.has("user") {
        true => section.text("user", "the name that the mail server knows", "\"remora@example.org\"", |_| Ok(())),
        false => String::new(),
    };
    let (host, port) = mail_server(&server).unwrap_or_default();
    MailConfig { host, port, user, from, to }
}

fn mail_server(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    // The parser of addresses knows what a host's name is.
    let url =
        Url::parse(&format!("https://{host}/")).ok().filter(|url| url.path() == "/" && url.username().is_empty())?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some((host, port.parse().ok().filter(|port| *port > 0)?))
}

fn quiet(section: &mut Section<'_, '_>) -> Option<Quiet> {
    let mut time = |key| match section.has(key) {
        false => String::new(),
        true => section.text(key, TIME, "\"22:00\"", |text| match text.is_empty() || minute(text).is_some() {
            true => Ok(()),
            false => Err(format!("{text:?} is no time of day")),
        }),
    };
    let (from, to) = (time("quiet_from"), time("quiet_to"));
    if from.is_empty() != to.is_empty() {
        section.conflict("quiet_from", "the quiet time has only one end", "both ends, or none", "say both, or none");
    }
    let quiet = Quiet { from: minute(&from)?, to: minute(&to)? };
    if quiet.from == quiet.to {
        let fix = "say another end; for a channel that is always quiet, take rules out of `on`";
        section.conflict("quiet_from", "begins when it ends", "two different times", fix);
    }
    Some(quiet)
}

fn minute(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| (part.len() == 2).then(|| part.parse::<u32>().ok()).flatten();
    let (hours, minutes) = (digits(hours).filter(|hours| *hours < 24)?, digits(minutes).filter(|m| *m < 60)?);
    Some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests;
