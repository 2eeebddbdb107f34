//! Brings a message out to a channel: reads its secret at that moment, so that a new one counts at once, and keeps it nowhere.

use zeroize::Zeroizing;

use super::{mail, queue::Outcome, reach::Reach, words::Message};
use crate::{
    config::{ChannelConfig, ChannelKind, KeyPlace},
    secret::place,
};

/// The services' own hosts; an address of another one is none of theirs.
#[derive(Clone, Debug)]
pub struct Services {
    pub reach: Reach,
    pub telegram: String,
    pub slack: Vec<String>,
    pub discord: Vec<String>,
    /// An authority to trust for mail servers besides the usual ones, in PEM.
    pub mail_authority: Option<String>,
}

impl Services {
    pub fn new(allow_loopback: bool) -> Services {
        let hosts = |hosts: &[&str]| hosts.iter().map(|host| (*host).to_owned()).collect();
        Services {
            reach: Reach::new(allow_loopback),
            telegram: "https://api.telegram.org".to_owned(),
            slack: hosts(&["hooks.slack.com", "hooks.slack-gov.com"]),
            discord: hosts(&["discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com"]),
            mail_authority: None,
        }
    }

    /// Sends a message. Fails with words that hold no secret.
    pub async fn send(&self, channel: &ChannelConfig, message: &Message<'_>) -> Outcome {
        let secret = match secret(channel) {
            Ok(secret) => secret,
            // Somebody may put it there any time.
            Err(why) => return Outcome::Later { why, after: None },
        };
        let secret = secret.as_str();
        let (address, body) = match &channel.kind {
            ChannelKind::Email(mail) => {
                let password = Some(secret).filter(|secret| !secret.is_empty());
                return mail::send(mail, password, message, self.mail_authority.as_deref()).await;
            }
            ChannelKind::Telegram { chat } => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || ":_-".contains(c);
                if !secret.chars().all(is_part) || secret.is_empty() {
                    return Outcome::Never { why: "the secret is no bot's token".to_owned() };
                }
                let address = format!("{}/bot{secret}/sendMessage", self.telegram);
                (Zeroizing::new(address), message.telegram(chat))
            }
            ChannelKind::Slack => (of_host(secret, &self.slack), message.slack()),
            ChannelKind::Discord => (of_host(secret, &self.discord), message.discord()),
            ChannelKind::Webhook => (Zeroizing::new(secret.to_owned()), message.webhook()),
        };
        if address.is_empty() {
            return Outcome::Never { why: format!("the secret is no address of {}", channel.kind.code()) };
        }
        match self.reach.check(&address).await {
            Ok(target) => self.reach.post(&target, &body).await,
            Err(why @ super::reach::Unsafe::Unresolved { .. }) => Outcome::Later { why: why.to_string(), after: None },
            Err(why) => Outcome::Never { why: why.to_string() },
        }
    }
}

/// Returns the address if its host is one of `hosts`, or nothing.
fn of_host(address: &str, hosts: &[String]) -> Zeroizing<String> {
    let url = reqwest::Url::parse(address).ok();
    let is_theirs = url.as_ref().and_then(|url| url.host_str()).is_some_and(|host| hosts.iter().any(|h| h == host));
    Zeroizing::new(if is_theirs { address.to_owned() } else { String::new() })
}

/// Reads a channel's secret, or says what is wrong with its place.
pub fn secret(channel: &ChannelConfig) -> Result<Zeroizing<String>, String> {
    let Some(kept) = &channel.secret else { return Ok(Zeroizing::new(String::new())) };
    let bytes = place::path_of(kept).and_then(|path| place::read(&path)).map_err(|error| error.to_string())?;
    let text = std::str::from_utf8(place::without_line_end(&bytes)).map_err(|_| "the secret is no text".to_owned())?;
    match text.is_empty() {
        true => Err(format!("the secret in {} is empty", place_text(kept))),
        false => Ok(Zeroizing::new(text.to_owned())),
    }
}

/// Returns where a secret is, as the settings say it.
pub fn place_text(place: &KeyPlace) -> String {
    match place {
        KeyPlace::Credential(name) => format!("credential:{name}"),
        KeyPlace::File(path) => format!("file:{}", path.display()),
        KeyPlace::Keystore(path) => format!("keystore:{}", path.display()),
    }
}
