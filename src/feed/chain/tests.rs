//! Tables of logs and calls, hostile ones, and the test that all rests on: a fill has one key, wherever it was seen.

mod identity;

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::SolCall;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    domain::LeaderId,
    sim::chain::abi::{ExchangeV2, ExchangeV3, SignedOrder, TakerFill},
};

pub(super) const WALLET: &str = "0x510f4963b66b1b18505faab74b0bb943d1dda43c";
pub(super) const OTHER: &str = "0x6af75d4e4aaf700450efbac3708cce1665810ff1";
const TOKEN: u64 = 72_551_024_098_258_542;
pub(super) const TX: &str = "0xb6acf6859bc84216f4b3e2567fb392a2eae19d275340ad96ea17218ccfec27b7";
const NOW: Nanos = Nanos::from_secs(1_795_260_907);

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add_leader("0x0000000000000000000000000000000000000001").expect("a wallet");
    registry.add_leader(WALLET).expect("a wallet");
    registry.add_token(&TOKEN.to_string()).expect("room");
    registry
}

fn word(number: u64) -> String {
    format!("{number:064x}")
}

/// A log of a leader who bought 2 shares as a maker for 0.98, with one field replaced.
pub(super) fn log(field: &str, value: Value) -> String {
    let mut log = json!({
        "address": format!("{:#x}", Exchange::V2.address(Network::Polygon)),
        "topics": [log::ORDER_FILLED, format!("0x{}", word(7)), log::topic(WALLET), log::topic(OTHER)],
        "data": format!("0x{}", [0, TOKEN, 980_000, 2_000_000, 0, 0, 0].map(word).concat()),
        "blockNumber": "0x4d3f640", "blockHash": TX, "blockTimestamp": "0x6b015f2e",
        "transactionHash": TX, "transactionIndex": "0x1", "logIndex": "0x2", "removed": false,
    });
    match field.split_once('.') {
        Some((list, index)) => log[list][index.parse::<usize>().expect("an index")] = value,
        None if field.is_empty() => {}
        None => log[field] = value,
    }
    log.to_string()
}

fn logged(log: &str) -> Result<Logged, Malformed> {
    ChainDecoder::new(Network::Polygon).decode_log(log.as_bytes(), NOW, &registry())
}

fn trade(log: &str) -> crate::domain::LeaderTrade {
    match logged(log) {
        Ok(Logged { sighting: Sighting::Trade(trade), .. }) => trade,
        other => panic!("{log}: {other:?}"),
    }
}

#[test]
fn a_log_is_a_leaders_fill() {
    let usual = trade(&log("", Value::Null));
    assert_eq!(
        (usual.leader, usual.side, usual.role, usual.source),
        (LeaderId(1), Side::Buy, Role::Maker, Source::Log)
    );
    assert_eq!((usual.shares, usual.price.micros()), (Shares(2_000_000), 490_000));
    assert_eq!(usual.traded_at, Nanos::from_secs(0x6b01_5f2e));
    assert_eq!(
        logged(&log("", Value::Null)).map(|logged| (logged.block, logged.standing)),
        Ok((Some(81_000_000), Standing::Stands))
    );
    // Without the block's time it is that of our seeing it.
    assert_eq!(trade(&log("blockTimestamp", Value::Null)).traded_at, NOW);
    let exchange = format!("0x{:0>64}", format!("{:x}", Exchange::V3.address(Network::Polygon)));
    assert_eq!(trade(&log("topics.3", json!(exchange))).role, Role::Taker);
    let sold = format!("0x{}", [1, TOKEN, 3_000_000, 2_000_000, 0, 0, 0].map(word).concat());
    let sold = trade(&log("data", json!(sold)));
    assert_eq!((sold.side, sold.shares, sold.price.micros()), (Side::Sell, Shares(3_000_000), 666_667));
    assert_ne!(sold.trade, usual.trade);
    let upper = WALLET.to_uppercase().replace("0X", "0x");
    assert_eq!(trade(&log("topics.2", json!(log::topic(&upper)))), usual);
    let removed = logged(&log("removed", json!(true))).expect("a log");
    assert_eq!((removed.standing, removed.sighting), (Standing::Removed, Sighting::Trade(usual)));
}

#[test]
fn equal_fills_of_two_orders_are_two_and_one_told_again_is_one() {
    let mut decoder = ChainDecoder::new(Network::Polygon);
    let orders = [7, 8, 7].map(|order| {
        let log = log("topics.1", json!(format!("0x{}", word(order))));
        match decoder.decode_log(log.as_bytes(), NOW, &registry()).expect("a log").sighting {
            Sighting::Trade(trade) => trade.trade,
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(orders[0], orders[2]);
    assert_ne!(orders[0], orders[1]);
}

#[test]
fn strangers_cold_tokens_dust_and_other_logs() {
    let sighting = |log: &str| logged(log).map(|logged| logged.sighting);
    assert_eq!(sighting(&log("topics.2", json!(log::topic(OTHER)))), Ok(Sighting::Stranger));
    let cold = format!("0x{}{}", word(0), [5, 980_000, 2_000_000, 0, 0, 0].map(word).concat());
    let Ok(Sighting::ColdToken(cold)) = sighting(&log("data", json!(cold))) else { panic!("a cold token") };
    assert_eq!((cold.token.as_str(), cold.shares), ("5", Shares(2_000_000)));
    let dust = format!("0x{}", [0, TOKEN, 1, 0, 0, 0, 0].map(word).concat());
    for other in [
        log("data", json!(dust)),
        log("address", json!(OTHER)),
        log("topics.0", json!("0x174b3811690657c217184f89418266767c87e4805d09680c39fc9c031c0cab7c")),
    ] {
        assert_eq!(sighting(&other), Ok(Sighting::NotATrade), "{other}");
    }
}

#[test]
fn what_is_no_log_says_why() {
    let data = |words: [u64; 7]| json!(format!("0x{}", words.map(word).concat()));
    let usual = [0, TOKEN, 980_000, 2_000_000, 0, 0, 0];
    for (log, code) in [
        ("{".to_owned(), MalformedCode::Syntax),
        ("{}".to_owned(), MalformedCode::WrongType),
        (log("topics", json!([log::ORDER_FILLED])), MalformedCode::WrongType),
        (log("address", json!("0x12")), MalformedCode::BadWallet),
        (log("topics.1", json!("0x7")), MalformedCode::BadWord),
        (log("topics.2", json!(format!("0x{}", "1".repeat(64)))), MalformedCode::BadWallet),
        (log("topics.3", json!("")), MalformedCode::BadWallet),
        (log("data", json!("0x")), MalformedCode::BadSide),
        (log("data", data([2, TOKEN, 1, 1, 0, 0, 0])), MalformedCode::BadSide),
        (log("data", json!(format!("0x{}{}", word(0), "f".repeat(10)))), MalformedCode::BadToken),
        (log("data", json!(format!("0x{}{}", word(0), "f".repeat(64 * 6)))), MalformedCode::BadSize),
        (log("data", data([0, TOKEN, 3, 2, 0, 0, 0])), MalformedCode::BadPrice),
        (log("data", data([0, TOKEN, 1, u64::MAX, 0, 0, 0])), MalformedCode::BadSize),
        (log("transactionHash", json!("0x12")), MalformedCode::BadWord),
    ] {
        assert_eq!(logged(&log).map_err(|error| error.code), Err(code), "{log}");
    }
    assert!(logged(&log("data", data(usual))).is_ok());
}

/// Prices of the fills that an account of others had, as the venue's own record names them.
#[test]
fn prices_are_those_that_the_venue_names() {
    let Some(path) = crate::feed::real_data::path("onchain/chain_order_filled_taker_fees.json") else { return };
    let fills: Vec<Value> = serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON");
    assert!(fills.len() >= 10);
    for fill in fills {
        let text = |key: &str| fill[key].as_str().expect("text");
        let number = |key: &str| text(key).parse::<u64>().expect("a number");
        let (given, got) = (number("maker_amount_filled"), number("taker_amount_filled"));
        let (dollars, shares) = if text("side") == "BUY" { (given, got) } else { (got, given) };
        let named = text("price").parse::<f64>().expect("a price") * 1e6;
        let price = price(dollars, shares).expect("a price").micros();
        assert!((f64::from(price) - named).abs() <= 1.0, "{fill}: {price}");
    }
}

/// An order in a call: `(maker, side, gives, wants)`.
fn order((maker, side, gives, wants): (&str, u8, u64, u64)) -> SignedOrder {
    SignedOrder {
        salt: U256::from(gives ^ wants << 7),
        maker: maker.parse().expect("an address"),
        signer: Address::ZERO,
        tokenId: U256::from(TOKEN),
        makerAmount: U256::from(gives),
        takerAmount: U256::from(wants),
        side,
        signatureType: 2,
        timestamp: U256::from(1),
        metadata: B256::ZERO,
        builder: B256::ZERO,
        signature: Bytes::from(vec![1; 65]),
    }
}

type Terms<'a> = (&'a str, u8, u64, u64);

fn calls(taker: Terms<'_>, takers_fill: u64, makers: &[(Terms<'_>, u64)]) -> [Vec<u8>; 2] {
    let orders: Vec<SignedOrder> = makers.iter().map(|(terms, _)| order(*terms)).collect();
    let fills: Vec<U256> = makers.iter().map(|(_, fill)| U256::from(*fill)).collect();
    let fees = vec![U256::ZERO; makers.len()];
    let fill = U256::from(takers_fill);
    let v2 = ExchangeV2::matchOrdersCall {
        conditionId: B256::ZERO,
        taker: order(taker),
        makers: orders.clone(),
        takerFill: fill,
        makerFills: fills.clone(),
        takerFee: U256::ZERO,
        makerFees: fees.clone(),
    };
    let of_taker = TakerFill { takerFill: fill, takerReceive: U256::ZERO, takerFee: U256::ZERO };
    let v3 = ExchangeV3::matchOrdersCall {
        taker: order(taker),
        makers: orders,
        makerFills: fills,
        makerFees: fees,
        fill: of_taker,
    };
    [v2.abi_encode(), v3.abi_encode()]
}

fn transaction(input: &[u8]) -> String {
    let to = Exchange::V3.address(Network::Polygon);
    json!({ "hash": TX, "to": to, "input": alloy::primitives::hex::encode_prefixed(input), "blockNumber": null })
        .to_string()
}

/// Decodes a call: each leader's side, role, shares and price.
fn legs(input: &[u8]) -> Result<Vec<(Side, Role, u64, u32)>, Malformed> {
    let mut legs = vec![];
    let mut decoder = ChainDecoder::new(Network::Polygon);
    let json = transaction(input);
    let each = |sighting| match sighting {
        Sighting::Trade(trade) => {
            assert_eq!((trade.source, trade.traded_at), (Source::Pending, NOW));
            legs.push((trade.side, trade.role, trade.shares.0, trade.price.micros()));
        }
        Sighting::ColdToken(trade) => legs.push((trade.side, trade.role, trade.shares.0, trade.price.micros())),
        other => panic!("{other:?}"),
    };
    decoder.decode_transaction(json.as_bytes(), (Source::Pending, NOW), &registry(), each)?;
    Ok(legs)
}

/// What the contract would log for each way in which orders meet (PROTOCOL.md 8).
#[test]
fn a_call_is_what_its_logs_will_say() {
    use Role::{Maker, Taker};
    use Side::{Buy, Sell};
    for (taker, takers_fill, makers, expected) in [
        // Complementary: $5 at 0.66 buy 7.575758 of a seller.
        (
            (WALLET, 0, 5_000_000, 7_575_700),
            5_000_000,
            vec![((OTHER, 1, 9_000_000, 5_940_000), 7_575_758)],
            vec![(Buy, Taker, 7_575_758, 660_000)],
        ),
        (
            (OTHER, 0, 5_000_000, 7_575_700),
            5_000_000,
            vec![((WALLET, 1, 9_000_000, 5_940_000), 7_575_758)],
            vec![(Sell, Maker, 7_575_758, 660_000)],
        ),
        // Mint: the other buyer's 0.29 leave 0.71.
        (
            (WALLET, 0, 5_000_000, 7_042_200),
            4_999_998,
            vec![((OTHER, 0, 2_900_000, 10_000_000), 2_042_253)],
            vec![(Buy, Taker, 7_042_251, 710_000)],
        ),
        // Merge: two sellers, 0.45 and 0.55.
        (
            (WALLET, 1, 20_000_000, 9_000_000),
            20_000_000,
            vec![((OTHER, 1, 30_000_000, 16_500_000), 20_000_000)],
            vec![(Sell, Taker, 20_000_000, 450_000)],
        ),
        // Several makers of several kinds; the leader is on both sides.
        (
            (WALLET, 0, 60_000_000, 100_000_000),
            58_000_000,
            vec![((OTHER, 1, 50_000_000, 29_000_000), 50_000_000), ((WALLET, 0, 20_000_000, 50_000_000), 20_000_000)],
            vec![(Buy, Maker, 50_000_000, 400_000), (Buy, Taker, 100_000_000, 590_000)],
        ),
        ((OTHER, 0, 1, 1), 1, vec![((OTHER, 1, 1, 1), 1)], vec![]),
    ] {
        for call in calls(taker, takers_fill, &makers) {
            assert_eq!(legs(&call), Ok(expected.clone()), "{taker:?} {makers:?}");
        }
    }
}

#[test]
fn other_transactions_say_nothing() {
    let mut decoder = ChainDecoder::new(Network::Polygon);
    let [call, _] = calls((WALLET, 0, 1_000_000, 2_000_000), 1_000_000, &[]);
    let usual: Value = serde_json::from_str(&transaction(&call)).expect("JSON");
    for (field, value) in
        [("to", json!(OTHER)), ("to", Value::Null), ("input", json!("0x")), ("input", json!("0xe60f0c0500"))]
    {
        let mut other = usual.clone();
        other[field] = value;
        let none = |sighting| panic!("{other}: {sighting:?}");
        let json = other.to_string();
        assert_eq!(decoder.decode_transaction(json.as_bytes(), (Source::Pending, NOW), &registry(), none), Ok(()));
    }
}

#[test]
fn a_hostile_call_is_refused_and_says_why() {
    const ARGUMENT: fn(usize) -> usize = |nth| 4 + nth * 32;
    let makers = [((OTHER, 1, 9_000_000, 5_940_000), 7_575_758)];
    let [call, _] = calls((WALLET, 0, 5_000_000, 7_575_700), 5_000_000, &makers);
    let makers_at = 4 + U256::from_be_slice(&call[ARGUMENT(2)..ARGUMENT(3)]).to::<usize>();
    let fills_at = 4 + U256::from_be_slice(&call[ARGUMENT(4)..ARGUMENT(5)]).to::<usize>();
    let taker_at = 4 + U256::from_be_slice(&call[ARGUMENT(1)..ARGUMENT(2)]).to::<usize>();
    let most = U256::MAX;
    for (at, number, code) in [
        (ARGUMENT(1), U256::from(1_u64 << 40), MalformedCode::OutOfRange),
        (ARGUMENT(1), most, MalformedCode::BadSize),
        (ARGUMENT(2), U256::from(call.len()), MalformedCode::OutOfRange),
        (ARGUMENT(3), most, MalformedCode::BadSize),
        (ARGUMENT(4), U256::from(u64::MAX), MalformedCode::OutOfRange),
        (makers_at, U256::from(u64::MAX), MalformedCode::TooManyOrders),
        (makers_at, U256::from(2), MalformedCode::BadWord),
        (makers_at + 32, U256::from(u64::MAX), MalformedCode::OutOfRange),
        (fills_at, U256::from(257), MalformedCode::TooManyOrders),
        (fills_at + 32, U256::from(u64::MAX), MalformedCode::BadSize),
        (taker_at + 32, most, MalformedCode::BadWallet),
        (taker_at + 6 * 32, U256::from(2), MalformedCode::BadSide),
    ] {
        let mut hostile = call.clone();
        hostile[at..at + 32].copy_from_slice(&number.to_be_bytes::<32>());
        assert_eq!(legs(&hostile).map_err(|error| error.code), Err(code), "{number} at {at}");
    }
    // What ends too soon is refused wherever it ends, up to the signatures, which nobody reads.
    let read = (4..call.len()).step_by(32).filter(|end| legs(&call[..*end]).is_ok()).count();
    assert!(read <= 4, "{read}");
}

proptest! {
    /// Whatever bytes come, nothing panics; that nothing is set aside by what they say is in `tests/no_alloc.rs`.
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        changes in prop::collection::vec((0_usize..1_500, any::<u8>()), 1..8),
        version in 0_usize..2,
    ) {
        let selector: &[u8] = if version == 0 { &[0x3c, 0x2b, 0x43, 0x99] } else { &[0x0f, 0xb2, 0x5b, 0xa4] };
        drop(legs(&[selector, &bytes].concat()));
        let makers = [((WALLET, 1, 9_000_000, 5_940_000), 7_575_758), ((OTHER, 0, 9_000_000, 59_400_000), 3_000_000)];
        let mut call = calls((WALLET, 0, 5_000_000, 7_575_700), 5_000_000, &makers)[version].clone();
        for (at, byte) in &changes {
            let at = at % call.len();
            call[at] = *byte;
        }
        drop(legs(&call));
        let mut text = log("", Value::Null).into_bytes();
        for (at, byte) in changes {
            let at = at % text.len();
            text[at] = byte;
        }
        let mut decoder = ChainDecoder::new(Network::Polygon);
        let _ = decoder.decode_log(&text, NOW, &registry());
        let _ = decoder.decode_log(&bytes, NOW, &registry());
        let _ = Frame::read(&bytes);
    }
}
