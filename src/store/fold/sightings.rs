//! Who told of a leader's trade, and when a source could not have.

use std::collections::{HashMap, VecDeque};

use time::OffsetDateTime;

use super::{Batch, GapRow, Known, SightingRow, leader_id, moment, signal_id, token_id, trade_key};
use crate::domain::{
    LeaderId, Source, TokenId, TradeKey,
    event::{Gap, How, Signal},
};

/// First sightings that are kept in mind: of a trade that is told again later than so many others, nobody asks how much later.
pub const FIRSTS_MAX: usize = 65_536;

/// The latest first sightings. Asking the tables instead would cost a look at all of them for each batch, while they are new
/// and Postgres does not know how large they are.
#[derive(Clone, Debug, Default)]
pub struct Firsts {
    /// By trade: record, signal, time.
    of: HashMap<u128, (i64, i64, OffsetDateTime)>,
    order: VecDeque<(i64, u128)>,
}

impl Firsts {
    /// Records come in their order. A trade that was forgotten may be a signal once more: the last one counts.
    pub fn add(&mut self, seq: i64, trade: u128, signal: i64, at: OffsetDateTime) {
        self.of.insert(trade, (seq, signal, at));
        self.order.push_back((seq, trade));
        if self.order.len() > FIRSTS_MAX
            && let Some((seq, trade)) = self.order.pop_front()
            && self.of.get(&trade).is_some_and(|first| first.0 == seq)
        {
            self.of.remove(&trade);
        }
    }
}

fn number(trade: TradeKey) -> u128 {
    u128::from(trade.0[0]) << 64 | u128::from(trade.0[1])
}

impl Batch {
    /// A position that was read tells of no trade: nobody else could have told it.
    pub(super) fn sighting(&mut self, known: &mut Known, seq: i64, now: OffsetDateTime, signal: &Signal) {
        match signal.how {
            How::Traded | How::Left => {
                let id = signal_id(signal.signal);
                known.firsts.add(seq, number(signal.trade), id.unwrap_or_default(), now);
                let sighting = seen(seq, now, (signal.trade, signal.leader, signal.token, signal.source));
                self.sightings.push(SightingRow { is_first: true, signal_id: id, lag_us: Some(0), ..sighting });
            }
            How::Observed => {}
        }
    }

    pub(super) fn gap(&mut self, seq: i64, now: OffsetDateTime, gap: &Gap) {
        let Gap { source, from, until, cause } = *gap;
        let (began_at, ended_at) = (moment(from), moment(until.max(from)));
        self.gaps.push(GapRow { seq, at: now, source: source.code(), cause: cause.code(), began_at, ended_at });
    }
}

type Told = (TradeKey, LeaderId, TokenId, Source);

/// Returns the row of a trade that was told before. Clocks may step back: nothing was seen before it was seen first.
pub(super) fn again(known: &Known, seq: i64, now: OffsetDateTime, told: Told) -> SightingRow {
    let first = known.firsts.of.get(&number(told.0));
    let lag = |first: &(i64, i64, OffsetDateTime)| (now - first.2).whole_microseconds().max(0);
    SightingRow {
        signal_id: first.map(|first| first.1),
        lag_us: first.map(lag).and_then(|lag| i64::try_from(lag).ok()),
        ..seen(seq, now, told)
    }
}

fn seen(seq: i64, now: OffsetDateTime, (trade, leader, token, source): Told) -> SightingRow {
    SightingRow {
        seq,
        seen_at: now,
        trade_key: trade_key(trade),
        leader_id: leader_id(leader),
        token_id: token_id(token),
        source: source.code(),
        is_first: false,
        signal_id: None,
        lag_us: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_first_sightings_are_kept() {
        let mut firsts = Firsts::default();
        let at = OffsetDateTime::UNIX_EPOCH;
        firsts.add(0, 7, 1, at);
        firsts.add(1, 8, 2, at);
        // The same trade once more: the old place of it falls out, and takes nothing with it.
        firsts.add(2, 7, 3, at);
        for seq in 3..FIRSTS_MAX as i64 + 2 {
            firsts.add(seq, 1_000 + seq as u128, seq, at);
        }
        assert_eq!(firsts.order.len(), FIRSTS_MAX);
        assert_eq!((firsts.of.get(&7).map(|first| first.1), firsts.of.get(&8)), (Some(3), None));
    }
}
