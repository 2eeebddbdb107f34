//! One portfolio: passes on what the operator tells it, says when proceeds are cash again, and each minute how it does.

use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::Plant;
use crate::{
    clock,
    domain::{Input, PortfolioId, Usdc},
    hot_loop::{Closed, Command, Stamped},
    metrics::PortfolioNow,
};

pub enum StrategyMessage {
    /// No entries; exits go on.
    Pause,
    Unpause,
    Watch,
    Report,
}

pub struct Strategy;

pub struct StrategyArguments {
    pub plant: Plant,
    pub name: String,
    pub portfolio: PortfolioId,
}

const WATCH_EVERY: Duration = Duration::from_secs(1);
const REPORT_EVERY: Duration = Duration::from_secs(60);

impl Actor for Strategy {
    type Msg = StrategyMessage;
    type State = Running;
    type Arguments = StrategyArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: StrategyArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.send_interval(WATCH_EVERY, || StrategyMessage::Watch);
        myself.send_interval(REPORT_EVERY, || StrategyMessage::Report);
        let released = arguments.now().map_or(Usdc::ZERO, |now| now.released);
        Ok(Running { strategy: arguments, released })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let portfolio = state.strategy.portfolio;
        match message {
            StrategyMessage::Pause => state.strategy.tell(Input::Pause { portfolio }).await,
            StrategyMessage::Unpause => state.strategy.tell(Input::Unpause { portfolio }).await,
            StrategyMessage::Watch => {
                state.watch();
                Ok(())
            }
            StrategyMessage::Report => {
                state.strategy.report();
                Ok(())
            }
        }
    }
}

/// A strategy, and what it said of its proceeds so far.
pub struct Running {
    strategy: StrategyArguments,
    released: Usdc,
}

impl Running {
    fn watch(&mut self) {
        let Some(now) = self.strategy.now().filter(|now| self.released < now.released) else { return };
        tracing::info!(strategy = self.strategy.name, "{}", settled(now.released - self.released));
        self.released = now.released;
    }
}

/// Says that proceeds are cash again, cut to whole cents.
fn settled(amount: Usdc) -> String {
    let cents = amount.0 / 10_000;
    format!("Settled: ${}.{:02} back to cash", cents / 100, cents % 100)
}

impl StrategyArguments {
    async fn tell(&self, input: Input) -> Result<(), ActorProcessingErr> {
        self.command(Command::Input(Stamped { at: clock::now(), input })).await
    }

    async fn command(&self, command: Command) -> Result<(), ActorProcessingErr> {
        self.plant.inlet.command(command).await.map_err(|Closed| "the hot thread has ended".into())
    }

    /// Returns how the portfolio stands.
    fn now(&self) -> Option<PortfolioNow> {
        self.plant.published.load().portfolios.iter().find(|portfolio| portfolio.id == self.portfolio).copied()
    }

    fn report(&self) {
        if let Some(now) = self.now() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proceeds_are_said_in_dollars_and_cents() {
        for (micros, said) in [(12_400_000, "12.40"), (50_009_999, "50.00"), (1_234_567_890, "1234.56")] {
            assert_eq!(settled(Usdc(micros)), format!("Settled: ${said} back to cash"));
        }
    }
}
