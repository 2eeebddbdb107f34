//! The root: starts everything, starts again what fails, and stops in the right order.

use std::{collections::VecDeque, time::Duration};

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, ActorStatus, RpcReplyPort, SupervisionEvent};
use tokio::sync::mpsc;

use super::{
    Plant,
    activity_feed::ActivityFeed,
    alerter::{Alerter, AlerterArguments},
    chain_feed::{self, ChainFeed},
    gateway::Gateway,
    index_feed::IndexFeed,
    market_feed::MarketFeed,
    model::Model,
    reconciler::Reconciler,
    redeemer::Redeemer,
    spawn_failure,
    strategy::{Strategy, StrategyArguments},
    tokens::{Tokens, TokensArguments, TokensMessage},
    web::{Web, WebArguments},
    writer::{Writer, WriterArguments},
};
use crate::{
    clock,
    control::{Console, server::Control},
    domain::{Nanos, PortfolioId, TokenId},
    start::Names,
};

/// Restarts allowed within [`RESTARTS_WITHIN`], over all children; one more ends the process.
pub const RESTARTS_MAX: usize = 5;
pub const RESTARTS_WITHIN: Nanos = Nanos::from_secs(60);
/// How long a child may take to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

pub enum SupervisorMessage {
    /// A book diverged.
    Resync(TokenId),
    /// A token's market is over.
    Ended(TokenId),
    /// Stop everything that brings inputs.
    StopIntake(RpcReplyPort<()>),
    /// Wait until the writer has written all, then stop the web.
    StopRest(RpcReplyPort<()>),
}

pub struct Supervisor;

pub struct SupervisorArguments {
    pub plant: Plant,
    pub names: Names,
    pub held: Vec<TokenId>,
    pub strategies: Vec<(String, PortfolioId)>,
    pub writer: WriterArguments,
    pub alerter: AlerterArguments,
    pub web: WebArguments,
    pub console: Console,
    /// Hears why the process must end.
    pub fatal: mpsc::Sender<String>,
}

/// The kinds of children, with what it takes to start one again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Child {
    MarketFeed,
    ActivityFeed,
    IndexFeed,
    ChainFeed,
    Gateway,
    Reconciler,
    Model,
    Redeemer,
    Tokens,
    Strategy(usize),
    Writer,
    Alerter,
    Control,
    Web,
}

pub struct SupervisorState {
    plant: Plant,
    strategies: Vec<(String, PortfolioId)>,
    writer: WriterArguments,
    alerter: AlerterArguments,
    web: WebArguments,
    console: Console,
    fatal: mpsc::Sender<String>,
    children: Vec<(Child, ActorCell)>,
    restarts: VecDeque<Nanos>,
    is_stopping: bool,
}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = SupervisorState;
    type Arguments = SupervisorArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: SupervisorArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let SupervisorArguments { plant, names, held, strategies, writer, alerter, web, console, fatal } = arguments;
        let mut state = SupervisorState {
            plant: plant.clone(),
            strategies,
            writer,
            alerter,
            web,
            console,
            fatal,
            children: vec![],
            restarts: VecDeque::with_capacity(RESTARTS_MAX),
            is_stopping: false,
        };
        // The web first: a taken port is told before anything trades.
        if state.plant.config.web.inside {
            state.start(&myself, Child::Web).await?;
        }
        state.start(&myself, Child::Writer).await?;
        state.start(&myself, Child::Control).await?;
        state.start(&myself, Child::Alerter).await?;
        state.start(&myself, Child::MarketFeed).await?;
        let (tokens, _) = myself.spawn_linked(None, Tokens, TokensArguments { plant, names, held }).await?;
        state.children.push((Child::Tokens, tokens.get_cell()));
        // Before those whose gaps it fills.
        if state.plant.config.sources.index_every.is_some() || state.plant.config.sources.positions_every.is_some() {
            state.start(&myself, Child::IndexFeed).await?;
        }
        if state.plant.config.sources.activity_sockets > 0 {
            state.start(&myself, Child::ActivityFeed).await?;
        }
        if chain_feed::is_wanted(&state.plant.config.sources) {
            state.start(&myself, Child::ChainFeed).await?;
        }
        if state.plant.desk.is_some() {
            state.start(&myself, Child::Gateway).await?;
            state.start(&myself, Child::Reconciler).await?;
        }
        if state.plant.config.model.url.is_some() {
            state.start(&myself, Child::Model).await?;
        }
        if state.plant.purse.is_some() {
            state.start(&myself, Child::Redeemer).await?;
        }
        for index in 0..state.strategies.len() {
            state.start(&myself, Child::Strategy(index)).await?;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMessage::Resync(token) => state.plant.tokens.cast(TokensMessage::Resync(token)),
            SupervisorMessage::Ended(token) => state.plant.tokens.cast(TokensMessage::Ended(token)),
            SupervisorMessage::StopIntake(done) => {
                state.is_stopping = true;
                let is_intake =
                    |child: &Child| !matches!(child, Child::Writer | Child::Alerter | Child::Control | Child::Web);
                state.stop(is_intake).await;
                let _ = done.send(());
            }
            SupervisorMessage::StopRest(done) => {
                // The writer ends by itself when all is written; the patience is for a database that is down.
                let writer = state.children.iter().find(|(child, _)| *child == Child::Writer);
                if let Some((_, writer)) = writer {
                    let _ = writer.wait(Some(STOP_PATIENCE)).await;
                }
                state.stop(|_| true).await;
                let _ = done.send(());
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (who, error) = match event {
            SupervisionEvent::ActorFailed(who, error) => (who.get_id(), error),
            SupervisionEvent::ActorTerminated(who, ..) => {
                state.forget(who.get_id());
                return Ok(());
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => return Ok(()),
        };
        let Some(child) = state.forget(who) else { return Ok(()) };
        // Without the hot thread no part has anything to do, and the session ends.
        if state.is_stopping || state.plant.inlet.is_closed() {
            return Ok(());
        }
        if child == Child::Tokens || !state.may_restart(clock::now()) {
            // The tokens' actor is the only one that knows all names: what it knew must be read again.
            let text = format!("{child:?} failed and is not started again: {error}");
            let _ = state.fatal.try_send(text);
            return Ok(());
        }
        tracing::error!(?child, %error, "a part failed and is started again");
        if let Err(error) = state.start(&myself, child).await {
            let error = spawn_failure(&error);
            let _ = state.fatal.try_send(format!("{child:?} cannot be started again: {error}"));
        }
        Ok(())
    }
}

impl SupervisorState {
    async fn start(&mut self, myself: &ActorRef<SupervisorMessage>, child: Child) -> Result<(), ActorProcessingErr> {
        let plant = self.plant.clone();
        let cell = match child {
            Child::MarketFeed => myself.spawn_linked(None, MarketFeed, plant).await?.0.get_cell(),
            Child::ActivityFeed => myself.spawn_linked(None, ActivityFeed, plant).await?.0.get_cell(),
            Child::IndexFeed => myself.spawn_linked(None, IndexFeed, plant).await?.0.get_cell(),
            Child::ChainFeed => myself.spawn_linked(None, ChainFeed, plant).await?.0.get_cell(),
            Child::Gateway => {
                let desk = plant.desk.clone().ok_or("there is no live side to start")?;
                myself.spawn_linked(None, Gateway, (plant, desk)).await?.0.get_cell()
            }
            Child::Reconciler => {
                let desk = plant.desk.clone().ok_or("there is no wallet to compare with")?;
                myself.spawn_linked(None, Reconciler, (plant, desk)).await?.0.get_cell()
            }
            Child::Model => myself.spawn_linked(None, Model, plant).await?.0.get_cell(),
            Child::Writer => myself.spawn_linked(None, Writer, self.writer.clone()).await?.0.get_cell(),
            Child::Alerter => myself.spawn_linked(None, Alerter, self.alerter.clone()).await?.0.get_cell(),
            Child::Control => myself.spawn_linked(None, Control, self.console.clone()).await?.0.get_cell(),
            Child::Web => myself.spawn_linked(None, Web, self.web.clone()).await?.0.get_cell(),
            Child::Strategy(index) => {
                let (name, portfolio) = self.strategies[index].clone();
                myself.spawn_linked(None, Strategy, StrategyArguments { plant, name, portfolio }).await?.0.get_cell()
            }
            Child::Redeemer => {
                let purse = plant.purse.clone().ok_or("nothing is redeemed from here")?;
                myself.spawn_linked(None, Redeemer, (plant, purse)).await?.0.get_cell()
            }
            Child::Tokens => return Err("the tokens' actor is started once".into()),
        };
        self.children.push((child, cell));
        Ok(())
    }

    fn forget(&mut self, who: ActorId) -> Option<Child> {
        let index = self.children.iter().position(|(_, cell)| cell.get_id() == who)?;
        Some(self.children.remove(index).0)
    }

    fn may_restart(&mut self, now: Nanos) -> bool {
        while self.restarts.front().is_some_and(|at| now.since(*at) > RESTARTS_WITHIN) {
            self.restarts.pop_front();
        }
        if self.restarts.len() == RESTARTS_MAX {
            return false;
        }
        self.restarts.push_back(now);
        true
    }

    /// Stops the children that satisfy `is`, each within its patience.
    async fn stop(&mut self, is: impl Fn(&Child) -> bool) {
        let (stopped, kept) = std::mem::take(&mut self.children).into_iter().partition(|(child, _)| is(child));
        self.children = kept;
        let stopped: Vec<(Child, ActorCell)> = stopped;
        for (child, cell) in stopped {
            // One that ended by itself cannot be told to stop, and need not be.
            let is_over = || cell.get_status() == ActorStatus::Stopped;
            if !is_over() && cell.stop_and_wait(None, Some(STOP_PATIENCE)).await.is_err() && !is_over() {
                tracing::warn!(?child, "did not stop in time");
            }
        }
    }
}
