//! A story in which nothing is wrong, and the same with one thing changed for each invariant: an auditor that cannot fail proves
//! nothing.

use super::*;
use crate::{
    domain::{
        Cause, LiveSwitch, Millis, OrderEnd, OrderId, OrderKind, Price, Rejection, Role, Shares, Side, SignalId,
        Source, TradeKey, Usdc, VenueOrderId,
        event::{External, How, Matched, Signal, Signed, Submitted, Valued},
    },
    sim::{
        hand,
        server::truth::{Bytes, Entry, Part},
    },
};

const OURS: u32 = 3;
const DOLLAR: i64 = 1_000_000;
const SHARE: u64 = 1_000_000;

const TERMS: Terms = Terms {
    rest: Rest::AtRest,
    keys: Keys::Loaded,
    age_max: Nanos::from_millis(3_000),
    grace: Nanos::from_millis(50),
    absent_after: WINDOW,
};

fn order(number: u64) -> OrderId {
    OrderId(OrderId::LIVE.0 + number)
}

fn id(number: u64) -> VenueOrderId {
    VenueOrderId([number as u8; 32])
}

fn key(number: u64) -> TradeKey {
    TradeKey([number, 0])
}

/// What happens, at the venue and in the journal, in milliseconds.
struct Story {
    evidence: Evidence,
}

impl Story {
    fn tell(&mut self, ms: u64, entry: Entry) {
        let sequence = self.evidence.truth.len() as u64 + 1;
        self.evidence.truth.push(Line { sequence, at: Nanos::from_millis(ms), entry });
    }

    fn keep(&mut self, ms: u64, what: What) {
        let seq = self.evidence.journal.len() as u64;
        self.evidence.journal.push(Kept { seq, at: Nanos::from_millis(ms), what });
    }

    fn event(&mut self, ms: u64, event: Event) {
        self.keep(ms, What::Event(event));
    }

    /// A leader's trade, decided: 20 shares at up to 50 cents.
    fn entry(&mut self, ms: u64, number: u64) {
        let price = Price::from_micros(500_000).expect("a price");
        self.event(ms, Event::Signal(signal(number, ms - 500)));
        self.event(ms, Event::Submitted(submitted(number, SignalId(number), Side::Buy, Cause::Entry, price)));
        self.event(ms, Event::Signed(signed(number, 10 * DOLLAR as u64, 20 * SHARE)));
    }

    fn posted(&mut self, ms: u64, number: u64, maker: u64, taker: u64) {
        let body = serde_json::json!({"order": {"salt": salt(number), "makerAmount": maker.to_string(),
            "takerAmount": taker.to_string(), "timestamp": "7"}});
        let (method, path) = ("POST".to_owned(), "/order".to_owned());
        self.tell(ms, Entry::Received { request: number, method, path, body: Bytes::of(body.to_string().as_bytes()) });
    }

    fn answered(&mut self, ms: u64, number: u64, status: u16, body: &str) {
        self.tell(ms, Entry::Answered { request: number, status, body: Bytes::of(body.as_bytes()) });
    }

    /// Ours takes 20 shares of somebody's for 10 dollars.
    fn matches(&mut self, ms: u64, trade: u64, of: VenueOrderId, side: Side) {
        let part = |order: String, account: u32, side: &str| Part {
            order,
            account,
            outcome: 0,
            side: side.to_owned(),
            shares_micros: 20 * SHARE,
            collateral_micros: 10 * DOLLAR,
        };
        let (our_side, their_side) = if side == Side::Buy { ("BUY", "SELL") } else { ("SELL", "BUY") };
        let taker = part(of.to_string(), OURS, our_side);
        let makers = vec![part(format!("0x{trade}"), 9, their_side)];
        self.tell(ms, Entry::Matched { trade, market: 1, fee_micros: 100_000, taker, makers });
    }

    fn settles(&mut self, ms: u64, trade: u64, to: &str) {
        self.tell(ms, Entry::Settled { trade, to: to.to_owned() });
    }

    fn matched(&mut self, ms: u64, number: u64, basis: i64) {
        let (shares, cash, fee) = (Shares(20 * SHARE), Usdc(10 * DOLLAR), Usdc(100_000));
        let matched = Matched { order: order(number), trade: key(number), shares, cash, fee, basis: Usdc(basis) };
        self.event(ms, Event::Matched(matched));
    }

    fn closed(&mut self, ms: u64, number: u64, end: OrderEnd, released: i64) {
        self.event(ms, Event::Closed { order: order(number), end, released: Usdc(released) });
    }

    fn confirmed(&mut self, ms: u64, number: u64) {
        self.event(ms, Event::Confirmed { order: order(number), trade: key(number), release_at: Nanos::ZERO });
    }

    fn valued(&mut self, ms: u64, amounts: [i64; 5]) {
        let [available, reserved, deployed, cooling, realised] = amounts.map(Usdc);
        let (portfolio, unrealised) = (PortfolioId(0), Usdc::ZERO);
        self.event(
            ms,
            Event::Valued(Valued { portfolio, available, reserved, deployed, cooling, realised, unrealised }),
        );
    }
}

fn signal(number: u64, traded_ms: u64) -> Signal {
    let (price, shares) = (Price::from_micros(500_000).expect("a price"), Shares(20 * SHARE));
    Signal {
        signal: SignalId(number),
        group: SignalId(number),
        trade: key(100 + number),
        leader: LeaderId(0),
        token: TokenId(0),
        side: Side::Buy,
        price,
        shares,
        group_price: price,
        group_shares: shares,
        leader_held: Shares::ZERO,
        role: Role::Taker,
        source: Source::Activity,
        how: How::Traded,
        traded_at: Nanos::from_millis(traded_ms),
    }
}

fn submitted(number: u64, signal: SignalId, side: Side, cause: Cause, limit: Price) -> Submitted {
    let (budget, reserved) = match side {
        Side::Buy => (10 * DOLLAR, 10 * DOLLAR + 200_000),
        Side::Sell => (0, 0),
    };
    Submitted {
        order: order(number),
        signal,
        portfolio: PortfolioId(0),
        leader: LeaderId(0),
        token: TokenId(0),
        side,
        kind: OrderKind::Fak,
        cause,
        limit,
        shares: Shares(20 * SHARE),
        budget: Usdc(budget),
        reserved: Usdc(reserved),
        touch: limit,
        reference: limit,
        attempt: 1,
    }
}

/// One of an engine's.
fn salt(number: u64) -> u64 {
    hand::SALT_END + number
}

fn signed(number: u64, maker_amount: u64, taker_amount: u64) -> Signed {
    Signed {
        order: order(number),
        id: id(number),
        salt: salt(number),
        maker_amount,
        taker_amount,
        timestamp: Millis(7),
    }
}

/// Four orders: bought and settled; answered too late, and its match void; refused; sold and settled. And one of the owner's hand.
fn story() -> Evidence {
    let mut story = Story { evidence: Evidence { truth: vec![], journal: vec![], archive: None } };
    story.tell(0, Entry::Began { seed: 1 });
    story.keep(10, What::Session);
    story.keep(10, What::Token { id: TokenId(0), text: "77".to_owned() });
    story.keep(10, What::Portfolio { id: PortfolioId(0), mode: Mode::Live });
    story.event(10, Event::Deposited { portfolio: PortfolioId(0), amount: Usdc(100 * DOLLAR) });
    story.event(20, Event::LiveSwitched { to: LiveSwitch::On });
    bought(&mut story);
    void(&mut story);
    refused(&mut story);
    sold(&mut story);
    by_hand(&mut story);
    story.event(900_000, Event::LiveSwitched { to: LiveSwitch::Off });
    story.tell(900_000, Entry::Ended);
    let mut evidence = story.evidence;
    evidence.archive = Some(archived(&evidence.journal));
    evidence
}

fn bought(story: &mut Story) {
    story.entry(1_000, 1);
    story.posted(1_001, 1, 10 * DOLLAR as u64, 20 * SHARE);
    story.matches(1_002, 1, id(1), Side::Buy);
    story.answered(1_003, 1, 200, r#"{"success":true,"orderID":"0x1"}"#);
    story.event(1_010, Event::Accepted { order: order(1) });
    story.matched(1_011, 1, 0);
    story.closed(1_012, 1, OrderEnd::Filled, 100_000);
    story.settles(4_000, 1, "confirmed");
    story.confirmed(4_001, 1);
}

fn void(story: &mut Story) {
    story.entry(5_000, 2);
    story.posted(5_001, 2, 10 * DOLLAR as u64, 20 * SHARE);
    story.matches(5_002, 2, id(2), Side::Buy);
    let body = Bytes::of(br#"{"success":true,"orderID":"0x2"}"#);
    story.tell(5_003, Entry::Withheld { request: 2, status: 200, body, instead: "nothing".to_owned() });
    story.event(7_500, Event::Unknown { order: order(2) });
    story.matched(7_600, 2, 0);
    story.closed(7_601, 2, OrderEnd::Filled, 100_000);
    story.settles(8_000, 2, "failed");
    story.event(8_001, Event::Voided { order: order(2), trade: key(2) });
}

fn refused(story: &mut Story) {
    story.entry(9_000, 3);
    story.posted(9_001, 3, 10 * DOLLAR as u64, 20 * SHARE);
    story.answered(9_002, 3, 400, r#"{"error":"no orders found to match with FAK order"}"#);
    story.closed(9_003, 3, OrderEnd::Rejected(Rejection::NoMatch), 10 * DOLLAR + 200_000);
}

fn sold(story: &mut Story) {
    let price = Price::from_micros(500_000).expect("a price");
    story.event(10_000, Event::Submitted(submitted(4, SignalId::NONE, Side::Sell, Cause::Forced, price)));
    story.event(10_000, Event::Signed(signed(4, 20 * SHARE, 10 * DOLLAR as u64)));
    story.posted(10_001, 4, 20 * SHARE, 10 * DOLLAR as u64);
    story.matches(10_002, 4, id(4), Side::Sell);
    story.answered(10_003, 4, 200, r#"{"success":true,"orderID":"0x4"}"#);
    story.matched(10_010, 4, 10 * DOLLAR);
    story.closed(10_011, 4, OrderEnd::Filled, 0);
    story.settles(12_000, 4, "confirmed");
    story.confirmed(12_001, 4);
    story.valued(12_002, [899 * DOLLAR / 10, 0, 0, 99 * DOLLAR / 10, -200_000]);
    story.event(20_000, Event::Released { portfolio: PortfolioId(0), amount: Usdc(99 * DOLLAR / 10) });
}

fn by_hand(story: &mut Story) {
    story.matches(30_000, 5, id(5), Side::Buy);
    story.settles(33_000, 5, "confirmed");
    let (shares, cash, fee) = (Shares(20 * SHARE), Usdc(10 * DOLLAR), Usdc(100_000));
    let (trade, token, side, traded_at) = (key(5), TokenId(0), Side::Buy, Nanos::from_millis(30_000));
    story.event(33_001, Event::External(External { id: id(5), trade, token, side, shares, cash, fee, traded_at }));
}

fn archived(journal: &[Kept]) -> Vec<(u64, Value)> {
    let row = |kept: &Kept| match &kept.what {
        What::Event(event) => Some((kept.seq, serde_json::to_value(event).expect("JSON"))),
        What::Session | What::Token { .. } | What::Leader { .. } | What::Portfolio { .. } | What::Other => None,
    };
    journal.iter().filter_map(row).collect()
}

#[test]
fn nothing_is_wrong_with_a_story_that_is_right() {
    let (found, extent) = audit(&story(), &TERMS);
    assert_eq!(found, []);
    let Extent {
        sessions,
        signals,
        submitted,
        posted,
        matched,
        confirmed,
        voided,
        unknown,
        withheld,
        external,
        waiting,
    } = extent;
    assert_eq!((sessions, signals, submitted, posted), (1, 3, 4, 4));
    assert_eq!((matched, confirmed, voided, unknown, withheld, external, waiting), (3, 2, 1, 1, 1, 1, 0));
}

/// Changes the story; the auditor must find the invariant broken, whatever else it finds.
#[track_caller]
fn check_in(terms: &Terms, invariant: Invariant, change: impl FnOnce(&mut Evidence)) {
    let mut evidence = story();
    let archive = evidence.archive.take();
    change(&mut evidence);
    // The tables say what the journal says, unless they are what was changed.
    evidence.archive = evidence.archive.or(archive.filter(|_| invariant == Invariant::Archive));
    let (found, _) = audit(&evidence, terms);
    assert!(found.iter().any(|violation| violation.invariant == invariant), "{invariant} not found in {found:#?}");
}

#[track_caller]
fn check(invariant: Invariant, change: impl FnOnce(&mut Evidence)) {
    check_in(&TERMS, invariant, change);
}

/// Returns where the nth event is that satisfies `is`.
#[track_caller]
fn place(evidence: &Evidence, is: impl Fn(&Event) -> bool) -> usize {
    let found = evidence.journal.iter().position(|kept| matches!(&kept.what, What::Event(event) if is(event)));
    found.expect("such an event")
}

/// Takes the first event out that satisfies `is`; the numbers stay without a gap.
fn drop_event(evidence: &mut Evidence, is: impl Fn(&Event) -> bool) {
    let place = place(evidence, is);
    evidence.journal.remove(place);
    evidence.journal.iter_mut().skip(place).for_each(|kept| kept.seq -= 1);
}

/// Says something more after the first event that satisfies `is`.
fn add_after(evidence: &mut Evidence, is: impl Fn(&Event) -> bool, event: Event) {
    let place = place(evidence, is);
    let at = evidence.journal[place].at;
    evidence.journal.insert(place + 1, Kept { seq: place as u64 + 1, at, what: What::Event(event) });
    evidence.journal.iter_mut().skip(place + 2).for_each(|kept| kept.seq += 1);
}

fn change_event(evidence: &mut Evidence, is: impl Fn(&Event) -> bool, change: impl FnOnce(&mut Event)) {
    let place = place(evidence, is);
    let What::Event(event) = &mut evidence.journal[place].what else { unreachable!("looked for an event") };
    change(event);
}

fn is_closed(number: u64) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Closed { order: of, .. } if *of == order(number))
}

fn is_signed(number: u64) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Signed(signed) if signed.order == order(number))
}

fn is_matched(number: u64) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Matched(matched) if matched.order == order(number))
}

fn is_confirmed(number: u64) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Confirmed { order: of, .. } if *of == order(number))
}

#[test]
fn one_intent_has_one_order() {
    // Signed again, with another salt.
    check(Invariant::OneOrder, |evidence| {
        add_after(
            evidence,
            is_signed(2),
            Event::Signed(Signed { salt: salt(22), ..signed(2, 10_000_000, 20_000_000) }),
        );
    });
    // A second order after a signal whose first one is in doubt.
    check(Invariant::OneOrder, |evidence| {
        let again = Submitted {
            attempt: 2,
            ..submitted(7, SignalId(2), Side::Buy, Cause::Entry, Price::from_micros(500_000).expect("a price"))
        };
        add_after(evidence, |event| matches!(event, Event::Unknown { .. }), Event::Submitted(again));
    });
    // A leader's trade that became a signal again.
    check(Invariant::OneOrder, |evidence| {
        add_after(evidence, is_confirmed(1), Event::Signal(Signal { signal: SignalId(9), ..signal(1, 500) }));
    });
}

#[test]
fn an_order_gets_no_more_than_it_asks_for() {
    check(Invariant::Exposure, |evidence| {
        let Entry::Matched { taker, .. } = &mut evidence
            .truth
            .iter_mut()
            .find(|line| matches!(line.entry, Entry::Matched { .. }))
            .expect("a match")
            .entry
        else {
            unreachable!()
        };
        taker.collateral_micros += 1;
    });
    // Signed for more than was decided, and at a worse price.
    for (maker, taker) in [(10_000_001, 20_000_002), (10_000_000, 19_999_899)] {
        check(Invariant::Exposure, |evidence| {
            change_event(evidence, is_signed(1), |event| *event = Event::Signed(signed(1, maker, taker)));
        });
    }
}

#[test]
fn the_books_are_the_venues() {
    check(Invariant::Ledger, |evidence| drop_event(evidence, is_confirmed(1)));
    check(Invariant::Ledger, |evidence| {
        change_event(evidence, is_matched(1), |event| {
            if let Event::Matched(matched) = event {
                matched.fee = Usdc(99_999);
            }
        });
    });
    // A void that the chain did not make.
    check(Invariant::Ledger, |evidence| {
        change_event(evidence, is_confirmed(1), |event| *event = Event::Voided { order: order(1), trade: key(1) });
    });
    // A match that nobody told us of.
    check(Invariant::Ledger, |evidence| {
        drop_event(evidence, is_confirmed(4));
        drop_event(evidence, is_matched(4));
    });
}

#[test]
fn nothing_that_was_seen_is_lost() {
    check(Invariant::Acknowledged, |evidence| drop_event(evidence, is_signed(3)));
    check(Invariant::Acknowledged, |evidence| {
        let place = place(evidence, is_signed(3));
        evidence.journal[place].at = Nanos::from_millis(9_002);
    });
}

#[test]
fn nothing_old_is_copied() {
    check(Invariant::Stale, |evidence| {
        let is = |event: &Event| matches!(event, Event::Signal(signal) if signal.signal == SignalId(3));
        change_event(evidence, is, |event| {
            if let Event::Signal(signal) = event {
                signal.traded_at = Nanos::from_millis(6_000);
            }
        });
    });
}

#[test]
fn nothing_leaves_after_the_switch() {
    let off = Event::LiveSwitched { to: LiveSwitch::Off };
    let is_on = |event: &Event| matches!(event, Event::LiveSwitched { to: LiveSwitch::On });
    check(Invariant::Switch, |evidence| change_event(evidence, is_on, |event| *event = off));
    check(Invariant::Switch, |evidence| add_after(evidence, is_closed(2), off));
    // Within the time that a byte is on its way, it left before.
    let mut evidence = story();
    evidence.archive = None;
    add_after(&mut evidence, is_signed(4), off);
    assert_eq!(audit(&evidence, &TERMS).0, []);
}

#[test]
fn the_journal_has_no_gap_and_the_tables_have_its_events() {
    check(Invariant::Replay, |evidence| drop(evidence.journal.remove(3)));
    let rows = |evidence: &Evidence| archived(&evidence.journal);
    check(Invariant::Archive, |evidence| {
        evidence.archive = Some(rows(evidence));
        evidence.archive.as_mut().expect("rows").pop();
    });
    check(Invariant::Archive, |evidence| {
        evidence.archive = Some(rows(evidence));
        evidence.archive.as_mut().expect("rows")[2].1 = Value::Null;
    });
}

#[test]
fn the_books_add_up() {
    check(Invariant::Cash, |evidence| {
        let is = |event: &Event| matches!(event, Event::Valued(_));
        change_event(evidence, is, |event| {
            if let Event::Valued(valued) = event {
                valued.available = Usdc(valued.available.0 + 1);
            }
        });
    });
    check(Invariant::Cash, |evidence| {
        let is = |event: &Event| matches!(event, Event::Deposited { .. });
        let amount = Usdc(10 * DOLLAR);
        change_event(evidence, is, |event| *event = Event::Deposited { portfolio: PortfolioId(0), amount });
    });
}

#[test]
fn what_others_did_with_the_wallet_is_told() {
    check(Invariant::Foreign, |evidence| drop_event(evidence, |event| matches!(event, Event::External(_))));
}

#[test]
fn money_comes_back_when_the_order_surely_ended() {
    check(Invariant::Released, |evidence| {
        let end = OrderEnd::Rejected(Rejection::NoMatch);
        let all = Usdc(10 * DOLLAR + 200_000);
        change_event(evidence, is_closed(3), |event| {
            *event = Event::Closed { order: order(3), end, released: Usdc(all.0 - 1) }
        });
    });
    // Refused, as we say, and the venue took it; given up too soon; never ended.
    for end in [OrderEnd::Rejected(Rejection::NoMatch), OrderEnd::Absent] {
        check(Invariant::Released, |evidence| {
            change_event(evidence, is_closed(2), |event| {
                *event = Event::Closed { order: order(2), end, released: Usdc(100_000) }
            });
        });
    }
    check(Invariant::Released, |evidence| {
        let (end, released) = (OrderEnd::Absent, Usdc(10 * DOLLAR + 200_000));
        change_event(evidence, is_closed(3), |event| *event = Event::Closed { order: order(3), end, released });
    });
    check(Invariant::Released, |evidence| drop_event(evidence, is_closed(1)));
}

#[test]
fn what_is_not_settled_is_neither_sold_nor_released() {
    check(Invariant::Provisional, |evidence| drop_event(evidence, is_confirmed(1)));
    check(Invariant::Provisional, |evidence| drop_event(evidence, is_confirmed(4)));
}

#[test]
fn no_status_goes_back() {
    let voided = Event::Voided { order: order(1), trade: key(1) };
    check(Invariant::Monotone, |evidence| add_after(evidence, is_confirmed(1), voided));
    check(Invariant::Monotone, |evidence| add_after(evidence, is_closed(1), Event::Accepted { order: order(1) }));
    let closed = Event::Closed { order: order(1), end: OrderEnd::Cancelled, released: Usdc::ZERO };
    check(Invariant::Monotone, |evidence| add_after(evidence, is_closed(1), closed));
    let matched = Event::Matched(Matched {
        order: order(2),
        trade: key(2),
        shares: Shares(20 * SHARE),
        cash: Usdc(10 * DOLLAR),
        fee: Usdc(100_000),
        basis: Usdc::ZERO,
    });
    check(Invariant::Monotone, |evidence| add_after(evidence, |event| matches!(event, Event::Voided { .. }), matched));
}

#[test]
fn shadow_sends_nothing() {
    let is_on = |event: &Event| matches!(event, Event::LiveSwitched { to: LiveSwitch::On });
    let to = LiveSwitch::Shadow;
    check(Invariant::Shadow, |evidence| change_event(evidence, is_on, |event| *event = Event::LiveSwitched { to }));
    check(Invariant::Shadow, |evidence| drop_event(evidence, is_on));
    // Without a key, not even a question is asked.
    check_in(&Terms { keys: Keys::None, ..TERMS }, Invariant::Shadow, |_| ());
}
