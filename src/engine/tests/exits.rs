//! Exits: with the leader, at the stop, at the target, at the end of the market.

use super::*;

/// A world that holds 100 shares bought at 0.50 because the leader bought 200.
pub fn holding(narrow: impl FnOnce(&mut Settings)) -> World {
    let mut settings = open_settings();
    narrow(&mut settings);
    let mut world = World::new(settings);
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(3));
    liquid(&mut world);
    assert_eq!(world.said(), "deposited $1000; buy $50 @ 0.51; filled 100 for $50 fee 0; filled");
    world
}

#[test]
fn a_leaders_sale_is_mirrored_in_proportion() {
    let mut world = holding(|_| ());
    world.leader(Side::Sell, 0.49, 60.0);
    world.wait(Nanos::from_secs(1));
    assert_eq!(world.said(), "due leader_exit; sell 30 @ 0.49; filled 30 for $14.7 fee 0; filled");
    // He has 140 left; half of it is half of our 70.
    world.leader(Side::Sell, 0.49, 70.0);
    world.wait(Nanos::from_secs(1));
    assert_eq!(world.said(), "due leader_exit; sell 35 @ 0.49; filled 35 for $17.15 fee 0; filled");
    // More than we saw him buy: all of it.
    world.leader(Side::Sell, 0.49, 500.0);
    world.wait(Nanos::from_secs(1));
    assert_eq!(world.said(), "due leader_exit; sell 35 @ 0.49; filled 35 for $17.15 fee 0; filled");
    assert_eq!(world.position(), None);
    world.leader(Side::Sell, 0.49, 1.0);
    assert_eq!(world.said(), "skipped nothing_to_sell");
    world.audit();
}

#[test]
fn an_exit_is_not_blocked_by_age_spread_or_depth() {
    let mut world = holding(|s| s.guards.buy.spread_max = 10_000);
    world.book(&[(0.20, 5_000.0)], &[(0.90, 1.0)]);
    world.now = world.now.plus(Nanos::from_secs(600));
    world.leader_late(Side::Sell, 0.49, 200.0, Nanos::from_secs(500));
    assert_eq!(world.said(), "due leader_exit; sell 100 @ 0.2");
}

#[test]
fn an_exit_waits_for_bids_and_retries_with_back_off() {
    let mut world = holding(|_| ());
    world.book(&[], &[(0.50, 5_000.0)]);
    world.leader(Side::Sell, 0.49, 200.0);
    assert_eq!(world.said(), "due leader_exit");
    world.book(&[(0.40, 40.0)], &[(0.50, 5_000.0)]);
    // The bids are gone again before the order arrives.
    world.book(&[], &[(0.50, 5_000.0)]);
    world.wait(Nanos::from_millis(300));
    assert_eq!(world.said(), "sell 100 @ 0.4; rejected_no_match");
    // Within the back-off a new bid is not tried; after it, it is, without any new message.
    world.book(&[(0.40, 40.0)], &[(0.50, 5_000.0)]);
    assert_eq!(world.said(), "");
    world.wait(Nanos::from_secs(2));
    assert_eq!(world.said(), "sell 100 @ 0.4; filled 40 for $16 fee 0; cancelled");
    // The rest is still owed.
    world.book(&[(0.39, 500.0)], &[(0.50, 5_000.0)]);
    world.wait(Nanos::from_secs(1));
    assert_eq!(world.said(), "sell 60 @ 0.39; filled 60 for $23.4 fee 0; filled");
    world.audit();
}

#[test]
fn a_rest_below_the_minimum_is_sold_with_it_and_a_small_part_waits_for_more() {
    let mut world = holding(|_| ());
    // 4 of our 100 are owed: below the market's minimum of 5.
    world.leader(Side::Sell, 0.49, 8.0);
    assert_eq!(world.said(), "due leader_exit");
    // 96 % of the rest: 4 would be left, so all go.
    world.leader(Side::Sell, 0.49, 185.0);
    assert_eq!(world.said(), "due leader_exit; sell 100 @ 0.49");
}

#[test]
fn a_sale_before_our_entry_is_filled_is_not_forgotten() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_millis(100));
    world.leader(Side::Sell, 0.50, 200.0);
    world.wait(Nanos::from_secs(1));
    let said = "deposited $1000; buy $50 @ 0.51; due leader_exit; filled 100 for $50 fee 0; filled; sell 100 @ 0.49; \
                filled 100 for $49 fee 0; filled";
    assert_eq!(world.said(), said);
    assert_eq!(world.position(), None);
}

#[test]
fn the_stop_and_the_target_bind_at_their_price() {
    let check = |bid: f64, said: &str| {
        let mut world = holding(|s| (s.exit.stop_loss_ppm, s.exit.take_profit_ppm) = (200_000, 200_000));
        world.book(&[(bid, 5_000.0)], &[(0.99, 5_000.0)]);
        assert_eq!(world.said(), said, "bid {bid}");
    };
    check(0.41, "");
    check(0.40, "due stop_loss; sell 100 @ 0.4");
    check(0.59, "");
    check(0.60, "due take_profit; sell 100 @ 0.59");
    let mut off = holding(|_| ());
    off.book(&[(0.01, 5_000.0)], &[(0.99, 5_000.0)]);
    assert_eq!(off.said(), "");
}

#[test]
fn a_diverged_book_triggers_no_stop() {
    let mut world = holding(|s| s.exit.stop_loss_ppm = 200_000);
    world.input(Input::BookLost { token: TOKEN });
    world.input(Input::Level { token: TOKEN, side: Side::Buy, price: price(0.49), size: Shares::ZERO });
    world.input(Input::Level { token: TOKEN, side: Side::Buy, price: price(0.48), size: Shares::ZERO });
    let at = Millis(world.now.as_millis());
    world.input(Input::BookDone { token: TOKEN, at, best: Best::Unstated });
    assert_eq!(world.said(), "diverged gap");
}

#[test]
fn a_resolution_settles_at_the_payout_and_cools_down() {
    let check = |payout: u32, proceeds: &str, realised: i64| {
        let mut world = holding(|_| ());
        world.input(Input::Resolved { token: TOKEN, payout });
        assert_eq!(world.said(), format!("resolved {payout}; settled 100 for ${proceeds}"));
        assert_eq!(world.engine.portfolios()[0].ledger.realised(), Usdc::whole(realised));
        world.wait(Nanos::from_secs(3601));
        let released = if payout == 0 { String::new() } else { format!("released ${proceeds}") };
        assert_eq!(world.said(), released);
        assert_eq!(
            world.engine.portfolios()[0].ledger.balance(ledger::Account::Available),
            Usdc::whole(1_000 + realised)
        );
        assert_eq!(world.position(), None);
        world.audit();
    };
    check(1_000_000, "100", 50);
    check(0, "0", -50);
    check(500_000, "50", 0);
}

#[test]
fn a_resolution_is_taken_once_and_an_impossible_payout_not_at_all() {
    let mut world = holding(|_| ());
    world.input(Input::Resolved { token: TOKEN, payout: 1_000_001 });
    world.input(Input::Resolved { token: TOKEN, payout: 0 });
    world.input(Input::Resolved { token: TOKEN, payout: 1_000_000 });
    assert_eq!(world.said(), "fault payout; resolved 0; settled 100 for $0; fault payout");
}

#[test]
fn an_order_under_way_when_its_market_ends_is_closed_and_its_money_returns() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.input(Input::Resolved { token: TOKEN, payout: 1_000_000 });
    world.wait(Nanos::from_secs(1));
    assert_eq!(world.said(), "deposited $1000; buy $50 @ 0.51; resolved 1000000; rejected_market_closed");
    assert_eq!(world.engine.portfolios()[0].ledger.balance(ledger::Account::Available), Usdc::whole(1_000));
    assert_eq!(world.position(), None);
}

#[test]
fn a_paused_strategy_makes_no_entries_but_leaves_with_the_leader() {
    let mut world = holding(|_| ());
    world.input(Input::Pause { portfolio: PAPER });
    world.leader(Side::Buy, 0.50, 201.0);
    world.leader(Side::Sell, 0.50, 401.0);
    world.input(Input::Unpause { portfolio: PAPER });
    world.leader(Side::Buy, 0.50, 202.0);
    let said = "paused; skipped strategy_paused; due leader_exit; sell 100 @ 0.49; unpaused; buy $50 @ 0.51";
    assert_eq!(world.said(), said);
}

#[test]
fn two_leaders_lots_are_kept_apart() {
    let mut world = holding(|_| ());
    world.engine.follow(LeaderId(1), PAPER);
    let trade = LeaderTrade {
        trade: TradeKey([99, 99]),
        leader: LeaderId(1),
        token: TOKEN,
        side: Side::Buy,
        price: price(0.50),
        shares: shares(200.0),
        role: Role::Unknown,
        source: Source::Activity,
        traded_at: world.now,
    };
    world.input(Input::LeaderTrade(trade));
    world.wait(Nanos::from_secs(1));
    world.said();
    // The second leader leaves: only his 100 go.
    let sale = LeaderTrade { trade: TradeKey([100, 99]), side: Side::Sell, traded_at: world.now, ..trade };
    world.input(Input::LeaderTrade(sale));
    assert_eq!(world.said(), "due leader_exit; sell 100 @ 0.49");
    assert_eq!(world.engine.positions().open(), 2);
}

#[test]
fn money_put_in_and_taken_out_follows_the_capital_as_far_as_cash_allows() {
    let mut world = holding(|_| ());
    world.fund(1_200);
    world.fund(900);
    assert_eq!(world.said(), "deposited $200; withdrawn $300");
    // 50 are deployed: only what is available can leave.
    let missing = world.engine.fund(world.now, PAPER, Usdc::whole(10), &mut Events::default());
    assert_eq!(missing, Usdc::whole(40));
    world.audit();
}

#[test]
fn a_position_is_worth_its_bid_nothing_without_one_and_its_cost_while_its_book_is_unknown() {
    let mut world = holding(|_| ());
    world.book(&[(0.40, 5_000.0)], &[]);
    assert_eq!(world.engine.unrealised(PAPER), Usdc::whole(-10));
    world.book(&[], &[]);
    assert_eq!(world.engine.unrealised(PAPER), Usdc::whole(-50));
    // As after a start: the position came back from the journal, the book did not.
    world.engine.tokens[TOKEN.index()].book = book::Book::default();
    assert_eq!(world.engine.unrealised(PAPER), Usdc::ZERO);
}

/// Binds: cooling_minutes.
#[test]
fn proceeds_are_cash_again_when_they_cooled() {
    for (cooling, is_at_once) in [(0, true), (60, false)] {
        let mut settings = open_settings();
        settings.exit.cooling = Nanos::from_secs(cooling);
        let mut world = World::new(settings);
        liquid(&mut world);
        world.leader(Side::Buy, 0.50, 200.0);
        world.wait(Nanos::from_secs(1));
        world.leader(Side::Sell, 0.49, 200.0);
        world.wait(Nanos::from_secs(1));
        let said = world.said();
        assert_eq!(said.contains("released"), is_at_once, "{said}");
        world.wait(Nanos::from_secs(60));
        assert_eq!(world.said().contains("released"), !is_at_once);
        world.audit();
    }
}
