//! The way to the venue, one for each wallet: owns credentials, connections, the user channel, and what is known of our orders.
//! Only where the settings allow live orders: otherwise there is none of it.
//!
//! ```text
//! outbox --> departures, on the hot thread (last look) --> POST /order --> answer --+
//! user channel: orders, trades -----------------------------------------------------+--> follower --> inputs --> hot thread
//! REST: orders, trades, cancels <---------------------------------------------------+-------+
//! checks of the world: clock, version, account, place ------------------------------> world --> LiveOrders --> hot thread
//! ```
//!
//! What it knows lives on when it fails ([`Desk`]): its successor takes what was in flight for unknown, and asks.

mod desk;
mod driver;
mod heart;
mod opening;
mod world;

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use desk::{Arm, Desk, Places};
use driver::{Around, Asked, Ended};
pub use world::text;

use super::{Plant, tokens::TokensMessage};
use crate::control::console::CancelAll;

/// Inputs that wait for the hot thread.
const COMMANDS_MAX: usize = 1_024;
/// Operators' words that wait.
const ASKED_MAX: usize = 16;

pub enum GatewayMessage {
    /// Cancel whatever rests; answers how many were cancelled, or why not all were.
    CancelAll(CancelAll),
    /// The work ended by itself.
    Ended(String),
}

pub struct Gateway;

pub struct GatewayState {
    asked: mpsc::Sender<Asked>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Actor for Gateway {
    type Msg = GatewayMessage;
    type State = GatewayState;
    type Arguments = (Plant, Arc<Desk>);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (plant, desk): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        plant.gateway.set(myself.clone());
        let (commands, passing_on) = plant.inlet.queue(COMMANDS_MAX);
        let (asked, hears) = mpsc::channel(ASKED_MAX);
        let stop = CancellationToken::new();
        let registry = Arc::clone(&plant.registry);
        let around = Around {
            commands,
            tokens: Box::new(move |text| registry.load().token(text.as_bytes())),
            name_token: Box::new(move |text| plant.tokens.cast(TokensMessage::Name(text))),
            asked: hears,
            stop: stop.clone(),
            stages: plant.stages.recorder(),
            hot: plant.inlet.runtime().clone(),
        };
        let working = tokio::spawn(async move {
            let why = match driver::run(desk, around).await {
                Ended::Stopped => return,
                Ended::Closed => "the hot thread has ended".to_owned(),
                Ended::Rekeyed => "the venue has another API key for us".to_owned(),
                Ended::Failed(why) => why,
            };
            let _ = myself.cast(GatewayMessage::Ended(why));
        });
        Ok(GatewayState { asked, stop, tasks: vec![working, passing_on] })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            // Where nobody works any more, who asks learns it by the answer that is dropped.
            GatewayMessage::CancelAll(answer) => {
                let _ = state.asked.send(Asked::CancelAll(answer)).await;
                Ok(())
            }
            GatewayMessage::Ended(why) => Err(why.into()),
        }
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        state.stop.cancel();
        for task in state.tasks.drain(..) {
            let _ = task.await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
