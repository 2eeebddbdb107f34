//! The store by itself: what it keeps, for how long, and for whom.

use super::*;
use crate::{
    domain::Shares,
    venue::polymarket::{SignatureType, prepare::SignedBy, prepare::tests::account},
};

const NOW: Nanos = Nanos::from_secs(1_794_700_800);

impl Ahead {
    /// Takes that these orders are foreseen of a token, and asks for them.
    pub fn foretell(&mut self, now: Nanos, token: TokenId, orders: &[Foreseen], market: &Market, name: &Name) {
        self.is_open = true;
        self.watch(token);
        self.foreseen.clear();
        self.foreseen.extend_from_slice(orders);
        let place = self.place(token).expect("a place");
        self.prepare(now, place, market, name);
    }
}

struct Bench {
    ahead: Ahead,
    signer: Signer,
    name: Name,
}

impl Bench {
    fn new(options: Options) -> Bench {
        let (ahead, signer) = Ahead::new(options, Pen::new(&account(SignatureType::Eoa, SignedBy::Owner)), NOW);
        Bench { ahead, signer, name: Name::read("7").expect("a name") }
    }

    /// Foresees buys at 52 cents of a token and has them signed.
    fn buys(&mut self, now: Nanos, token: u32, dollars: &[i64]) {
        let orders: Vec<Foreseen> = dollars.iter().map(|dollars| buy(*dollars)).collect();
        self.ahead.foretell(now, TokenId(token), &orders, &Market::COMMON, &self.name);
        self.signer.sign(now, FORESEEN_MAX);
        self.ahead.take_in();
    }

    fn take(&mut self, now: Nanos, wanted: &Wanted) -> Result<u64, Miss> {
        self.ahead.take(now, wanted).map(|written| written.amounts.maker / 1_000_000)
    }
}

fn buy(dollars: i64) -> Foreseen {
    let limit = Price::from_micros(520_000).expect("a price");
    Foreseen { side: Side::Buy, limit, budget: Usdc::whole(dollars), shares: Shares::ZERO }
}

fn wanted(token: u32, order: Foreseen) -> Wanted {
    let asked = asked_for(TokenId(token), &order, OrderKind::Fak, &Market::COMMON).expect("amounts");
    Wanted { asked, limit: order.limit, kind: OrderKind::Fak, least: Usdc::whole(1) }
}

#[test]
fn an_order_is_taken_once_and_then_signed_again() {
    let mut bench = Bench::new(Options::USUAL);
    bench.buys(NOW, 0, &[10, 20]);
    assert_eq!(bench.ahead.now().kept, 2);
    assert_eq!(bench.take(NOW, &wanted(0, buy(10))), Ok(10));
    assert_eq!(bench.take(NOW, &wanted(0, buy(10))), Err(Miss::Unforeseen));
    let first = bench.ahead.take(NOW, &wanted(0, buy(20))).expect("signed");
    bench.buys(NOW, 0, &[10, 20]);
    let second = bench.ahead.take(NOW, &wanted(0, buy(20))).expect("signed");
    assert_ne!((first.id, first.salt), (second.id, second.salt));
    let now = bench.ahead.now();
    assert_eq!((now.kept, now.signed, now.hits, now.smaller), (1, 4, 3, 0));
}

/// Binds: age_ms_max.
#[test]
fn what_is_too_old_is_not_used_and_what_gets_old_is_signed_again() {
    let options = Options { age_max: Nanos::from_secs(10), ..Options::USUAL };
    let mut bench = Bench::new(options);
    let after = |ms: u64| NOW.plus(Nanos::from_millis(ms));
    bench.buys(NOW, 0, &[10]);
    bench.buys(after(5_000), 0, &[10]);
    assert_eq!(bench.ahead.now().signed, 1, "half as old as it may be");
    bench.buys(after(5_001), 0, &[10]);
    assert_eq!((bench.ahead.now().signed, bench.ahead.now().kept), (2, 1));
    let check = |now: Nanos, expected| {
        let mut bench = Bench::new(options);
        bench.buys(NOW, 0, &[10]);
        assert_eq!(bench.take(now, &wanted(0, buy(10))), expected, "{now:?}");
    };
    check(after(10_000), Ok(10));
    check(after(10_001), Err(Miss::Old));
    // Signed while the input waited; and after the clock was set back.
    check(Nanos(NOW.0 - SKEW_MAX.0), Ok(10));
    check(Nanos(NOW.0 - SKEW_MAX.0 - 1), Err(Miss::Old));
    // What nobody took in time makes room at the next look.
    bench.ahead.foretell(after(60_000), TokenId(0), &[buy(10)], &Market::COMMON, &bench.name);
    assert_eq!(bench.ahead.now().kept, 0);
}

/// Binds: orders_max.
#[test]
fn there_are_no_more_than_allowed_and_the_tokens_of_longest_ago_give_way() {
    let mut bench = Bench::new(Options { orders_max: 2 * FORESEEN_MAX, ..Options::USUAL });
    let all: Vec<i64> = (1..=FORESEEN_MAX as i64).collect();
    (0..5).for_each(|token| bench.buys(NOW, token, &all));
    assert_eq!(bench.ahead.now().kept as usize, 2 * FORESEEN_MAX);
    assert_eq!(bench.take(NOW, &wanted(2, buy(1))), Err(Miss::Token));
    assert_eq!(bench.take(NOW, &wanted(3, buy(1))), Ok(1));
    // Of use now, so the other one goes.
    bench.ahead.watch(TokenId(3));
    bench.buys(NOW, 9, &[7]);
    assert_eq!(bench.take(NOW, &wanted(4, buy(1))), Err(Miss::Token));
    assert_eq!(bench.take(NOW, &wanted(3, buy(2))), Ok(2));
    assert_eq!(bench.ahead.now().kept as usize, FORESEEN_MAX - 2 + 1);
}

#[test]
fn each_miss_says_why() {
    let mut bench = Bench::new(Options::USUAL);
    let ten = wanted(0, buy(10));
    assert_eq!(bench.take(NOW, &ten), Err(Miss::Off));
    bench.buys(NOW, 1, &[10]);
    assert_eq!(bench.take(NOW, &ten), Err(Miss::Token));
    bench.ahead.foretell(NOW, TokenId(0), &[buy(10)], &Market::COMMON, &bench.name);
    assert_eq!(bench.take(NOW, &ten), Err(Miss::Unsigned));
    bench.signer.sign(NOW, 9);
    let check = |bench: &mut Bench, wanted: Wanted| assert_eq!(bench.take(NOW, &wanted), Err(Miss::Unforeseen));
    check(&mut bench, wanted(0, buy(11)));
    check(&mut bench, wanted(0, Foreseen { limit: Price::from_micros(530_000).expect("a price"), ..buy(10) }));
    let sale = Foreseen { side: Side::Sell, shares: Shares::whole(10), ..buy(0) };
    check(&mut bench, wanted(0, sale));
    let asked = asked_for(TokenId(0), &buy(10), OrderKind::Fak, &Market { neg_risk: true, ..Market::COMMON });
    check(&mut bench, Wanted { asked: asked.expect("amounts"), ..ten });
    assert_eq!(bench.take(NOW.plus(Nanos::from_secs(11)), &ten), Err(Miss::Old));
    assert_eq!(bench.take(NOW, &ten), Ok(10));
    bench.ahead.close();
    assert_eq!(bench.take(NOW, &ten), Err(Miss::Off));
    assert_eq!(bench.ahead.now().misses, [2, 1, 4, 1, 1]);
    assert_eq!(bench.ahead.now().orders(), 10);
}

/// Binds: shortfall_percent_max.
#[test]
fn a_little_less_may_stand_for_an_entry_that_takes_what_there_is() {
    let check = |shortfall_ppm_max: u32, change: fn(&mut Wanted), expected: Result<u64, Miss>| {
        let mut bench = Bench::new(Options { shortfall_ppm_max, ..Options::USUAL });
        bench.buys(NOW, 0, &[90, 95, 110]);
        let mut wanted = wanted(0, buy(100));
        change(&mut wanted);
        assert_eq!(bench.take(NOW, &wanted), expected, "{shortfall_ppm_max} {wanted:?}");
        assert_eq!(bench.ahead.now().smaller, u64::from(expected.is_ok()));
    };
    check(0, |_| (), Err(Miss::Unforeseen));
    check(49_999, |_| (), Err(Miss::Unforeseen));
    check(50_000, |_| (), Ok(95));
    check(200_000, |_| (), Ok(95));
    check(200_000, |wanted| wanted.kind = OrderKind::Fok, Err(Miss::Unforeseen));
    check(200_000, |wanted| wanted.least = Usdc::whole(96), Err(Miss::Unforeseen));
    check(200_000, |wanted| wanted.limit = Price::from_micros(510_000).expect("a price"), Err(Miss::Unforeseen));
    // A sale is never smaller than decided.
    let mut bench = Bench::new(Options { shortfall_ppm_max: 200_000, ..Options::USUAL });
    let sale = |shares| Foreseen { side: Side::Sell, shares: Shares::whole(shares), ..buy(0) };
    bench.ahead.foretell(NOW, TokenId(0), &[sale(95)], &Market::COMMON, &bench.name);
    bench.signer.sign(NOW, 9);
    assert_eq!(bench.take(NOW, &wanted(0, sale(100))), Err(Miss::Unforeseen));
}

#[test]
fn what_was_forgotten_meanwhile_is_dropped_when_it_comes() {
    let mut bench = Bench::new(Options::USUAL);
    bench.ahead.foretell(NOW, TokenId(0), &[buy(10)], &Market::COMMON, &bench.name);
    bench.ahead.forget(TokenId(0));
    bench.ahead.foretell(NOW, TokenId(0), &[buy(10)], &Market::COMMON, &bench.name);
    assert_eq!(bench.signer.sign(NOW, 1), 1);
    assert_eq!(bench.take(NOW, &wanted(0, buy(10))), Err(Miss::Unsigned));
    assert_eq!(bench.signer.sign(NOW, 9), 1);
    assert_eq!(bench.take(NOW, &wanted(0, buy(10))), Ok(10));
}

#[test]
fn what_finds_no_room_is_asked_for_at_the_next_look() {
    let mut bench = Bench::new(Options::USUAL);
    let all: Vec<Foreseen> = (1..=FORESEEN_MAX as i64).map(buy).collect();
    for token in 0..9 {
        bench.ahead.foretell(NOW, TokenId(token), &all, &Market::COMMON, &bench.name);
    }
    assert_eq!(bench.signer.sign(NOW, 1_000), 8 * FORESEEN_MAX);
    bench.ahead.take_in();
    assert_eq!(bench.take(NOW, &wanted(8, buy(1))), Err(Miss::Unsigned));
    bench.buys(NOW, 8, &[1]);
    assert_eq!(bench.take(NOW, &wanted(8, buy(1))), Ok(1));
}

#[test]
fn the_thread_signs_and_ends_with_the_store() {
    let Bench { mut ahead, signer, name } = Bench::new(Options::USUAL);
    let thread = signer.start();
    let now = crate::clock::now();
    ahead.foretell(now, TokenId(0), &[buy(10)], &Market::COMMON, &name);
    while ahead.now().kept == 0 {
        assert!(crate::clock::now().since(now) < Nanos::from_secs(20), "nothing is signed");
        std::thread::sleep(std::time::Duration::from_millis(5));
        ahead.take_in();
    }
    drop(ahead);
    thread.join().expect("it ends without a panic");
}
