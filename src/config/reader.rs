//! A typed reader of layered TOML: it collects every mistake instead of stopping at the first, notes each key that was
//! asked for (all others are unknown), and remembers where each value in force came from.
//!
//! A value that is wrong is reported, and reading goes on with the next layer's: the defaults, which are right.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    changes,
    problem::{Place, Problem, Problems},
    section::Section,
};
use crate::domain::Usdc;

/// A TOML text, parsed. Borrows the text.
pub struct Document<'a> {
    pub(super) name: &'a str,
    text: &'a str,
    pub(super) table: Spanned<DeTable<'a>>,
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

/// Reads layers in order: overrides, changes where they may be, the file, the defaults.
pub struct Reader<'a> {
    /// Earlier ones win; the last one holds the defaults.
    pub(super) documents: Vec<&'a Document<'a>>,
    /// What was changed in a running engine: of [`changes::SECTIONS`] only.
    changes: Option<&'a Document<'a>>,
    pub(super) overrides: &'a [Override],
    /// A table for each preset.
    pub(super) presets: &'a Document<'a>,
    problems: Vec<Problem>,
    pub(super) groups: Vec<Group>,
    /// What would be in force where others take it over.
    pub(super) rehearsed: Vec<Group>,
}

/// One table in one document.
#[derive(Clone)]
pub(super) struct Layer<'a> {
    pub document: &'a Document<'a>,
    pub table: &'a DeTable<'a>,
    pub path: String,
}

/// A table in a list of tables, and where it is written.
type Spoken<'a> = (&'a Document<'a>, &'a Spanned<DeValue<'a>>);

fn name_of<'a>((_, value): &Spoken<'a>) -> Option<&'a str> {
    value.get_ref().as_table()?.get("name")?.get_ref().as_str()
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

    pub(super) fn place(&self, span: Range<usize>) -> Place {
        Place::in_text(self.name, self.text, span)
    }
}

impl<'a> Reader<'a> {
    /// Begins to read; earlier documents win over later ones, the last one holds the defaults.
    pub fn new(documents: Vec<&'a Document<'a>>, presets: &'a Document<'a>, overrides: &'a [Override]) -> Reader<'a> {
        Reader {
            documents,
            changes: None,
            presets,
            overrides,
            problems: Vec::new(),
            groups: Vec::new(),
            rehearsed: Vec::new(),
        }
    }

    /// Lets `changes` answer first, where it may; anything else in it is a mistake.
    pub fn with_changes(mut self, document: &'a Document<'a>) -> Reader<'a> {
        self.changes = Some(document);
        for (key, _) in document.table.get_ref() {
            if !changes::SECTIONS.contains(&key.get_ref().as_ref()) {
                let fix = "write it in your settings' file; it takes effect at the next start";
                let place = document.place(key.span());
                self.report(place, key.get_ref(), "cannot be changed here", &changes::SECTIONS.join(", "), fix);
            }
        }
        self
    }

    /// Returns what is in force and what was only rehearsed, or all mistakes, in the order of their places.
    pub fn finish(mut self) -> Result<(Vec<Group>, Vec<Group>), Problems> {
        if self.problems.is_empty() {
            return Ok((self.groups, self.rehearsed));
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
        let is_changed = path.split('.').next().is_some_and(|name| changes::SECTIONS.contains(&name));
        let changes = self.changes.filter(|_| is_changed);
        for document in changes.into_iter().chain(self.documents.clone()) {
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
        let element = self.list(name).into_iter().nth(index)?;
        let path = format!("{name} {}", index + 1);
        let mut layers = Vec::new();
        for (document, value) in &element {
            let place = document.place(value.span());
            let Some(table) = value.get_ref().as_table() else {
                let fix = format!("begin it with [[{name}]] on a line of its own");
                self.report(place, &path, "is not a table", "a table", &fix);
                return None;
            };
            layers.push(Layer { document, table, path: path.clone() });
        }
        let (document, value) = element.last()?;
        Some(self.open(format!("[[{name}]]"), path, document.place(value.span()), layers))
    }

    /// Returns how many elements the list of tables `name` has; says so if it is not a list.
    pub fn count(&mut self, name: &'static str) -> usize {
        let misplaced = self.changes.iter().chain(&self.documents).find_map(|document| {
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
        self.list(name).len()
    }

    pub fn report(&mut self, place: Place, key: &str, wrong: &str, allowed: &str, fix: &str) {
        // What stands there may hold a password, or a key in an address.
        let is_secret = ["wallet.", "chain.", "store.", "alert "].iter().any(|section| key.starts_with(section));
        let excerpt = if is_secret { String::new() } else { place.excerpt };
        let place = Place { excerpt, ..place };
        let [key, wrong, allowed, fix] = [key, wrong, allowed, fix].map(str::to_owned);
        self.problems.push(Problem { place, key, wrong, allowed, fix });
    }

    /// Returns the elements of the list of tables `name`, each with those who speak of it: a change of an element says the
    /// name of what it changes, and speaks first; one of another name is an element more.
    fn list(&self, name: &str) -> Vec<Vec<Spoken<'a>>> {
        let tables = |document: &&'a Document<'a>| {
            let list = document.table.get_ref().get(name)?.get_ref().as_array()?;
            Some(list.iter().map(|value| (*document, value)).collect::<Vec<_>>())
        };
        let mut elements: Vec<Vec<Spoken<'a>>> =
            self.documents.iter().find_map(tables).unwrap_or_default().into_iter().map(|spoken| vec![spoken]).collect();
        for spoken in self.changes.iter().find_map(tables).unwrap_or_default() {
            let changed = elements.iter_mut().find(|element| {
                element.iter().any(|other| {
                    !std::ptr::eq(other.0, spoken.0)
                        && name_of(other).is_some_and(|name| Some(name) == name_of(&spoken))
                })
            });
            match changed {
                Some(element) => element.insert(0, spoken),
                None => elements.push(vec![spoken]),
            }
        }
        elements
    }

    /// Returns the table `name` within `layer`; says so if it is something else.
    pub(super) fn inner(&mut self, layer: &Layer<'a>, name: &str) -> Option<Layer<'a>> {
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

    pub(super) fn open<'r>(
        &'r mut self,
        title: String,
        path: String,
        header: Place,
        layers: Vec<Layer<'a>>,
    ) -> Section<'r, 'a> {
        self.groups.push(Group { header: title, entries: Vec::new() });
        let (group, own) = (self.groups.len() - 1, layers.len());
        Section { reader: self, group, path, header, layers, own, known: Vec::new(), capital: Usdc::ZERO }
    }
}
