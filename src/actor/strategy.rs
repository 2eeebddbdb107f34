//! One strategy: passes the operator's pause on, and says each minute how it does.

use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::Plant;
use crate::{
    clock,
    domain::{Input, PortfolioId},
    hot_loop::{Closed, Command, Stamped},
};

pub enum StrategyMessage {
    /// No entries; exits go on.
    Pause,
    Unpause,
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
            StrategyMessage::Report => {
                state.report();
                Ok(())
            }
        }
    }
}

impl StrategyArguments {
    async fn tell(&self, input: Input) -> Result<(), ActorProcessingErr> {
        let command = Command::Input(Stamped { at: clock::now(), input });
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
