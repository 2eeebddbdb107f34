//! What is told and not over: each thing once, again after a while if it lasts, and once more when it passed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rule::Rule;
use crate::domain::Nanos;

/// The most things that are remembered at once; beyond them a new one is counted and not told.
pub const FIRING_MAX: usize = 500;

/// What a message says of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It began, and lasts.
    Raised,
    /// It lasts still.
    Still,
    /// It is over.
    Passed,
    /// It happened; there is no end to wait for.
    Happened,
}

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The same for all that is told of one thing; grows with time.
    pub id: u64,
    pub rule: Rule,
    pub subject: String,
    pub phase: Phase,
    pub text: String,
    /// When it was so.
    pub at: Nanos,
    /// How often it happened since it was told last.
    pub more: u32,
}

/// What is seen to last now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    pub rule: Rule,
    /// With the rule it names one thing.
    pub subject: String,
    /// In words; `None`: not bad enough to begin, and not good enough to be over.
    pub text: Option<String>,
}

/// What the journal tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub rule: Rule,
    pub subject: String,
    pub at: Nanos,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It begins, and lasts until the journal says that it passed.
    Raised(String),
    Passed(String),
    /// It begins, and lasts while it is seen.
    Noticed(String),
    Happened(String),
}

/// A thing that was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    pub id: u64,
    pub rule: Rule,
    pub subject: String,
    pub text: String,
    pub raised_at: Nanos,
    pub told_at: Nanos,
    pub kind: Kind,
    /// Times that it happened since it was told.
    pub more: u32,
    /// Since when it is not so any more.
    pub calm_since: Option<Nanos>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Seen once a second: over when it is not seen.
    Seen,
    /// Told by the journal: over when that says so.
    Journal,
    /// Happened: forgotten when it is told no more.
    Happening,
}

/// How often things are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    pub repeat: Nanos,
    pub calm: Nanos,
}

/// Remembers what was told. By time given, so the same story makes the same messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    firing: Vec<Firing>,
    id_last: u64,
    /// Things that were not told because too many were.
    pub overlooked: u64,
}

impl Board {
    /// Yields what is told and not over, oldest first.
    pub fn firing(&self) -> impl Iterator<Item = &Firing> {
        self.firing.iter()
    }

    /// Takes what is seen now; what is not in it is good. Adds what is to be told.
    pub fn see(&mut self, now: Nanos, levels: Vec<Level>, rhythm: Rhythm, notes: &mut Vec<Note>) {
        let seen: BTreeMap<(Rule, String), Option<String>> =
            levels.into_iter().map(|level| ((level.rule, level.subject), level.text)).collect();
        for thing in self.firing.iter_mut().filter(|thing| thing.kind == Kind::Seen) {
            match seen.get(&(thing.rule, thing.subject.clone())) {
                Some(Some(text)) => (thing.text, thing.calm_since) = (text.clone(), None),
                Some(None) => thing.calm_since = None,
                None => thing.calm_since = thing.calm_since.or(Some(now)),
            }
        }
        for ((rule, subject), text) in seen {
            if let Some(text) = text {
                self.raise(now, rule, subject, text, Kind::Seen, notes);
            }
        }
        self.look(now, rhythm, notes);
    }

    /// Takes what the journal tells.
    pub fn hear(&mut self, told: Told, notes: &mut Vec<Note>) {
        let Told { rule, subject, at, change } = told;
        match change {
            Change::Raised(text) => self.raise(at, rule, subject, text, Kind::Journal, notes),
            Change::Noticed(text) => self.raise(at, rule, subject, text, Kind::Seen, notes),
            Change::Happened(text) => match self.find(rule, &subject) {
                Some(thing) => (thing.more, thing.text) = (thing.more.saturating_add(1), text),
                None => self.raise(at, rule, subject, text, Kind::Happening, notes),
            },
            Change::Passed(text) => {
                let Some(index) = self.firing.iter().position(|t| (t.rule, &t.subject) == (rule, &subject)) else {
                    return;
                };
                let thing = self.firing.remove(index);
                notes.push(Note { text, at, ..note(&thing, Phase::Passed, at) });
            }
        }
    }

    /// Returns the name of a thing of this moment: things of the same moment are still different things.
    pub fn next_id(&mut self, at: Nanos) -> u64 {
        self.id_last = at.0.max(self.id_last + 1);
        self.id_last
    }

    fn find(&mut self, rule: Rule, subject: &str) -> Option<&mut Firing> {
        self.firing.iter_mut().find(|thing| (thing.rule, thing.subject.as_str()) == (rule, subject))
    }

    fn raise(&mut self, at: Nanos, rule: Rule, subject: String, text: String, kind: Kind, notes: &mut Vec<Note>) {
        if let Some(thing) = self.find(rule, &subject) {
            (thing.text, thing.calm_since) = (text, None);
            return;
        }
        if self.firing.len() == FIRING_MAX {
            // One place less for what matters less.
            self.overlooked += 1;
            let least = (0..self.firing.len()).min_by_key(|index| self.firing[*index].rule.severity());
            match least.filter(|index| self.firing[*index].rule.severity() < rule.severity()) {
                Some(index) => drop(self.firing.remove(index)),
                None => return,
            }
        }
        let thing = Firing {
            id: self.next_id(at),
            rule,
            subject,
            text,
            raised_at: at,
            told_at: at,
            kind,
            more: 0,
            calm_since: None,
        };
        let phase = if kind == Kind::Happening { Phase::Happened } else { Phase::Raised };
        notes.push(note(&thing, phase, at));
        self.firing.push(thing);
    }

    /// Tells again what lasts, and takes back what passed.
    fn look(&mut self, now: Nanos, rhythm: Rhythm, notes: &mut Vec<Note>) {
        self.firing.retain_mut(|thing| {
            if thing.calm_since.is_some_and(|since| rhythm.calm <= now.since(since)) {
                notes.push(note(thing, Phase::Passed, now));
                return false;
            }
            if now.since(thing.told_at) < rhythm.repeat || thing.calm_since.is_some() {
                return true;
            }
            let phase = match (thing.kind, thing.more) {
                (Kind::Happening, 0) => return false,
                (Kind::Happening, _) => Phase::Happened,
                (Kind::Seen | Kind::Journal, _) => Phase::Still,
            };
            notes.push(note(thing, phase, now));
            (thing.told_at, thing.more) = (now, 0);
            true
        });
    }
}

fn note(thing: &Firing, phase: Phase, at: Nanos) -> Note {
    let Firing { id, rule, subject, text, more, .. } = thing.clone();
    Note { id, rule, subject, phase, text, at, more }
}
