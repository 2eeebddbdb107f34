//! What became true. The journal stores these, `apply` and the projections fold them.
//!
//! The journal outlives the program: new variants go to the end, and a variant never changes its fields.

use serde::{Deserialize, Serialize};

use super::{
    Breaker, Cause, Declined, Divergence, Fault, GapCause, LeaderId, LeaderSwitch, LiveSwitch, Millis, Nanos, Numbers,
    OrderEnd, OrderId, OrderKind, PaperSwitch, PortfolioId, Price, Refusal, Role, Shares, Side, SignalId, Skip, Source,
    TokenId, TradeKey, Unplanned, Usdc, VenueOrderId,
};

/// A leader's trade worth deciding on. Fills of one leader, token and side within a window share a `group`, which is the
/// first one's id; each is decided at once for the group's total less what the group already ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    pub signal: SignalId,
    pub group: SignalId,
    pub trade: TradeKey,
    pub leader: LeaderId,
    pub token: TokenId,
    pub side: Side,
    pub price: Price,
    pub shares: Shares,
    /// Volume-weighted price and size of the group up to and including this trade.
    pub group_price: Price,
    pub group_shares: Shares,
    /// What we saw the leader hold of the token before this trade.
    pub leader_held: Shares,
    pub role: Role,
    /// Where it was seen first.
    pub source: Source,
    /// Whether he sold, or gave the shares up in another way (side `Sell`; there is no price, so it is the last one known).
    pub how: How,
    pub traded_at: Nanos,
}

/// A source may have missed what leaders did between two moments; what it missed is asked for afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub source: Source,
    pub from: Nanos,
    pub until: Nanos,
    pub cause: GapCause,
}

/// How a leader's position changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum How {
    #[default]
    Traded,
    /// Merged, converted, redeemed or sent away: seen as such.
    Left,
    /// His position, read from the venue, is smaller than his trades say.
    Observed,
}

/// What the models make of a signal, once for all portfolios. Probabilities and confidences in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scored {
    pub signal: SignalId,
    /// Each feature between -1,000,000 and 1,000,000; what they are: [`Feature`].
    pub features: [i32; Feature::COUNT],
    /// The market's own probability: the mid price, or the leader's where there is no book.
    pub prior_ppm: u32,
    /// The best ask, where there was one: what a copy would have paid.
    pub ask: Option<Price>,
    pub additive: Opinion,
    pub bayesian: Opinion,
    /// The external model's probability, where there was a fresh one.
    pub model_ppm: Option<u32>,
}

/// How sure, and which way: a bias above zero says that the outcome is worth more than its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    pub confidence_ppm: u32,
    pub bias_ppm: i32,
}

/// What a score is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Feature {
    /// What became of what the leader bought before.
    LeaderRecord,
    /// Bids against asks near the touch.
    BookImbalance,
    /// Where the mid price came from.
    Momentum,
    Spread,
    TimeLeft,
    /// How far the price is from even.
    MarketPrior,
}

impl Feature {
    pub const COUNT: usize = 6;
    pub const ALL: [Feature; Feature::COUNT] = [
        Feature::LeaderRecord,
        Feature::BookImbalance,
        Feature::Momentum,
        Feature::Spread,
        Feature::TimeLeft,
        Feature::MarketPrior,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Feature::LeaderRecord => "leader_record",
            Feature::BookImbalance => "book_imbalance",
            Feature::Momentum => "momentum",
            Feature::Spread => "spread",
            Feature::TimeLeft => "time_left",
            Feature::MarketPrior => "market_prior",
        }
    }
}

/// An order that passed risk. Its money is reserved; the record is on disk before a byte of it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    pub order: OrderId,
    /// [`SignalId::NONE`] where no leader trade led to it.
    pub signal: SignalId,
    pub portfolio: PortfolioId,
    pub leader: LeaderId,
    pub token: TokenId,
    pub side: Side,
    pub kind: OrderKind,
    pub cause: Cause,
    /// A buy: the most, a sell: the least that a share may cost.
    pub limit: Price,
    /// A sell: shares to sell. A buy: what `budget` surely buys at `limit`; a better price buys more.
    pub shares: Shares,
    /// A buy: dollars to spend, before the fee. A sell: zero.
    pub budget: Usdc,
    /// Worst cost with the fee, moved from available.
    pub reserved: Usdc,
    /// The best price on the other side when we decided.
    pub touch: Price,
    /// The leader's (group's) price; for an exit of our own the price we paid.
    pub reference: Price,
    /// 1 is the first; 2 repeats, as FAK, what the venue killed as FOK.
    pub attempt: u8,
}

/// A fill and where its money went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    pub order: OrderId,
    pub shares: Shares,
    /// Paid or received, before the fee.
    pub cash: Usdc,
    pub fee: Usdc,
    /// A sell: what the sold lots had cost. A buy: zero.
    pub basis: Usdc,
    /// A sell: when the proceeds cool down.
    pub release_at: Nanos,
}

/// What was signed of a live order. The wallet, its kind and the exchange are the settings' and the market's; the signature
/// follows from these and the key, so it is kept nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    pub order: OrderId,
    pub id: VenueOrderId,
    pub salt: u64,
    /// In millionths of what is given and of what is wanted.
    pub maker_amount: u64,
    pub taker_amount: u64,
    pub timestamp: Millis,
}

/// The venue matched some of a live order. Provisional: it may yet fail to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    pub order: OrderId,
    /// One match; with the order it names one leg.
    pub trade: TradeKey,
    pub shares: Shares,
    /// Paid or received, before the fee.
    pub cash: Usdc,
    pub fee: Usdc,
    /// A sell: what the sold lots had cost. A buy: zero.
    pub basis: Usdc,
}

/// Something of our wallet's that no order of ours explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    pub id: VenueOrderId,
    pub trade: TradeKey,
    pub token: TokenId,
    pub side: Side,
    pub shares: Shares,
    pub cash: Usdc,
    pub fee: Usdc,
    pub traded_at: Nanos,
}

/// Where our books and the venue's part, found by the reconciler after its patience. Both the same: they agree again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differs {
    pub what: Difference,
    /// What it is about; of cash, none in particular.
    pub token: Option<TokenId>,
    /// Millionths of a share or of a dollar; orders are counted.
    pub ours: i64,
    pub theirs: i64,
}

/// What the wallet holds, read from the venue, beside what our books say; told when any of it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletHolds {
    /// `None`: dollars.
    pub token: Option<TokenId>,
    /// Millionths of a share or of a dollar.
    pub ours: i64,
    /// What others bought with the wallet less what they sold, as far as is known; of dollars nothing is.
    pub external: i64,
    pub theirs: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Difference {
    Shares,
    Cash,
    OpenOrders,
}

/// What the operator makes of a difference that stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Choice {
    /// It is known: nobody is told of it until it is another one.
    Ignored,
    /// What the wallet has more is the owner's own: we never sell it, and it may go.
    Own,
}

impl Choice {
    pub const fn code(self) -> &'static str {
        match self {
            Choice::Ignored => "ignored",
            Choice::Own => "own",
        }
    }
}

/// The operator took shares that the wallet held beside our books into them: a copy of the leader's from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenIn {
    pub portfolio: PortfolioId,
    pub leader: LeaderId,
    pub token: TokenId,
    pub shares: Shares,
    /// What they count as: it is brought with them.
    pub cost: Usdc,
}

/// The operator wrote shares off that our books held and the wallet did not: what they had cost is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenOff {
    pub portfolio: PortfolioId,
    pub leader: LeaderId,
    pub token: TokenId,
    pub shares: Shares,
    pub basis: Usdc,
}

/// A position ended with its market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    pub portfolio: PortfolioId,
    pub leader: LeaderId,
    pub token: TokenId,
    pub shares: Shares,
    pub basis: Usdc,
    pub proceeds: Usdc,
    pub release_at: Nanos,
}

/// A portfolio's worth at a moment. `unrealised` marks positions at the best bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Valued {
    pub portfolio: PortfolioId,
    pub available: Usdc,
    pub reserved: Usdc,
    pub deployed: Usdc,
    pub cooling: Usdc,
    pub realised: Usdc,
    pub unrealised: Usdc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    Deposited {
        portfolio: PortfolioId,
        amount: Usdc,
    },
    Withdrawn {
        portfolio: PortfolioId,
        amount: Usdc,
    },
    Signal(Signal),
    /// A sighting that is no signal: the same fill again. `signal` is left alone.
    Repeated {
        trade: TradeKey,
        leader: LeaderId,
        token: TokenId,
        source: Source,
    },
    /// The token is cold: the signal waits for its market and book, or for `until`.
    Parked {
        signal: SignalId,
        token: TokenId,
        until: Nanos,
    },
    Skipped {
        signal: SignalId,
        portfolio: PortfolioId,
        reason: Skip,
        numbers: Numbers,
    },
    Refused {
        signal: SignalId,
        portfolio: PortfolioId,
        reason: Refusal,
        numbers: Numbers,
    },
    /// The position owes a sale of `shares` in all ([`crate::domain::money::SHARES_MAX`]: of everything); it is ordered as
    /// soon as the book allows. `reference`: the leader's price, or for a stop or target what we paid.
    ExitDue {
        signal: SignalId,
        portfolio: PortfolioId,
        leader: LeaderId,
        token: TokenId,
        cause: Cause,
        shares: Shares,
        reference: Price,
    },
    Submitted(Submitted),
    Accepted {
        order: OrderId,
    },
    Filled(Filled),
    Closed {
        order: OrderId,
        end: OrderEnd,
        released: Usdc,
    },
    Resolved {
        token: TokenId,
        payout: u32,
    },
    Settled(Settled),
    /// Cooled proceeds are available again.
    Released {
        portfolio: PortfolioId,
        amount: Usdc,
    },
    Valued(Valued),
    Diverged {
        token: TokenId,
        cause: Divergence,
    },
    Resynced {
        token: TokenId,
    },
    /// Entries stop until a restart; those of live portfolios only, where it is about a live order.
    Faulted {
        fault: Fault,
        order: OrderId,
    },
    /// The portfolio makes no entries until it goes on; exits are never paused.
    Paused {
        portfolio: PortfolioId,
    },
    Unpaused {
        portfolio: PortfolioId,
    },
    Scored(Scored),
    /// The copy is below the minimum: it waits for more of its portfolio, leader and token, or for `until`. Said again for
    /// a signal that waits: a sale of the leader took a part away, and this is what is left.
    Buffered {
        signal: SignalId,
        portfolio: PortfolioId,
        leader: LeaderId,
        token: TokenId,
        /// What it adds: the leader's shares and what the copy of them would cost.
        shares: Shares,
        wanted: Usdc,
        reference: Price,
        until: Nanos,
    },
    /// A buffered signal ended in the order that follows, with those of others; `into` is the one that completed it.
    Merged {
        signal: SignalId,
        portfolio: PortfolioId,
        into: SignalId,
    },
    /// What a leader held at a moment was read from the venue, and is not what his trades say.
    LeaderHolds {
        leader: LeaderId,
        token: TokenId,
        shares: Shares,
        at: Nanos,
    },
    /// His ways are those of somebody who trades on his copiers: no entries after him until `until`, or the operator's word.
    LeaderBlocked {
        leader: LeaderId,
        until: Nanos,
        numbers: Numbers,
    },
    LeaderUnblocked {
        leader: LeaderId,
    },
    /// The highest bid since the entry rose: the trailing stop follows.
    Peaked {
        portfolio: PortfolioId,
        leader: LeaderId,
        token: TokenId,
        bid: Price,
    },
    /// The venue is asked to cancel what is left of the order.
    CancelDue {
        order: OrderId,
    },
    /// What rests for an exit plan is not what is held; it is replaced.
    PlanRepaired {
        portfolio: PortfolioId,
        leader: LeaderId,
        token: TokenId,
        resting: Shares,
        held: Shares,
    },
    /// No sale rests for the exit plan; said once for each reason.
    Unplanned {
        portfolio: PortfolioId,
        leader: LeaderId,
        token: TokenId,
        reason: Unplanned,
        numbers: Numbers,
    },
    /// The order was sent and no answer came: it counts as filled and as not filled.
    Unknown {
        order: OrderId,
    },
    /// A day (UTC, counted from 1970) began: daily counters are zero again.
    DayBegan {
        day: u32,
    },
    /// No entries of this portfolio until the breaker is reset.
    Tripped {
        portfolio: PortfolioId,
        breaker: Breaker,
        numbers: Numbers,
    },
    BreakerReset {
        portfolio: PortfolioId,
        breaker: Breaker,
    },
    /// Available cash is low; said again only after it was not.
    BalanceLow {
        portfolio: PortfolioId,
        available: Usdc,
    },
    Moved {
        from: PortfolioId,
        to: PortfolioId,
        amount: Usdc,
    },
    /// An operator's command that cannot be done changes nothing.
    Declined {
        portfolio: PortfolioId,
        reason: Declined,
        numbers: Numbers,
    },
    /// The portfolio goes by other settings from here on; `digest` tells which.
    Configured {
        portfolio: PortfolioId,
        digest: u64,
    },
    PaperSwitched {
        to: PaperSwitch,
    },
    LiveSwitched {
        to: LiveSwitch,
    },
    LeaderSwitched {
        leader: LeaderId,
        to: LeaderSwitch,
    },
    /// Deposits follow the settings: so much of their capital is in by now. What the operator brings or takes is beside it.
    Funded {
        portfolio: PortfolioId,
        capital: Usdc,
    },
    /// A live order has its name at the venue. It is on disk before a byte of it leaves.
    Signed(Signed),
    Matched(Matched),
    /// A match settled: it is a fill like any other from here on. Of a sell, the proceeds cool down until `release_at`.
    Confirmed {
        order: OrderId,
        trade: TradeKey,
        release_at: Nanos,
    },
    /// A match did not settle: what it did to money and shares is undone. One that we never heard of is remembered, so that a
    /// late word of it does nothing.
    Voided {
        order: OrderId,
        trade: TradeKey,
    },
    External(External),
    Differs(Differs),
    /// A match of an order that had ended, and had given its money back: it is taken into the books all the same. Where there
    /// was too little available for it, `brought` came in from outside. Somebody should look.
    Adopted {
        order: OrderId,
        trade: TradeKey,
        brought: Usdc,
    },
    /// So much of the available cash is for no entry until a moment: orders that nobody remembers may yet need it.
    HeldBack {
        portfolio: PortfolioId,
        amount: Usdc,
        until: Nanos,
    },
    HoldEnded {
        portfolio: PortfolioId,
    },
    WalletHolds(WalletHolds),
    Gap(Gap),
    /// The operator says what a difference is.
    Explained {
        differs: Differs,
        choice: Choice,
    },
    TakenIn(TakenIn),
    WrittenOff(WrittenOff),
}

const _: () = assert!(size_of::<Event>() <= 128);
