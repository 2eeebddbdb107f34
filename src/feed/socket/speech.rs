//! What we say on a socket: subscriptions, as the venue wants them (PROTOCOL.md 5.1, 5.3).

use serde_json::json;

/// How many tokens one subscription frame names: the venue answers it with one message that holds all their books, and
/// twenty deep books stay far below [`super::MESSAGE_MAX`].
pub const ASSETS_PER_FRAME: usize = 20;

/// What the owner of a socket asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
    /// Fresh snapshots: the venue sends them only to who unsubscribes and subscribes again.
    Resync(Vec<String>),
    /// Breaks the connection and makes a new one.
    Reconnect,
    /// Says this as it is, on the connection of now.
    Say(String),
}

/// Which frames of the activity feed are wanted. The venue tells a fill as both, and at times as one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityKind {
    Trades,
    OrdersMatched,
}

impl ActivityKind {
    pub const ALL: [ActivityKind; 2] = [ActivityKind::Trades, ActivityKind::OrdersMatched];

    pub const fn name(self) -> &'static str {
        match self {
            ActivityKind::Trades => "trades",
            ActivityKind::OrdersMatched => "orders_matched",
        }
    }
}

/// The state of the conversation: what must be said again on every new connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speech {
    Market {
        assets: Vec<String>,
    },
    Activity(&'static [ActivityKind]),
    Account(Greeting),
    /// A node of the chain: its owner says everything himself.
    Node,
}

/// What shows an API key to the user channel. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Greeting(String);

impl Greeting {
    /// `secret` is in base64, as the venue gave it.
    pub fn new(key_id: &str, secret: &str, passphrase: &str) -> Greeting {
        let auth = json!({"apiKey": key_id, "secret": secret, "passphrase": passphrase});
        Greeting(json!({"type": "user", "auth": auth, "markets": []}).to_string())
    }
}

impl std::fmt::Debug for Greeting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Greeting(..)")
    }
}

impl Speech {
    /// Whether there is nothing to listen for, so that a connection would be for nothing.
    pub fn is_idle(&self) -> bool {
        match self {
            Speech::Market { assets } => assets.is_empty(),
            Speech::Activity(_) | Speech::Account(_) | Speech::Node => false,
        }
    }

    /// Returns what is said now and then to keep the connection. A node would take it for a broken request.
    pub fn ping(&self) -> Option<&'static str> {
        match self {
            Speech::Market { .. } | Speech::Activity(_) | Speech::Account(_) => Some("PING"),
            Speech::Node => None,
        }
    }

    /// Whether an answer to our PING is a sign of life: only where silence is usual, so that nothing else could be one.
    pub fn is_quiet_by_nature(&self) -> bool {
        match self {
            Speech::Market { .. } | Speech::Activity(_) | Speech::Node => false,
            Speech::Account(_) => true,
        }
    }

    /// Returns the frames that a new connection begins with.
    pub fn greeting(&self) -> Vec<String> {
        match self {
            Speech::Market { assets } => {
                let (first, rest) = assets.split_at(assets.len().min(ASSETS_PER_FRAME));
                let first = json!({
                    "type": "market", "assets_ids": first, "custom_feature_enabled": true, "initial_dump": true,
                });
                std::iter::once(first.to_string()).chain(operations("subscribe", rest)).collect()
            }
            Speech::Activity(kinds) => {
                let one = |kind: &ActivityKind| json!({"topic": "activity", "type": kind.name(), "filters": ""});
                let all: Vec<_> = kinds.iter().map(one).collect();
                vec![json!({"action": "subscribe", "subscriptions": all}).to_string()]
            }
            // An answer to PING proves that the key was taken: a wrong one closes the connection.
            Speech::Account(Greeting(shown)) => vec![shown.clone(), "PING".to_owned()],
            Speech::Node => Vec::new(),
        }
    }

    /// Takes a command in. Returns the frames that carry it out on a connection that is up.
    pub fn hear(&mut self, command: Command) -> Vec<String> {
        let assets = match self {
            Speech::Market { assets } => assets,
            Speech::Node => {
                return match command {
                    Command::Say(text) => vec![text],
                    Command::Subscribe(_) | Command::Unsubscribe(_) | Command::Resync(_) | Command::Reconnect => vec![],
                };
            }
            Speech::Activity(_) | Speech::Account(_) => return Vec::new(),
        };
        match command {
            Command::Subscribe(mut new) => {
                new.retain(|asset| !assets.contains(asset));
                assets.extend_from_slice(&new);
                operations("subscribe", &new).collect()
            }
            Command::Unsubscribe(mut gone) => {
                gone.retain(|asset| assets.contains(asset));
                assets.retain(|asset| !gone.contains(asset));
                operations("unsubscribe", &gone).collect()
            }
            Command::Resync(mut again) => {
                again.retain(|asset| assets.contains(asset));
                operations("unsubscribe", &again).chain(operations("subscribe", &again)).collect()
            }
            Command::Reconnect | Command::Say(_) => Vec::new(),
        }
    }
}

fn operations(operation: &'static str, assets: &[String]) -> impl Iterator<Item = String> {
    assets.chunks(ASSETS_PER_FRAME).map(move |chunk| {
        json!({"operation": operation, "assets_ids": chunk, "custom_feature_enabled": true}).to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assets(range: std::ops::Range<u32>) -> Vec<String> {
        range.map(|number| number.to_string()).collect()
    }

    #[test]
    fn a_greeting_names_every_token_once_in_frames_of_twenty() {
        for (count, frames) in [(1, 1), (20, 1), (21, 2), (200, 10)] {
            let greeting = Speech::Market { assets: assets(0..count) }.greeting();
            assert_eq!(greeting.len(), frames, "{count}");
            assert!(greeting[0].contains(r#""type":"market""#));
            let named: usize = greeting
                .iter()
                .map(|frame| {
                    let frame: serde_json::Value = serde_json::from_str(frame).expect("JSON");
                    frame["assets_ids"].as_array().expect("tokens").len()
                })
                .sum();
            assert_eq!(named, count as usize);
        }
    }

    #[test]
    fn only_what_changes_is_said() {
        let mut speech = Speech::Market { assets: assets(0..2) };
        let mut check = |command: Command, said: &[(&str, &[&str])]| {
            let said: Vec<serde_json::Value> = said
                .iter()
                .map(|(operation, assets)| {
                    json!({"operation": operation, "assets_ids": assets, "custom_feature_enabled": true})
                })
                .collect();
            let frames = speech.hear(command);
            let frames: Vec<serde_json::Value> =
                frames.iter().map(|frame| serde_json::from_str(frame).expect("JSON")).collect();
            assert_eq!(frames, said);
        };
        check(Command::Subscribe(assets(1..3)), &[("subscribe", &["2"])]);
        check(Command::Subscribe(assets(0..3)), &[]);
        check(Command::Resync(assets(2..9)), &[("unsubscribe", &["2"]), ("subscribe", &["2"])]);
        check(Command::Unsubscribe(assets(0..1)), &[("unsubscribe", &["0"])]);
        check(Command::Unsubscribe(assets(0..1)), &[]);
        assert_eq!(speech, Speech::Market { assets: assets(1..3) });
    }
}
