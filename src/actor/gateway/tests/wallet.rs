//! The reconciler beside a gateway, against the simulated venue: what the wallet holds, what rests, what somebody did by hand.

use arc_swap::ArcSwap;

use super::*;
use crate::{
    actor::reconciler,
    domain::event::{Difference, Differs, External},
    feed::registry::Registry,
    metrics::{Published, Snapshot},
    venue::polymarket::{
        reconcile::{Held, Holding, LiveBooks},
        rest::DataApi,
    },
};

/// A reconciler at work, and what it noted.
struct Watch {
    desk: Arc<Desk>,
    published: Published,
    notes: mpsc::Receiver<Command>,
    task: JoinHandle<String>,
}

impl Bench {
    fn watch(&self, desk: &Arc<Desk>) -> Watch {
        let (commands, notes) = mpsc::channel(64);
        let published = Published::default();
        let mut registry = Registry::new();
        registry.add_token(&self.token).expect("a token");
        let around = reconciler::Around {
            commands,
            published: Arc::clone(&published),
            registry: Arc::new(ArcSwap::from_pointee(registry)),
            redeem: Arc::default(),
            index: Some(DataApi::new(&self.venue.data_url)),
            name_token: Box::new(|_| {}),
        };
        let task = tokio::spawn(reconciler::run(Arc::clone(desk), around));
        Watch { desk: Arc::clone(desk), published, notes, task }
    }
}

impl Watch {
    /// Says what our books hold of the token, and in dollars.
    fn hold(&self, shares: u64, dollars: i64) {
        let shares = Shares::whole(shares);
        let holding = Holding { token: TokenId(0), shares, unsettled: Shares::ZERO, sold: Shares::ZERO };
        let holdings = Some(holding).filter(|holding| holding.shares > Shares::ZERO).into_iter().collect();
        let live_books = LiveBooks { cash: Usdc::whole(dollars), holdings, ..LiveBooks::default() };
        self.published.store(Arc::new(Snapshot { at: clock::now(), live_books, ..Snapshot::default() }));
    }

    /// Waits until as many more whole reports were compared.
    async fn reports(&self, more: u64) {
        let until = self.desk.status.wallet().reports + more;
        let wait = async {
            while self.desk.status.wallet().reports < until {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let now = || self.desk.status.wallet();
        assert!(timeout(PATIENCE, wait).await.is_ok(), "no reports: {:?}", now());
    }

    async fn differs(&mut self) -> Differs {
        let wait = async {
            loop {
                match self.notes.recv().await {
                    Some(Command::Noted(noted)) => match *noted {
                        Noted::Differs(differs) => return differs,
                        Noted::WalletHolds(_) => {}
                        Noted::Signed(_) | Noted::External(_) | Noted::Gap(_) | Noted::Explained { .. } => {
                            panic!("{noted:?}")
                        }
                    },
                    Some(_) => panic!("no note"),
                    None => panic!("it ended"),
                }
            }
        };
        timeout(PATIENCE, wait).await.expect("noted in time")
    }

    fn held(&self) -> Vec<Held> {
        self.desk.status.wallet().held.clone()
    }

    /// Whatever else was noted, it was no difference.
    fn says_nothing(&mut self) {
        while let Ok(Command::Noted(noted)) = self.notes.try_recv() {
            assert!(matches!(*noted, Noted::WalletHolds(_)), "{noted:?}");
        }
        assert_eq!(self.desk.status.wallet().differences, 0);
    }
}

impl Work {
    /// Waits for what somebody else did with the wallet.
    async fn external(&mut self, is: impl Fn(&External) -> bool) -> External {
        let wait = async {
            loop {
                match self.commands.recv().await {
                    Some(Command::Noted(noted)) => match *noted {
                        Noted::External(external) if is(&external) => return external,
                        Noted::External(_) => {}
                        Noted::Signed(_)
                        | Noted::Differs(_)
                        | Noted::WalletHolds(_)
                        | Noted::Gap(_)
                        | Noted::Explained { .. } => {
                            panic!("{noted:?}")
                        }
                    },
                    Some(_) => {}
                    None => panic!("it ended"),
                }
            }
        };
        timeout(PATIENCE, wait).await.expect("noted in time")
    }
}

/// Binds: reconcile.every_s, reconcile.patience_s, with a venue whose balances lag.
#[tokio::test(flavor = "multi_thread")]
async fn lag_is_no_difference_and_a_position_sent_away_is_one() {
    let bench = bench(Knobs::CALM).await;
    bench.bob_offers(50, 100, 1).await;
    let mut work = bench.work(&Resumed::default());
    let mut watch = bench.watch(&work.desk);
    work.ready().await;
    bench.turn(&json!({"balance_lag_ms": 3_000, "index_lag_ms": 60_000})).await;
    watch.hold(0, 900);
    watch.reports(2).await;
    let outgoing = bench.outgoing(1, Side::Buy, 50, 20, OrderKind::Fak);
    bench.push(&outgoing);
    work.until("the settlement", |input| matches!(input, Input::Confirmed { .. })).await;
    watch.hold(20, 900);
    watch.reports(9).await;
    watch.says_nothing();
    let theirs = Some(Shares::whole(20));
    assert_eq!(
        watch.held(),
        [Held { token: TokenId(0), ours: Shares::whole(20), external: 0, theirs, difference: 0, is_ignored: false }]
    );
    // Somebody sends it away: no trade tells of it.
    let wallets = [&bench.anna, &bench.bob].map(|trader| trader.key.address());
    bench.venue.send(wallets, &bench.token, Shares::whole(20)).expect("shares");
    let (what, token) = (Difference::Shares, Some(TokenId(0)));
    assert_eq!(watch.differs().await, Differs { what, token, ours: 20_000_000, theirs: 0 });
    watch.reports(5).await;
    assert_eq!(watch.desk.status.wallet().differences, 1);
    while let Ok(Command::Noted(noted)) = watch.notes.try_recv() {
        assert!(matches!(*noted, Noted::WalletHolds(_)), "told once: {noted:?}");
    }
    bench.venue.send([wallets[1], wallets[0]], &bench.token, Shares::whole(20)).expect("shares");
    let both = 20_000_000;
    assert_eq!(watch.differs().await, Differs { what, token, ours: both, theirs: both });
    // Our books believe in more dollars than there are.
    watch.hold(20, 5_000);
    let differs = watch.differs().await;
    assert_eq!((differs.what, differs.ours), (Difference::Cash, 5_000_000_000));
    watch.task.abort();
    work.stopped().await;
    bench.venue.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_by_hand_is_found_without_the_user_channel() {
    let bench = bench(Knobs::CALM).await;
    bench.bob_offers(50, 100, 1).await;
    let mut work = bench.work(&Resumed::default());
    work.ready().await;
    bench.turn(&json!({"user_drop_ppm": 1_000_000})).await;
    // An order that rests, and one that trades: no word of either comes by the channel.
    let rests = bench.by_hand(&bench.anna, Side::Buy, 10, 20, 76).await;
    assert_eq!(rests["status"], "live", "{rests}");
    let mut watch = bench.watch(&work.desk);
    watch.hold(0, 900);
    let order = work.external(|external| external.shares == Shares::ZERO).await;
    assert_eq!(rests["orderID"], order.id.to_string());
    let trades = bench.by_hand(&bench.anna, Side::Buy, 50, 10, 77).await;
    assert_eq!(trades["status"], "matched", "{trades}");
    let external = work.external(|external| external.shares > Shares::ZERO).await;
    assert_eq!((external.token, external.side, external.shares), (TokenId(0), Side::Buy, Shares::whole(10)));
    // It explains what the wallet has beyond our books, and no more.
    watch.hold(5, 900);
    watch.reports(8).await;
    watch.says_nothing();
    bench.venue.split(bench.anna.key.address(), &bench.token, Shares::whole(10)).expect("dollars");
    let (what, token) = (Difference::Shares, Some(TokenId(0)));
    assert_eq!(watch.differs().await, Differs { what, token, ours: 15_000_000, theirs: 20_000_000 });
    watch.task.abort();
    work.stopped().await;
    bench.venue.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_not_whole_changes_nothing() {
    let bench = bench(Knobs::CALM).await;
    let mut work = bench.work(&Resumed::default());
    let mut watch = bench.watch(&work.desk);
    work.ready().await;
    watch.hold(0, 900);
    watch.reports(2).await;
    let before = watch.desk.status.wallet();
    assert_eq!((before.cash, before.failed.as_str()), (Some(Usdc::whole(1_000)), ""));
    // Every second answer is a fault: no report comes to its end, and our books hold what the wallet does not.
    bench.turn(&json!({"storm_ppm": 700_000, "storm_every_ms": 1, "storm_for_ms": 1})).await;
    watch.hold(30, 5_000);
    let failed = async {
        while watch.desk.status.wallet().failures < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, failed).await.expect("reports that fail");
    let now = watch.desk.status.wallet();
    assert!(now.failed.contains("HTTP 500"), "{}", now.failed);
    assert_eq!(now.cash, before.cash);
    watch.says_nothing();
    bench.turn(&json!({"storm_ppm": 0})).await;
    let mut found = [watch.differs().await, watch.differs().await].map(|differs| differs.what);
    found.sort();
    assert_eq!(found, [Difference::Shares, Difference::Cash]);
    watch.task.abort();
    work.stopped().await;
    bench.venue.stop().await;
}
