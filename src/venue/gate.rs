//! THE LAST LOOK: whether a live order may leave, read at the last instant before its bytes reach the socket, after every
//! queue and every sleep. Closing it needs nothing and holds at once; a kill holds until the operator turns live on again, and
//! it closes by itself when the lease of the wallet is over.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::{
    domain::{LeaderId, LeaderSwitch, LiveSwitch, Nanos, NotSent, Side},
    engine::LEADERS_MAX,
};

/// The switches as the send path sees them: what the engine recorded, and the kill that need not wait for the engine.
#[derive(Debug)]
pub struct Gate {
    /// How often it was killed, and how many of those were taken back: a kill that comes while live is being turned on is
    /// not taken back with the older ones.
    kills: AtomicU64,
    revived: AtomicU64,
    /// Until when the wallet is ours alone, by [`clock::since_boot`](crate::clock::since_boot).
    held_until: AtomicU64,
    live: AtomicU8,
    leaders: Box<[AtomicU8]>,
}

/// Leave to send one order, just given. Only [`Gate::permit`] makes one, and it is used up by the send.
#[derive(Debug)]
#[must_use = "a permit is for the send that follows at once"]
pub struct LivePermit(());

/// Shut: nothing leaves until the engine says what holds.
impl Default for Gate {
    fn default() -> Gate {
        Gate {
            kills: AtomicU64::new(0),
            revived: AtomicU64::new(0),
            held_until: AtomicU64::new(0),
            live: AtomicU8::new(LiveSwitch::Off as u8),
            leaders: (0..LEADERS_MAX).map(|_| AtomicU8::new(LeaderSwitch::Inherit as u8)).collect(),
        }
    }
}

impl Gate {
    /// Keeps every order in from now on, whatever the switch says.
    pub fn kill(&self) {
        self.kills.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns how often it was killed.
    pub fn kills(&self) -> u64 {
        self.kills.load(Ordering::SeqCst)
    }

    /// Takes the first `kills` of them back. Only for an operator who turns live on, and has seen so many.
    pub fn revive(&self, kills: u64) {
        self.revived.fetch_max(kills, Ordering::SeqCst);
    }

    pub fn is_killed(&self) -> bool {
        self.revived.load(Ordering::SeqCst) < self.kills()
    }

    /// Follows the switch that the engine recorded.
    pub fn set_live(&self, to: LiveSwitch) {
        self.live.store(to as u8, Ordering::SeqCst);
    }

    pub fn set_leader(&self, leader: LeaderId, to: LeaderSwitch) {
        self.leaders[leader.index()].store(to as u8, Ordering::SeqCst);
    }

    /// Says until when, by the machine's time since its boot, no other engine may take the wallet.
    pub fn hold_until(&self, until: Nanos) {
        self.held_until.store(until.0, Ordering::SeqCst);
    }

    pub fn held_until(&self) -> Nanos {
        Nanos(self.held_until.load(Ordering::SeqCst))
    }

    /// Lets one order leave, or says why not. `since_boot` is the machine's time now. A sale leaves wherever the global switch or the leader's own is on: nobody is kept in by a
    /// switch that keeps out of entries.
    pub fn permit(&self, leader: LeaderId, side: Side, since_boot: Nanos) -> Result<LivePermit, NotSent> {
        let global = match self.live.load(Ordering::SeqCst) {
            live if live == LiveSwitch::On as u8 => LiveSwitch::On,
            live if live == LiveSwitch::Shadow as u8 => LiveSwitch::Shadow,
            _ => LiveSwitch::Off,
        };
        let own = match self.leaders[leader.index()].load(Ordering::SeqCst) {
            own if own == LeaderSwitch::Inherit as u8 => LeaderSwitch::Inherit,
            own if own == LeaderSwitch::ForceOn as u8 => LeaderSwitch::ForceOn,
            _ => LeaderSwitch::ForceOff,
        };
        let holds = match side {
            Side::Buy => global.for_leader(own),
            Side::Sell => global.max(global.for_leader(own)),
        };
        if holds != LiveSwitch::On || self.is_killed() {
            return Err(NotSent::LiveOff);
        }
        if self.held_until() <= since_boot {
            return Err(NotSent::WalletNotHeld);
        }
        Ok(LivePermit(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: LeaderId = LeaderId(0);

    #[test]
    fn it_is_shut_until_told_and_after_a_kill() {
        let gate = Gate::default();
        gate.hold_until(Nanos::NEVER);
        let is_open = |side| gate.permit(ADA, side, Nanos::ZERO).is_ok();
        assert!(!is_open(Side::Buy) && !is_open(Side::Sell));
        gate.set_live(LiveSwitch::On);
        assert!(is_open(Side::Buy) && is_open(Side::Sell));
        gate.kill();
        assert!(!is_open(Side::Buy) && !is_open(Side::Sell));
        // What the engine recorded meanwhile opens nothing.
        gate.set_live(LiveSwitch::On);
        assert!(!is_open(Side::Buy));
        let seen = gate.kills();
        gate.kill();
        gate.revive(seen);
        assert!(!is_open(Side::Buy), "the second kill was not seen by who took the first back");
        gate.revive(gate.kills());
        assert!(is_open(Side::Buy));
        gate.set_live(LiveSwitch::Off);
        assert!(!is_open(Side::Buy));
    }

    #[test]
    fn it_is_shut_from_the_moment_the_lease_of_the_wallet_is_over() {
        let gate = Gate::default();
        gate.set_live(LiveSwitch::On);
        let at = |secs| gate.permit(ADA, Side::Sell, Nanos::from_secs(secs)).map(|_| ());
        assert_eq!(at(0), Err(NotSent::WalletNotHeld), "nobody said that it is ours");
        gate.hold_until(Nanos::from_secs(10));
        assert_eq!((at(9), at(10)), (Ok(()), Err(NotSent::WalletNotHeld)));
        gate.hold_until(Nanos::from_secs(20));
        assert_eq!(at(19), Ok(()));
        gate.set_live(LiveSwitch::Off);
        assert_eq!(at(19), Err(NotSent::LiveOff));
    }

    #[test]
    fn a_leaders_switch_keeps_entries_out_and_lets_exits_go() {
        let gate = Gate::default();
        gate.hold_until(Nanos::NEVER);
        let check = |live, own, buys, sells| {
            gate.set_live(live);
            gate.set_leader(ADA, own);
            let is_open = |side| gate.permit(ADA, side, Nanos::ZERO).is_ok();
            assert_eq!((is_open(Side::Buy), is_open(Side::Sell)), (buys, sells), "{live:?} {own:?}");
        };
        use LeaderSwitch::{ForceOff, ForceOn, Inherit};
        use LiveSwitch::{Off, On, Shadow};
        check(On, ForceOff, false, true);
        check(On, Inherit, true, true);
        check(Shadow, ForceOn, true, true);
        check(Shadow, Inherit, false, false);
        check(Shadow, ForceOff, false, false);
        check(Off, ForceOn, false, false);
    }
}
