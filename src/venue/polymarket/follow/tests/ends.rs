//! How orders end that are answered: at once, late, in parts, by whatever way the venue says it.

use super::*;

#[test]
fn a_matched_order_is_filled_when_its_match_is_told() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.accepted(Status::Matched, "10", "20"), "accepted");
    assert_eq!(desk.trade(5, "20", "MATCHED"), "matched 20 for 10; closed filled");
    assert_eq!(desk.trade(5, "20", "MINED"), "");
    assert_eq!(desk.trade(5, "20", "CONFIRMED"), "confirmed");
    assert_eq!(desk.trade(5, "20", "CONFIRMED"), "");
    assert_eq!(desk.wait(1_000_000), "");
}

#[test]
fn the_user_channel_may_be_faster_than_the_answer() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.trade(5, "20", "MATCHED"), "accepted; matched 20 for 10");
    assert_eq!(desk.order("MATCHED", "20"), "closed filled");
    assert_eq!(desk.accepted(Status::Matched, "10", "20"), "");
    assert_eq!(desk.trade(5, "20", "TRADE_STATUS_CONFIRMED"), "confirmed");
}

#[test]
fn a_part_fill_and_kill_ends_cancelled_once_all_parts_are_told() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.accepted(Status::Matched, "6", "12"), "accepted");
    assert_eq!(desk.trade(5, "10", "MATCHED"), "matched 10 for 5");
    assert_eq!(desk.trade(6, "2", "MATCHED"), "matched 2 for 1; closed cancelled");
}

/// A match whose message is lost is found by reading, and the order waits for it.
#[test]
fn an_end_waits_for_the_fills_that_are_not_told() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.accepted(Status::Matched, "10", "20"), "accepted");
    assert_eq!(desk.wait(500), "read order; read trades 2 since -60");
    assert_eq!(desk.found("MATCHED", "20"), "");
    assert_eq!(desk.trades_read(vec![bought(5, "15", "MINED")]), "matched 15 for 7.5");
    assert_eq!(desk.wait(1_500), "read trades 3 since -60");
    let all = vec![bought(5, "15", "CONFIRMED"), bought(6, "5", "MATCHED_NOT_BROADCASTED")];
    assert_eq!(desk.trades_read(all), "confirmed; matched 5 for 2.5; closed filled");
}

#[test]
fn fills_that_the_venue_claims_and_never_lists_are_an_alarm_and_no_lock_for_ever() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.accepted(Status::Matched, "10", "20"), "accepted");
    let mut stories = Vec::new();
    for _ in 0..700 {
        stories.push(desk.wait(1_000));
        stories.push(desk.nothing_found());
        if stories.last().is_some_and(|story| story.contains("closed")) {
            break;
        }
    }
    assert_eq!(stories.last().map(String::as_str), Some("closed cancelled; alarm missing"));
    let lasted = desk.now.since(START);
    assert!(ladder::WINDOW <= lasted && lasted <= ladder::WINDOW.plus(Nanos::from_secs(120)), "{lasted:?}");
}

#[test]
fn a_proven_no_ends_an_order_at_once() {
    for rejection in Rejection::ALL {
        let mut desk = Desk::with(Side::Buy, OrderKind::Fok);
        let story = desk.answer(Answer::Rejected(rejection));
        assert_eq!(story, format!("closed {}", rejection.code()));
        assert_eq!(desk.wait(1_000_000), "");
    }
    for cause in NotSent::ALL {
        let mut desk = Desk::with(Side::Buy, OrderKind::Fok);
        assert_eq!(desk.answer(Answer::NotSent(cause)), format!("closed {}", cause.code()));
    }
}

/// A killed FOK is told on the user channel, too, with empty amounts.
#[test]
fn a_no_on_the_user_channel_is_a_no() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fok);
    let status = "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.";
    assert_eq!(desk.order(status, ""), "closed rejected_not_fully_filled");
    assert_eq!(desk.answer(Answer::Rejected(Rejection::NotFullyFilled)), "");
    // What has a fill was not refused.
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.trade(5, "8", "MATCHED"), "accepted; matched 8 for 4");
    assert_eq!(desk.order("CANCELED_NOT_ENOUGH_BALANCE", "8"), "closed cancelled");
}

#[test]
fn a_no_to_what_the_venue_has_is_looked_into() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.trade(5, "8", "MATCHED"), "accepted; matched 8 for 4");
    assert_eq!(desk.answer(Answer::Rejected(Rejection::Balance)), "unknown; alarm contradicted");
    assert_eq!(desk.wait(250), "read order");
    assert_eq!(desk.found("CANCELED", "8"), "closed cancelled");
}

#[test]
fn a_held_order_is_watched_until_it_ends() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.accepted(Status::Delayed, "", ""), "accepted");
    assert_eq!(desk.order("DELAYED", "0"), "");
    assert_eq!(desk.wait(4_999), "");
    assert_eq!(desk.wait(1), "read order; read trades 2 since -60");
    assert_eq!(desk.found("DELAYED", "0"), "");
    assert_eq!(desk.trades_read(vec![]), "");
    assert_eq!(desk.trade(5, "20", "MATCHED"), "matched 20 for 10");
    assert_eq!(desk.order("MATCHED", "20"), "closed filled");
}

/// Held, and then nothing was found for it: the terminal words include UNMATCHED.
#[test]
fn a_held_order_may_find_nothing() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.accepted(Status::Delayed, "", ""), "accepted");
    assert_eq!(desk.order("UNMATCHED", "0"), "closed cancelled");
    let mut desk = Desk::with(Side::Buy, OrderKind::Fok);
    assert_eq!(desk.accepted(Status::Unmatched, "", "0"), "accepted");
    // The answer tells no amounts: the order is read before its money comes back.
    assert_eq!(desk.wait(500), "read order; read trades 2 since -60");
    assert_eq!(desk.found("UNMATCHED", "0"), "closed rejected_not_fully_filled");
}

/// What is to fill at once and rests is cancelled, and its amounts are read before it ends.
#[test]
fn a_market_order_that_rests_is_cancelled_after_five_seconds() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.accepted(Status::Live, "", ""), "accepted");
    assert_eq!(desk.wait(5_000), "read order; read trades 2 since -60");
    assert_eq!(desk.found("LIVE", "0"), "cancel");
    assert_eq!(desk.trades_read(vec![]), "");
    assert_eq!(desk.hear(Evidence::CancelAnswered { id: id(1), cancelled: true }), "");
    assert_eq!(desk.tick(), "read order; read trades 3 since -60");
    // It was matched while it was cancelled.
    assert_eq!(desk.found("CANCELED", "4"), "");
    assert_eq!(desk.trades_read(vec![bought(5, "4", "MATCHED")]), "matched 4 for 2; closed cancelled");
}

#[test]
fn a_cancel_that_came_too_late_is_no_end() {
    let mut desk = Desk::with(Side::Sell, OrderKind::Gtc);
    assert_eq!(desk.accepted(Status::Live, "", ""), "accepted");
    assert_eq!(desk.hear(Evidence::CancelAnswered { id: id(1), cancelled: false }), "");
    assert_eq!(desk.tick(), "read order; read trades 2 since -60");
    assert_eq!(desk.found("MATCHED", "20"), "");
    let mut sold = bought(5, "20", "MATCHED");
    (sold.taker.side, sold.makers[0].side) = (Side::Sell, Side::Buy);
    assert_eq!(desk.trades_read(vec![sold]), "matched 20 for 10; closed filled");
}

#[test]
fn a_resting_order_is_read_every_minute_and_ends_by_what_is_said() {
    let mut desk = Desk::with(Side::Sell, OrderKind::Gtc);
    assert_eq!(desk.accepted(Status::Live, "", ""), "accepted");
    assert_eq!(desk.wait(59_999), "");
    assert_eq!(desk.wait(1), "read order");
    assert_eq!(desk.found("LIVE", "0"), "");
    assert_eq!(desk.wait(60_000), "read order");
    assert_eq!(desk.found("CANCELED_EXPIRED_ORDER", "0"), "closed expired");
}

#[test]
fn an_order_that_the_venue_lost_sight_of_ends_after_the_window() {
    let mut desk = Desk::with(Side::Sell, OrderKind::Gtc);
    assert_eq!(desk.accepted(Status::Live, "", ""), "accepted");
    desk.wait(3_600_000);
    desk.nothing_found();
    let missed_at = desk.now;
    let mut last = String::new();
    while !last.contains("closed") && desk.now.since(missed_at) < Nanos::from_secs(2_000) {
        desk.wait(1_000);
        last = desk.nothing_found();
    }
    assert_eq!(last, "closed cancelled");
    assert!(ladder::WINDOW <= desk.now.since(missed_at));
}

#[test]
fn silence_after_the_name_is_taken_for_sent() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.wait(59_999), "");
    assert_eq!(desk.wait(1), "unknown; alarm silent");
}

#[test]
fn another_name_is_a_fault_and_its_fills_are_ours() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.follower.state(), None);
    assert_eq!(desk.answer(Answer::Unknown(Doubt::OtherId(id(42)))), "unknown; alarm othername");
    assert_eq!(desk.follower.state(), Some(LiveOrders::OtherVersion));
    let mut trade = bought(5, "20", "MATCHED");
    trade.taker.order = id(42);
    assert_eq!(desk.hear(Evidence::Trade(trade)), "accepted; matched 20 for 10");
    let message = desk.order_message(42, "MATCHED", "20");
    assert_eq!(desk.hear(Evidence::Order(message)), "closed filled");
}

/// The venue wrote millionths as whole numbers once, and may again.
#[test]
fn amounts_are_read_in_the_unit_that_fits_the_signed_ones() {
    let mut desk = Desk::with(Side::Sell, OrderKind::Gtc);
    assert_eq!(desk.accepted(Status::Live, "", ""), "accepted");
    let check = |desk: &mut Desk, original: &str, matched: &str, expected: &str| {
        let mut message = desk.order_message(1, "CANCELED", matched);
        message.original_size = message::millionths(original);
        assert_eq!(desk.hear(Evidence::Order(message)), expected, "{original} {matched}");
    };
    check(&mut desk, "20000000", "0", "closed cancelled");
    let mut desk = Desk::with(Side::Sell, OrderKind::Gtc);
    // 4 shares in millionths: the match is not told yet.
    check(&mut desk, "20000000", "4000000", "accepted");
    let mut desk = Desk::with(Side::Sell, OrderKind::Gtc);
    check(&mut desk, "1.5e3", "25", "accepted; alarm otherunit");
    // Of a market buy the venue tells the dollars as its size.
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.trade(5, "20", "MATCHED"), "accepted; matched 20 for 10");
    check(&mut desk, "10", "20", "closed cancelled");
    // The answer in base units.
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.accepted(Status::Matched, "10000000", "20000000"), "accepted");
    assert_eq!(desk.trade(5, "20", "MATCHED"), "matched 20 for 10; closed filled");
}
