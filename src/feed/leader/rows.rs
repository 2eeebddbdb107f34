//! Rows of the Data API, v1 (camelCase) and v2 (snake_case), from pages and from files.

use std::{borrow::Cow, collections::HashMap, io::Read, path::Path};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Sighting,
    fields::{Fields, Values},
};
use crate::{
    domain::{Nanos, Price, Shares, Side, Source, TradeKey},
    feed::{
        lines::{self, FileError},
        market::{Malformed, MalformedCode},
        registry::Registry,
    },
};

/// Largest file of rows, unpacked.
const FILE_MAX: u64 = 1 << 30;

/// A row as it stands in JSON. Numbers stay texts, because a float would lose digits.
#[derive(Deserialize)]
pub(super) struct RawRow<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "proxyWallet")]
    proxy_wallet: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "conditionId")]
    condition_id: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "asset")]
    token_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    side: Option<Cow<'a, str>>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    size: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, alias = "transactionHash")]
    transaction_hash: Option<Cow<'a, str>>,
    /// When a recorder saw the row.
    #[serde(alias = "recv_ns")]
    seen_ns: Option<u64>,
}

impl<'a> RawRow<'a> {
    /// Returns `None` for a row of another type than TRADE. Rows of `/trades` have no type.
    pub fn parse(json: &'a [u8]) -> Result<Option<RawRow<'a>>, Malformed> {
        let row = RawRow::of_any_type(json)?;
        Ok(row.kind.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("TRADE")).then_some(row))
    }

    pub fn of_any_type(json: &'a [u8]) -> Result<RawRow<'a>, Malformed> {
        serde_json::from_slice(json).map_err(|error| Malformed::json(&error, json))
    }

    /// Returns the row's type in capitals; TRADE where it has none, as rows of `/trades`.
    pub fn kind(&self) -> String {
        self.kind.as_deref().unwrap_or("TRADE").to_ascii_uppercase()
    }

    pub fn condition(&self) -> &[u8] {
        self.condition_id.as_deref().unwrap_or("").as_bytes()
    }

    /// Whether this is a trade at all, if nothing around it says so.
    pub fn looks_like_a_trade(&self) -> bool {
        self.proxy_wallet.is_some() || self.transaction_hash.is_some()
    }

    pub fn fields(&self) -> Fields<'_> {
        Fields {
            wallet: self.proxy_wallet.as_deref().unwrap_or("").as_bytes(),
            token: self.token_id.as_deref().unwrap_or("").as_bytes(),
            side: self.side.as_deref().unwrap_or("").as_bytes(),
            price: unquoted(self.price),
            size: unquoted(self.size),
            timestamp: unquoted(self.timestamp),
            transaction: self.transaction_hash.as_deref().unwrap_or("").as_bytes(),
        }
    }
}

/// Returns a number's text, whether it stands in quotes or not.
fn unquoted(value: Option<&RawValue>) -> &[u8] {
    let text = value.map_or("", RawValue::get).as_bytes();
    match text {
        [b'"', inside @ .., b'"'] => inside,
        b"null" => b"",
        text => text,
    }
}

/// A trade of the Data API, before it is known whether we follow the wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderRow {
    values: Values,
    /// How many equal fills came before it on its page.
    ordinal: u32,
    /// When a recorder saw it, in rows that say so (`seen_ns` or `recv_ns`).
    pub seen_at: Option<Nanos>,
}

impl LeaderRow {
    /// Returns the wallet in lower case.
    pub fn wallet(&self) -> &str {
        self.values.wallet.as_str()
    }

    pub fn token(&self) -> &str {
        self.values.token.as_str()
    }

    pub fn side(&self) -> Side {
        self.values.side
    }

    pub fn price(&self) -> Price {
        self.values.price
    }

    pub fn shares(&self) -> Shares {
        self.values.shares
    }

    pub fn traded_at(&self) -> Nanos {
        self.values.traded_at
    }

    pub fn key(&self) -> TradeKey {
        self.values.key(self.ordinal)
    }

    /// Returns what the row means to who follows the registry's leaders.
    pub fn sighting(&self, registry: &Registry) -> Sighting {
        self.values.sighting(self.ordinal, Source::Index, registry)
    }
}

/// A page of v2.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
}

/// Calls `each` with the JSON of every row of a page.
pub(super) fn each_raw(json: &[u8], mut each: impl FnMut(&[u8])) -> Result<usize, Malformed> {
    let wrong = |error: serde_json::Error| Malformed::json(&error, json);
    let page: Envelope<'_> = serde_json::from_slice(json).map_err(wrong)?;
    let rows = page.data.ok_or(Malformed { code: MalformedCode::NotAMessage, field: "data", offset: 0 })?;
    rows.iter().for_each(|row| each(row.get().as_bytes()));
    Ok(rows.len())
}

/// Calls `each` with every row of a page; `None` is a row that is no trade.
pub(super) fn page(json: &[u8], each: impl FnMut(Result<Option<LeaderRow>, Malformed>)) -> Result<(), Malformed> {
    let page: &RawValue = serde_json::from_slice(json).map_err(|error| Malformed::json(&error, json))?;
    rows(page.get(), &mut HashMap::new(), each)
}

fn rows(
    page: &str,
    equal: &mut HashMap<TradeKey, u32>,
    mut each: impl FnMut(Result<Option<LeaderRow>, Malformed>),
) -> Result<(), Malformed> {
    let wrong = |error: serde_json::Error| Malformed::json(&error, page.as_bytes());
    let list: Vec<&RawValue> = match page.trim_start().as_bytes().first() {
        Some(b'[') => serde_json::from_str(page).map_err(wrong)?,
        Some(b'{') => match serde_json::from_str::<Envelope<'_>>(page).map_err(wrong)?.data {
            Some(data) => data,
            None => vec![serde_json::from_str(page).map_err(wrong)?],
        },
        _ => return Err(Malformed { code: MalformedCode::NotAMessage, field: "", offset: 0 }),
    };
    let begin = page.as_ptr() as usize;
    for raw in list {
        let offset = raw.get().as_ptr() as usize - begin;
        each(row(raw.get().as_bytes(), equal).map_err(|error| Malformed { offset: error.offset + offset, ..error }));
    }
    Ok(())
}

fn row(json: &[u8], equal: &mut HashMap<TradeKey, u32>) -> Result<Option<LeaderRow>, Malformed> {
    let Some(row) = RawRow::parse(json)? else { return Ok(None) };
    let values = row.fields().values()?;
    let before = equal.entry(values.key(0)).or_insert(0);
    let ordinal = *before;
    *before += 1;
    Ok(Some(LeaderRow { values, ordinal, seen_at: row.seen_ns.map(Nanos) }))
}

/// The trades of a file: JSON lines of rows or pages, or one array, plain or compressed. All in memory, in file order;
/// equal fills are counted over the whole file.
#[derive(Debug)]
pub struct LeaderRows {
    pub rows: Vec<LeaderRow>,
    /// Rows of other types than TRADE.
    pub not_trades: u64,
}

impl LeaderRows {
    /// Reads the file. The first bad row is an error that names the row.
    pub fn open(path: &Path) -> Result<LeaderRows, FileError> {
        let fail = |line: u64, text: String| FileError { path: path.to_owned(), line, text };
        let mut bytes = Vec::new();
        let read = lines::open(path)?.take(FILE_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| fail(0, format!("the file breaks off or is damaged ({error})")))?;
        if bytes.len() as u64 > FILE_MAX {
            return Err(fail(0, format!("longer than {FILE_MAX} bytes unpacked; cut it")));
        }
        let line_at = |offset: usize| 1 + memchr::memchr_iter(b'\n', &bytes[..offset.min(bytes.len())]).count() as u64;
        let (mut found, mut equal) = (LeaderRows { rows: Vec::new(), not_trades: 0 }, HashMap::new());
        let mut pages = serde_json::Deserializer::from_slice(&bytes).into_iter::<&RawValue>();
        loop {
            let begin = pages.byte_offset();
            let Some(page) = pages.next() else { return Ok(found) };
            let page = page.map_err(|error| fail(line_at(begin), format!("no JSON: {error}")))?;
            let mut bad = None;
            let whole = rows(page.get(), &mut equal, |row| match row {
                Ok(Some(row)) => found.rows.push(row),
                Ok(None) => found.not_trades += 1,
                Err(error) => bad = bad.or(Some(error)),
            });
            if let Some(error) = bad.or(whole.err()) {
                let begin = page.get().as_ptr() as usize - bytes.as_ptr() as usize;
                return Err(fail(line_at(begin + error.offset), format!("{error}; correct or remove this row")));
            }
        }
    }
}
