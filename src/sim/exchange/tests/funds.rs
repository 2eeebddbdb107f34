//! What is reserved, what moves when, and what happens when it is gone.

use super::*;
use crate::sim::message::Resolution;

#[test]
fn open_orders_reserve_what_they_have_left() {
    let mut bench = Bench::new();
    let reserved = |bench: &Bench| {
        let [yes, no] = Outcome::BOTH.map(|outcome| bench.exchange.shares(ANN, bench.market, outcome).reserved);
        format!("{} + {yes} yes + {no} no", bench.exchange.balance(ANN).reserved)
    };
    let buy = bench.take(ANN, "buy yes 100 @ 0.4 gtc");
    let sell = bench.take(ANN, "sell no 100 @ 0.7 gtc");
    assert_eq!(reserved(&bench), "40 + 0 yes + 100 no");
    bench.take(BO, "sell yes 25 @ 0.4 fak");
    assert_eq!(reserved(&bench), "30 + 0 yes + 100 no");
    bench.exchange.cancel(ANN, &buy).expect("it rests");
    bench.exchange.cancel(ANN, &sell).expect("it rests");
    assert_eq!(reserved(&bench), "0 + 0 yes + 0 no");
}

#[test]
fn a_buyer_who_is_matched_at_once_needs_the_fee_too_and_one_who_rests_does_not() {
    let all = "buy yes 2000 @ 0.5 fok";
    let mut bench = Bench::new();
    bench.exchange.split(BO, bench.market, Shares::whole(1_000)).expect("dollars");
    bench.take(BO, "sell yes 2000 @ 0.5 gtc");
    let expected = Reject::NotEnoughBalance { balance: 1_000_000_000, wanted: 1_025_000_000 };
    assert_eq!(bench.place(ANN, all), Err(expected));
    bench.exchange.deposit(ANN, Usdc::whole(25));
    assert_eq!(said(bench.place(ANN, all)), "1000 for 2000");
    assert_eq!(bench.exchange.balance(ANN).held, Usdc::ZERO);
    let mut bench = Bench::new();
    assert_eq!(said(bench.place(ANN, "buy yes 2000 @ 0.5 gtc")), "live");
}

#[test]
fn what_is_sold_leaves_at_the_match_and_what_is_bought_comes_when_it_is_mined() {
    let mut bench = Bench::new();
    bench.take(BO, "sell yes 10 @ 0.5 gtc");
    bench.take(ANN, "buy yes 10 @ 0.5 fak");
    bench.take(BO, "sell no 10 @ 0.4 gtc");
    bench.take(ANN, "sell yes 10 @ 0.6 fak");
    // 5 and the fee of 0.125 paid; 10 shares given.
    assert_eq!(
        (bench.holds(ANN), bench.holds(BO)),
        ("994.875 + 990 yes + 1000 no".into(), "1000 + 990 yes + 990 no".into())
    );
    bench.exchange.drain_events().for_each(drop);
    bench.after(Nanos::from_millis(2_600));
    // 6 less the fee of 0.12.
    assert_eq!(
        (bench.holds(ANN), bench.holds(BO)),
        ("1000.755 + 1000 yes + 1000 no".into(), "1009 + 990 yes + 990 no".into())
    );
    bench.after(Nanos::from_secs(8));
    let told: Vec<Settlement> = bench
        .exchange
        .drain_events()
        .filter_map(|event| match event {
            Event::Settled { to, .. } => Some(to),
            _ => None,
        })
        .collect();
    assert_eq!(told, [Settlement::Mined, Settlement::Mined, Settlement::Confirmed, Settlement::Confirmed]);
    assert_eq!(bench.exchange.escrow_and_fees(), (0, 245_000));
    // The merge burned ten pairs.
    assert_eq!(bench.exchange.locked(bench.market), 1_990_000_000);
}

#[test]
fn a_failed_settlement_gives_back_what_both_gave_once() {
    for (buys, sells) in [("buy yes 10 @ 0.5", "sell yes 10 @ 0.5"), ("buy no 10 @ 0.5", "buy yes 10 @ 0.5")] {
        let mut bench = Bench::new();
        bench.exchange.fail_next_settlement();
        let maker = bench.take(BO, &format!("{sells} gtc"));
        let taker = bench.take(ANN, &format!("{buys} fak"));
        assert_ne!(bench.holds(ANN), "1000 + 1000 yes + 1000 no");
        let mut told = Vec::new();
        while let Some(due) = bench.exchange.next_due() {
            bench.exchange.advance(due);
            told.extend(bench.exchange.drain_events().filter_map(|event| match event {
                Event::Settled { to, .. } => Some(to),
                _ => None,
            }));
        }
        assert_eq!(told, [Settlement::Retrying, Settlement::Failed]);
        assert_eq!(
            (bench.holds(ANN), bench.holds(BO)),
            ("1000 + 1000 yes + 1000 no".into(), "1000 + 1000 yes + 1000 no".into())
        );
        assert_eq!(bench.exchange.escrow_and_fees(), (0, 0));
        assert_eq!((bench.status(maker), bench.status(taker)), ("matched".into(), "matched".into()));
        // The next one settles again.
        bench.take(BO, &format!("{sells} gtc"));
        let placed = bench.place(ANN, &format!("{buys} fak")).expect("it is matched");
        bench.after(Nanos::from_secs(60));
        let Placed::Matched { trades, .. } = placed else { panic!("{placed:?}") };
        assert_eq!(bench.exchange.trade(trades[0]).expect("a trade").1, Settlement::Confirmed);
    }
}

#[test]
fn shares_of_failures_and_delays_are_those_of_the_settings() {
    let mut bench = Bench::new();
    *bench.exchange.settings_mut() =
        Settings { failed_ppm: 200_000, retried_ppm: 200_000, stuck_ppm: 200_000, ..Settings::default() };
    let mut ends = std::collections::BTreeMap::<String, u32>::new();
    for number in 0..1_000_u64 {
        let id = |side: u64| {
            OrderId([[number.to_be_bytes(), [7; 8]].concat(), vec![side as u8; 16]].concat().try_into().expect("32"))
        };
        let mut sell = bench.parse(HOUSE, "sell yes 5 @ 0.5 gtc");
        sell.id = id(0);
        bench.numbered = 0;
        let buy = NewOrder { id: id(1), side: Side::Buy, maker_amount: 2_500_000, taker_amount: 5_000_000, ..sell };
        bench.exchange.place(bench.now, sell).expect("it rests");
        bench.exchange.place(bench.now, buy).expect("it is matched");
    }
    let mut ended = std::collections::BTreeMap::new();
    bench.after(Nanos::from_secs(120));
    for event in bench.exchange.drain_events() {
        match event {
            Event::Matched(trade) => drop(ended.insert(trade.id, "matched".to_owned())),
            Event::Settled { trade, to } => {
                ended.get_mut(&trade.id).expect("matched first").push_str(&format!(" {to:?}"))
            }
            _ => {}
        }
    }
    ended.into_values().for_each(|end| *ends.entry(end).or_default() += 1);
    let all = ["matched", "matched Mined Confirmed", "matched Retrying Failed", "matched Retrying Mined Confirmed"];
    assert_eq!(ends.keys().map(String::as_str).collect::<Vec<&str>>(), all);
    assert!(
        ends.iter().all(|(end, count)| if end == all[1] { 340..460 } else { 150..250 }.contains(count)),
        "{ends:?}"
    );
}

#[test]
fn funds_that_go_away_take_the_newest_orders_with_them() {
    let mut bench = Bench::new();
    let ids = ["buy yes 1000 @ 0.4 gtc", "buy no 1000 @ 0.3 gtc", "sell yes 500 @ 0.9 gtc", "buy yes 1000 @ 0.2 gtc"]
        .map(|words| bench.take(ANN, words));
    let statuses = |bench: &Bench| ids.map(|id| bench.status(id)).join(" ");
    bench.exchange.withdraw(ANN, Usdc::whole(100)).expect("it is there");
    assert_eq!(statuses(&bench), "live live live live");
    bench.exchange.withdraw(ANN, Usdc(1)).expect("it is there");
    assert_eq!(statuses(&bench), "live live live CANCELED_NOT_ENOUGH_BALANCE");
    bench.exchange.approve(ANN, Contract::V2, Asset::Collateral, 699_999_999);
    assert_eq!(statuses(&bench), "live CANCELED_NOT_ENOUGH_BALANCE live CANCELED_NOT_ENOUGH_BALANCE");
    bench.exchange.merge(ANN, bench.market, Shares::whole(501)).expect("they are there");
    let gone = "CANCELED_NOT_ENOUGH_BALANCE";
    assert_eq!(statuses(&bench), format!("live {gone} {gone} {gone}"));
    let too_much = bench.exchange.withdraw(ANN, Usdc::whole(10_000));
    assert_eq!(too_much, Err(NotEnough { held: 1_400_999_999, wanted: 10_000_000_000 }));
}

#[test]
fn a_contract_takes_no_more_than_it_is_allowed() {
    let mut bench = Bench::new();
    bench.exchange.approve(ANN, Contract::V2, Asset::Collateral, 10_000_000);
    // Another contract's allowance does not help.
    bench.exchange.approve(ANN, Contract::V3, Asset::Collateral, u64::MAX);
    let buy = "buy yes 20 @ 0.4 gtc";
    bench.take(ANN, buy);
    let refused = bench.place(ANN, buy).expect_err("8 of 10 are reserved");
    let text =
        "not enough balance / allowance : the allowance is not enough -> allowance: 2000000, order amount: 8000000";
    assert_eq!(refused.to_string(), text);
    bench.take(BO, "sell yes 20 @ 0.4 fak");
    assert_eq!(bench.exchange.allowance(ANN, Contract::V2, Asset::Collateral), 2_000_000);
    let shares = Asset::Shares(bench.market, Outcome::Yes);
    bench.exchange.approve(ANN, Contract::V2, shares, 0);
    let refused = bench.place(ANN, "sell no 10 @ 0.9 gtc").expect_err("nothing is allowed");
    assert_eq!(refused, Reject::NotEnoughAllowance { allowance: 0, wanted: 10_000_000 });
}

#[test]
fn shares_are_given_split_and_merged() {
    let mut bench = Bench::new();
    let market = bench.market;
    bench.exchange.give_shares([HOUSE, ANN], market, Outcome::No, Shares::whole(5)).expect("the house may owe");
    bench.exchange.give_shares([ANN, BO], market, Outcome::Yes, Shares::whole(400)).expect("she has them");
    let refused = bench.exchange.give_shares([ANN, BO], market, Outcome::Yes, Shares::whole(601));
    assert_eq!(refused, Err(NotEnough { held: 600_000_000, wanted: 601_000_000 }));
    assert_eq!(bench.exchange.merge(ANN, market, Shares::whole(600)), Ok(()));
    assert!(bench.exchange.merge(ANN, market, Shares(1)).is_err());
    assert!(bench.exchange.split(ANN, market, Shares::whole(1_601)).is_err());
    assert_eq!(
        (bench.holds(ANN), bench.holds(BO)),
        ("1600 + 0 yes + 405 no".into(), "1000 + 1400 yes + 1000 no".into())
    );
}

/// Contracts let an account meet itself, and so does this exchange.
#[test]
fn an_account_may_meet_itself() {
    let mut bench = Bench::new();
    bench.take(ANN, "sell yes 10 @ 0.5 gtc");
    assert_eq!(said(bench.place(ANN, "buy yes 10 @ 0.5 fak")), "5 for 10");
    bench.after(Nanos::from_secs(10));
    // The fee is gone, nothing else.
    assert_eq!(bench.holds(ANN), "999.875 + 1000 yes + 1000 no");
}

/// Of three markets one wins; whichever it is, a conversion has moved money and shares, and made none.
#[test]
fn a_conversion_is_worth_what_was_given() {
    for winner in 0..3 {
        let mut exchange = Exchange::new(Settings::default());
        let markets = [(); 3].map(|()| exchange.open_market(Rules { neg_risk: true, ..RULES }));
        let account = exchange.open_account(Funds::Of(Usdc::whole(1_000)));
        markets.iter().for_each(|market| exchange.split(account, *market, Shares::whole(100)).expect("dollars"));
        let refused = exchange.convert(account, &markets[..2], &markets[2..], Shares::whole(101));
        assert_eq!(refused, Err(NotEnough { held: 100_000_000, wanted: 101_000_000 }));
        assert_eq!(exchange.convert(account, &markets[..2], &markets[2..], Shares::whole(40)), Ok(Usdc::whole(40)));
        let held = |exchange: &Exchange, nth: usize| {
            Outcome::BOTH.map(|outcome| exchange.shares(account, markets[nth], outcome).held)
        };
        assert_eq!(held(&exchange, 0), [100, 60].map(Shares::whole));
        assert_eq!(held(&exchange, 2), [140, 100].map(Shares::whole));
        for (nth, market) in markets.iter().enumerate() {
            let won = if nth == winner { Outcome::Yes } else { Outcome::No };
            exchange.resolve(*market, Resolution::Won(won));
            exchange.redeem(account, *market);
        }
        assert_eq!(exchange.balance(account).held, Usdc::whole(1_000), "market {winner} wins");
        assert_eq!(markets.iter().map(|market| exchange.locked(*market)).sum::<i64>(), 0);
        let moves = exchange.drain_events().filter_map(|event| match event {
            Event::Moved(moved) => Some(moved.kind),
            _ => None,
        });
        let kinds: Vec<MoveKind> = moves.collect();
        assert_eq!(kinds[3..6], [MoveKind::Convert, MoveKind::Convert, MoveKind::Receive]);
        assert_eq!((exchange.moves(), kinds.len()), (9, 9));
    }
}
