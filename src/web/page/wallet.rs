//! The part of the real portfolio that is read from the venue: what the wallet holds beside our books, whose copies hold
//! what of it, what differs, and how much of the limits is used.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::Serialize;

use super::{LeaderName, MarketName, portfolio_name};
use crate::{
    domain::{Nanos, NotSent, Numbers, Unit},
    metrics::Snapshot,
    store::query::{DifferenceRow, Reader, ShareRow, WalletRow},
    web::{
        Web,
        figure::{self, Figure, When},
        server::Unread,
        words,
    },
};

/// What the tables say of the wallet.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Contents {
    pub holdings: Vec<WalletRow>,
    pub shares: Vec<ShareRow>,
    pub differences: Vec<DifferenceRow>,
}

pub async fn contents(reader: &mut Reader) -> Result<Contents, Unread> {
    Ok(Contents {
        holdings: reader.wallet().await?,
        shares: reader.wallet_shares().await?,
        differences: reader.differences().await?,
    })
}

/// All of it as the page shows it.
#[derive(Default)]
pub struct Wallet {
    /// Where the numbers are from, and how old they are.
    pub source: String,
    pub source_class: &'static str,
    pub source_word: &'static str,
    pub holdings: Vec<Holding>,
    pub cash: Option<Holding>,
    /// Shares at the best bid, and with the dollars.
    pub value: Option<Figure>,
    pub total: Option<Figure>,
    /// Shares whose price is not known.
    pub unpriced: usize,
    pub differences: Vec<Difference>,
    pub uses: Vec<Use>,
}

/// One thing that the wallet holds.
pub struct Holding {
    /// `None`: dollars.
    pub market: Option<MarketName>,
    pub token_id: i32,
    pub ours: Figure,
    pub external: Figure,
    pub theirs: Figure,
    pub difference: Option<Figure>,
    pub bid: Figure,
    pub value: Figure,
    pub leaders: Vec<Share>,
    pub at: When,
}

/// A leader's part of a holding.
pub struct Share {
    pub leader: LeaderName,
    pub shares: Figure,
    pub part: Figure,
    pub provisional: Option<Figure>,
}

pub struct Difference {
    pub at: When,
    pub what: String,
    pub market: Option<MarketName>,
    pub is_over: bool,
    /// What the operator made of it.
    pub choice: &'static str,
    pub ours: Figure,
    pub theirs: Figure,
}

/// How much of a limit is used, and a bar a thousand wide.
pub struct Use {
    pub whose: String,
    pub text: String,
    pub knob: &'static str,
    pub used: Figure,
    pub most: Figure,
    pub part: Figure,
    pub width: u32,
    pub class: &'static str,
}

impl Wallet {
    pub fn new(web: &Web, contents: &Contents, now: Nanos) -> Wallet {
        let snapshot = web.state.published.load();
        let mut wallet = Wallet { uses: uses(web, &snapshot), ..Wallet::default() };
        (wallet.source_word, wallet.source_class, wallet.source) = source(web, contents, now);
        let mut value = Decimal::ZERO;
        for row in &contents.holdings {
            let holding = Holding::new(row, contents, &snapshot, now);
            match (row.what.as_str(), price(row, &snapshot)) {
                ("cash", _) => wallet.cash = Some(holding),
                (_, price) => {
                    wallet.unpriced += usize::from(price.is_none());
                    value += price.unwrap_or_default() * row.theirs;
                    wallet.holdings.push(holding);
                }
            }
        }
        let cash = contents.holdings.iter().find(|row| row.what == "cash").map(|row| row.theirs);
        wallet.value = (!contents.holdings.is_empty()).then(|| Figure::usd(value));
        wallet.total = cash.map(|cash| Figure::usd(cash + value));
        wallet.differences = contents.differences.iter().map(|row| Difference::new(row, now)).collect();
        wallet
    }
}

/// Returns where the numbers come from and when they were compared last: a word, its class, a sentence.
fn source(web: &Web, contents: &Contents, now: Nanos) -> (&'static str, &'static str, String) {
    let changed = contents.holdings.iter().map(|row| row.at).max();
    let changed = changed.map_or_else(String::new, |at| {
        format!("; last change told {} ago", Figure::delay(at, figure::moment(now)).text)
    });
    let Some(gateway) = &web.state.gateway else {
        return match contents.holdings.is_empty() {
            true => ("Not read", "off", "this engine has no wallet: nothing is read from the venue".to_owned()),
            false => ("Not read now", "warn", format!("no wallet is read now; this is what was told last{changed}")),
        };
    };
    let wallet = gateway.wallet();
    let from = "the venue's account (balances and positions) beside our books";
    let age = |at: Nanos| figure::length(now.since(at));
    match (wallet.whole_at, wallet.failed.as_str()) {
        (None, "") => ("Not yet", "open", format!("{from}: not compared yet")),
        (None, why) => ("Failed", "warn", format!("{from}: not compared yet; {}", figure::tame(why, 200))),
        (Some(at), "") => ("Reconciled", "ok", format!("{from}, compared {} ago{changed}", age(at))),
        (Some(at), why) => {
            let why = figure::tame(why, 200);
            ("Old", "warn", format!("{from}, compared {} ago; the last read failed: {why}{changed}", age(at)))
        }
    }
}

/// Returns what a share is worth: what its market paid, else the best bid; none where neither is known.
fn price(row: &WalletRow, snapshot: &Snapshot) -> Option<Decimal> {
    let mark = snapshot.marks.iter().find(|mark| i64::from(mark.token.0) == i64::from(row.token_id));
    let bid = mark.filter(|mark| mark.bid != 0).map(|mark| Decimal::new(mark.bid.into(), 6));
    row.payout.or(bid)
}

impl Holding {
    fn new(row: &WalletRow, contents: &Contents, snapshot: &Snapshot, now: Nanos) -> Holding {
        let is_cash = row.what == "cash";
        let figure = if is_cash { Figure::usd } else { Figure::shares };
        let market = || MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id);
        let price = price(row, snapshot).filter(|_| !is_cash);
        let unknown = || Figure::none("no bid is known");
        let part = |shares: Decimal| match row.ours.is_zero() {
            true => Figure::none("our books hold nothing of it"),
            false => Figure::percent(shares / row.ours),
        };
        let leaders = contents.shares.iter().filter(|share| !is_cash && share.token_id == row.token_id);
        let leaders = leaders.map(|share| Share {
            leader: LeaderName::new(&share.leader, &share.wallet, share.leader_id),
            shares: Figure::shares(share.shares),
            part: part(share.shares),
            provisional: (!share.provisional.is_zero()).then(|| Figure::shares(share.provisional)),
        });
        Holding {
            market: (!is_cash).then(market),
            token_id: row.token_id,
            ours: figure(row.ours),
            external: if is_cash { Figure::none("others' dollars are not told apart") } else { figure(row.external) },
            theirs: figure(row.theirs),
            difference: (!row.difference.is_zero()).then(|| figure(row.difference)),
            bid: price.map_or_else(unknown, Figure::price),
            value: price.map_or_else(unknown, |price| Figure::usd(price * row.theirs)),
            leaders: leaders.collect(),
            at: When::new(row.at, now),
        }
    }
}

impl Difference {
    fn new(row: &DifferenceRow, now: Nanos) -> Difference {
        let (what, figure): (&str, fn(Decimal) -> Figure) = match row.what.as_str() {
            "cash" => ("Dollars", Figure::usd),
            "shares" => ("Shares", Figure::shares),
            "open_orders" => ("Open orders", |count| Figure::count(count.to_i64().unwrap_or_default())),
            other => (other, Figure::shares),
        };
        let market = || MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id.unwrap_or_default());
        Difference {
            at: When::new(row.at, now),
            what: figure::tame(what, 40),
            market: row.token_id.map(|_| market()),
            is_over: row.ours == row.theirs,
            choice: match row.choice.as_str() {
                "ignored" => "known, and left",
                "own" => "the owner's own",
                _not_chosen => "",
            },
            ours: figure(row.ours),
            theirs: figure(row.theirs),
        }
    }
}

/// Returns the limits of live portfolios, and the ceilings over all of them.
fn uses(web: &Web, snapshot: &Snapshot) -> Vec<Use> {
    let pulse = web.pulse();
    let is_live = |id: u16| pulse.portfolios.iter().any(|row| row.id == i32::from(id) && row.mode == "live");
    let ours = snapshot.uses.iter().filter(|used| is_live(used.portfolio.0));
    let limits = ours.map(|used| {
        let whose = portfolio_name(web, used.portfolio.0.into());
        let text = used.limit.code().replace('_', " ");
        Use::new(whose, &text, used.limit.knob(), used.limit.unit(), used.numbers)
    });
    let ceilings = snapshot.ceilings.iter().filter(|(_, numbers)| numbers.limit > 0).map(|(cause, numbers)| {
        let text = cause.code().trim_start_matches("not_sent_").replace('_', " ");
        let (knob, unit) = match cause {
            NotSent::OrdersPerSecond => ("ceilings.orders_per_second_max", Unit::Count),
            NotSent::DollarsPerMinute => ("ceilings.usdc_per_minute_max", Unit::Usdc),
            NotSent::DollarsPerOrder => ("ceilings.usdc_per_order_max", Unit::Usdc),
            NotSent::LiveOff
            | NotSent::TooOld
            | NotSent::RateLimit
            | NotSent::NoConnection
            | NotSent::QueueFull
            | NotSent::NoAmounts
            | NotSent::WalletNotHeld => ("", Unit::None),
        };
        Use::new("All live orders".to_owned(), &text, knob, unit, *numbers)
    });
    limits.chain(ceilings).collect()
}

impl Use {
    fn new(whose: String, text: &str, knob: &'static str, unit: Unit, numbers: Numbers) -> Use {
        let places = if matches!(unit, Unit::Milliseconds | Unit::Count) { 0 } else { 6 };
        let scaled = |number| Decimal::new(number, places);
        let none = || (Figure::none("without a unit"), Figure::none("without a unit"));
        let (most, used) = words::numbers(unit, scaled(numbers.limit), scaled(numbers.actual)).unwrap_or_else(none);
        let part = Decimal::from(numbers.actual) / Decimal::from(numbers.limit.max(1));
        let width = (part * Decimal::from(1_000)).to_u32().unwrap_or(0).min(1_000);
        Use {
            whose,
            text: text.to_owned(),
            knob,
            used,
            most,
            part: Figure::percent(part),
            width,
            class: match width {
                1_000 => "full",
                800..1_000 => "near",
                _ => "body",
            },
        }
    }
}
