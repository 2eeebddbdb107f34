//! The same, read from the simulated venue.

use std::time::Duration;

use super::*;
use crate::{
    clock,
    report::scout::read,
    sim::server::{Knobs, Options, Server},
    venue::polymarket::rest::DataApi,
};

#[tokio::test]
async fn a_leader_of_the_simulated_venue_is_scouted_from_page_to_score() {
    let knobs = Knobs { index_lag_ms: 0, ..Knobs::CALM };
    let venue = Server::start(Options { rate_percent: 400, knobs, ..Options::default() }).await.expect("a free port");
    let (data, wallet) = (DataApi::new(&venue.data_url), "0x1ead000000000000000000000000000000000003");
    let from = clock::now().since(Nanos::from_secs(3_600));
    let mut pages = 0;
    let history = loop {
        let mut say = |_: &str| pages += 1;
        let history =
            read::history(&data, wallet, from, clock::now().plus(Nanos::from_secs(60)), &mut say).await.expect("read");
        // Now and then he holds nothing.
        if history.deeds.len() >= 5 && !history.stands.is_empty() {
            break history;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(pages >= 4 && history.unread == 0 && !history.is_cut && !history.name.is_empty(), "{history:?}");
    assert!(history.deeds.is_sorted_by_key(|deed| deed.at), "{history:?}");
    let found = summary(&history);
    assert_eq!(found.trades() + found.moves + found.redeemed, history.deeds.len());
    let mut say = |_: &str| ();
    let prints = read::prints(&data, &history, Nanos::from_secs(60), &mut say).await.expect("read");
    let lines = table(&history, &prints, &assume(2_000, 1, 40_000));
    for line in &lines {
        assert_eq!(line.his_result - line.result, line.fees + line.spread + line.moved, "{line:?}");
        let questions = line.moves_known + line.moves_quiet + line.moves_unknown;
        assert_eq!(questions, if line.delay_ms == 0 { 0 } else { found.trades() - line.sales_before }, "{line:?}");
    }
    // A wallet that never traded, and one that is none.
    let nobody = read::history(&data, "0x00000000000000000000000000000000000000aa", from, clock::now(), &mut say).await;
    assert!(nobody.expect("read").deeds.is_empty());
    let wrong = read::history(&data, "0x12", from, clock::now(), &mut say).await.expect_err("no wallet");
    assert!(wrong.to_string().contains("400"), "{wrong}");
}
