//! Recording a simulated venue for real, and reading it again.

use super::*;
use crate::{
    config::{Config, Overrides},
    report::replay::{Replay, Speed, Verify, run},
    sim::server::{Fault, Options, Server},
};

fn plan(venue: &Server, out: PathBuf) -> Plan {
    Plan {
        url: venue.market_url.clone(),
        tokens: venue.open_markets().iter().flat_map(|market| market.tokens.clone()).collect(),
        out,
        silence_max: Duration::from_secs(30),
        // Whole markets: with the two tokens of one on two sockets, a replay across the gap has books with bad hashes.
        tokens_per_socket_max: 4,
    }
}

fn replayed(out: PathBuf) -> crate::report::result::ReplayResult {
    let config = Config::load(&Written::DefaultsOnly, &Overrides::default()).expect("the defaults are right");
    let (market, leaders, outcomes) = (vec![out], None, None);
    run(&config, &Replay { market, leaders, outcomes, verify: Verify::Hashes, speed: Speed::Max }, |_| ())
        .expect("read")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_recorded_and_replays_with_the_venues_hashes() {
    let folder = tempfile::tempdir().expect("a folder");
    let venue = Server::start(Options::default()).await.expect("a free port");
    let out = folder.path().join("sim.jsonl.zst");
    let plan = plan(&venue, out.clone());
    let (enough, stop) = tokio::sync::oneshot::channel::<()>();
    let (mut enough, mut said, mut is_cut) = (Some(enough), vec![], false);
    let result = session::record(&plan, async { drop(stop.await) }, |news| match news {
        News::Progress(recorded) => {
            if recorded.frames > 100 && !is_cut {
                is_cut = true;
                venue.inject(Fault::DropConnections);
            }
            let again = plan.tokens.chunks(4).len() as u64;
            if recorded.frames > 200 && recorded.reconnects == again {
                enough.take().into_iter().for_each(drop);
            }
        }
        News::Said(text) => said.push(text),
    });
    let recorded = tokio::time::timeout(Duration::from_secs(60), result).await.expect("in time").expect("recorded");
    let sockets = plan.tokens.chunks(4).len();
    assert_eq!((recorded.sockets, recorded.gaps, recorded.reconnects), (sockets, sockets as u64, sockets as u64));
    assert!(said.iter().any(|text| text.contains("a gap begins")), "{said:?}");
    assert!(recorded.counters.messages.book as usize >= plan.tokens.len(), "{recorded:?}");
    assert_eq!((recorded.counters.malformed_total(), recorded.left_out), (0, 0));

    let result = replayed(out.clone());
    assert_eq!((result.messages, result.malformed.values().sum::<u64>()), (recorded.frames, 0));
    assert_eq!((result.hash_bad, result.tokens), (0, plan.tokens.len()));
    assert!(result.hash_ok as usize > plan.tokens.len(), "{}", result.hash_ok);

    let again = session::record(&plan, async {}, |_| ()).await.expect_err("the file exists").to_string();
    assert!(again.contains("cannot be created") && again.contains("choose a new file"), "{again}");
    let text = summary(&Global::default(), &plan, &recorded, Nanos::from_secs(3));
    assert!(text.contains(&format!("{} on {sockets} sockets", plan.tokens.len())), "{text}");
    let json = summary(&Global { json: true, ..Global::default() }, &plan, &recorded, Nanos::from_secs(3));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["frames"], &json["malformed"]), (&json!(recorded.frames), &json!(0)));
    venue.stop().await;
}

#[tokio::test]
async fn an_address_where_nobody_answers_is_said_and_the_file_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    // Bound and not listening: connections are refused.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let plan = Plan {
        url: format!("ws://{closed}/ws/market"),
        tokens: vec!["1".to_owned()],
        out: folder.path().join("none.jsonl.gz"),
        silence_max: Duration::from_secs(30),
        tokens_per_socket_max: 200,
    };
    let (heard, stop) = tokio::sync::oneshot::channel::<()>();
    let mut heard = Some(heard);
    let recorded = session::record(&plan, async { drop(stop.await) }, |news| {
        if let News::Said(text) = news {
            assert!(text.contains("cannot connect to ws://"), "{text}");
            heard.take().into_iter().for_each(drop);
        }
    });
    assert_eq!(recorded.await.expect("ended").frames, 0);
    let mut reader = crate::feed::recording::RecordingReader::open(&plan.out).expect("a file");
    assert!(reader.next().expect("whole").is_none());
}

#[test]
fn tokens_are_read_from_the_command_line_and_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let read = |tokens: &[&str], file: Option<&str>| {
        let path = folder.path().join("tokens.txt");
        fs::write(&path, file.unwrap_or_default()).expect("written");
        tokens_of_args(tokens, file.map(|_| path))
    };
    assert_eq!(read(&["1", "2", "1"], Some("# mine\n3\n\n 2 # again\n")), Ok(vec!["1".into(), "2".into(), "3".into()]));
    for (tokens, file, wrong) in [
        (vec![], Some("# none\n\n"), "there are no tokens to record"),
        (vec!["12x"], None, "--token `12x` is no token id"),
        (vec![], Some("1\n2\n0xabc\n"), "tokens.txt, line 3: `0xabc` is no token id"),
    ] {
        let error = read(&tokens, file).expect_err(wrong);
        assert!(error.contains(wrong) && error.contains("fix: "), "{error}");
    }
    let error = tokens_of_args(&[], Some(folder.path().join("none"))).expect_err("no file");
    assert!(error.contains("none cannot be read"), "{error}");
}

fn tokens_of_args(tokens: &[&str], tokens_file: Option<PathBuf>) -> Result<Vec<String>, String> {
    let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
    super::tokens(&RecordArgs { url: None, tokens, tokens_file, out: PathBuf::new(), duration: None })
}
