//! Matches of live orders: what is provisional, what a confirmation makes of it, and that a void is the exact reverse.

use proptest::prelude::*;

use super::*;
use crate::domain::{Breaker, Declined, Fault, LeaderSwitch, NotSent, Refusal, Rejection, Skip, settings::OrderPolicy};
use crate::engine::ledger::Account;

const LIVE: PortfolioId = PortfolioId(1);
const OTHER: TokenId = TokenId(1);

/// A live portfolio of 1,000 dollars beside a paper one, and live is on. Its venue says what the test says.
fn live_with(settings: Settings) -> World {
    let options = Options { value_every: Nanos::NEVER, live_orders: LiveOrders::Ready, ..Options::default() };
    let mut world = World::with(settings, options);
    world.engine.install_token(OTHER);
    world.input(Input::MarketKnown { token: OTHER, market: Market::COMMON });
    world.engine.install_portfolio(LIVE, Mode::Live, settings);
    world.engine.follow(LEADER, LIVE);
    world.input(Input::SwitchPaper { to: PaperSwitch::Off });
    world.input(Input::Deposit { portfolio: LIVE, amount: Usdc::whole(1_000) });
    world.input(Input::SwitchLive { to: LiveSwitch::On });
    liquid(&mut world);
    live_said(&mut world);
    world
}

fn live() -> World {
    live_with(open_settings())
}

/// What was said that paper did not say.
fn live_said(world: &mut World) -> String {
    world.said().replace("skipped paper_off; ", "").replace("skipped nothing_to_sell; ", "")
}

/// The nth order with real money.
fn order(n: u64) -> OrderId {
    OrderId(OrderId::LIVE.0 + n)
}

fn key(n: u64) -> TradeKey {
    TradeKey([n, n])
}

impl World {
    fn matches(&mut self, n: u64, trade: u64, count: f64, cash: f64) {
        let cash = Usdc((cash * 1e6).round() as i64);
        let (order, trade, shares) = (order(n), key(trade), shares(count));
        self.input(Input::Matched { order, trade, shares, cash, fee: Usdc::ZERO });
        self.check();
    }

    fn confirms(&mut self, n: u64, trade: u64) {
        self.input(Input::Confirmed { order: order(n), trade: key(trade) });
        self.check();
    }

    fn voids(&mut self, n: u64, trade: u64) {
        self.input(Input::Voided { order: order(n), trade: key(trade) });
        self.check();
    }

    fn ends(&mut self, n: u64, end: OrderEnd) {
        self.input(Input::Closed { order: order(n), end });
        self.check();
    }

    /// Sums, and that what only applies the events is in the same state.
    fn check(&self) {
        for (index, portfolio) in self.engine.portfolios().iter().enumerate() {
            let ours = || self.engine.positions().iter().filter(|position| position.portfolio.index() == index);
            let deployed = ours().fold(Usdc::ZERO, |sum, position| sum + position.cost + position.unsettled_cost);
            assert_eq!(portfolio.ledger.balance(Account::Deployed), deployed);
            let reserved = ours().fold(Usdc::ZERO, |sum, position| sum + position.reserved);
            assert_eq!(portfolio.ledger.balance(Account::Reserved), reserved);
        }
    }

    /// Available, reserved, deployed and cooling dollars of the live portfolio.
    fn money(&self) -> [f64; 4] {
        let ledger = &self.engine.portfolios()[LIVE.index()].ledger;
        use Account::{Available, Cooling, Deployed, Reserved};
        [Available, Reserved, Deployed, Cooling].map(|account| ledger.balance(account).0 as f64 / 1e6)
    }

    /// Time passes in which the venue says nothing.
    fn wait_unanswered(&mut self, length: Nanos) {
        self.live = Paper::new(PaperOptions::default());
        self.wait(length);
    }

    /// So much later that the leader's next trade is another one.
    fn next_group(&mut self) {
        self.wait_unanswered(Nanos::from_secs(3));
        liquid(self);
    }

    /// Buys 100 shares for 50 dollars, confirmed and done: order 1, trade 1.
    fn holds(&mut self) {
        self.leader(Side::Buy, 0.50, 200.0);
        self.matches(1, 1, 100.0, 50.0);
        self.confirms(1, 1);
        self.ends(1, OrderEnd::Filled);
        self.next_group();
        self.said();
    }

    fn one(&self) -> position::Position {
        *self.position().expect("a position")
    }
}

#[test]
fn what_is_bought_is_held_at_once_and_sold_only_once_it_is_confirmed() {
    let mut world = live();
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!((live_said(&mut world).as_str(), world.money()), ("buy $50 @ 0.51", [950.0, 50.0, 0.0, 0.0]));
    world.matches(1, 1, 60.0, 30.0);
    world.matches(1, 2, 41.0, 20.0);
    world.ends(1, OrderEnd::Filled);
    assert_eq!(world.money(), [950.0, 0.0, 50.0, 0.0]);
    let position = world.one();
    assert_eq!((position.shares, position.unsettled, position.cost), (Shares::ZERO, shares(101.0), Usdc::ZERO));
    // The leader leaves: the sale is owed, and waits.
    world.leader(Side::Sell, 0.49, 200.0);
    assert!(live_said(&mut world).ends_with("filled; due leader_exit"));
    world.confirms(1, 1);
    assert_eq!(live_said(&mut world), "confirmed; sell 60 @ 0.49");
    assert_eq!((world.one().shares, world.one().cost), (shares(60.0), Usdc::whole(30)));
    // The rest follows when it is confirmed and nothing else is on sale.
    world.confirms(1, 2);
    world.matches(2, 3, 60.0, 29.4);
    world.ends(2, OrderEnd::Filled);
    assert_eq!(live_said(&mut world), "confirmed; matched 60 for 29.4; sell 41 @ 0.49; filled");
}

#[test]
fn a_void_purchase_gives_its_money_back_once_wherever_that_came_from() {
    let mut world = live();
    world.leader(Side::Buy, 0.50, 200.0);
    world.matches(1, 1, 60.0, 30.0);
    world.voids(1, 1);
    assert_eq!(world.money(), [950.0, 50.0, 0.0, 0.0]);
    // A late word of the match does nothing, nor does another void.
    world.matches(1, 1, 60.0, 30.0);
    world.voids(1, 1);
    world.matches(1, 2, 100.0, 50.0);
    world.ends(1, OrderEnd::Filled);
    world.voids(1, 2);
    assert_eq!(world.money(), [1_000.0, 0.0, 0.0, 0.0]);
    assert_eq!((world.engine.positions().open(), world.engine.entries_stopped()), (0, false));
    let spent = world.engine.portfolios()[LIVE.index()].standing.spent;
    assert_eq!(spent, Usdc::ZERO);
}

#[test]
fn proceeds_cool_only_from_their_confirmation_on() {
    let mut world = live();
    world.holds();
    world.leader(Side::Sell, 0.49, 200.0);
    world.matches(2, 2, 100.0, 49.0);
    world.ends(2, OrderEnd::Filled);
    assert_eq!(world.money(), [950.0, 0.0, 0.0, 49.0]);
    assert_eq!(world.engine.cooling().next(), Nanos::NEVER);
    let losses = |world: &World| world.engine.portfolios()[LIVE.index()].standing.losses;
    assert_eq!(losses(&world), 0, "it is judged when it settled");
    let cooling = world.engine.portfolios()[LIVE.index()].settings.exit.cooling;
    world.confirms(2, 2);
    assert_eq!((world.engine.cooling().next(), losses(&world)), (world.now.plus(cooling), 1));
    world.wait_unanswered(cooling);
    assert_eq!(world.money(), [999.0, 0.0, 0.0, 0.0]);
    assert_eq!(world.engine.positions().open(), 0);
}

#[test]
fn a_void_sale_brings_the_oldest_shares_back_and_owes_the_exit_again() {
    let mut world = live();
    world.holds();
    world.leader(Side::Buy, 0.50, 100.0);
    world.matches(2, 2, 50.0, 20.0);
    world.confirms(2, 2);
    world.ends(2, OrderEnd::Filled);
    world.leader(Side::Sell, 0.49, 150.0);
    assert!(live_said(&mut world).ends_with("sell 75 @ 0.49"));
    world.matches(3, 3, 75.0, 36.75);
    world.ends(3, OrderEnd::Filled);
    let sold = (world.one().shares, world.one().cost, world.one().exit.shares);
    assert_eq!(sold, (shares(75.0), Usdc(32_500_000), Shares::ZERO));
    live_said(&mut world);
    world.voids(3, 3);
    // What came back is sold first again: the oldest, at what they had cost.
    assert_eq!(live_said(&mut world), "voided; sell 75 @ 0.49");
    assert_eq!((world.one().shares, world.one().cost), (shares(150.0), Usdc::whole(70)));
    world.matches(4, 4, 75.0, 36.75);
    let basis = world.log.iter().rev().find_map(|(_, event)| match event {
        Event::Matched(matched) => Some(matched.basis),
        _ => None,
    });
    assert_eq!(basis, Some(Usdc(37_500_000)));
}

#[test]
fn a_match_after_the_end_is_adopted_and_what_is_missing_is_brought() {
    let mut world = live();
    world.leader(Side::Buy, 0.50, 200.0);
    world.input(Input::Unknown { order: order(1) });
    world.ends(1, OrderEnd::Absent);
    assert_eq!(world.money(), [1_000.0, 0.0, 0.0, 0.0]);
    world.input(Input::Withdraw { portfolio: LIVE, amount: Usdc::whole(990) });
    live_said(&mut world);
    world.matches(1, 1, 100.0, 50.0);
    assert_eq!(live_said(&mut world), "adopted, $40 brought; matched 100 for 50");
    assert_eq!(world.money(), [0.0, 0.0, 50.0, 0.0]);
    world.confirms(1, 1);
    assert_eq!((world.one().shares, world.engine.entries_stopped()), (shares(100.0), false));
    // No more than the order could ever cost.
    world.matches(1, 2, 2.0, 1.1);
    assert_eq!(live_said(&mut world), "confirmed; fault overfill");
    // Further words of an order that ended say nothing.
    world.input(Input::Accepted { order: order(1) });
    world.input(Input::Unknown { order: order(1) });
    world.ends(1, OrderEnd::Cancelled);
    assert_eq!(live_said(&mut world), "");
}

#[test]
fn a_match_may_be_confirmed_or_void_before_it_is_told() {
    let mut world = live();
    world.leader(Side::Buy, 0.50, 200.0);
    live_said(&mut world);
    world.confirms(1, 1);
    world.voids(1, 2);
    world.matches(1, 1, 60.0, 30.0);
    world.matches(1, 2, 40.0, 20.0);
    assert_eq!(live_said(&mut world), "confirmed; voided; matched 60 for 30; confirmed");
    assert_eq!(world.money(), [950.0, 20.0, 30.0, 0.0]);
}

#[test]
fn an_order_that_sold_more_than_we_know_of_ends_all_the_same() {
    let mut world = live();
    world.holds();
    world.leader(Side::Sell, 0.49, 200.0);
    world.ends(2, OrderEnd::Cancelled);
    (0..10).for_each(|_| world.wait_unanswered(Nanos::from_millis(100)));
    let said = live_said(&mut world);
    assert!(said.ends_with("sell 100 @ 0.49"), "{said}");
    // A late word of the first sale; the second then sold what others own in this wallet.
    world.matches(2, 2, 30.0, 14.7);
    world.matches(3, 3, 100.0, 49.0);
    world.ends(3, OrderEnd::Filled);
    let said = live_said(&mut world);
    assert!(
        said.starts_with("adopted, $0 brought; matched 30 for 14.7; fault overfill; fault bad_end; cancelled"),
        "{said}"
    );
    assert_eq!(
        (world.one().shares, world.one().selling, world.engine.entries_stopped()),
        (shares(70.0), Shares::ZERO, true)
    );
}

#[test]
fn what_cannot_be_stops_live_entries_and_leaves_paper_alone() {
    let check = |act: fn(&mut World), fault: &str| {
        let mut world = live();
        world.holds();
        world.leader(Side::Buy, 0.50, 100.0);
        world.matches(2, 2, 50.0, 25.0);
        let before = world.money();
        live_said(&mut world);
        act(&mut world);
        assert_eq!((live_said(&mut world), world.money()), (format!("fault {fault}"), before));
        world.next_group();
        world.input(Input::SwitchPaper { to: PaperSwitch::On });
        live_said(&mut world);
        world.leader(Side::Buy, 0.50, 101.0);
        let said = live_said(&mut world);
        assert!(said.starts_with("buy $50 @ 0.51; ") && said.ends_with("refused entries_stopped"), "{said}");
    };
    check(|world| world.matches(2, 2, 50.0, 24.0), "retold");
    check(|world| world.voids(1, 1), "retold");
    check(|world| world.matches(2, 3, 50.0, 26.0), "overfill");
    check(|world| world.matches(9, 3, 50.0, 26.0), "unknown_order");
    assert_eq!((Fault::Retold.code(), Fault::TooManyMatches.code()), ("retold", "too_many_matches"));
}

#[test]
fn the_words_of_an_order_that_nobody_knows_say_nothing_unless_money_moved() {
    let mut world = live();
    world.confirms(5, 1);
    world.voids(5, 2);
    assert_eq!(live_said(&mut world), "");
    world.matches(5, 1, 1.0, 1.0);
    assert_eq!(live_said(&mut world), "fault unknown_order");
}

#[test]
fn an_unknown_order_lets_nothing_into_its_token_and_blocks_no_exit_of_what_is_confirmed() {
    let mut world = live();
    world.holds();
    world.leader(Side::Buy, 0.50, 100.0);
    world.input(Input::Unknown { order: order(2) });
    world.next_group();
    live_said(&mut world);
    world.leader(Side::Buy, 0.50, 101.0);
    assert_eq!(live_said(&mut world), format!("refused {}", Refusal::OrderInDoubt.code()));
    // Another token is free.
    world.book_of(OTHER, &[(0.48, 5_000.0), (0.49, 5_000.0)], &[(0.50, 5_000.0), (0.51, 5_000.0)]);
    world.trade(LEADER, OTHER, Side::Buy, 0.50, 100.0);
    assert_eq!(live_said(&mut world), "buy $50 @ 0.51");
    world.next_group();
    world.trade(LEADER, TOKEN, Side::Sell, 0.49, 900.0);
    assert!(live_said(&mut world).ends_with("sell 100 @ 0.49"));
    // Its end frees the token.
    world.ends(2, OrderEnd::Absent);
    world.next_group();
    world.leader(Side::Buy, 0.50, 102.0);
    assert!(live_said(&mut world).ends_with("buy $50 @ 0.51"));
}

/// RELIABILITY.md F03: slow settlement is not taken for failure.
#[test]
fn a_match_that_is_stuck_lets_nothing_into_its_market_until_it_settles() {
    let check = |settle: fn(&mut World)| {
        let mut world = live();
        let market = Market { condition: crate::domain::ConditionId(7), ..Market::COMMON };
        for token in [TOKEN, OTHER] {
            world.input(Input::MarketKnown { token, market });
        }
        world.leader(Side::Buy, 0.50, 100.0);
        world.matches(1, 1, 60.0, 30.0);
        world.ends(1, OrderEnd::Filled);
        world.wait_unanswered(Nanos::from_millis(59_999));
        liquid(&mut world);
        world.book_of(OTHER, &[(0.48, 5_000.0), (0.49, 5_000.0)], &[(0.50, 5_000.0), (0.51, 5_000.0)]);
        live_said(&mut world);
        world.leader(Side::Buy, 0.50, 100.0);
        assert_eq!(live_said(&mut world), "buy $50 @ 0.51");
        world.ends(2, OrderEnd::Cancelled);
        world.wait_unanswered(Nanos::from_millis(1));
        live_said(&mut world);
        // The other side of the market, too; and one wallet holds it for all strategies.
        for token in [TOKEN, OTHER] {
            world.next_group();
            live_said(&mut world);
            world.trade(LEADER, token, Side::Buy, 0.50, 100.0);
            assert_eq!(live_said(&mut world), format!("refused {}", Refusal::SettlementStuck.code()));
        }
        assert_eq!(world.engine.unsettled().count(), 1);
        settle(&mut world);
        assert_eq!(world.engine.unsettled().count(), 0);
        world.next_group();
        live_said(&mut world);
        world.leader(Side::Buy, 0.50, 100.0);
        assert!(live_said(&mut world).ends_with("buy $50 @ 0.51"));
    };
    check(|world| world.confirms(1, 1));
    check(|world| world.voids(1, 1));
}

#[test]
fn only_a_proven_refusal_is_sent_again() {
    let settings = Settings { policy: OrderPolicy::FokThenFak, ..open_settings() };
    let check = |doubted: bool, end: OrderEnd, again: bool| {
        let mut world = live_with(settings);
        world.leader(Side::Buy, 0.50, 200.0);
        if doubted {
            world.input(Input::Unknown { order: order(1) });
        }
        live_said(&mut world);
        world.ends(1, end);
        assert_eq!(live_said(&mut world).contains("buy"), again, "{end:?}");
    };
    check(false, OrderEnd::Rejected(Rejection::NotFullyFilled), true);
    check(true, OrderEnd::Absent, false);
    check(false, OrderEnd::Cancelled, false);
    check(false, OrderEnd::NotSent(NotSent::NoConnection), false);
    check(true, OrderEnd::Expired, false);
}

#[test]
fn voids_in_a_burst_pause_entries_in_their_market_for_a_while() {
    let mut world = live();
    for n in 1..=2 {
        world.leader(Side::Buy, 0.50, 200.0 + n as f64);
        assert!(live_said(&mut world).ends_with("buy $50 @ 0.51"), "{n}");
        world.matches(n, n, 100.0, 50.0);
        world.ends(n, OrderEnd::Filled);
        world.voids(n, n);
        world.next_group();
    }
    live_said(&mut world);
    world.leader(Side::Buy, 0.50, 100.0);
    assert_eq!(live_said(&mut world), format!("skipped {}", Skip::VoidBurst.code()));
    world.wait_unanswered(Nanos::from_secs(600));
    liquid(&mut world);
    live_said(&mut world);
    world.leader(Side::Buy, 0.50, 100.0);
    assert_eq!(live_said(&mut world), "buy $50 @ 0.51");
}

#[test]
fn what_live_orders_wait_for_is_said_and_exits_wait_with_them() {
    use LiveOrders::*;
    let check = |orders: LiveOrders, skip: Skip, sells: bool| {
        let mut world = live();
        world.holds();
        world.input(Input::LiveOrders { to: orders });
        world.leader(Side::Buy, 0.50, 100.0);
        assert_eq!(live_said(&mut world), format!("skipped {}", skip.code()));
        world.leader(Side::Sell, 0.49, 300.0);
        let sold = if sells { "due leader_exit; sell 100 @ 0.49" } else { "due leader_exit" };
        assert_eq!(live_said(&mut world), sold, "{orders:?}");
        world.input(Input::LiveOrders { to: Ready });
        assert_eq!(live_said(&mut world), if sells { "" } else { "sell 100 @ 0.49" });
        world.next_group();
        live_said(&mut world);
        // A shadow sends nothing, so it waits for nothing.
        world.input(Input::LiveOrders { to: orders });
        world.input(Input::SwitchLive { to: LiveSwitch::Shadow });
        world.leader(Side::Buy, 0.50, 100.0);
        assert_eq!(live_said(&mut world), "live shadow; buy $50 @ 0.51; shadow");
        world.next_group();
        world.input(Input::SwitchLeader { leader: LEADER, to: LeaderSwitch::ForceOn });
        world.leader(Side::Buy, 0.50, 100.0);
        assert!(live_said(&mut world).ends_with(skip.code()));
    };
    check(Starting, Skip::LiveStarting, false);
    check(AuthMissing, Skip::AuthMissing, false);
    check(ChannelDown, Skip::UserChannelDown, false);
    check(Restarting, Skip::VenueRestarting, false);
    check(CancelOnly, Skip::VenueCancelOnly, false);
    check(ClosedOnly, Skip::AccountClosedOnly, true);
    check(Blocked, Skip::PlaceBlocked, false);
    check(ClockOff, Skip::ClockOff, false);
    check(OtherVersion, Skip::VenueVersion, false);
    check(WalletNotHeld, Skip::WalletNotHeld, false);
}

#[test]
fn held_back_cash_is_for_no_entry_and_not_to_be_taken_until_its_time() {
    let mut world = live();
    let until = world.now.plus(Nanos::from_secs(600));
    world.input(Input::HoldBack { portfolio: PAPER, amount: Usdc::whole(1), until });
    assert_eq!(live_said(&mut world), format!("declined {}", Declined::OtherMode.code()));
    world.input(Input::HoldBack { portfolio: LIVE, amount: Usdc::whole(1_000), until });
    world.leader(Side::Buy, 0.50, 200.0);
    world.input(Input::Withdraw { portfolio: LIVE, amount: Usdc::whole(1) });
    assert_eq!(live_said(&mut world), "held back $1000; refused available_cash; declined not_available");
    world.wait_unanswered(Nanos::from_secs(599));
    assert_eq!(live_said(&mut world), "");
    world.wait_unanswered(Nanos::from_secs(1));
    assert_eq!(live_said(&mut world), "hold ended");
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(live_said(&mut world), "buy $50 @ 0.51");
}

#[test]
fn a_loss_counts_when_it_is_matched_and_not_any_more_when_it_is_void() {
    let mut settings = open_settings();
    settings.limits.day_loss_usdc_max = Usdc::whole(100);
    let mut world = live_with(settings);
    world.holds();
    world.leader(Side::Sell, 0.49, 200.0);
    world.matches(2, 2, 100.0, 49.0);
    let lost = |world: &World| world.engine.portfolios()[LIVE.index()].standing.day_loss();
    assert_eq!(lost(&world), Usdc::whole(1));
    world.voids(2, 2);
    assert_eq!(lost(&world), Usdc::ZERO);
    assert_eq!(world.engine.portfolios()[LIVE.index()].standing.has_tripped(Breaker::DailyLoss), None);
}

/// What the venue may say of one order.
#[derive(Clone, Copy, Debug)]
enum Word {
    Accepted,
    Unknown,
    Matched(u64),
    Confirmed(u64),
    Voided(u64),
    Closed,
}

fn say(world: &mut World, n: u64, word: Word) {
    match word {
        Word::Accepted => world.input(Input::Accepted { order: order(n) }),
        Word::Unknown => world.input(Input::Unknown { order: order(n) }),
        Word::Matched(trade) => world.matches(n, trade, 20.0 + trade as f64, 10.0),
        Word::Confirmed(trade) => world.confirms(n, trade),
        Word::Voided(trade) => world.voids(n, trade),
        Word::Closed => world.ends(n, OrderEnd::Cancelled),
    }
}

/// Every word at least once, some of them again, in any order.
fn words() -> impl Strategy<Value = Vec<Word>> {
    use Word::*;
    let all = vec![Accepted, Matched(11), Matched(12), Matched(13), Confirmed(11), Voided(12), Confirmed(13), Closed];
    let again = prop::collection::vec(prop::sample::select(all.clone()), 0..6);
    (again, any::<bool>())
        .prop_map(move |(again, is_doubted)| {
            let doubt = is_doubted.then_some(Unknown);
            all.iter().copied().chain(again).chain(doubt).collect::<Vec<_>>()
        })
        .prop_shuffle()
}

/// Tells of one order, a purchase or a sale, in this order, and returns all that is left of it.
fn told(side: Side, words: &[Word]) -> String {
    let mut world = live();
    world.holds();
    match side {
        Side::Buy => world.leader(Side::Buy, 0.50, 200.0),
        Side::Sell => world.leader(Side::Sell, 0.49, 200.0),
    }
    // What would be ordered next is another story.
    world.input(Input::SwitchLive { to: LiveSwitch::Shadow });
    words.iter().for_each(|word| say(&mut world, 2, *word));
    assert!(!world.engine.entries_stopped(), "{words:?}");
    let mut again = Engine::new(Options::default());
    for token in [TOKEN, OTHER] {
        again.install_token(token);
        again.set_market(token, Market::COMMON);
    }
    again.install_portfolio(PAPER, Mode::Paper, open_settings());
    again.install_portfolio(LIVE, Mode::Live, open_settings());
    world.all.iter().for_each(|(at, event)| again.apply(*at, event));
    assert_eq!(again.state_hash(), world.engine.state_hash(), "{words:?}");
    let standing = &world.engine.portfolios()[LIVE.index()].standing;
    let counted = (standing.spent, standing.day_result, standing.losses, standing.unknown);
    let dealing = world.engine.dealings.of(LIVE, LEADER);
    let position = world.one();
    let held = (position.shares, position.cost, position.unsettled, position.sold, position.selling, position.pending);
    let cooling: Vec<_> = world.engine.cooling().iter().collect();
    format!("{:?} {counted:?} {dealing:?} {held:?} {:?} {cooling:?}", world.money(), position.exit.shares)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_words_of_an_order_lead_to_the_same_end_in_any_order_and_number(words in words(), buys in any::<bool>()) {
        use Word::*;
        let side = if buys { Side::Buy } else { Side::Sell };
        let plain =
            [Accepted, Matched(11), Matched(12), Matched(13), Confirmed(11), Voided(12), Confirmed(13), Closed];
        prop_assert_eq!(told(side, &plain), told(side, &words));
    }
}
