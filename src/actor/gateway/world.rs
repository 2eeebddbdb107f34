//! Whether live orders can leave now, out of all that is known of the world. Pure.

use crate::domain::{LiveOrders, Nanos};

/// After a restart the venue answers 425 for about 90 seconds and takes only orders that rest for two minutes more.
const RESTART: Nanos = Nanos::from_secs(210);
/// What the venue said once of itself is asked again after this.
const SAID: Nanos = Nanos::from_secs(60);

/// What keeps entries in, the worst first.
const TROUBLES: [LiveOrders; 7] = [
    LiveOrders::AuthMissing,
    LiveOrders::OtherVersion,
    LiveOrders::ClockOff,
    LiveOrders::Blocked,
    LiveOrders::ClosedOnly,
    LiveOrders::Restarting,
    LiveOrders::CancelOnly,
];

/// Everything that is known, from a start on.
#[derive(Clone, Debug)]
pub struct World {
    /// Only looking until then; `None`: not all of the past is known yet.
    observed_until: Option<Nanos>,
    /// Until when each trouble counts, in the order of [`TROUBLES`]; zero: there is none.
    until: [Nanos; TROUBLES.len()],
    observe: Nanos,
}

impl World {
    /// `observe`: so long nothing is ordered after the past is known.
    pub fn new(observe: Nanos) -> World {
        World { observed_until: None, until: [Nanos::ZERO; TROUBLES.len()], observe }
    }

    /// Notes what an answer to an order said of all of them.
    pub fn said(&mut self, now: Nanos, state: LiveOrders, retry_after_s: Option<u64>) {
        let usual = match state {
            LiveOrders::Restarting => RESTART,
            LiveOrders::CancelOnly => SAID,
            // Until a check says otherwise.
            LiveOrders::AuthMissing
            | LiveOrders::OtherVersion
            | LiveOrders::ClockOff
            | LiveOrders::Blocked
            | LiveOrders::ClosedOnly => Nanos::NEVER,
            LiveOrders::Missing
            | LiveOrders::Starting
            | LiveOrders::Ready
            | LiveOrders::ChannelDown
            | LiveOrders::WalletNotHeld => return,
        };
        let until = now.plus(retry_after_s.map_or(usual, Nanos::from_secs));
        if let Some(slot) = self.slot(state) {
            *slot = until;
        }
    }

    /// Notes what a check found: whether this trouble is there.
    pub fn checked(&mut self, state: LiveOrders, is_there: bool) {
        if let Some(slot) = self.slot(state) {
            *slot = if is_there { Nanos::NEVER } else { Nanos::ZERO };
        }
    }

    /// Returns whether something is wrong that only a check can clear.
    pub fn wants_check(&self) -> bool {
        self.until.contains(&Nanos::NEVER)
    }

    /// Returns whether live orders can leave. `follower`: what keeps them in, of what the follower knows.
    pub fn state(&mut self, now: Nanos, follower: Option<LiveOrders>) -> LiveOrders {
        if self.observed_until.is_none() && follower.is_none() {
            self.observed_until = Some(now.plus(self.observe));
        }
        let trouble = TROUBLES.into_iter().zip(self.until).find(|(_, until)| now < *until);
        match (trouble, follower, self.observed_until) {
            // An account that may only close goes on closing: but not before the past is known.
            (Some((LiveOrders::ClosedOnly, _)), Some(state), _) => state,
            (Some((LiveOrders::ClosedOnly, _)), None, Some(until)) if now < until => LiveOrders::Starting,
            (Some((trouble, _)), _, _) => trouble,
            (None, _, None) => LiveOrders::Starting,
            (None, _, Some(until)) if now < until => LiveOrders::Starting,
            (None, Some(state), Some(_)) => state,
            (None, None, Some(_)) => LiveOrders::Ready,
        }
    }

    /// Returns when the state may change by itself.
    pub fn next_due(&self, now: Nanos) -> Option<Nanos> {
        let ends = self.until.into_iter().chain(self.observed_until);
        ends.filter(|until| now < *until && *until != Nanos::NEVER).min()
    }

    fn slot(&mut self, state: LiveOrders) -> Option<&mut Nanos> {
        let index = TROUBLES.iter().position(|trouble| *trouble == state)?;
        Some(&mut self.until[index])
    }
}

/// Returns what a state is called for people, and what to do about it.
pub const fn text(state: LiveOrders) -> &'static str {
    match state {
        LiveOrders::Missing => "there is no key, or no venue",
        LiveOrders::Starting => "starting: what the last process left is read, and for some seconds nothing is ordered",
        LiveOrders::Ready => "ready",
        LiveOrders::AuthMissing => {
            "the venue does not take our credentials: check wallet.key and wallet.signature_type"
        }
        LiveOrders::ChannelDown => "the user channel is down, or what happened meanwhile is not read yet",
        LiveOrders::Restarting => "the venue restarts, or takes only orders that rest",
        LiveOrders::CancelOnly => "the venue takes cancels only",
        LiveOrders::ClosedOnly => "the account may only close what it holds: ask the venue why",
        LiveOrders::Blocked => "the venue does not serve the place that this machine is at",
        LiveOrders::ClockOff => {
            "this machine's clock and the venue's differ by two seconds or more: see to NTP (chrony)"
        }
        LiveOrders::OtherVersion => "the venue speaks a version that this program does not: look for an update",
        LiveOrders::WalletNotHeld => {
            "the lease of the wallet is not ours: another engine holds it, or Postgres was away for too long"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Nanos = Nanos::from_secs(1_000);
    const OBSERVE: Nanos = Nanos::from_secs(5);

    fn at(secs: u64) -> Nanos {
        START.plus(Nanos::from_secs(secs))
    }

    fn ready() -> World {
        let mut world = World::new(OBSERVE);
        assert_eq!(world.state(START, None), LiveOrders::Starting);
        assert_eq!(world.state(at(5), None), LiveOrders::Ready);
        world
    }

    /// Binds: the time to only observe (LiveOrders::Starting, ChannelDown).
    #[test]
    fn nothing_leaves_before_the_past_is_known_and_observed() {
        let mut world = World::new(OBSERVE);
        assert_eq!(world.state(START, Some(LiveOrders::ChannelDown)), LiveOrders::Starting);
        assert_eq!(world.state(at(100), Some(LiveOrders::ChannelDown)), LiveOrders::Starting);
        assert_eq!(world.state(at(101), None), LiveOrders::Starting);
        assert_eq!(world.next_due(at(101)), Some(at(106)));
        assert_eq!(world.state(at(105), None), LiveOrders::Starting);
        assert_eq!(world.state(at(106), None), LiveOrders::Ready);
        assert_eq!(world.state(at(107), Some(LiveOrders::ChannelDown)), LiveOrders::ChannelDown);
        assert_eq!(world.state(at(108), None), LiveOrders::Ready, "a gap that is read needs no more observing");
    }

    #[test]
    fn what_the_venue_says_of_itself_passes_and_what_a_check_finds_stays() {
        let mut world = ready();
        world.said(at(10), LiveOrders::Restarting, None);
        assert_eq!(world.state(at(219), None), LiveOrders::Restarting);
        assert_eq!(world.state(at(220), None), LiveOrders::Ready);
        world.said(at(220), LiveOrders::Restarting, Some(3));
        assert_eq!(world.next_due(at(220)), Some(at(223)));
        assert_eq!(world.state(at(223), None), LiveOrders::Ready);
        world.said(at(223), LiveOrders::CancelOnly, None);
        assert_eq!(world.state(at(224), None), LiveOrders::CancelOnly);
        for state in [LiveOrders::AuthMissing, LiveOrders::OtherVersion, LiveOrders::ClockOff, LiveOrders::Blocked] {
            let mut world = ready();
            world.said(at(10), state, None);
            assert!(world.wants_check());
            assert_eq!(world.state(at(1_000_000), None), state);
            world.checked(state, false);
            assert_eq!(world.state(at(1_000_000), None), LiveOrders::Ready);
            world.checked(state, true);
            assert_eq!(world.state(at(1_000_001), None), state);
        }
    }

    #[test]
    fn an_account_that_may_only_close_goes_on_closing_once_the_past_is_known() {
        let mut world = World::new(OBSERVE);
        world.checked(LiveOrders::ClosedOnly, true);
        assert_eq!(world.state(START, Some(LiveOrders::ChannelDown)), LiveOrders::ChannelDown);
        assert_eq!(world.state(at(1), None), LiveOrders::Starting);
        assert_eq!(world.state(at(6), None), LiveOrders::ClosedOnly);
        assert_eq!(world.state(at(7), Some(LiveOrders::ChannelDown)), LiveOrders::ChannelDown);
    }
}
