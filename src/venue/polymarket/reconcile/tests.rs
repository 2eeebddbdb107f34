//! The comparison told as stories: what our books hold, what the venue says, and what follows.

use super::*;
use crate::domain::{TradeKey, VenueOrderId};

const START: Nanos = Nanos::from_secs(1_800_000_000);
const T: TokenId = TokenId(7);
const RULES: Rules = Rules { every: Nanos::from_secs(60), patience: Nanos::from_secs(90) };

/// A comparison, a clock, our books, and what the venue would say.
struct Story {
    comparison: Comparison,
    now: Nanos,
    books: LiveBooks,
    venue: Venue,
    asked: Vec<Asks>,
}

#[derive(Clone, Default)]
struct Venue {
    shares: BTreeMap<TokenId, u64>,
    cash: i64,
    redeemable: i64,
    resting: Resting,
    index: Option<BTreeMap<TokenId, u64>>,
    /// It answers nothing, or not all.
    is_down: bool,
}

impl Story {
    /// We hold ten shares and a hundred dollars since long ago, and so does the wallet.
    fn at_rest() -> Story {
        Story::after(Known::default())
    }

    fn after(known: Known) -> Story {
        let books = LiveBooks { cash: Usdc::whole(100), holdings: vec![holding(10)], ..LiveBooks::default() };
        let shares = BTreeMap::from([(T, 10)]);
        let venue = Venue { shares, cash: 100, ..Venue::default() };
        Story { comparison: Comparison::new(RULES, known), now: START, books, venue, asked: vec![] }
    }

    /// Lets so many seconds pass as the reconciler does: it looks four times a second. Returns what was found, and when.
    fn pass(&mut self, secs: u64) -> String {
        let (began, until) = (self.now, self.now.plus(Nanos::from_secs(secs)));
        let mut words = vec![];
        while self.now < until {
            for differs in self.turn() {
                let Differs { what, ours, theirs, .. } = differs;
                let unit = if what == Difference::OpenOrders { 1.0 } else { 1e6 };
                let at = self.now.since(began).as_millis() as f64 / 1e3;
                words.push(match ours == theirs {
                    true => format!("{at}: {what:?} agree"),
                    false => format!("{at}: {what:?} {} is {}", ours as f64 / unit, theirs as f64 / unit),
                });
            }
            self.now = self.now.plus(Nanos::from_millis(250));
        }
        words.join("; ")
    }

    fn turn(&mut self) -> Vec<Differs> {
        let mut found = vec![];
        self.comparison.hear(self.now, &self.books, &mut found);
        let Some(asks) = self.comparison.asks(self.now) else { return found };
        match self.venue.answer(self.now, &asks) {
            Some(report) => self.comparison.compare(self.now, &asks, &report, &mut found),
            None => self.comparison.failed(self.now),
        }
        self.asked.push(asks);
        found
    }

    fn hold(&mut self, shares: u64) {
        self.books.holdings = if shares > 0 { vec![holding(shares)] } else { vec![] };
    }

    /// The wallet's owner trades by hand.
    fn by_hand(&mut self, side: Side, shares: u64) {
        let (id, trade) = (VenueOrderId([1; 32]), TradeKey([1, 1]));
        let (shares, cash, fee) = (Shares::whole(shares), Usdc::ZERO, Usdc::ZERO);
        let external = External { id, trade, token: T, side, shares, cash, fee, traded_at: self.now };
        self.comparison.external(self.now, &external);
    }
}

impl Venue {
    fn answer(&self, now: Nanos, asks: &Asks) -> Option<Report> {
        if self.is_down {
            return None;
        }
        let of = |token| Shares::whole(self.shares.get(token).copied().unwrap_or(0));
        let index = self.index.as_ref().filter(|_| asks.is_whole).map(|index| Index {
            shares: index.iter().map(|(token, shares)| (*token, Shares::whole(*shares))).collect(),
            redeemable: Usdc::whole(self.redeemable),
        });
        Some(Report {
            orders: asks.orders.then_some((now, self.resting)),
            index: index.map(|index| (now, index)),
            shares: asks.shares.iter().map(|(token, _)| (now, *token, of(token))).collect(),
            cash: asks.cash.map(|_| (now, Cash { held: Usdc::whole(self.cash), redeemable: Usdc::ZERO })),
        })
    }
}

fn holding(shares: u64) -> Holding {
    Holding { token: T, shares: Shares::whole(shares), unsettled: Shares::ZERO, sold: Shares::ZERO }
}

#[test]
fn what_agrees_is_read_once_in_a_while() {
    let mut story = Story::at_rest();
    assert_eq!(story.pass(150), "");
    assert_eq!(story.asked.len(), 3, "at the start, and each minute");
    let plain = Asks { is_whole: true, orders: true, shares: vec![(T, Look::Plain)], cash: Some(Look::Plain) };
    assert!(story.asked.iter().all(|asks| *asks == plain));
    let held: Vec<Held> = story.comparison.held().collect();
    let all = Shares::whole(10);
    assert_eq!(held, [Held { token: T, ours: all, external: 0, theirs: Some(all), difference: 0, is_ignored: false }]);
    assert_eq!((story.comparison.cash(), story.comparison.differences()), (Some(Usdc::whole(100)), 0));
}

/// Binds: SEEN_AGAIN_AFTER. A zero, as any difference, is seen again after 1, 2 and 3 seconds, each time looked for anew.
#[test]
fn a_position_sent_away_is_told_once_after_it_was_seen_again_three_times() {
    let mut story = Story::at_rest();
    assert_eq!(story.pass(30), "");
    story.venue.shares.clear();
    assert_eq!(story.pass(60), "36: Shares 10 is 0");
    let anew: Vec<&Asks> = story.asked.iter().filter(|asks| !asks.is_whole).collect();
    let again = Asks { is_whole: false, orders: false, shares: vec![(T, Look::Anew)], cash: None };
    assert_eq!(anew, [&again; 3]);
    assert_eq!(
        story.comparison.held().next().map(|held| (held.theirs, held.difference)),
        Some((Some(Shares::ZERO), -10_000_000))
    );
    assert_eq!(story.pass(3_600), "", "told once");
    story.venue.shares.insert(T, 4);
    assert_eq!(story.pass(120), "36: Shares 10 is 4", "another difference is told, too");
    story.venue.shares.insert(T, 10);
    assert_eq!(story.pass(60), "30: Shares agree");
}

#[test]
fn one_wrong_answer_is_no_difference_and_the_last_good_value_stands() {
    let mut story = Story::at_rest();
    story.pass(60);
    story.venue.shares.clear();
    assert_eq!(story.pass(3), "");
    assert_eq!(story.comparison.held().next().and_then(|held| held.theirs), Some(Shares::whole(10)));
    story.venue.shares.insert(T, 10);
    assert_eq!(story.pass(600), "");
}

/// Binds: reconcile.patience_s, by lags of the balance on both sides of it.
#[test]
fn lag_is_no_difference_within_the_patience() {
    for (lag_s, told) in [(1, false), (70, false), (89, false), (150, true)] {
        let mut story = Story::at_rest();
        story.pass(61);
        story.hold(30);
        story.books.cash = Usdc::whole(90);
        let mut words = story.pass(lag_s);
        story.venue.shares.insert(T, 30);
        story.venue.cash = 90;
        words.push_str(&story.pass(300));
        assert_eq!(words.contains("Shares 30 is 10"), told, "{lag_s}: {words}");
    }
}

/// Binds: what a restart takes for the age of our books.
#[test]
fn a_restart_soon_after_a_match_waits_too() {
    for (before_s, told) in [(29, "66: Shares 10 is 0"), (31, "66: Shares 10 is 0"), (90, "6: Shares 10 is 0")] {
        let matched_at = Nanos(START.0 - Nanos::from_secs(before_s).0);
        let mut story = Story::after(Known { matched_at, ..Known::default() });
        story.venue.shares.clear();
        assert_eq!(story.pass(100), if before_s < 30 { "" } else { told }, "{before_s}");
    }
}

#[test]
fn what_is_not_settled_may_be_there_or_not() {
    for (theirs, told) in [(9, true), (10, false), (12, false), (15, false), (16, true)] {
        let mut story = Story::at_rest();
        story.books.holdings[0] = Holding { unsettled: Shares::whole(3), sold: Shares::whole(2), ..holding(10) };
        story.venue.shares.insert(T, theirs);
        assert_eq!(!story.pass(60).is_empty(), told, "{theirs}");
    }
}

#[test]
fn a_trade_by_hand_explains_more_than_ours_and_never_less() {
    for (side, theirs, told) in [
        (Side::Buy, 15, false),
        (Side::Buy, 12, false),
        (Side::Buy, 16, true),
        (Side::Sell, 5, true),
        (Side::Sell, 10, false),
    ] {
        let mut story = Story::at_rest();
        story.pass(30);
        story.by_hand(side, 5);
        story.venue.shares.insert(T, theirs);
        assert_eq!(story.pass(85), "", "not before its own patience is over");
        assert_eq!(!story.pass(200).is_empty(), told, "{side:?} {theirs}");
        let external = story.comparison.held().next().map(|held| held.external);
        assert_eq!(external, Some(if side == Side::Buy { 5_000_000 } else { -5_000_000 }));
    }
}

#[test]
fn dollars_may_be_more_and_not_less_but_for_what_waits() {
    let check = |change: fn(&mut Story), expected: &str| {
        let mut story = Story::at_rest();
        story.pass(30);
        change(&mut story);
        assert_eq!(story.pass(300), expected);
    };
    check(|story| story.venue.cash = 150, "");
    check(|story| story.venue.cash = 99, "36: Cash 100 is 99");
    check(
        |story| {
            story.venue.cash = 99;
            story.books.is_selling = true;
        },
        "",
    );
    check(
        |story| {
            (story.venue.cash, story.venue.redeemable) = (95, 5);
            story.venue.index = Some(BTreeMap::from([(T, 10)]));
        },
        "",
    );
    check(
        |story| {
            (story.venue.cash, story.venue.redeemable) = (94, 5);
            story.venue.index = Some(BTreeMap::from([(T, 10)]));
        },
        "36: Cash 95 is 94",
    );
}

/// Binds: INDEX_LAG, for dollars that a market paid and nobody redeemed yet.
#[test]
fn what_a_market_paid_is_looked_for_when_the_index_knows() {
    let mut story = Story::at_rest();
    story.pass(30);
    story.hold(0);
    story.books.cash = Usdc::whole(110);
    story.books.settled = 1;
    assert_eq!(story.pass(119), "");
    (story.venue.index, story.venue.redeemable) = (Some(BTreeMap::from([(T, 10)])), 10);
    assert_eq!(story.pass(300), "");
    story.venue.redeemable = 0;
    story.venue.cash = 110;
    assert_eq!(story.pass(300), "", "redeemed");
    story.venue.cash = 100;
    assert!(story.pass(300).contains("Cash 110 is 100"));
}

/// Binds: INDEX_LAG, INDEX_DUST. The index is only a reason to read the balance anew: what that says counts.
#[test]
fn the_index_raises_a_doubt_after_two_minutes_and_no_more() {
    let mut story = Story::at_rest();
    story.hold(20);
    story.venue.shares.insert(T, 20);
    story.venue.index = Some(BTreeMap::from([(T, 10), (TokenId(9), 3)]));
    story.comparison.matched_at = START;
    assert_eq!(story.pass(119), "");
    assert!(story.asked.iter().all(|asks| asks.is_whole), "its lag");
    assert_eq!(story.pass(600), "");
    let anew = story.asked.iter().filter(|asks| asks.shares == [(T, Look::Anew)]).count();
    assert_eq!(anew, 1, "once for each thing that it says");
    let others: Vec<Held> = story.comparison.held().skip(1).collect();
    let theirs = Some(Shares::whole(3));
    assert_eq!(
        others,
        [Held { token: TokenId(9), ours: Shares::ZERO, external: 0, theirs, difference: 0, is_ignored: false }]
    );
    // It was right: the venue had looked away.
    story.venue.shares.insert(T, 10);
    story.venue.index = Some(BTreeMap::from([(T, 11)]));
    assert!(story.pass(80).contains("Shares 20 is 10"));
}

#[test]
fn half_a_report_changes_nothing() {
    let mut story = Story::at_rest();
    story.pass(1);
    let before = story.comparison.held().collect::<Vec<_>>();
    story.venue.is_down = true;
    story.venue.shares.clear();
    assert_eq!(story.pass(600), "");
    assert_eq!(story.comparison.held().collect::<Vec<_>>(), before);
    let asked = story.asked.len();
    assert!((100..=120).contains(&asked), "each five seconds: {asked}");
    story.venue.is_down = false;
    assert_eq!(story.pass(60).split(": ").last(), Some("Shares 10 is 0"));
}

#[test]
fn an_order_that_the_venue_does_not_list_is_told() {
    let mut story = Story::at_rest();
    story.venue.resting = Resting { ours: 2, listed: 2 };
    assert_eq!(story.pass(30), "");
    story.venue.resting = Resting { ours: 2, listed: 1 };
    assert_eq!(story.pass(120), "36: OpenOrders 2 is 1");
    story.venue.resting = Resting { ours: 1, listed: 1 };
    assert_eq!(story.pass(60), "30: OpenOrders agree");
}

#[test]
fn what_was_told_before_a_restart_is_not_told_again_and_what_is_held_no_more_is_over() {
    let differs = vec![Differs { what: Difference::Shares, token: Some(T), ours: 10_000_000, theirs: 4_000_000 }];
    let mut story = Story::after(Known { differs, ..Known::default() });
    story.venue.shares.insert(T, 4);
    assert_eq!(story.pass(600), "");
    // Both change, and what is missing stays the same.
    story.hold(20);
    story.venue.shares.insert(T, 14);
    assert_eq!(story.pass(600), "");
    story.hold(0);
    assert_eq!(story.pass(600), "0: Shares agree");
    assert_eq!(story.comparison.differences(), 0);
}

/// Binds: DUST.
#[test]
fn dust_is_no_difference() {
    for (missing, told) in [(DUST - 1, false), (DUST, true)] {
        let mut story = Story::at_rest();
        story.books.holdings[0].shares = Shares(10_000_000 + missing);
        assert_eq!(!story.pass(60).is_empty(), told, "{missing}");
    }
}

#[test]
fn what_the_wallet_holds_is_told_when_it_changed() {
    let mut story = Story::at_rest();
    let told = |story: &mut Story| -> Vec<(Option<u32>, i64, i64)> {
        let of = |holds: &WalletHolds| (holds.token.map(|token| token.0), holds.ours, holds.theirs);
        story.comparison.news().iter().map(of).collect()
    };
    assert_eq!(told(&mut story), [], "nothing is known yet");
    story.pass(1);
    assert_eq!(told(&mut story), [(None, 100_000_000, 100_000_000), (Some(7), 10_000_000, 10_000_000)]);
    story.pass(300);
    assert_eq!(told(&mut story), []);
    story.venue.cash = 130;
    story.venue.index = Some(BTreeMap::from([(T, 10), (TokenId(9), 3)]));
    story.pass(70);
    assert_eq!(told(&mut story), [(None, 100_000_000, 130_000_000), (Some(9), 0, 3_000_000)]);
    story.hold(0);
    story.venue.index = Some(BTreeMap::new());
    story.pass(70);
    assert_eq!(told(&mut story), [(Some(7), 0, 0), (Some(9), 0, 0)]);
}

/// Binds: TOKENS_MAX.
#[test]
fn with_many_tokens_those_read_longest_ago_come_first() {
    let mut story = Story::at_rest();
    let of = |token: u32| Holding { token: TokenId(token), ..holding(1) };
    story.books.holdings = (0..TOKENS_MAX as u32 + 10).map(of).collect();
    story.venue.shares = story.books.holdings.iter().map(|holding| (holding.token, 1)).collect();
    assert_eq!(story.pass(61), "");
    assert!(story.asked.iter().all(|asks| asks.shares.len() == TOKENS_MAX));
    assert!(story.comparison.held().all(|held| held.theirs.is_some()));
}

/// The wallet lost four of our ten shares: told.
fn lost_four(story: &mut Story) {
    story.pass(150);
    story.venue.shares = BTreeMap::from([(T, 6)]);
    assert!(story.pass(150).ends_with("Shares 10 is 6"));
}

#[test]
fn what_is_ignored_is_no_news_until_it_changes_also_after_a_restart() {
    let mut story = Story::at_rest();
    lost_four(&mut story);
    let gap = -4_000_000;
    let of = |comparison: &mut Comparison, by| comparison.choose(Difference::Shares, Some(T), by, Choice::Ignored);
    assert_eq!(of(&mut story.comparison, -5_000_000), Err(Some(gap)), "another one was seen");
    assert_eq!(story.comparison.choose(Difference::Cash, None, gap, Choice::Ignored), Err(None), "none there");
    let differs = Differs { what: Difference::Shares, token: Some(T), ours: 10_000_000, theirs: 6_000_000 };
    assert_eq!(of(&mut story.comparison, gap), Ok(differs));
    let differing = Differing { differs, is_ignored: true };
    assert_eq!(story.comparison.differing().collect::<Vec<_>>(), [differing]);
    assert_eq!((story.comparison.differences(), story.pass(300).as_str()), (0, ""));
    let known = Known { differs: vec![differs], ignored: vec![differs], ..Known::default() };
    let mut again = Story::after(known);
    again.venue = story.venue.clone();
    assert_eq!((again.pass(300).as_str(), again.comparison.differences()), ("", 0));
    // One share less is news, and nobody said to know of it.
    again.venue.shares = BTreeMap::from([(T, 5)]);
    assert!(again.pass(150).ends_with("Shares 10 is 5"));
    assert_eq!(again.comparison.differences(), 1);
}

#[test]
fn what_is_the_owners_own_may_stay_and_go() {
    let mut story = Story::at_rest();
    story.pass(150);
    story.venue.shares = BTreeMap::from([(T, 13)]);
    assert!(story.pass(150).ends_with("Shares 10 is 13"));
    story.comparison.choose(Difference::Shares, Some(T), 3_000_000, Choice::Own).expect("three too many");
    assert_eq!((story.comparison.differences(), story.pass(150).as_str()), (0, ""));
    story.venue.shares = BTreeMap::from([(T, 10)]);
    assert_eq!(story.pass(150), "");
    let held: Vec<Held> = story.comparison.held().collect();
    assert_eq!(held[0].external, 3_000_000);
    // Dollars and missing shares are nobody's own.
    let mut story = Story::at_rest();
    lost_four(&mut story);
    let own = story.comparison.choose(Difference::Shares, Some(T), -4_000_000, Choice::Own);
    assert_eq!(own, Err(Some(-4_000_000)));
}

#[test]
fn what_is_written_off_or_taken_in_agrees_after_the_patience() {
    let mut story = Story::at_rest();
    lost_four(&mut story);
    story.hold(6);
    assert!(story.pass(200).ends_with("Shares agree"));
    story.by_hand(Side::Buy, 5);
    story.venue.shares = BTreeMap::from([(T, 11)]);
    assert_eq!(story.pass(200), "");
    let (portfolio, leader) = (crate::domain::PortfolioId(0), crate::domain::LeaderId(0));
    let taken = TakenIn { portfolio, leader, token: T, shares: Shares::whole(5), cost: Usdc::ZERO };
    story.comparison.taken_in(story.now, &taken);
    story.hold(11);
    assert_eq!(story.pass(200), "");
    assert_eq!(story.comparison.held().next().map(|held| held.external), Some(0));
}
