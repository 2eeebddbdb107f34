//! Which portfolios may act: the paper and live switches, each leader's, and what the settings allowed at the start.

use super::{Engine, LEADERS_MAX, LiveOrders};
use crate::domain::{LeaderId, LeaderSwitch, LiveSwitch, Mode, PaperSwitch, PortfolioId, Skip};

/// What a person turned, as the journal tells it. At a start the settings may close a switch further, until it is turned
/// again. For live, they only allow: `on` lets a person turn it on, and what nobody ever turned is at most a shadow. So no start
/// opens more than there was.
#[derive(Debug)]
pub struct Switches {
    paper: Option<PaperSwitch>,
    live: Option<LiveSwitch>,
    /// What holds now; the settings' word until somebody turns it.
    paper_now: PaperSwitch,
    live_now: LiveSwitch,
    live_orders: LiveOrders,
}

impl Switches {
    pub(super) fn new(paper: PaperSwitch, live: LiveSwitch, live_orders: LiveOrders) -> Switches {
        Switches { paper: None, live: None, paper_now: paper, live_now: live.min(LiveSwitch::Shadow), live_orders }
    }

    pub fn paper(&self) -> PaperSwitch {
        self.paper_now
    }

    /// Returns the global live switch; never `On` where orders could not be sent.
    pub fn live(&self) -> LiveSwitch {
        self.live_now.min(self.most())
    }

    /// Returns what holds for a leader whose own switch is this.
    fn live_with(&self, leader: LeaderSwitch) -> LiveSwitch {
        self.live().for_leader(leader).min(self.most())
    }

    pub fn live_orders(&self) -> LiveOrders {
        self.live_orders
    }

    fn most(&self) -> LiveSwitch {
        match self.live_orders {
            LiveOrders::Missing => LiveSwitch::Shadow,
            LiveOrders::Starting
            | LiveOrders::Ready
            | LiveOrders::AuthMissing
            | LiveOrders::ChannelDown
            | LiveOrders::Restarting
            | LiveOrders::CancelOnly
            | LiveOrders::ClosedOnly
            | LiveOrders::Blocked
            | LiveOrders::ClockOff
            | LiveOrders::OtherVersion
            | LiveOrders::WalletNotHeld => LiveSwitch::On,
        }
    }

    /// Returns how a person left the global live switch, whatever the settings make of it.
    pub fn left_live(&self) -> LiveSwitch {
        self.live.unwrap_or_default()
    }

    pub(super) fn set_live_orders(&mut self, to: LiveOrders) {
        self.live_orders = to;
    }

    pub(super) fn turn_paper(&mut self, to: PaperSwitch) {
        (self.paper, self.paper_now) = (Some(to), to);
    }

    pub(super) fn turn_live(&mut self, to: LiveSwitch) {
        (self.live, self.live_now) = (Some(to), to);
    }

    /// After recovery: the lower of what was turned and what the settings say.
    pub(super) fn resume(&mut self, paper: PaperSwitch, live: LiveSwitch) {
        self.paper_now = self.paper.map_or(paper, |turned| turned.min(paper));
        self.live_now = self.live.unwrap_or(LiveSwitch::Shadow).min(live);
    }

    /// Yields what the journal tells, for the state's hash.
    pub(super) fn values(&self) -> impl Iterator<Item = u64> {
        [self.paper.map_or(9, |paper| paper as u64), self.live.map_or(9, |live| live as u64)].into_iter()
    }
}

impl Engine {
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// Returns for how many leaders live is on whatever the global switch says; but off is off.
    pub fn leaders_forced_on(&self) -> u32 {
        self.ways.forced_on()
    }

    /// Yields the leaders whose own switch is not on `inherit`.
    pub fn leaders_switched(&self) -> impl Iterator<Item = (LeaderId, LeaderSwitch)> {
        let all = (0..LEADERS_MAX as u32).map(|id| (LeaderId(id), self.leader_switch(LeaderId(id))));
        all.filter(|(_, switch)| *switch != LeaderSwitch::Inherit)
    }

    /// Returns what holds for live entries after a leader.
    pub fn live_for(&self, leader: LeaderId) -> LiveSwitch {
        self.switches.live_with(self.leader_switch(leader))
    }

    /// Returns what holds for sales of what came from him: nobody is kept in by a switch that keeps out of entries.
    pub fn live_exits_for(&self, leader: LeaderId) -> LiveSwitch {
        self.switches.live().max(self.live_for(leader))
    }

    /// Returns why a portfolio does not follow a leader's buys at all, if a switch keeps it from that.
    pub(super) fn switched_off(&self, portfolio: PortfolioId, leader: LeaderId) -> Option<Skip> {
        let switches = &self.switches;
        match self.portfolios[portfolio.index()].mode {
            Mode::Paper => (switches.paper() == PaperSwitch::Off).then_some(Skip::PaperOff),
            Mode::Live if switches.live() == LiveSwitch::Off => Some(Skip::LiveOff),
            Mode::Live => match self.live_for(leader) {
                LiveSwitch::Off => Some(Skip::LeaderOff),
                LiveSwitch::Shadow => None,
                LiveSwitch::On => not_ready(switches.live_orders()),
            },
        }
    }

    /// Returns whether a portfolio's entries are recorded only, and not sent.
    pub(super) fn is_shadow(&self, portfolio: PortfolioId, leader: LeaderId) -> bool {
        self.portfolios[portfolio.index()].mode == Mode::Live && self.live_for(leader) != LiveSwitch::On
    }

    /// Returns whether a portfolio's sales can be sent. Shares bought with real money are not sold in a shadow.
    pub(super) fn may_sell(&self, portfolio: PortfolioId, leader: LeaderId) -> bool {
        match self.portfolios[portfolio.index()].mode {
            Mode::Paper => true,
            Mode::Live => {
                let is_open = matches!(self.switches.live_orders(), LiveOrders::Ready | LiveOrders::ClosedOnly);
                is_open && self.live_exits_for(leader) == LiveSwitch::On
            }
        }
    }
}

/// Returns why entries cannot leave, though live is on. Sales wait for the same, except where the account may only close.
const fn not_ready(orders: LiveOrders) -> Option<Skip> {
    match orders {
        LiveOrders::Ready => None,
        LiveOrders::Missing | LiveOrders::Starting => Some(Skip::LiveStarting),
        LiveOrders::AuthMissing => Some(Skip::AuthMissing),
        LiveOrders::ChannelDown => Some(Skip::UserChannelDown),
        LiveOrders::Restarting => Some(Skip::VenueRestarting),
        LiveOrders::CancelOnly => Some(Skip::VenueCancelOnly),
        LiveOrders::ClosedOnly => Some(Skip::AccountClosedOnly),
        LiveOrders::Blocked => Some(Skip::PlaceBlocked),
        LiveOrders::ClockOff => Some(Skip::ClockOff),
        LiveOrders::OtherVersion => Some(Skip::VenueVersion),
        LiveOrders::WalletNotHeld => Some(Skip::WalletNotHeld),
    }
}
