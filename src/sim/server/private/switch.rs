//! Switches of the private wire are turned while the venue runs.

use super::identity::Session;
use super::mode::Switch;
use crate::domain::Nanos;
use crate::sim::server::hub::Hub;

impl Hub {
    /// Turns a switch from now on.
    pub fn switch(&mut self, switch: Switch, now: Nanos) {
        let desk = &mut self.desk;
        match switch {
            Switch::Trade => desk.mode.trade(),
            Switch::CancelOnly => desk.mode.cancel_only(),
            Switch::Disabled => desk.mode.disable(),
            Switch::Restart { down_secs, post_only_secs } => {
                desk.mode.restart(now, Nanos::from_secs(down_secs), Nanos::from_secs(post_only_secs));
            }
            Switch::Standing { address, standing } => desk.identity.set_standing(address, standing),
            Switch::Tier { address, tier } => desk.buckets.set_tier(address, tier),
            Switch::Limits(limits) => desk.buckets.limits = limits,
            Switch::Trouble { trouble, orders } => desk.mode.trouble(trouble, orders),
            Switch::RevokeKeys { address } => {
                let ids: Vec<String> = desk.identity.keys_of(address).into_iter().map(str::to_owned).collect();
                ids.iter().for_each(|id| desk.identity.revoke(id));
            }
            Switch::Session { session, wallet, valid_until_secs } => {
                let valid_until = Nanos::from_secs(valid_until_secs);
                desk.identity.authorise(Session { key: session, wallet, valid_until });
            }
        }
    }
}
