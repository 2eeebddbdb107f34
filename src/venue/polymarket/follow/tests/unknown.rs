//! The ladder of an order whose outcome nobody knows (RELIABILITY.md 5.3).

use super::*;

#[test]
fn a_lost_answer_is_sent_again_once_and_looked_up_by_the_timetable() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.answer(LOST), "unknown");
    assert_eq!(desk.wait(99), "");
    assert_eq!(desk.wait(1), "send again");
    assert_eq!(desk.answer(LOST), "");
    assert_eq!(desk.wait(149), "");
    assert_eq!(desk.wait(1), "read order");
    assert_eq!(desk.order_read(Read::Absent), "");
    assert_eq!(desk.wait(250), "read trades 2 since -60");
    assert_eq!(desk.trades_read(vec![]), "");
    assert_eq!(desk.wait(500), "read order");
    assert_eq!(desk.found("MATCHED", "20"), "accepted");
    assert_eq!(desk.trade(5, "20", "MATCHED"), "matched 20 for 10; closed filled");
}

/// Within a second and a half of its signature, and never after a no or a word that it is there.
#[test]
fn the_same_bytes_go_again_only_early_and_only_where_it_may_help() {
    let check = |age_millis: u64, answer: Answer, expected: &str| {
        let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
        desk.wait(age_millis);
        assert_eq!(desk.answer(answer), "unknown");
        assert_eq!(desk.wait(200), expected, "{age_millis}");
    };
    check(0, LOST, "send again");
    check(1_399, LOST, "send again");
    check(1_400, LOST, "");
    check(0, Answer::Unknown(Doubt::ServerError), "send again");
    check(0, Answer::Unknown(Doubt::Restarting), "");
    check(0, Answer::Unknown(Doubt::Throttled), "");
    check(0, Answer::Unknown(Doubt::UnknownWords), "");
    check(0, Answer::Unknown(Doubt::Duplicated), "");
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.answer(LOST), "unknown");
    assert_eq!(desk.trade(5, "20", "MATCHED"), "accepted; matched 20 for 10");
    assert_eq!(desk.wait(200), "");
}

/// What refuses the second sending says nothing of the first: it may be why there was no money left.
#[test]
fn a_no_to_the_second_sending_ends_nothing() {
    for answer in [
        Answer::Rejected(Rejection::Balance),
        Answer::Rejected(Rejection::NoMatch),
        Answer::NotSent(NotSent::TooOld),
        Answer::Unknown(Doubt::Duplicated),
    ] {
        let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
        assert_eq!(desk.answer(LOST), "unknown");
        assert_eq!(desk.wait(100), "send again");
        assert_eq!(desk.answer(answer.clone()), "", "{answer:?}");
        assert_eq!(desk.follower.open(), (1, 1), "{answer:?}");
    }
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.answer(LOST), "unknown");
    assert_eq!(desk.wait(100), "send again");
    assert_eq!(desk.accepted(Status::Matched, "10", "20"), "accepted");
}

/// Plays an order whose answer was lost to its end, with every read empty. Returns how long it took.
fn played_to_absence(desk: &mut Desk) -> Nanos {
    let began = desk.now;
    for _ in 0..900 {
        desk.wait(1_000);
        let story = desk.nothing_found();
        if story.contains("closed") {
            assert_eq!(story, "closed absent");
            return desk.now.since(began);
        }
    }
    panic!("it never ends");
}

#[test]
fn absence_takes_the_window_and_a_final_read_of_both_sources() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.answer(LOST), "unknown");
    let lasted = played_to_absence(&mut desk);
    assert!(ladder::WINDOW <= lasted && lasted < ladder::WINDOW.plus(Nanos::from_secs(62)), "{lasted:?}");
    // Late, and adopted all the same.
    assert_eq!(desk.trade(5, "20", "CONFIRMED"), "matched 20 for 10; confirmed; alarm late");
}

/// The window begins with the last bytes that left.
#[test]
fn the_window_runs_from_the_last_sending() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.answer(LOST), "unknown");
    assert_eq!(desk.wait(100), "send again");
    // Its answer is lost half a minute later: until then bytes may have left.
    desk.wait(30_000);
    desk.nothing_found();
    assert_eq!(desk.answer(LOST), "");
    let lasted = played_to_absence(&mut desk);
    assert!(ladder::WINDOW <= lasted, "{lasted:?}");
}

#[test]
fn reads_that_fail_prove_nothing_and_are_done_again() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.answer(LOST), "unknown");
    assert_eq!(desk.wait(100), "send again");
    for _ in 0..1_000 {
        desk.wait(1_000);
        let number = desk.follower.reads.number();
        assert_eq!(desk.hear(Evidence::TradesRead { number, read: Read::Failed }), "");
        assert_eq!(desk.order_read(Read::Absent), "");
    }
    assert_eq!(desk.follower.open(), (1, 1));
    // A read that is never answered counts as failed.
    for _ in 0..100 {
        desk.wait(1_000);
        desk.trades_read(vec![]);
    }
    assert_eq!(desk.follower.open(), (0, 0));
}

#[test]
fn a_silent_user_channel_proves_nothing() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.answer(LOST), "unknown");
    assert_eq!(desk.wait(100), "send again");
    desk.hear(Evidence::ChannelDown);
    for _ in 0..1_000 {
        desk.wait(1_000);
        assert_eq!(desk.nothing_found(), "");
    }
    assert_eq!(desk.follower.open(), (1, 1));
    desk.hear(Evidence::ChannelUp);
    let mut stories = String::new();
    for _ in 0..100 {
        desk.wait(1_000);
        stories += &desk.nothing_found();
    }
    assert_eq!(stories, "closed absent");
}

/// A market order that is found resting is cancelled at once.
#[test]
fn a_lost_market_order_that_rests_is_cancelled() {
    let mut desk = Desk::with(Side::Buy, OrderKind::Fak);
    assert_eq!(desk.answer(Answer::Unknown(Doubt::Restarting)), "unknown");
    assert_eq!(desk.wait(250), "read order");
    assert_eq!(desk.found("LIVE", "0"), "accepted; cancel");
}

#[test]
fn after_a_restart_each_open_order_is_looked_up_and_its_window_begins_anew() {
    let mut desk = Desk::open();
    let order = sent(1, Side::Buy, OrderKind::Fak);
    desk.wait(500);
    assert_eq!(desk.hear(Evidence::Resumed { sent: order, stands: Stands::Unanswered }), "unknown");
    // Who sent it is gone: nobody sends it again.
    assert_eq!(desk.wait(249), "");
    assert_eq!(desk.wait(1), "read order");
    let lasted = played_to_absence(&mut desk);
    assert!(ladder::WINDOW <= lasted.plus(Nanos::from_secs(1)), "{lasted:?}");
    // One that rested is found, or not.
    let mut desk = Desk::open();
    let order = sent(1, Side::Sell, OrderKind::Gtc);
    assert_eq!(desk.hear(Evidence::Resumed { sent: order, stands: Stands::Accepted }), "");
    assert_eq!(desk.wait(5_000), "read order; read trades 2 since -60");
    assert_eq!(desk.found("LIVE", "0"), "");
    // What ended is only watched.
    let mut desk = Desk::open();
    let order = sent(1, Side::Buy, OrderKind::Fak);
    assert_eq!(desk.hear(Evidence::Resumed { sent: order, stands: Stands::Ended }), "");
    assert_eq!(desk.wait(1_000_000), "");
    // And where a match was not settled, it is read.
    let mut desk = Desk::open();
    assert_eq!(desk.hear(Evidence::Resumed { sent: order, stands: Stands::Settling }), "");
    assert_eq!(desk.tick(), "read trades 2 since -60");
    assert_eq!(desk.trades_read(vec![bought(5, "20", "CONFIRMED")]), "matched 20 for 10; confirmed");
}

#[test]
fn reads_keep_their_budget_and_nothing_is_forgotten() {
    let mut desk = Desk::open();
    for order in 1..=40 {
        desk.hear(Evidence::Registered(sent(order, Side::Buy, OrderKind::Fak)));
        desk.hear(Evidence::Answered { id: id(order), answer: Answer::Unknown(Doubt::Restarting) });
    }
    let mut asked = Vec::new();
    for _ in 0..5 {
        let begun = desk.now;
        let story = desk.wait(499);
        let reads = story.matches("read ").count();
        assert!(reads <= ladder::READS_MAX, "{reads} reads in {:?} after {:?}", desk.now.since(begun), begun);
        asked.push(reads);
        desk.wait(1);
    }
    assert!(asked.iter().sum::<usize>() >= 30, "{asked:?}");
}
