//! Matches: whose part is told, with which amounts, once, and what becomes of it.

use super::*;

/// Our order 1 buys or sells, as taker or as one of the makers, against the same outcome or the other one.
#[test]
fn our_part_is_told_of_all_eight_ways_to_meet() {
    let check = |is_taker: bool, side: Side, is_same: bool, expected: &str| {
        let mut desk = Desk::with(side, OrderKind::Gtc);
        desk.accepted(Status::Live, "", "");
        let shares = Shares(3_333_333);
        let other_side = match (side, is_same) {
            (Side::Buy, true) | (Side::Sell, false) => Side::Sell,
            (Side::Sell, true) | (Side::Buy, false) => Side::Buy,
        };
        let (our_price, their_price) = (price(37), if is_same { price(37) } else { price(63) });
        let their_token = if is_same { TokenId(7) } else { TokenId(8) };
        let ours = Leg { order: id(1), token: TokenId(7), side, shares, price: our_price, is_ours: true };
        let theirs =
            Leg { order: id(99), token: their_token, side: other_side, shares, price: their_price, is_ours: false };
        let (taker, maker) = if is_taker { (ours, theirs) } else { (theirs, ours) };
        let trade = TradeKey([0, 5]);
        let status = TradeStatus::Pending;
        let makers = vec![maker];
        let message = TradeMessage { trade, status, taker, makers, matched_at_s: 0 };
        assert_eq!(desk.hear(Evidence::Trade(message)), expected, "{is_taker} {side:?} {is_same}");
    };
    // 3.333333 x 0.37 = 1.23333321: a maker who sells gets the floor, one who buys pays the ceiling.
    check(true, Side::Buy, true, "matched 3.333333 for 1.233333");
    check(true, Side::Sell, true, "matched 3.333333 for 1.233334");
    check(false, Side::Buy, true, "matched 3.333333 for 1.233334");
    check(false, Side::Sell, true, "matched 3.333333 for 1.233333");
    // 3.333333 x 0.63 = 2.09999979: what is left of a dollar a share.
    check(true, Side::Buy, false, "matched 3.333333 for 1.233333");
    check(true, Side::Sell, false, "matched 3.333333 for 1.233334");
    check(false, Side::Buy, false, "matched 3.333333 for 1.233334");
    check(false, Side::Sell, false, "matched 3.333333 for 1.233333");
}

/// The signed 5 dollars for 7.5757 shares of PROTOCOL.md 8, and the mint at 0.71.
#[test]
fn amounts_are_those_of_the_chain() {
    let check = |makers: &[(&str, u32, Side)], expected: &str| {
        let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
        let shares = |text: &str| Shares(message::millionths(text).expect("shares"));
        let makers = makers.iter().map(|(text, cents, side)| {
            let (order, shares, price) = (id(99), shares(text), price(*cents));
            Leg { order, token: TokenId(7), side: *side, shares, price, is_ours: false }
        });
        let makers: Vec<Leg> = makers.collect();
        let total = makers.iter().fold(Shares::ZERO, |sum, maker| sum + maker.shares);
        let mut message = bought(5, "1", "MATCHED");
        (message.taker.shares, message.makers) = (total, makers);
        assert_eq!(desk.hear(Evidence::Trade(message)), format!("accepted; matched {total} for {expected}"));
    };
    check(&[("7.575758", 66, Side::Sell)], "5");
    check(&[("7.042251", 29, Side::Buy)], "4.999998");
    // Several levels are summed, each as the contract rounds it.
    check(&[("10", 40, Side::Sell), ("5", 55, Side::Buy), ("1", 44, Side::Sell)], "6.69");
}

#[test]
fn the_taker_pays_the_fee_of_the_market_and_a_maker_none() {
    let mut desk = Desk::open();
    let fees = FeeSchedule { rate_ppm: 40_000 };
    desk.hear(Evidence::Registered(Sent { fees, ..sent(1, Side::Buy, OrderKind::Fak) }));
    // 20 x 0.04 x 0.5 x 0.5.
    assert_eq!(desk.trade(5, "20", "MATCHED"), "accepted; matched 20 for 10 fee 0.2");
    let mut desk = Desk::open();
    desk.hear(Evidence::Registered(Sent { fees, ..sent(1, Side::Buy, OrderKind::Gtc) }));
    let mut message = bought(5, "20", "MATCHED");
    std::mem::swap(&mut message.taker, &mut message.makers[0]);
    assert_eq!(desk.hear(Evidence::Trade(message)), "accepted; matched 20 for 10");
}

/// One trade may have several of our resting orders, and one order several times.
#[test]
fn each_order_of_ours_in_a_match_has_its_own_leg() {
    let mut desk = Desk::with(Side::Sell, OrderKind::Gtc);
    desk.hear(Evidence::Registered(sent(2, Side::Sell, OrderKind::Gtc)));
    let mut message = bought(5, "9", "MATCHED");
    let leg = |order, shares| Leg { order: id(order), shares: Shares::whole(shares), ..message.makers[0] };
    (message.makers, message.taker.order) = (vec![leg(1, 2), leg(2, 3), leg(1, 4)], id(99));
    message.taker.is_ours = false;
    assert_eq!(desk.hear(Evidence::Trade(message.clone())), "accepted; matched 6 for 3; accepted; matched 3 for 1.5");
    message.status = TradeStatus::Confirmed;
    assert_eq!(desk.hear(Evidence::Trade(message)), "confirmed; confirmed");
}

#[test]
fn a_match_settles_once_or_fails_once() {
    let check = |statuses: &[&str], expected: &[&str]| {
        let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
        let stories: Vec<String> = statuses.iter().map(|status| desk.trade(5, "20", status)).collect();
        assert_eq!(stories, expected, "{statuses:?}");
    };
    let matched = "accepted; matched 20 for 10";
    check(&["MATCHED", "MINED", "CONFIRMED", "MATCHED"], &[matched, "", "confirmed", ""]);
    check(&["CONFIRMED", "MATCHED"], &["accepted; matched 20 for 10; confirmed", ""]);
    check(&["MATCHED", "RETRYING", "FAILED", "MATCHED", "FAILED"], &[matched, "", "voided", "", ""]);
    check(&["MATCHED", "RETRYING", "MINED", "CONFIRMED"], &[matched, "", "", "confirmed"]);
    check(&["FAILED", "MATCHED"], &["accepted; voided", ""]);
    check(&["CONFIRMED", "FAILED"], &["accepted; matched 20 for 10; confirmed", "alarm flipped"]);
    check(&["FAILED", "CONFIRMED"], &["accepted; voided", "alarm flipped"]);
    check(&["ASCENDED", "CONFIRMED"], &["accepted; matched 20 for 10; alarm unpublished", "confirmed"]);
}

/// What was told once stands, and who tells it otherwise is not understood.
#[test]
fn other_amounts_of_the_same_match_are_a_fault() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.trade(5, "20", "MATCHED"), "accepted; matched 20 for 10");
    assert_eq!(desk.follower.state(), None);
    assert_eq!(desk.trade(5, "19", "MINED"), "alarm retold");
    assert_eq!(desk.follower.state(), Some(LiveOrders::OtherVersion));
    // The taker's own price instead of the makers': a millionth is no difference.
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    desk.trade(5, "3.333333", "MATCHED");
    let mut message = bought(5, "3.333333", "MINED");
    message.makers.clear();
    assert_eq!(desk.hear(Evidence::Trade(message)), "");
}

#[test]
fn a_voided_match_does_not_make_an_order_filled() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.trade(5, "20", "MATCHED"), "accepted; matched 20 for 10");
    assert_eq!(desk.trade(5, "20", "FAILED"), "voided");
    assert_eq!(desk.order("MATCHED", "20"), "closed cancelled");
}

/// Confirmations that the channel loses are read; a minute without one is an alarm, once.
#[test]
fn a_match_that_does_not_settle_is_read_and_raises_an_alarm() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    desk.accepted(Status::Matched, "10", "20");
    assert_eq!(desk.trade(5, "20", "MATCHED"), "matched 20 for 10; closed filled");
    assert_eq!(desk.wait(20_000), "read trades 2 since -60");
    assert_eq!(desk.trades_read(vec![bought(5, "20", "MINED")]), "");
    assert_eq!(desk.wait(20_000), "read trades 3 since -60");
    assert_eq!(desk.trades_read(vec![]), "");
    let story = desk.wait(20_000);
    assert!(story.contains("alarm stuck") && story.contains("read trades 4"), "{story}");
    assert_eq!(desk.trades_read(vec![bought(5, "20", "CONFIRMED")]), "confirmed");
    assert_eq!(desk.wait(600_000), "");
}

/// What our wallet does by other hands is noted once, and told apart from others' legs.
#[test]
fn what_no_order_of_ours_explains_is_foreign_once() {
    let mut desk = Desk::open();
    let mut message = bought(5, "20", "MATCHED");
    message.taker.order = id(77);
    assert_eq!(desk.hear(Evidence::Trade(message.clone())), "foreign 20 for 10; alarm foreign");
    message.status = TradeStatus::Confirmed;
    assert_eq!(desk.hear(Evidence::Trade(message.clone())), "");
    // The same order in another match is another thing.
    message.trade = TradeKey([0, 6]);
    assert_eq!(desk.hear(Evidence::Trade(message.clone())), "foreign 20 for 10; alarm foreign");
    // What failed did nothing.
    (message.trade, message.status) = (TradeKey([0, 7]), TradeStatus::Failed);
    assert_eq!(desk.hear(Evidence::Trade(message.clone())), "");
    // What was noted before this process began is not noted again.
    desk.hear(Evidence::KnownForeign { trade: TradeKey([0, 8]), id: id(77) });
    (message.trade, message.status) = (TradeKey([0, 8]), TradeStatus::Pending);
    assert_eq!(desk.hear(Evidence::Trade(message)), "");
    // An order that rests has done nothing yet.
    let message = desk.order_message(78, "LIVE", "0");
    assert_eq!(desk.hear(Evidence::Order(message.clone())), "foreign 0 for 0; alarm foreign");
    assert_eq!(desk.hear(Evidence::Order(message)), "");
}

#[test]
fn a_name_that_comes_after_its_match_gets_its_fills_by_reading() {
    let mut desk = Desk::open();
    assert_eq!(desk.trade(5, "20", "MATCHED"), "foreign 20 for 10; alarm foreign");
    assert_eq!(desk.hear(Evidence::Registered(sent(1, Side::Buy, OrderKind::Fak))), "alarm latename");
    assert_eq!(desk.tick(), "read trades 2 since -60");
    assert_eq!(desk.trades_read(vec![bought(5, "20", "MATCHED")]), "accepted; matched 20 for 10");
}

#[test]
fn what_ended_is_watched_in_bounds_and_what_settles_is_kept() {
    let mut desk = Desk::open();
    let name = |n: u64| {
        let mut name = [0; 32];
        name[..8].copy_from_slice(&n.to_be_bytes());
        VenueOrderId(name)
    };
    let order = |n: u64| Sent { order: OrderId(n), id: name(n), ..sent(1, Side::Buy, OrderKind::Fak) };
    let matched = |n: u64, status: &str| {
        let mut message = bought(n, "20", status);
        message.taker.order = name(n);
        Evidence::Trade(message)
    };
    for n in 1..=ENDED_MAX as u64 + 1 {
        desk.hear(Evidence::Registered(order(n)));
        if n == 1 {
            assert_eq!(desk.hear(matched(n, "MATCHED")), "accepted; matched 20 for 10");
            let message = OrderMessage { id: name(n), ..desk.order_message(1, "MATCHED", "20") };
            assert_eq!(desk.hear(Evidence::Order(message)), "closed filled");
        } else {
            desk.hear(Evidence::Answered { id: name(n), answer: Answer::Rejected(Rejection::NoMatch) });
        }
    }
    // The first waits for its settlement, the second is forgotten, the third is watched.
    assert!(desk.follower.sent(name(1)).is_some());
    assert!(desk.follower.sent(name(2)).is_none());
    assert!(desk.follower.sent(name(3)).is_some());
    assert_eq!(desk.hear(matched(1, "CONFIRMED")), "confirmed");
    assert_eq!(desk.hear(matched(3, "MATCHED")), "matched 20 for 10; alarm late");
}

#[test]
fn too_many_open_orders_stop_entries_and_lose_nothing() {
    let mut desk = Desk::open();
    let name = |n: u64| VenueOrderId(std::array::from_fn(|at| (n >> (8 * (at % 8))) as u8));
    let order = |n: u64| Sent { order: OrderId(n), id: name(n), ..sent(1, Side::Buy, OrderKind::Gtc) };
    for n in 1..=OPEN_MAX as u64 {
        assert_eq!(desk.hear(Evidence::Registered(order(n))), "");
    }
    assert_eq!(desk.follower.state(), None);
    assert_eq!(desk.hear(Evidence::Registered(order(OPEN_MAX as u64 + 1))), "alarm crowded");
    assert_eq!(desk.follower.state(), Some(LiveOrders::ChannelDown));
    assert!(desk.follower.sent(name(OPEN_MAX as u64 + 1)).is_some());
    for n in 1..=OPEN_MAX as u64 / 2 + 1 {
        assert_eq!(desk.follower.state(), Some(LiveOrders::ChannelDown), "{n}");
        desk.hear(Evidence::Answered { id: name(n), answer: Answer::NotSent(NotSent::TooOld) });
    }
    assert_eq!(desk.follower.state(), None);
}

#[test]
fn ids_and_numbers_of_the_venue_are_read() {
    let text = id(0xab).to_string();
    assert_eq!(message::order_id(&text), Some(id(0xab)));
    assert_eq!(message::order_id(&text.to_uppercase()), Some(id(0xab)));
    for bad in ["", "0x", &text[2..], &text[..65], "0xzz"] {
        assert_eq!(message::order_id(bad), None, "{bad}");
    }
    let uuid = "c17f5a28-0fa5-4b4e-a3c8-ec3cf5e1ab01";
    assert_eq!(message::trade_key(uuid), TradeKey([0xc17f_5a28_0fa5_4b4e, 0xa3c8_ec3c_f5e1_ab01]));
    assert_ne!(message::trade_key("trade-1"), message::trade_key("trade-2"));
    use OrderStatus::{Cancelled, Expired, Invalid, Live, Matched, Refused, Unpublished};
    for (text, status) in [
        ("LIVE", Live),
        ("ORDER_STATUS_LIVE", Live),
        ("live", Live),
        ("MATCHED", Matched),
        ("INVALID", Invalid),
        ("CANCELED", Cancelled),
        ("CANCELED_MARKET_RESOLVED", Cancelled),
        ("CANCELED_NOT_ENOUGH_BALANCE", Cancelled),
        ("CANCELED_EXPIRED_ORDER", Expired),
        ("CANCELED_no orders found to match with FAK order. FAK", Refused(Rejection::NoMatch)),
        ("ORDER_STATUS_CANCELED_MARKET_RESOLVED", Cancelled),
        ("ASCENDED", Unpublished),
    ] {
        assert_eq!(OrderStatus::parse(text), status, "{text}");
    }
}
