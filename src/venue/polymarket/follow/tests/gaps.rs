//! Gaps of the user channel: nothing is believed to be whole until it was read.

use super::*;

#[test]
fn a_new_follower_is_not_whole_until_the_channel_is_up_and_the_past_is_read() {
    let mut desk = Desk { follower: Follower::new(START), now: START, told: Told::default() };
    assert_eq!(desk.follower.state(), Some(LiveOrders::ChannelDown));
    assert_eq!(desk.tick(), "");
    desk.now = START.plus(Nanos::from_secs(100));
    assert_eq!(desk.hear(Evidence::ChannelUp), "");
    assert_eq!(desk.tick(), "read trades 1 since -60");
    assert_eq!(desk.follower.state(), Some(LiveOrders::ChannelDown));
    assert_eq!(desk.trades_read(vec![]), "");
    assert_eq!(desk.follower.state(), None);
}

#[test]
fn after_a_gap_every_open_order_and_the_trades_are_read() {
    let mut desk = Desk::with(Side::Sell, OrderKind::Gtc);
    assert_eq!(desk.accepted(Status::Live, "", ""), "accepted");
    desk.now = START.plus(Nanos::from_secs(30));
    assert_eq!(desk.hear(Evidence::ChannelDown), "");
    assert!(!desk.follower.is_whole());
    desk.now = START.plus(Nanos::from_secs(40));
    assert_eq!(desk.hear(Evidence::ChannelUp), "");
    assert_eq!(desk.tick(), "read order; read trades 2 since -30");
    let mut sold = bought(5, "3", "MATCHED");
    (sold.taker.side, sold.makers[0].side) = (Side::Sell, Side::Buy);
    assert_eq!(desk.trades_read(vec![sold]), "matched 3 for 1.5");
    assert!(!desk.follower.is_whole(), "the order is not read");
    assert_eq!(desk.found("LIVE", "3"), "");
    assert!(desk.follower.is_whole());
}

#[test]
fn a_read_that_was_begun_in_the_gap_does_not_close_it() {
    let mut desk = Desk::open();
    desk.hear(Evidence::Registered(sent(1, Side::Buy, OrderKind::Fak)));
    desk.answer(Answer::Unknown(Doubt::Restarting));
    desk.hear(Evidence::ChannelDown);
    assert_eq!(desk.wait(500), "read order; read trades 2 since -60");
    desk.now = desk.now.plus(Nanos::from_secs(1));
    desk.hear(Evidence::ChannelUp);
    desk.order_read(Read::Absent);
    desk.trades_read(vec![]);
    assert!(!desk.follower.is_whole());
    assert_eq!(desk.tick(), "read order; read trades 3 since -60");
    desk.order_read(Read::Absent);
    assert!(!desk.follower.is_whole());
    desk.trades_read(vec![]);
    assert!(desk.follower.is_whole());
}

#[test]
fn failed_reads_keep_the_gap_open_and_are_done_again() {
    let mut desk = Desk::open();
    desk.hear(Evidence::ChannelDown);
    desk.hear(Evidence::ChannelUp);
    assert_eq!(desk.tick(), "read trades 2 since -60");
    assert_eq!(desk.hear(Evidence::TradesRead { number: 2, read: Read::Failed }), "");
    assert_eq!(desk.wait(999), "");
    assert_eq!(desk.wait(1), "read trades 3 since -60");
    // No answer at all is a failure, too.
    assert_eq!(desk.wait(29_999), "");
    assert_eq!(desk.wait(1), "read trades 4 since -60");
    assert!(!desk.follower.is_whole());
    // What comes late of the one that was given up counts for nothing.
    assert_eq!(desk.hear(Evidence::TradesRead { number: 3, read: Read::Found(vec![]) }), "");
    assert!(!desk.follower.is_whole());
    assert_eq!(desk.hear(Evidence::TradesRead { number: 4, read: Read::Found(vec![]) }), "");
    assert!(desk.follower.is_whole());
}

/// A second gap before the first was read makes one gap of both.
#[test]
fn gaps_add_up() {
    let mut desk = Desk::open();
    desk.hear(Evidence::ChannelDown);
    for seconds in [10, 20] {
        desk.now = START.plus(Nanos::from_secs(seconds));
        desk.hear(Evidence::ChannelUp);
        desk.now = desk.now.plus(Nanos::from_secs(5));
        desk.hear(Evidence::ChannelDown);
    }
    desk.hear(Evidence::ChannelUp);
    assert_eq!(desk.tick(), "read trades 2 since -60");
}
