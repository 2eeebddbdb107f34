//! Mistakes in settings: where each is, what is wrong, what is allowed, and how to put it right.

use std::{error::Error, fmt};

use serde::Serialize;

/// Where a setting came from, as exactly as is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// A file, an option (`--listen`) or a variable.
    pub source: String,
    /// From 1; 0 where the source has no lines.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The line itself, and how many of its characters from `column` on are meant.
    pub excerpt: String,
    pub marked: usize,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub place: Place,
    /// The setting's full name; empty for a mistake of syntax.
    pub key: String,
    pub wrong: String,
    pub allowed: String,
    pub fix: String,
}

/// All mistakes of one attempt to read the settings, in the order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problems(pub Vec<Problem>);

impl Place {
    /// Returns the place of the bytes `span` of `text`.
    pub fn in_text(source: &str, text: &str, span: std::ops::Range<usize>) -> Place {
        let start = floor_char(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let end = floor_char(text, span.end).clamp(start, line_end);
        Place {
            source: source.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            excerpt: masked(text[line_start..line_end].trim_end()),
            marked: text[start..end].chars().count().max(1),
        }
    }

    /// Returns a place that has a name but no lines.
    pub fn named(source: &str) -> Place {
        Place { source: source.to_owned(), ..Place::default() }
    }
}

/// Returns a line with stars for what may be a secret key that does not belong there: 64 hexadecimal digits or more.
fn masked(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let is_part = |c: char| c.is_ascii_hexdigit() || c == 'x';
    for run in line.split_inclusive(|c| !is_part(c)) {
        let digits = run.trim_end_matches(|c| !is_part(c));
        let rest = &run[digits.len()..];
        shown.push_str(&if digits.len() < 64 { digits.to_owned() } else { "*".repeat(digits.len()) });
        shown.push_str(rest);
    }
    shown
}

/// Returns the last start of a character at or before `offset`.
fn floor_char(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.source),
            line => write!(f, "{}:{line}:{}", self.source, self.column),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { place, key, wrong, allowed, fix } = self;
        write!(f, "{place}: ")?;
        if !key.is_empty() {
            write!(f, "{key}: ")?;
        }
        writeln!(f, "{wrong}")?;
        if place.line > 0 && !place.excerpt.is_empty() {
            // Tabs become single spaces, so that the mark stands under what it means.
            writeln!(f, "    | {}", place.excerpt.replace('\t', " "))?;
            writeln!(f, "    | {}{}", " ".repeat(place.column - 1), "^".repeat(place.marked))?;
        }
        if !allowed.is_empty() {
            writeln!(f, "    allowed: {allowed}")?;
        }
        write!(f, "    fix: {fix}")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        for (index, problem) in self.0.iter().enumerate() {
            writeln!(f, "mistake {} of {count}: {problem}", index + 1)?;
        }
        Ok(())
    }
}

impl Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters() {
        let text = "a = 1\nb = \"é\" # x\n";
        let check = |span, expected: &str| assert_eq!(Place::in_text("f", text, span).to_string(), expected);
        check(0..1, "f:1:1");
        check(4..5, "f:1:5");
        check(6..7, "f:2:1");
        check(15..16, "f:2:9");
        check(999..1000, "f:3:1");
        assert_eq!(Place::in_text("f", text, 10..14).marked, 3);
        assert_eq!(Place::named("--listen").to_string(), "--listen");
    }
}
