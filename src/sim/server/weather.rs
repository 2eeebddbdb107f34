//! The knobs reach the rest of the venue: what begins by itself, and what the exchange and the private wire must know.

use super::fault::Occasion;
use super::hub::Hub;
use super::lossy::Channel;
use super::private::Switch;
use super::profile::Knobs;
use crate::domain::{Nanos, Tick};
use crate::sim::exchange::{Delay, MarketId, Settings};
use crate::sim::wire::Phase;

/// What a tick is flipped to.
const FINE: Tick = Tick::from_micros(1_000).expect("a tick");

impl Hub {
    /// Turns knobs from now on.
    pub fn turn(&mut self, knobs: Knobs, now: Nanos) {
        self.pending.turn(knobs, now);
        let settings = self.exchange_mut().settings_mut();
        *settings = settled(&knobs, settings.seed, settings.block_every);
        if knobs.rate_percent > 0 {
            self.desk.buckets.limits.rate_percent = u64::from(knobs.rate_percent);
        }
        self.set_log_misses(knobs.log_miss_ppm);
    }

    /// Does what the knobs make happen by itself at a moment.
    pub fn meet(&mut self, occasion: Occasion, now: Nanos) {
        let knobs = self.pending.knobs;
        match occasion {
            Occasion::CloseUserSockets => self.cut(Channel::User),
            Occasion::Restart => {
                let (down, post_only) = (knobs.restart_for_ms, knobs.post_only_for_ms);
                self.desk.mode.restart(now, Nanos::from_millis(down), Nanos::from_millis(post_only));
            }
            Occasion::CancelOnly => self.switch(Switch::CancelOnly, now),
            Occasion::CancelOnlyEnds => self.switch(Switch::Trade, now),
            Occasion::FlipTicks => self.flip_ticks(now),
            Occasion::Reorganise => self.reorganise(knobs.reorg_blocks),
            Occasion::Play(trick) => self.workload.play(trick, now),
        }
    }

    /// Changes the tick of every open market between a cent and a tenth of it. What moves prices may change it back.
    fn flip_ticks(&mut self, now: Nanos) {
        let open = self.workload.places().filter(|place| place.phase == Phase::Open);
        let flips: Vec<(MarketId, Tick)> =
            open.map(|place| (place.market, if place.book.tick == Tick::CENT { FINE } else { Tick::CENT })).collect();
        for (market, tick) in flips {
            self.exchange_mut().change_tick(market, tick);
        }
        self.tell(now);
    }
}

/// Returns how a chain with a block so often settles under these knobs.
fn settled(knobs: &Knobs, seed: u64, block_every: Nanos) -> Settings {
    let usual = Settings { seed, ..Settings::default() }.paced(block_every);
    let mined_after = match knobs.settle_ms_max {
        0 => usual.mined_after,
        most => Delay::millis(knobs.settle_ms_min, most),
    };
    Settings {
        mined_after,
        failed_after: Delay::millis(knobs.ghost_fill_ms_min, knobs.ghost_fill_ms_max),
        failed_ppm: knobs.ghost_fill_ppm,
        stuck_ppm: knobs.settle_never_ppm,
        delayed_ppm: knobs.delayed_ppm,
        delayed_for: Nanos::from_millis(knobs.delayed_ms),
        delayed_unmatched_ppm: knobs.delayed_unmatched_ppm,
        improved_ppm: knobs.overfill_ppm,
        dust_ppm: knobs.dust_ppm,
        ..usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_settles_as_the_knobs_say() {
        let every = Settings::default().block_every;
        let calm = settled(&Knobs::CALM, 7, every);
        assert_eq!(calm, Settings { seed: 7, ..Settings::default() });
        let knobs = Knobs {
            ghost_fill_ppm: 250_000,
            settle_never_ppm: 10_000,
            settle_ms_min: 10_000,
            settle_ms_max: 60_000,
            ..Knobs::CALM
        };
        let hostile = settled(&knobs, 7, every);
        assert_eq!((hostile.failed_ppm, hostile.stuck_ppm), (250_000, 10_000));
        assert_eq!(hostile.mined_after, Delay::millis(10_000, 60_000));
        assert_eq!(hostile.failed_after, Delay::millis(5_000, 60_000));
        let hasty = settled(&Knobs::CALM, 7, Nanos::from_millis(100));
        assert_eq!((hasty.mined_after, hasty.confirmed_after), (Delay::millis(20, 30), Delay::millis(150, 250)));
    }
}
