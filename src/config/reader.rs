//! A typed reader of layered TOML: it collects every mistake instead of stopping at the first, notes each key that was
//! asked for (all others are unknown), and remembers where each value in force came from.
//!
//! A value that is wrong is reported, and reading goes on with the next layer's: the defaults, which are right.

use std::{fmt::Write, ops::Range};

use rust_decimal::Decimal;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    decimal,
    problem::{Place, Problem, Problems},
};

/// A TOML text, parsed. Borrows the text.
pub struct Document<'a> {
    name: &'a str,
    text: &'a str,
    table: Spanned<DeTable<'a>>,
}

/// A value from outside the files, which wins over them.
pub struct Override {
    /// Section and key: `web.listen`.
    pub key: &'static str,
    pub value: String,
    /// The option or variable that says so.
    pub source: &'static str,
}

/// A section as it is in force, for people to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// As written in TOML: `[web]`, `[[leader]]`.
    pub header: String,
    pub entries: Vec<Entry>,
}

/// One setting in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: &'static str,
    /// The full name in the layer that answered: `strategy_default.paper.price_min`.
    pub path: String,
    /// As TOML, in one canonical form.
    pub value: String,
    pub place: Place,
    pub allowed: String,
}

/// Reads layers in order: overrides, the file, the defaults.
pub struct Reader<'a> {
    documents: Vec<&'a Document<'a>>,
    overrides: &'a [Override],
    problems: Vec<Problem>,
    groups: Vec<Group>,
}

/// One table in one document.
#[derive(Clone)]
struct Layer<'a> {
    document: &'a Document<'a>,
    table: &'a DeTable<'a>,
    path: String,
}

/// A table that is being read, with the layers that may answer for it.
pub struct Section<'r, 'a> {
    reader: &'r mut Reader<'a>,
    group: usize,
    path: String,
    /// Where a missing key is reported.
    header: Place,
    layers: Vec<Layer<'a>>,
    known: Vec<&'static str>,
}

/// A text in a list, and where it stands.
pub struct Text<'a> {
    pub text: &'a str,
    pub place: Place,
}

impl<'a> Document<'a> {
    /// Returns the parsed text, or every mistake of syntax in it.
    pub fn parse(name: &'a str, text: &'a str) -> Result<Document<'a>, Problems> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Document { name, text, table });
        }
        let problem = |error: &toml::de::Error| Problem {
            place: Place::in_text(name, text, error.span().unwrap_or(0..0)),
            key: String::new(),
            wrong: format!("this is not TOML: {}", error.message()),
            allowed: "one `key = value` a line; text in \"quotes\"; a list in [brackets]; sections as [section]".into(),
            fix: "correct this line; what the values say is checked once the file can be read".into(),
        };
        Err(Problems(errors.iter().map(problem).collect()))
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place::in_text(self.name, self.text, span)
    }
}

impl<'a> Reader<'a> {
    /// Begins to read; earlier documents win over later ones, the last one holds the defaults.
    pub fn new(documents: Vec<&'a Document<'a>>, overrides: &'a [Override]) -> Reader<'a> {
        Reader { documents, overrides, problems: Vec::new(), groups: Vec::new() }
    }

    /// Returns what was in force, or all mistakes, in the order of their places.
    pub fn finish(mut self) -> Result<Vec<Group>, Problems> {
        if self.problems.is_empty() {
            return Ok(self.groups);
        }
        let rank = |place: &Place| (place.source.clone(), place.line, place.column);
        self.problems.sort_by_key(|problem| rank(&problem.place));
        // What strategies share is read once for each of them, and reported once.
        let mut once: Vec<Problem> = Vec::new();
        for problem in self.problems {
            let same = |other: &Problem| (&other.place, &other.wrong) == (&problem.place, &problem.wrong);
            if !once.iter().any(same) {
                once.push(problem);
            }
        }
        Err(Problems(once))
    }

    /// Begins the section at `path` (dots between names), or at the top for an empty one.
    pub fn section<'r>(&'r mut self, path: &str) -> Section<'r, 'a> {
        let mut layers = Vec::new();
        for document in self.documents.clone() {
            let top = Layer { document, table: document.table.get_ref(), path: String::new() };
            let found =
                path.split('.').filter(|name| !name.is_empty()).try_fold(top, |layer, name| self.inner(&layer, name));
            layers.extend(found);
        }
        let header = if path.is_empty() { String::new() } else { format!("[{path}]") };
        self.open(header, path.to_owned(), Place::named(path), layers)
    }

    /// Begins to read the `index`th element of the list of tables `name`; `None` if that is no table (and says so).
    pub fn element<'r>(&'r mut self, name: &'static str, index: usize) -> Option<Section<'r, 'a>> {
        let (document, elements) = self.list(name)?;
        let element = elements.get(index)?;
        let path = format!("{name} {}", index + 1);
        let Some(table) = element.get_ref().as_table() else {
            let place = document.place(element.span());
            self.report(
                place,
                &path,
                "is not a table",
                "a table",
                &format!("begin it with [[{name}]] on a line of its own"),
            );
            return None;
        };
        let header = document.place(element.span());
        let layer = Layer { document, table, path: path.clone() };
        Some(self.open(format!("[[{name}]]"), path, header, vec![layer]))
    }

    /// Returns how many elements the list of tables `name` has; says so if it is not a list.
    pub fn count(&mut self, name: &'static str) -> usize {
        let misplaced = self.documents.iter().find_map(|document| {
            let (key, value) = document.table.get_ref().get_key_value(name)?;
            value.get_ref().as_array().is_none().then(|| document.place(key.span()))
        });
        if let Some(place) = misplaced {
            self.report(
                place,
                name,
                "is not a list of tables",
                "any number of them",
                &format!("write [[{name}]], with two brackets"),
            );
        }
        self.list(name).map_or(0, |(_, elements)| elements.len())
    }

    pub fn report(&mut self, place: Place, key: &str, wrong: &str, allowed: &str, fix: &str) {
        let [key, wrong, allowed, fix] = [key, wrong, allowed, fix].map(str::to_owned);
        self.problems.push(Problem { place, key, wrong, allowed, fix });
    }

    fn list(&self, name: &str) -> Option<(&'a Document<'a>, &'a toml::de::DeArray<'a>)> {
        self.documents
            .iter()
            .find_map(|document| Some((*document, document.table.get_ref().get(name)?.get_ref().as_array()?)))
    }

    /// Returns the table `name` within `layer`; says so if it is something else.
    fn inner(&mut self, layer: &Layer<'a>, name: &str) -> Option<Layer<'a>> {
        let (key, value) = layer.table.get_key_value(name)?;
        let path = if layer.path.is_empty() { name.to_owned() } else { format!("{}.{name}", layer.path) };
        match value.get_ref().as_table() {
            Some(table) => Some(Layer { document: layer.document, table, path }),
            None => {
                let place = layer.document.place(key.span());
                self.report(
                    place,
                    &path,
                    "is not a section",
                    "a table",
                    &format!("write [{name}], and its keys below"),
                );
                None
            }
        }
    }

    fn open<'r>(&'r mut self, title: String, path: String, header: Place, layers: Vec<Layer<'a>>) -> Section<'r, 'a> {
        self.groups.push(Group { header: title, entries: Vec::new() });
        let group = self.groups.len() - 1;
        Section { reader: self, group, path, header, layers, known: Vec::new() }
    }
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
        let mut layers = Vec::new();
        for layer in self.layers.clone() {
            layers.extend(self.reader.inner(&layer, name));
        }
        self.reader.open(header.to_owned(), format!("{}.{name}", self.path), self.header.clone(), layers)
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

    /// Returns the texts of the list `key`, which has at least `least` elements; those that are no text are reported.
    pub fn texts(&mut self, key: &'static str, least: usize, allowed: &str, example: &str) -> Vec<Text<'a>> {
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
        let mut texts = Vec::new();
        for element in list {
            let place = layer.document.place(element.span());
            match element.get_ref().as_str() {
                Some(text) => texts.push(Text { text, place }),
                None => {
                    let wrong = format!("holds {}, not a text", describe(element.get_ref()));
                    let fix = format!("for example: {key} = {example}");
                    self.reader.report(place, &format!("{}.{key}", layer.path), &wrong, allowed, &fix);
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
    (distance <= 2 + name.len() / 4).then_some(nearest)
}

/// Returns what kind of value it is, and the value, for people.
pub fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text {text:?}"),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(value) => format!("the switch {value}"),
        DeValue::Datetime(moment) => format!("the date {moment}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Returns `value` exactly, if it is a number.
pub fn number(value: &DeValue<'_>) -> Result<Decimal, String> {
    match value {
        DeValue::Integer(number) if number.radix() == 10 => decimal::exact(number.as_str()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Decimal::from)
            .map_err(|_| format!("{number} is too large")),
        DeValue::Float(number) => decimal::exact(number.as_str()),
        DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            Err(format!("is {}, not a number", describe(value)))
        }
    }
}

/// Returns `value` as TOML in one canonical form, so that `50` and `50.0` are the same setting.
fn canonical(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(_) | DeValue::Float(_) => match number(value) {
            Ok(number) => number.normalize().to_string(),
            Err(_) => describe(value),
        },
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::Array(values) => {
            let values: Vec<String> = values.iter().map(|value| canonical(value.get_ref())).collect();
            format!("[{}]", values.join(", "))
        }
        DeValue::Table(table) => {
            let mut text = String::from("{");
            for (key, value) in table {
                let _ = write!(text, " {} = {},", key.get_ref(), canonical(value.get_ref()));
            }
            text + " }"
        }
    }
}
