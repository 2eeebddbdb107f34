//! One portfolio: passes on what the operator tells it, and says each minute how it does.

use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::Plant;
use crate::{
    clock,
    domain::{Input, PortfolioId, Settings, TokenId, Usdc},
    hot_loop::{Closed, Command, Stamped},
};

/// What the operator tells one portfolio. The engine answers with events: what cannot be done is declined there.
pub enum StrategyMessage {
    /// No entries; exits go on.
    Pause,
    Unpause,
    /// Breakers that tripped let entries through again.
    ResetBreakers,
    /// Sell what it holds of a token, or of everything.
    ForceExit(Option<TokenId>),
    Deposit(Usdc),
    Withdraw(Usdc),
    /// Money goes to another portfolio of the same mode.
    Move {
        to: PortfolioId,
        amount: Usdc,
    },
    /// Other settings; what is open goes on under them.
    Configure(Box<Settings>),
    Report,
}

pub struct Strategy;

pub struct StrategyArguments {
    pub plant: Plant,
    pub name: String,
    pub portfolio: PortfolioId,
}

const REPORT_EVERY: Duration = Duration::from_secs(60);

impl Actor for Strategy {
    type Msg = StrategyMessage;
    type State = StrategyArguments;
    type Arguments = StrategyArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: StrategyArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.send_interval(REPORT_EVERY, || StrategyMessage::Report);
        Ok(arguments)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let portfolio = state.portfolio;
        match message {
            StrategyMessage::Pause => state.tell(Input::Pause { portfolio }).await,
            StrategyMessage::Unpause => state.tell(Input::Unpause { portfolio }).await,
            StrategyMessage::ResetBreakers => state.tell(Input::ResetBreakers { portfolio }).await,
            StrategyMessage::ForceExit(token) => state.tell(Input::ForceExit { portfolio, token }).await,
            StrategyMessage::Deposit(amount) => state.tell(Input::Deposit { portfolio, amount }).await,
            StrategyMessage::Withdraw(amount) => state.tell(Input::Withdraw { portfolio, amount }).await,
            StrategyMessage::Move { to, amount } => state.tell(Input::Move { from: portfolio, to, amount }).await,
            StrategyMessage::Configure(settings) => state.command(Command::Configure { portfolio, settings }).await,
            StrategyMessage::Report => {
                state.report();
                Ok(())
            }
        }
    }
}

impl StrategyArguments {
    async fn tell(&self, input: Input) -> Result<(), ActorProcessingErr> {
        self.command(Command::Input(Stamped { at: clock::now(), input })).await
    }

    async fn command(&self, command: Command) -> Result<(), ActorProcessingErr> {
        self.plant.inlet.command(command).await.map_err(|Closed| "the hot thread has ended".into())
    }

    fn report(&self) {
        let snapshot = self.plant.published.load();
        if let Some(now) = snapshot.portfolios.iter().find(|portfolio| portfolio.id == self.portfolio) {
            tracing::info!(
                strategy = self.name,
                equity = %now.equity(),
                available = %now.available,
                deployed = %now.deployed,
                realised = %now.realised,
                unrealised = %now.unrealised,
                "worth"
            );
        }
    }
}
