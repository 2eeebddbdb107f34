//! One table that is being read: each key it is asked for is noted, whatever else it holds is unknown.

use toml::de::DeValue;

use crate::domain::Usdc;

use super::{
    literal::{canonical, describe},
    problem::Place,
    reader::{Entry, Layer, Override, Reader},
};

/// A table that is being read, with the layers that may answer for it.
pub struct Section<'r, 'a> {
    pub(super) reader: &'r mut Reader<'a>,
    pub(super) group: usize,
    pub(super) path: String,
    /// Where a missing key is reported.
    pub(super) header: Place,
    pub(super) layers: Vec<Layer<'a>>,
    /// How many of the layers are its own, before those that back it.
    pub(super) own: usize,
    pub(super) known: Vec<&'static str>,
    /// What percentages among its limits are of.
    pub(super) capital: Usdc,
}

/// A text in a list, and where it stands.
pub struct Text<'a> {
    pub text: &'a str,
    pub place: Place,
}

impl<'a> Section<'_, 'a> {
    /// Lets the section at `path` answer what this one does not say.
    pub fn backed_by(mut self, path: &str) -> Self {
        let (groups, backing) = (self.reader.groups.len(), self.reader.section(path).layers);
        self.reader.groups.truncate(groups);
        self.layers.extend(backing);
        self
    }

    /// Begins the table `name` within this one, and within whatever backs it.
    pub fn inner<'s>(&'s mut self, name: &'static str, header: &str) -> Section<'s, 'a> {
        self.known.push(name);
        self.within(name, &[name], header)
    }

    /// Begins the table `name`, which says only what differs from the table `other` beside it.
    pub fn inner_over<'s>(&'s mut self, name: &'static str, other: &str, header: &str) -> Section<'s, 'a> {
        self.known.push(name);
        self.within(name, &[name, other], header)
    }

    fn within<'s>(&'s mut self, name: &'static str, tables: &[&str], header: &str) -> Section<'s, 'a> {
        let (mut layers, mut own) = (Vec::new(), 0);
        for table in tables {
            for (index, layer) in self.layers.clone().iter().enumerate() {
                let found = self.reader.inner(layer, table);
                own += usize::from(found.is_some() && *table == name && index < self.own);
                layers.extend(found);
            }
        }
        let path = format!("{}.{name}", self.path);
        let section = self.reader.open(header.to_owned(), path, self.header.clone(), layers);
        Section { own, ..section }
    }

    /// Returns whether the section itself has `key`, whatever backs it.
    pub fn says(&self, key: &str) -> bool {
        self.layers.iter().take(self.own).any(|layer| layer.table.contains_key(key))
    }

    /// Lets the preset `name` answer after the table that names it, before what backs that.
    pub fn insert_preset(&mut self, name: &str) {
        let document = self.reader.presets;
        let table = document.table.get_ref().get(name).and_then(|value| value.get_ref().as_table());
        let table = table.expect("the preset is built in");
        let namer = self.layers.iter().position(|layer| layer.table.contains_key("preset"));
        let layer = Layer { document, table, path: name.to_owned() };
        self.layers.insert(namer.map_or(0, |namer| namer + 1), layer);
    }

    /// Says what percentages among its limits are of.
    pub fn set_capital(&mut self, capital: Usdc) {
        self.capital = capital;
    }

    /// Reads the section for its mistakes, and for people to see: what it says is not in force by itself.
    pub fn rehearse(&mut self, name: &'static str, other: &str, read: impl FnOnce(&mut Section<'_, '_>)) {
        let groups = self.reader.groups.len();
        let header = format!("[{}.{name}]", self.path);
        let mut inner = self.inner_over(name, other, &header);
        read(&mut inner);
        inner.finish();
        let rehearsed = self.reader.groups.split_off(groups);
        self.reader.rehearsed.extend(rehearsed);
    }

    /// Ends the section: every key in it that was not asked for is unknown.
    pub fn finish(self) {
        for layer in &self.layers {
            for key in layer.table.keys().filter(|key| !self.known.contains(&key.get_ref().as_ref())) {
                let name = key.get_ref();
                let nearest = nearest(name, &self.known);
                let fix = match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => "take it out; config/default.toml lists every key".to_owned(),
                };
                let full = if layer.path.is_empty() { name.to_string() } else { format!("{}.{name}", layer.path) };
                let place = layer.document.place(key.span());
                self.reader.report(place, &full, "is not a key that exists here", &self.known.join(", "), &fix);
            }
        }
    }

    /// Returns whether `key` is written anywhere; it belongs here either way.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.known.push(key);
        self.layers.iter().any(|layer| layer.table.contains_key(key))
    }

    /// Notes that `key` belongs here, and that something else reads it.
    pub fn knows(&mut self, key: &'static str) {
        self.known.push(key);
    }

    /// Reads `key` by `read`, which says what is wrong with a value. `None` if no layer has a right one; a key that is
    /// nowhere is reported as missing, with `example` as the fix.
    pub fn value<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        example: &str,
        read: impl Fn(&DeValue<'_>) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(key);
        let path = format!("{}.{key}", self.path);
        let default = self
            .layers
            .last()
            .filter(|layer| self.reader.documents.last().is_some_and(|last| std::ptr::eq(*last, layer.document)));
        let default = default.and_then(|layer| layer.table.get(key)).map(|value| canonical(value.get_ref()));
        let fix = match default.filter(|default| default != "\"\"") {
            Some(default) => format!("the default is: {key} = {default}"),
            None => format!("for example: {key} = {example}"),
        };
        let from_outside = self.reader.overrides.iter().find(|entry| entry.key == path);
        if let Some(Override { value, source, .. }) = from_outside {
            let (value, place) = (DeValue::String(value.as_str().into()), Place::named(source));
            match read(&value) {
                Ok(found) => return Some(self.accept(key, path, &value, place, allowed, found)),
                Err(wrong) => self.reader.report(place, &path, &wrong, allowed, &fix),
            }
        }
        let mut missing = true;
        for layer in self.layers.clone() {
            let Some(value) = layer.table.get(key) else { continue };
            missing = false;
            let place = layer.document.place(value.span());
            let path = format!("{}.{key}", layer.path);
            match read(value.get_ref()) {
                Ok(found) => return Some(self.accept(key, path, value.get_ref(), place, allowed, found)),
                Err(wrong) => self.reader.report(place, &path, &wrong, allowed, &fix),
            }
        }
        if missing {
            let (place, _) = self.origin(key);
            self.reader.report(place, &path, "is missing", allowed, &fix);
        }
        None
    }

    fn accept<T>(
        &mut self,
        key: &'static str,
        path: String,
        value: &DeValue<'_>,
        place: Place,
        allowed: &str,
        found: T,
    ) -> T {
        let entry = Entry { key, path, value: canonical(value), place, allowed: allowed.to_owned() };
        self.reader.groups[self.group].entries.push(entry);
        found
    }

    /// Replaces what people get to see of the value read last.
    pub fn hide_last(&mut self, shown: &str) {
        if let Some(entry) = self.reader.groups[self.group].entries.last_mut() {
            entry.value = format!("{shown:?}");
        }
    }

    /// Returns where `key` was read from, or where its section begins; and its full name.
    fn origin(&self, key: &str) -> (Place, String) {
        let read = self.reader.groups[self.group].entries.iter().find(|entry| entry.key == key);
        match read {
            Some(entry) => (entry.place.clone(), entry.path.clone()),
            None => (self.header.clone(), format!("{}.{key}", self.path)),
        }
    }

    /// Reports a value that is right by itself, but not with the others.
    pub fn conflict(&mut self, key: &str, wrong: &str, allowed: &str, fix: &str) {
        let (place, name) = self.origin(key);
        self.reader.report(place, &name, wrong, allowed, fix);
    }

    /// Reports that `low`, which must not exceed `high`, does: at the one of the two that somebody wrote.
    pub fn out_of_order(&mut self, low: &str, high: &str) {
        let value = |key: &str| {
            let entry = self.reader.groups[self.group].entries.iter().find(|entry| entry.key == key);
            entry.map_or(String::new(), |entry| entry.value.clone())
        };
        let (low_value, high_value) = (value(low), value(high));
        let defaults = self.reader.documents.last().map_or("", |document| document.name);
        if self.origin(high).0.source == defaults {
            let wrong = format!("{low_value} is above {high}, which is {high_value} by default");
            self.conflict(low, &wrong, &format!("at most {high}"), &format!("lower it, or set {high} higher"));
        } else {
            let wrong = format!("{high_value} is below {low}, which is {low_value}");
            self.conflict(high, &wrong, &format!("at least {low}"), &format!("raise it, or lower {low}"));
        }
    }

    /// Returns the elements of the list `key`, which has at least `least` of them, and where each stands.
    pub fn elements(
        &mut self,
        key: &'static str,
        least: usize,
        allowed: &str,
        example: &str,
    ) -> Vec<(&'a DeValue<'a>, Place)> {
        self.value(key, allowed, example, |value| match value {
            DeValue::Array(list) if list.len() < least => Err("is empty".to_owned()),
            DeValue::Array(_) => Ok(()),
            other => Err(format!("is {}, not a list", describe(other))),
        });
        let Some((layer, list)) =
            self.layers.iter().find_map(|layer| Some((layer.clone(), layer.table.get(key)?.get_ref().as_array()?)))
        else {
            return Vec::new();
        };
        list.iter().map(|element| (element.get_ref(), layer.document.place(element.span()))).collect()
    }

    /// Returns the texts of the list `key`, which has at least `least` elements; those that are no text are reported.
    pub fn texts(&mut self, key: &'static str, least: usize, allowed: &str, example: &str) -> Vec<Text<'a>> {
        let mut texts = Vec::new();
        for (element, place) in self.elements(key, least, allowed, example) {
            match element.as_str() {
                Some(text) => texts.push(Text { text, place }),
                None => {
                    let wrong = format!("holds {}, not a text", describe(element));
                    let fix = format!("for example: {key} = {example}");
                    self.report(place, key, &wrong, allowed, &fix);
                }
            }
        }
        texts
    }

    pub fn report(&mut self, place: Place, key: &str, wrong: &str, allowed: &str, fix: &str) {
        let key = format!("{}.{key}", self.path);
        self.reader.report(place, &key, wrong, allowed, fix);
    }
}

/// Returns the known key that `name` is most likely a slip for.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let (distance, nearest) = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), *known))
        .min_by_key(|(distance, _)| *distance)?;
    let begun = known.iter().copied().find(|known| known.starts_with(name));
    if distance <= 2 + name.len() / 4 { Some(nearest) } else { begun }
}
