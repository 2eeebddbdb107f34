//! What the world tells the engine: small fixed-size values.

use super::{
    LeaderId, LeaderSwitch, LiveOrders, LiveSwitch, Market, Millis, Nanos, OrderEnd, OrderId, PaperSwitch, PortfolioId,
    Price, Role, Shares, Side, Source, Tick, TokenId, TradeKey, Usdc,
    event::{Choice, Differs, External, Gap, Signed, TakenIn, WalletHolds},
};

/// What is only noted, of live orders, of the wallet, and of where leaders are seen; too rare and too large to be an [`Input`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// An order was signed; nothing of it has left.
    Signed(Signed),
    External(External),
    Differs(Differs),
    WalletHolds(WalletHolds),
    Gap(Gap),
    /// What the operator makes of a difference.
    Explained {
        differs: Differs,
        choice: Choice,
    },
}

/// A fill of somebody we follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderTrade {
    pub trade: TradeKey,
    pub leader: LeaderId,
    pub token: TokenId,
    pub side: Side,
    pub price: Price,
    pub shares: Shares,
    pub role: Role,
    pub source: Source,
    /// When he traded, by the venue's clock.
    pub traded_at: Nanos,
}

/// A leader's position became smaller, and not by a sale that we saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderLeft {
    /// What identifies the happening, as it identifies a fill.
    pub trade: TradeKey,
    pub leader: LeaderId,
    pub token: TokenId,
    /// How many shares he gave up.
    pub shares: Shares,
    pub source: Source,
    pub left_at: Nanos,
}

/// One thing that happened in the world. A message of the market channel becomes `Snapshot`? `Level`* `BookDone` for each
/// token in it, all or nothing: a message that is refused yields no input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A whole book begins: what was known of the token's levels is void.
    Snapshot {
        token: TokenId,
        at: Millis,
    },
    /// The new total at one price; zero removes it. `Buy` is a bid.
    Level {
        token: TokenId,
        side: Side,
        price: Price,
        size: Shares,
    },
    /// The message is over for this token; `best` is what the venue says the best prices now are, where it says so.
    BookDone {
        token: TokenId,
        at: Millis,
        best: Best,
    },
    /// The market's grid changed.
    TickChanged {
        token: TokenId,
        tick: Tick,
    },
    /// What the token's market is like became known.
    MarketKnown {
        token: TokenId,
        market: Market,
    },
    /// Nothing could be learned about the token.
    MarketUnknown {
        token: TokenId,
    },
    /// The venue's hash of the token's book is, or is not, the hash of ours.
    HashChecked {
        token: TokenId,
        good: bool,
    },
    /// The connection that carried this token's book was lost.
    BookLost {
        token: TokenId,
    },
    LeaderTrade(LeaderTrade),
    LeaderLeft(LeaderLeft),
    /// What a leader holds of a token, read from the venue: corrects what was made of his trades, and shows exits that
    /// nobody saw. `at` is when it was true.
    LeaderHolds {
        leader: LeaderId,
        token: TokenId,
        shares: Shares,
        at: Nanos,
    },
    /// What a leader owns in all, and how much of it is in positions, read from the venue or said by the operator.
    LeaderWorth {
        leader: LeaderId,
        capital: Usdc,
        exposure: Usdc,
    },
    /// What the external model thinks the token will pay (ppm), and when it thought so.
    Probability {
        token: TokenId,
        ppm: u32,
        at: Nanos,
    },
    /// The venue took the order.
    Accepted {
        order: OrderId,
    },
    /// The venue filled some of it: `cash` is what was paid or received before `fee`.
    Filled {
        order: OrderId,
        shares: Shares,
        cash: Usdc,
        fee: Usdc,
    },
    Closed {
        order: OrderId,
        end: OrderEnd,
    },
    /// The order was sent, and no answer came.
    Unknown {
        order: OrderId,
    },
    /// The venue matched some of a live order: provisional, until it is confirmed or void. May come again, late, before the
    /// answer to the order, and after its end.
    Matched {
        order: OrderId,
        trade: TradeKey,
        shares: Shares,
        cash: Usdc,
        fee: Usdc,
    },
    Confirmed {
        order: OrderId,
        trade: TradeKey,
    },
    Voided {
        order: OrderId,
        trade: TradeKey,
    },
    /// Whether live orders can leave changed.
    LiveOrders {
        to: LiveOrders,
    },
    /// After a power loss, orders may have left that nobody remembers: so much of a live portfolio's available cash is for no
    /// entry until then.
    HoldBack {
        portfolio: PortfolioId,
        amount: Usdc,
        until: Nanos,
    },
    /// A share of this token pays `payout` millionths of a dollar (0, 1,000,000, or between).
    Resolved {
        token: TokenId,
        payout: u32,
    },
    /// The operator pauses a portfolio's entries, or lets it go on.
    Pause {
        portfolio: PortfolioId,
    },
    Unpause {
        portfolio: PortfolioId,
    },
    /// The operator lets breakers that tripped go back.
    ResetBreakers {
        portfolio: PortfolioId,
    },
    /// The operator sells what a portfolio holds of a token, or of everything.
    ForceExit {
        portfolio: PortfolioId,
        token: Option<TokenId>,
    },
    /// The operator brings money, takes it, or moves it between portfolios of the same mode.
    Deposit {
        portfolio: PortfolioId,
        amount: Usdc,
    },
    Withdraw {
        portfolio: PortfolioId,
        amount: Usdc,
    },
    Move {
        from: PortfolioId,
        to: PortfolioId,
        amount: Usdc,
    },
    /// The operator takes shares of the wallet's into the books of a live portfolio, or writes off what live portfolios hold of
    /// a token and the wallet does not.
    TakeIn(TakenIn),
    WriteOff {
        token: TokenId,
        shares: Shares,
    },
    /// The operator turns a global switch, or a leader's.
    SwitchPaper {
        to: PaperSwitch,
    },
    SwitchLive {
        to: LiveSwitch,
    },
    SwitchLeader {
        leader: LeaderId,
        to: LeaderSwitch,
    },
    /// The operator follows a leader again whose ways had him blocked.
    Unblock {
        leader: LeaderId,
    },
    /// Time passed; deadlines are due.
    Timer,
}

impl Input {
    /// Returns the token it is about, if it is about one.
    pub fn token(&self) -> Option<TokenId> {
        match self {
            Input::Snapshot { token, .. }
            | Input::Level { token, .. }
            | Input::BookDone { token, .. }
            | Input::TickChanged { token, .. }
            | Input::MarketKnown { token, .. }
            | Input::MarketUnknown { token }
            | Input::HashChecked { token, .. }
            | Input::BookLost { token }
            | Input::LeaderTrade(LeaderTrade { token, .. })
            | Input::LeaderLeft(LeaderLeft { token, .. })
            | Input::LeaderHolds { token, .. }
            | Input::Probability { token, .. }
            | Input::Resolved { token, .. } => Some(*token),
            Input::TakeIn(TakenIn { token, .. }) | Input::WriteOff { token, .. } => Some(*token),
            Input::ForceExit { token, .. } => *token,
            Input::Accepted { .. }
            | Input::Filled { .. }
            | Input::Closed { .. }
            | Input::Unknown { .. }
            | Input::Matched { .. }
            | Input::Confirmed { .. }
            | Input::Voided { .. }
            | Input::LiveOrders { .. }
            | Input::HoldBack { .. }
            | Input::LeaderWorth { .. }
            | Input::Pause { .. }
            | Input::Unpause { .. }
            | Input::ResetBreakers { .. }
            | Input::Deposit { .. }
            | Input::Withdraw { .. }
            | Input::Move { .. }
            | Input::SwitchPaper { .. }
            | Input::SwitchLive { .. }
            | Input::SwitchLeader { .. }
            | Input::Unblock { .. }
            | Input::Timer => None,
        }
    }
}

/// The best prices as the venue states them in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Best {
    /// The message does not say.
    Unstated,
    /// `None`: that side is empty.
    Stated { bid: Option<Price>, ask: Option<Price> },
}

const _: () = assert!(size_of::<Input>() <= 64);
