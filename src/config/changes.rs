//! What the operator changed in a running engine: over the settings' file, and kept in the data folder.
//!
//! Only what leaders, strategies and the strategies' defaults say can be changed; keys, addresses and ceilings are for the file,
//! which the engine need not be able to write.

use std::{fmt, io, path::Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::problem::{Place, Problem, Problems};

/// The file's name in the data folder.
pub const FILE: &str = "changes.toml";
/// What may be in it.
pub const SECTIONS: [&str; 3] = ["leader", "strategy", "strategy_default"];
/// A longer file was not written by us.
const BYTES_MAX: u64 = 1 << 20;
const HEADER: &str =
    "# Written by Remora: what was changed by `remora strategy` or on the pages, over your settings' file.\n\n";

/// One setting of a strategy, or of what all have unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// `None`: the defaults of all strategies.
    pub strategy: Option<String>,
    pub part: Part,
    pub key: String,
    /// The value as TOML, such as `50`, `"raise"` or `["Ada"]`; `None`: what the file says again.
    pub to: Option<String>,
}

/// Where in a strategy a setting is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Of both modes: its leaders, its markets.
    Both,
    Paper,
    Live,
}

/// All that was changed so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes(Table);

impl Part {
    const fn table(self) -> Option<&'static str> {
        match self {
            Part::Both => None,
            Part::Paper => Some("paper"),
            Part::Live => Some("live"),
        }
    }
}

impl Change {
    /// Reads `paper.size_usdc` and a value; a value that is not TOML is a text, an empty one takes the change back. `None` where
    /// that is no setting's name.
    pub fn of(strategy: Option<&str>, path: &str, value: &str) -> Option<Change> {
        let (part, key) = match path.trim().split_once('.') {
            Some(("paper", key)) => (Part::Paper, key),
            Some(("live", key)) => (Part::Live, key),
            Some(_) => return None,
            None => (Part::Both, path.trim()),
        };
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if key.is_empty() || !key.bytes().all(is_plain) {
            return None;
        }
        let to = match value.trim() {
            "" => None,
            value if format!("value = {value}").parse::<Table>().is_ok() => Some(value.to_owned()),
            value => Some(Value::from(value).to_string()),
        };
        Some(Change { strategy: strategy.map(str::to_owned), part, key: key.to_owned(), to })
    }
}

impl Changes {
    /// Reads them from a data folder; none where there is no file. What they say is checked with the settings.
    pub fn read(folder: &Path) -> Result<Changes, Problems> {
        let path = folder.join(FILE);
        let wrong = |wrong: String| {
            Problems(vec![Problem {
                place: Place::named(&path.display().to_string()),
                key: String::new(),
                wrong,
                allowed: "the file as it was written".to_owned(),
                fix: "correct it by hand, or move it away: then the settings' file alone counts".to_owned(),
            }])
        };
        let text = match std::fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Changes::default()),
            Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
            Ok(about) if about.len() > BYTES_MAX => return Err(wrong(format!("has {} bytes", about.len()))),
            Ok(_) => std::fs::read_to_string(&path).map_err(|error| wrong(format!("cannot be read: {error}")))?,
        };
        text.parse().map(Changes).map_err(|error| wrong(format!("is not TOML: {error}")))
    }

    /// Writes them whole or not at all.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let (path, draft) = (folder.join(FILE), folder.join("changes.toml.new"));
        let mut file = std::fs::File::create(&draft)?;
        io::Write::write_all(&mut file, self.to_string().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, &path)?;
        std::fs::File::open(folder)?.sync_all()
    }

    /// Returns a word for this state of them: another one after every change.
    pub fn version(&self) -> String {
        let digest = Sha256::digest(self.to_string());
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns them with one change more. Fails where the value is not TOML.
    pub fn with(mut self, change: &Change) -> Result<Changes, String> {
        let to = change.to.as_deref().map(|text| value(&change.key, text)).transpose()?;
        let table = match &change.strategy {
            None => entry(&mut self.0, "strategy_default"),
            Some(name) => self.strategy(name),
        };
        let table = table.and_then(|table| match change.part.table() {
            None => Some(table),
            Some(part) => entry(table, part),
        });
        let table = table.ok_or("a table of the changes is none any more: move the file away")?;
        match to {
            Some(to) => table.insert(change.key.clone(), to),
            None => table.remove(&change.key),
        };
        self.tidy();
        Ok(self)
    }

    /// Returns them without anything of a strategy: one that is only here is gone, one of the file is as it was.
    pub fn without(mut self, name: &str) -> Changes {
        if let Some(list) = self.0.get_mut("strategy").and_then(Value::as_array_mut) {
            list.retain(|element| !is_called(element, name));
        }
        self.tidy();
        self
    }

    /// Returns the table of a strategy, made where there is none.
    fn strategy(&mut self, name: &str) -> Option<&mut Table> {
        let list = self.0.entry("strategy").or_insert_with(|| Value::Array(vec![])).as_array_mut()?;
        let index = list.iter().position(|element| is_called(element, name)).unwrap_or_else(|| {
            list.push(Value::Table(Table::from_iter([("name".to_owned(), Value::from(name))])));
            list.len() - 1
        });
        list[index].as_table_mut()
    }

    /// Takes out tables in which nothing is said any more.
    fn tidy(&mut self) {
        if let Some(defaults) = self.0.get_mut("strategy_default").and_then(Value::as_table_mut) {
            drop_empty(defaults);
        }
        if let Some(list) = self.0.get_mut("strategy").and_then(Value::as_array_mut) {
            list.iter_mut().filter_map(Value::as_table_mut).for_each(drop_empty);
            list.retain(|element| element.as_table().is_none_or(|table| table.len() > 1));
        }
        self.0.retain(|_, value| match value {
            Value::Array(list) => !list.is_empty(),
            Value::Table(table) => !table.is_empty(),
            Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => true,
        });
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = toml::to_string(&self.0).map_err(|_| fmt::Error)?;
        if text.is_empty() { Ok(()) } else { write!(f, "{HEADER}{text}") }
    }
}

fn is_called(element: &Value, name: &str) -> bool {
    element.get("name").and_then(Value::as_str) == Some(name)
}

fn drop_empty(table: &mut Table) {
    table.retain(|_, value| value.as_table().is_none_or(|inner| !inner.is_empty()));
}

fn entry<'t>(table: &'t mut Table, name: &str) -> Option<&'t mut Table> {
    table.entry(name.to_owned()).or_insert_with(|| Value::Table(Table::new())).as_table_mut()
}

/// Reads a value as it would stand behind `key =`.
fn value(key: &str, text: &str) -> Result<Value, String> {
    let wrong = |error: String| {
        format!(
            "{key}: {text} is not a value\n  {error}\n  fix: write it as in the file: 50, true, \"raise\", [\"Ada\"]"
        )
    };
    let line: Table =
        format!("value = {text}").parse().map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
    match (line.len(), line.get("value")) {
        (1, Some(value)) => Ok(value.clone()),
        (_, _) => Err(wrong("it says more than one".to_owned())),
    }
}

#[cfg(test)]
mod tests;
