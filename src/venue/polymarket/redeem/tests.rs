//! One redemption through all that can become of it, told by hand.

use alloy::primitives::B256;

use super::*;
use crate::venue::polymarket::contracts::ROUTER;
use crate::venue::polymarket::onchain::{Call, Fees, Transaction};

const ONE: U256 = U256::from_limbs([1, 0, 0, 0]);
const TWO: U256 = U256::from_limbs([2, 0, 0, 0]);
const FIVE_DOLLARS: Usdc = Usdc::whole(5);
const PAYS: Verdict = Verdict::Pays(FIVE_DOLLARS);

fn secs(secs: u64) -> Nanos {
    Nanos::from_secs(1_000 + secs)
}

fn one_found(power: Power) -> Redemptions {
    let mut redemptions = Redemptions::new(power);
    redemptions.found(ONE, FIVE_DOLLARS, secs(0), secs(0));
    redemptions
}

fn transaction(nonce: u64) -> Signed {
    let call = Call { to: ROUTER, data: vec![].into() };
    let fees = Fees::for_base(1, 1).expect("cheap");
    let body = Transaction { chain_id: 137, nonce, fees, gas_limit: 1, call };
    Signed::Transaction { body, bytes: vec![], hash: B256::repeat_byte(nonce as u8) }
}

fn request() -> Signed {
    Signed::Relayed { body: "{}".to_owned() }
}

fn relayed(id: &str) -> Answer {
    Answer::Taken(Ticket::Relayed(id.to_owned()))
}

fn news(redemptions: &mut Redemptions) -> Vec<News> {
    redemptions.take_news().into_iter().map(|(_, news)| news).collect()
}

/// Brings the one redemption to where it is asked how far it is.
fn sent(power: Power, signed: Signed, answer: Answer) -> Redemptions {
    let mut redemptions = one_found(power);
    assert_eq!(redemptions.next(secs(0)), Step::Look(ONE));
    redemptions.looked(ONE, 5_000_000, PAYS, secs(0));
    assert_eq!(redemptions.next(secs(0)), Step::Send(ONE));
    redemptions.signed(ONE, signed, secs(0));
    redemptions.answered(ONE, answer, secs(0));
    assert_eq!(redemptions.news.remove(0), (ONE, News::Due(FIVE_DOLLARS)));
    redemptions
}

/// Sees zero shares until it is believed.
fn gone(redemptions: &mut Redemptions, from: u64) {
    for at in [from, from + 1, from + 3] {
        assert_eq!(redemptions.next(secs(at)), Step::Look(ONE), "{at}");
        redemptions.looked(ONE, 0, Verdict::Open, secs(at));
    }
    assert_eq!(redemptions.next(secs(from + 3)), Step::Rest(Nanos::NEVER));
}

#[test]
fn shares_are_redeemed_and_that_is_seen() {
    let mut redemptions = sent(Power::Relayed, request(), relayed("a"));
    assert_eq!(redemptions.next(secs(1)), Step::Rest(secs(2)));
    assert_eq!(redemptions.next(secs(2)), Step::Ask(ONE));
    redemptions.told(ONE, Progress::Waiting, secs(2));
    redemptions.told(ONE, Progress::Mined, secs(4));
    assert_eq!(redemptions.next(secs(6)), Step::Ask(ONE));
    redemptions.told(ONE, Progress::Confirmed, secs(6));
    gone(&mut redemptions, 6);
    assert_eq!(news(&mut redemptions), [News::Redeemed(FIVE_DOLLARS)]);
    let expected = Totals { redeemed: 1, paid: FIVE_DOLLARS, ..Totals::default() };
    assert_eq!((redemptions.totals, redemptions.open().count()), (expected, 0));
}

#[test]
fn what_another_redeemed_is_closed() {
    for power in [Power::Direct, Power::Relayed, Power::NeedsOwner] {
        let mut redemptions = one_found(power);
        redemptions.take_news();
        gone(&mut redemptions, 0);
        assert_eq!(news(&mut redemptions), [News::Elsewhere]);
        assert_eq!(redemptions.totals, Totals { elsewhere: 1, ..Totals::default() });
    }
}

#[test]
fn a_zero_that_a_lagging_node_told_is_not_believed() {
    let mut redemptions = one_found(Power::Direct);
    redemptions.looked(ONE, 0, Verdict::Open, secs(0));
    redemptions.looked(ONE, 0, Verdict::Open, secs(1));
    redemptions.looked(ONE, 5_000_000, PAYS, secs(3));
    assert_eq!(redemptions.next(secs(3)), Step::Send(ONE));
}

#[test]
fn without_the_owner_it_is_only_watched() {
    let mut redemptions = one_found(Power::NeedsOwner);
    assert_eq!(news(&mut redemptions), [News::NeedsOwner(FIVE_DOLLARS)]);
    for at in [0, 600, 1_200] {
        assert_eq!(redemptions.next(secs(at)), Step::Look(ONE));
        redemptions.looked(ONE, 5_000_000, PAYS, secs(at));
        assert_eq!(redemptions.next(secs(at)), Step::Rest(secs(at + 600)));
    }
    assert_eq!(redemptions.open().collect::<Vec<_>>(), [(ONE, FIVE_DOLLARS, secs(0))]);
}

#[test]
fn a_refusal_is_tried_again_ever_more_rarely_with_a_new_signature() {
    let mut redemptions = one_found(Power::Relayed);
    redemptions.take_news();
    let mut at = 0;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert_eq!(redemptions.next(secs(at)), Step::Look(ONE));
        redemptions.looked(ONE, 5_000_000, PAYS, secs(at));
        assert_eq!(redemptions.next(secs(at)), Step::Send(ONE));
        redemptions.signed(ONE, request(), secs(at));
        redemptions.answered(ONE, Answer::Refused("nonce".to_owned()), secs(at));
        assert!(redemptions.under_way(ONE).is_none(), "what was refused is not sent again");
        let Step::Rest(until) = redemptions.next(secs(at)) else { panic!("a pause") };
        pauses.push(until.since(secs(at)).as_secs());
        at += pauses.last().expect("a pause");
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
    assert_eq!(redemptions.totals.failures, 9);
}

#[test]
fn a_quota_is_kept_and_one_that_is_used_up_is_waited_for() {
    let mut redemptions = sent(Power::Relayed, request(), Answer::Later { why: "quota".to_owned(), secs: 42 });
    assert_eq!(redemptions.next(secs(0)), Step::Rest(secs(42)));
    let again_in = Nanos::from_secs(42);
    assert_eq!(news(&mut redemptions), [News::Failed { why: "quota".to_owned(), again_in }]);

    let mut redemptions = Redemptions::new(Power::Relayed);
    for token in 1..=25_u64 {
        redemptions.found(U256::from(token), FIVE_DOLLARS, secs(0), secs(0));
    }
    let mut sends = 0;
    while let Step::Look(token) = redemptions.next(secs(1)) {
        redemptions.looked(token, 1, PAYS, secs(1));
        if redemptions.next(secs(1)) == Step::Send(token) {
            redemptions.signed(token, request(), secs(1));
            redemptions.answered(token, Answer::Refused("busy".to_owned()), secs(1));
            sends += 1;
        }
    }
    assert_eq!(sends, RELAYED_PER_MINUTE_MAX);
    let due: Vec<Nanos> = redemptions.open.values().map(|redemption| redemption.at).collect();
    assert_eq!(due.iter().filter(|at| **at == secs(61)).count(), 5, "a minute after the first");
}

#[test]
fn a_request_without_an_answer_is_sent_again_as_it_was() {
    let mut redemptions = sent(Power::Relayed, request(), Answer::Unknown("reset".to_owned()));
    assert_eq!(redemptions.next(secs(5)), Step::SendAgain(ONE));
    assert_eq!(redemptions.under_way(ONE), Some((&request(), [].as_slice())));
    redemptions.signed(ONE, request(), secs(5));
    // The first one was taken: its nonce is used.
    redemptions.answered(ONE, Answer::Refused("nonce".to_owned()), secs(5));
    redemptions.take_news();
    gone(&mut redemptions, 15);
    assert_eq!(news(&mut redemptions), [News::Redeemed(FIVE_DOLLARS)]);
}

#[test]
fn a_transaction_that_stays_in_no_block_is_sent_again_under_its_nonce() {
    let mut redemptions = sent(Power::Direct, transaction(7), Answer::Unknown("timeout".to_owned()));
    // Its hash is known whatever was answered.
    assert_eq!(redemptions.next(secs(5)), Step::Ask(ONE));
    redemptions.told(ONE, Progress::Waiting, secs(119));
    assert_eq!(redemptions.next(secs(121)), Step::SendAgain(ONE));
    // Not now: gas is too dear. The first may still be mined.
    redemptions.not_replaced(ONE, secs(121));
    assert_eq!(redemptions.next(secs(123)), Step::Ask(ONE));
    redemptions.told(ONE, Progress::Waiting, secs(240));
    assert_eq!(redemptions.next(secs(242)), Step::SendAgain(ONE));
    let dearer = match transaction(7) {
        Signed::Transaction { body, bytes, .. } => Signed::Transaction { body, bytes, hash: B256::repeat_byte(8) },
        Signed::Relayed { .. } => panic!("a transaction"),
    };
    redemptions.signed(ONE, dearer, secs(242));
    let hashes = [7, 8].map(|byte| Ticket::Transaction(B256::repeat_byte(byte)));
    assert_eq!(redemptions.under_way(ONE).map(|(_, tickets)| tickets), Some(hashes.as_slice()), "either may be mined");
    redemptions.answered(ONE, Answer::Taken(hashes[1].clone()), secs(242));
    redemptions.told(ONE, Progress::Confirmed, secs(245));
    gone(&mut redemptions, 245);
    assert_eq!(redemptions.totals.redeemed, 1);
}

#[test]
fn what_failed_on_the_chain_is_due_again() {
    for (power, signed, answer) in [
        (Power::Direct, transaction(1), Answer::Taken(Ticket::Transaction(B256::repeat_byte(1)))),
        (Power::Relayed, request(), relayed("a")),
    ] {
        let mut redemptions = sent(power, signed, answer);
        redemptions.told(ONE, Progress::Failed("undone".to_owned()), secs(4));
        let again_in = Nanos::from_secs(5);
        assert_eq!(news(&mut redemptions), [News::Failed { why: "undone".to_owned(), again_in }]);
        assert_eq!(redemptions.next(secs(9)), Step::Look(ONE));
        redemptions.looked(ONE, 5_000_000, PAYS, secs(9));
        assert_eq!(redemptions.next(secs(9)), Step::Send(ONE));
    }
}

#[test]
fn what_was_executed_and_changed_nothing_is_due_again() {
    let mut redemptions = sent(Power::Relayed, request(), relayed("a"));
    redemptions.told(ONE, Progress::Confirmed, secs(4));
    assert_eq!(redemptions.next(secs(4)), Step::Look(ONE));
    redemptions.looked(ONE, 5_000_000, PAYS, secs(4));
    assert_eq!(redemptions.next(secs(4)), Step::Rest(secs(9)));
    assert_eq!(redemptions.totals.failures, 1);
}

#[test]
fn a_relayer_that_sends_nothing_is_left_after_ten_minutes() {
    let mut redemptions = sent(Power::Relayed, request(), relayed("a"));
    redemptions.told(ONE, Progress::Waiting, secs(600));
    assert!(redemptions.under_way(ONE).is_some());
    redemptions.told(ONE, Progress::Waiting, secs(601));
    assert!(redemptions.under_way(ONE).is_none());
}

#[test]
fn one_is_under_way_at_a_time() {
    let mut redemptions = sent(Power::Relayed, request(), relayed("a"));
    redemptions.found(TWO, FIVE_DOLLARS, secs(1), secs(1));
    assert_eq!(redemptions.next(secs(1)), Step::Rest(secs(2)));
    redemptions.told(ONE, Progress::Failed("undone".to_owned()), secs(2));
    assert_eq!(redemptions.next(secs(2)), Step::Look(TWO), "the other waits after its failure");
}

#[test]
fn a_resolution_that_the_chain_takes_back_ends_it() {
    let mut redemptions = one_found(Power::Direct);
    redemptions.looked(ONE, 5_000_000, Verdict::Open, secs(0));
    assert_eq!((redemptions.open().count(), redemptions.next(secs(0))), (0, Step::Rest(Nanos::NEVER)));
}

#[test]
fn what_is_due_for_a_day_is_said_once() {
    let mut redemptions = one_found(Power::NeedsOwner);
    redemptions.take_news();
    let day = LATE_AFTER.as_secs();
    for (at, said) in [(day - 1, vec![]), (day, vec![News::Late { since: secs(0) }]), (day + 1, vec![])] {
        redemptions.next(secs(at));
        assert_eq!(news(&mut redemptions), said, "{at}");
    }
}

#[test]
fn nobody_answers_and_it_goes_on_afterwards() {
    let mut redemptions = one_found(Power::Direct);
    redemptions.unanswered(ONE, secs(0));
    assert_eq!(redemptions.next(secs(0)), Step::Rest(secs(5)));
    redemptions.unanswered(ONE, secs(5));
    assert_eq!(redemptions.next(secs(14)), Step::Rest(secs(15)));
    assert_eq!(redemptions.next(secs(15)), Step::Look(ONE));
    redemptions.looked(ONE, 5_000_000, PAYS, secs(15));
    redemptions.unanswered(ONE, secs(15));
    assert_eq!(redemptions.next(secs(15)), Step::Rest(secs(20)), "an answer forgives");
}
