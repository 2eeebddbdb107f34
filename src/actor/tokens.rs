//! All tokens: gives a new one its id, tells the hot thread before anybody else, and has an actor look after each that is
//! traded or held.

use std::{collections::HashMap, sync::Arc};

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::{
    Plant, is_fresh,
    token::{TokenActor, TokenArguments, TokenMessage},
};
use crate::{
    clock,
    domain::{Input, Nanos, TokenId},
    feed::{
        leader::{ColdTrade, Left},
        rest::{KnownToken, Metadata},
    },
    hot_loop::{About, Closed, Command, Live, Stamped},
    start::{MarketName, Names, denied},
};

/// Tags longer than this are not written down: after a restart they are learned again before a filter by tags lets the
/// market in.
const TAGS_BYTES_MAX: usize = 250;

pub enum TokensMessage {
    /// A leader traded a token that nobody knows.
    Cold {
        trade: ColdTrade,
        received: Nanos,
    },
    /// A leader gave up shares of a market without selling: of each of its tokens that is known.
    Left {
        left: Left,
        received: Nanos,
    },
    /// A leader holds a token: it is known, and its book kept, before he trades it again.
    Ahead(String),
    /// Somebody met a token that nobody knows: it gets an id, and nobody looks after it yet.
    Name(String),
    /// The hot thread gets its way out, with the names of all tokens: those that come after it are told one by one.
    Arm(Box<Live>),
    /// A known token is wanted: its book must be kept.
    Wake(TokenId),
    Known(TokenId, Box<KnownToken>),
    /// Nothing could be learned about it (yet).
    Unknown(TokenId),
    /// The engine does not trust the token's book.
    Resync(TokenId),
    /// Its market is resolved.
    Ended(TokenId),
}

pub struct Tokens;

pub struct TokensArguments {
    pub plant: Plant,
    pub names: Names,
    /// Tokens with positions: they must be looked after from the start.
    pub held: Vec<TokenId>,
}

pub struct TokensState {
    plant: Plant,
    names: Names,
    metadata: Metadata,
    actors: HashMap<TokenId, ActorRef<TokenMessage>>,
}

impl Actor for Tokens {
    type Msg = TokensMessage;
    type State = TokensState;
    type Arguments = TokensArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        TokensArguments { plant, names, held }: TokensArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        plant.tokens.set(myself.clone());
        for token in held.into_iter().chain(plant.awake.iter()) {
            myself.cast(TokensMessage::Wake(token))?;
        }
        let metadata = Metadata::new(&plant.config.feed.clob_url, &plant.config.feed.gamma_url);
        Ok(TokensState { plant, names, metadata, actors: HashMap::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let told = match message {
            TokensMessage::Cold { trade, received } => state.cold(&myself, &trade, received).await?,
            TokensMessage::Left { left, received } => state.left(&left, received).await,
            TokensMessage::Ahead(text) => match state.name(&text).await {
                Ok(token) => {
                    if let Some(token) = token {
                        state.wake(&myself, token).await?;
                    }
                    Ok(())
                }
                Err(closed) => Err(closed),
            },
            TokensMessage::Name(text) => state.name(&text).await.map(drop),
            TokensMessage::Arm(live) => state.arm(live).await,
            TokensMessage::Wake(token) => {
                state.wake(&myself, token).await?;
                Ok(())
            }
            TokensMessage::Known(token, known) => state.known(token, *known).await,
            TokensMessage::Unknown(token) => {
                let input = Stamped { at: clock::now(), input: Input::MarketUnknown { token } };
                state.plant.inlet.command(Command::Input(input)).await
            }
            TokensMessage::Resync(token) => {
                state.tell(token, TokenMessage::Resync);
                Ok(())
            }
            TokensMessage::Ended(token) => {
                state.tell(token, TokenMessage::Ended);
                Ok(())
            }
        };
        told.map_err(|Closed| "the hot thread has ended".into())
    }

    /// A token's actor that ends is forgotten; the next trade starts another.
    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let ended = match event {
            SupervisionEvent::ActorTerminated(who, ..) => who.get_id(),
            SupervisionEvent::ActorFailed(who, error) => {
                tracing::error!(%error, "a token's actor failed; the next trade of the token starts another");
                who.get_id()
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => return Ok(()),
        };
        let token = state.actors.iter().find(|(_, actor)| actor.get_id() == ended).map(|(token, _)| *token);
        if let Some(token) = token {
            state.actors.remove(&token);
            state.plant.awake.clear(token);
        }
        Ok(())
    }
}

impl TokensState {
    /// Registers a token with its first trade: the hot thread hears its name, then the trade, then the feeds may use the id.
    async fn cold(
        &mut self,
        myself: &ActorRef<TokensMessage>,
        trade: &ColdTrade,
        received: Nanos,
    ) -> Result<Result<(), Closed>, ActorProcessingErr> {
        let token = match self.name(trade.token.as_str()).await {
            Ok(Some(token)) => token,
            Ok(None) => return Ok(Ok(())),
            Err(closed) => return Ok(Err(closed)),
        };
        let input = Input::LeaderTrade(trade.of(token));
        // Nobody enters by a trade of long ago.
        if is_fresh(received, trade.traded_at) {
            self.wake(myself, token).await?;
        }
        Ok(self.plant.inlet.command(Command::Input(Stamped { at: received, input })).await)
    }

    /// Of a token whose market is not known yet nothing is told: a reading of his positions shows it.
    async fn left(&self, left: &Left, received: Nanos) -> Result<(), Closed> {
        let condition = left.condition();
        let is_its = |name: &MarketName| name.condition.eq_ignore_ascii_case(condition);
        let tokens = self.names.markets.iter().enumerate().filter(|(_, name)| is_its(name));
        for token in tokens.map(|(index, _)| TokenId(index as u32)) {
            let input = Input::LeaderLeft(left.of(token, self.names.registry.token_text(token)));
            self.plant.inlet.command(Command::Input(Stamped { at: received, input })).await?;
        }
        Ok(())
    }

    /// Returns a token's id, a new one if it has none; `None` where it cannot have one.
    async fn name(&mut self, text: &str) -> Result<Option<TokenId>, Closed> {
        let (token, is_new) = match self.names.registry.add_token(text) {
            Ok(added) => added,
            Err(error) => {
                tracing::error!(%error, token = text, "a trade is passed over");
                return Ok(None);
            }
        };
        if is_new {
            self.names.markets.push(MarketName::default());
            self.plant.inlet.command(Command::AddToken { id: token, text: text.into() }).await?;
            self.plant.registry.store(Arc::new(self.names.registry.clone()));
        }
        Ok(Some(token))
    }

    async fn arm(&self, mut live: Box<Live>) -> Result<(), Closed> {
        let registry = &self.names.registry;
        for token in (0..registry.tokens_len() as u32).map(TokenId) {
            live.name_token(token, registry.token_text(token));
        }
        self.plant.inlet.command(Command::Arm(live)).await
    }

    async fn wake(&mut self, myself: &ActorRef<TokensMessage>, token: TokenId) -> Result<(), ActorProcessingErr> {
        if self.actors.contains_key(&token) {
            return Ok(());
        }
        let arguments = TokenArguments {
            plant: self.plant.clone(),
            token,
            text: self.names.registry.token_text(token).to_owned(),
            is_known: !self.names.markets[token.index()].condition.is_empty(),
            metadata: self.metadata.clone(),
        };
        let (actor, _) = myself.spawn_linked(None, TokenActor, arguments).await?;
        self.actors.insert(token, actor);
        self.plant.awake.set(token);
        Ok(())
    }

    async fn known(&mut self, token: TokenId, known: KnownToken) -> Result<(), Closed> {
        let KnownToken { market, about, payout } = known;
        let name = MarketName {
            condition: about.condition.clone(),
            slug: about.slug.clone(),
            event: about.event.clone(),
            // What was once learned is not forgotten because the venue did not say it this time.
            tags: about.tags.or(self.names.markets[token.index()].tags.take()),
        };
        let market = self.names.identified(market, &name);
        let tags = name.tags.as_ref().map(|tags| tags.join(" ")).filter(|tags| tags.len() <= TAGS_BYTES_MAX);
        self.names.markets[token.index()] = name;
        let denied = denied(&self.plant.config, &self.names, token);
        let about = Box::new(About {
            condition: about.condition,
            slug: about.slug,
            title: about.title,
            outcome: about.outcome,
            event: about.event,
            tags,
        });
        self.plant.inlet.command(Command::MarketKnown { token, market, denied, about }).await?;
        // The sockets tell an end once; who was not connected then learns it here.
        if let Some(payout) = payout {
            self.plant.redeem_bell.notify_one();
            let input = Stamped { at: clock::now(), input: Input::Resolved { token, payout } };
            self.plant.inlet.command(Command::Input(input)).await?;
            self.tell(token, TokenMessage::Ended);
        }
        Ok(())
    }

    fn tell(&self, token: TokenId, message: TokenMessage) {
        if let Some(actor) = self.actors.get(&token) {
            // One that just ended has nothing left to do.
            let _ = actor.cast(message);
        }
    }
}
