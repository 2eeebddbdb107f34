//! The reconciler: asks the venue what the wallet holds and what rests of it, again and again, compares that with our books, and
//! tells people where the two part. It orders nothing and changes no book: what it finds is noted in the journal.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{Plant, gateway::Desk, tokens::TokensMessage};
use crate::{
    clock,
    domain::{Generation, Nanos, Noted, Shares, TokenId, Usdc, VenueOrderId, event::Differs},
    feed::{
        account::{self, Strange},
        registry::Registry,
        rest::generation,
    },
    hot_loop::Command,
    metrics::{Published, ReconcileNow, RedeemStatus},
    venue::polymarket::{
        follow::{Evidence, OrderMessage},
        reconcile::{Asks, Cash, Index, Look, Report, Resting},
        rest::{Asset, DataApi, Rest},
    },
};

/// How often our own books are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Between two balances, so that some of our share of the venue's limit is left to others: two requests a second.
const PAUSE: Duration = Duration::from_millis(700);
/// The same, where each takes two requests.
const PAUSE_ANEW: Duration = Duration::from_millis(1_300);
/// Notes that wait for the hot thread.
const COMMANDS_MAX: usize = 64;

/// The task that compares ended by itself, and why.
pub struct Ended(String);

pub struct Reconciler;

pub struct ReconcilerState {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Actor for Reconciler {
    type Msg = Ended;
    type State = ReconcilerState;
    type Arguments = (Plant, Arc<Desk>);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (plant, desk): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let stop = CancellationToken::new();
        let (commands, passing_on) = plant.inlet.queue(COMMANDS_MAX);
        let around = Around {
            commands,
            published: Arc::clone(&plant.published),
            registry: Arc::clone(&plant.registry),
            redeem: Arc::clone(&plant.redeem_status),
            index: plant.config.feed.data_url.as_deref().map(DataApi::new),
            name_token: Box::new(move |text| plant.tokens.cast(TokensMessage::Name(text))),
        };
        let stopped = stop.clone();
        let working = tokio::spawn(async move {
            // Wherever it is cut off: the next one begins with a whole report.
            if let Some(why) = stopped.run_until_cancelled(run(desk, around)).await {
                let _ = myself.cast(Ended(why));
            }
        });
        Ok(ReconcilerState { stop, tasks: vec![working, passing_on] })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        Ended(why): Ended,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Err(why.into())
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        state.stop.cancel();
        for task in state.tasks.drain(..) {
            let _ = task.await;
        }
        Ok(())
    }
}

/// What it uses of the rest of the process.
pub struct Around {
    /// For the hot thread.
    pub commands: mpsc::Sender<Command>,
    pub published: Published,
    pub registry: Arc<ArcSwap<Registry>>,
    pub redeem: Arc<RedeemStatus>,
    /// `None`: the index is not asked.
    pub index: Option<DataApi>,
    /// Gives an id to a token that nobody knows.
    pub name_token: Box<dyn Fn(String) + Send + Sync>,
}

struct Work {
    desk: Arc<Desk>,
    around: Around,
    shown: ReconcileNow,
    /// When the last whole report was begun: trades since then are read with the next.
    swept_at: Option<Nanos>,
}

/// Compares until something is wrong with this process; says what.
pub async fn run(desk: Arc<Desk>, around: Around) -> String {
    let mut work = Work { desk, around, shown: ReconcileNow::default(), swept_at: None };
    loop {
        if let Err(why) = work.turn().await {
            return why;
        }
        sleep(LOOK_EVERY).await;
    }
}

impl Work {
    /// Looks at our books, and reads what is due.
    async fn turn(&mut self) -> Result<(), String> {
        let (now, snapshot) = (clock::now(), self.around.published.load_full());
        // The hot thread has not begun yet, or nothing may be asked.
        let Some(rest) = self.desk.rest.load_full().filter(|_| Nanos::ZERO < snapshot.at) else { return Ok(()) };
        let mut found = Vec::new();
        let asks = {
            let mut comparison = self.desk.comparison()?;
            comparison.hear(now, &snapshot.live_books, &mut found);
            comparison.asks(now)
        };
        self.tell(&found).await?;
        let Some(asks) = asks else { return Ok(()) };
        match self.read(&rest, &asks).await {
            Ok(report) => {
                let mut found = Vec::new();
                let news = {
                    let mut comparison = self.desk.comparison()?;
                    comparison.compare(now, &asks, &report, &mut found);
                    if asks.is_whole { comparison.news() } else { Vec::new() }
                };
                self.tell(&found).await?;
                for holds in news {
                    self.note(Noted::WalletHolds(holds)).await?;
                }
                self.shown.reports += 1;
                self.shown.failed.clear();
                if asks.is_whole {
                    self.shown.whole_at = Some(now);
                    self.swept_at = Some(now);
                }
            }
            // What was read before it failed is dropped with it.
            Err(why) => {
                if self.shown.failed != why {
                    tracing::warn!(why, "the wallet could not be compared: it is tried again");
                }
                self.desk.comparison()?.failed(clock::now());
                self.shown.failures += 1;
                self.shown.failed = why;
            }
        }
        self.show(snapshot.live_books.cash)
    }

    fn show(&mut self, cash_ours: Usdc) -> Result<(), String> {
        let comparison = self.desk.comparison()?;
        self.shown.differences = comparison.differences();
        self.shown.differing = comparison.differing().collect();
        self.shown.cash = comparison.cash();
        self.shown.cash_ours = cash_ours;
        self.shown.held = comparison.held().collect();
        self.desk.status.reconciled(self.shown.clone());
        Ok(())
    }

    /// Notes what was found, and alarms.
    async fn tell(&self, found: &[Differs]) -> Result<(), String> {
        for differs in found {
            let Differs { what, token, ours, theirs } = *differs;
            let token = token.map(|token| self.around.registry.load().token_text(token).to_owned());
            if ours == theirs {
                tracing::info!(?what, token, "our books and the wallet agree again");
            } else {
                self.desk.status.alarmed();
                tracing::error!(
                    ?what,
                    token,
                    ours,
                    theirs,
                    "our books and the wallet differ: look at what else uses the wallet; nothing is traded by it"
                );
            }
            self.note(Noted::Differs(*differs)).await?;
        }
        Ok(())
    }

    async fn note(&self, noted: Noted) -> Result<(), String> {
        let command = Command::Noted(Box::new(noted));
        self.around.commands.send(command).await.map_err(|_| "the hot thread has ended".to_owned())
    }

    /// Reads all that is asked for, or fails: positions before balances.
    async fn read(&self, rest: &Rest, asks: &Asks) -> Result<Report, String> {
        let mut report = Report::default();
        if asks.orders {
            report.orders = Some((clock::now(), self.orders(rest, asks.is_whole).await?));
        }
        if let Some(index) = self.around.index.as_ref().filter(|_| asks.is_whole) {
            let at = clock::now();
            // It only raises doubts, and the venue itself can be asked without it.
            match self.index(index).await {
                Ok(index) => report.index = Some((at, index)),
                Err(why) => tracing::warn!(why, "the venue's index was not read"),
            }
        }
        for (number, (token, look)) in asks.shares.iter().enumerate() {
            if number > 0 {
                sleep(if *look == Look::Anew { PAUSE_ANEW } else { PAUSE }).await;
            }
            let text = self.around.registry.load().token_text(*token).to_owned();
            let asset = match generation(&text) {
                Some(Generation::V3) => Asset::Position(&text),
                Some(Generation::V2) | None => Asset::Conditional(&text),
            };
            let (at, shares) = self.balance(rest, asset, *look).await?;
            report.shares.push((at, *token, Shares(shares)));
        }
        if let Some(look) = asks.cash {
            let (at, held) = self.balance(rest, Asset::Collateral, look).await?;
            let held = Usdc(i64::try_from(held).map_err(|_| "a balance beyond all dollars".to_owned())?);
            report.cash = Some((at, Cash { held, redeemable: self.around.redeem.load().due_usdc }));
        }
        Ok(report)
    }

    async fn balance(&self, rest: &Rest, asset: Asset<'_>, look: Look) -> Result<(Nanos, u64), String> {
        let kind = self.desk.wallet.signature_type;
        if look == Look::Anew {
            rest.update_balance(asset, kind).await.map_err(|failure| failure.to_string())?;
        }
        let at = clock::now();
        let balance = rest.balance(asset, kind).await.map_err(|failure| failure.to_string())?;
        Ok((at, balance.held))
    }

    /// Tells the follower what rests of the wallet, whoever ordered it, and counts what of ours does.
    async fn orders(&self, rest: &Rest, is_whole: bool) -> Result<Resting, String> {
        let resting = || Ok::<BTreeSet<VenueOrderId>, String>(self.desk.books()?.follower.resting().collect());
        let before = resting()?;
        let rows = rest.open_orders().await.map_err(|failure| failure.to_string())?;
        let listed: Vec<OrderMessage> = rows.iter().map(|row| self.order(row)).collect::<Result<_, String>>()?;
        {
            let mut books = self.desk.books()?;
            let books = &mut *books;
            for message in &listed {
                books.follower.hear(clock::now(), &Evidence::Order(message.clone()), &mut books.told);
            }
            if let Some(since) = self.swept_at.filter(|_| is_whole) {
                books.follower.hear(clock::now(), &Evidence::Swept { since }, &mut books.told);
            }
        }
        self.desk.outbox.bell.notify_one();
        // What came or went meanwhile is not counted.
        let after = resting()?;
        let ours: BTreeSet<&VenueOrderId> = before.intersection(&after).collect();
        let found = listed.iter().filter(|message| ours.contains(&message.id)).count();
        Ok(Resting { ours: ours.len(), listed: found })
    }

    fn order(&self, row: &Value) -> Result<OrderMessage, String> {
        account::order(row, &|text: &str| self.token(text)).map_err(|strange| {
            if let Strange::NewToken { token } = &strange {
                (self.around.name_token)(token.clone());
            }
            format!("an open order cannot be read: {strange}")
        })
    }

    async fn index(&self, index: &DataApi) -> Result<Index, String> {
        let rows = index.positions(self.desk.wallet.funder).await.map_err(|failure| failure.to_string())?;
        let mut found = Index::default();
        for row in rows {
            found.redeemable = found.redeemable + row.redeemable;
            match self.token(&row.token) {
                Some(token) => drop(found.shares.insert(token, row.shares)),
                // It is known with the next report.
                None => (self.around.name_token)(row.token),
            }
        }
        Ok(found)
    }

    fn token(&self, text: &str) -> Option<TokenId> {
        self.around.registry.load().token(text.as_bytes())
    }
}
