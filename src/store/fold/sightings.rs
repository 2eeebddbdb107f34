//! Who told of a leader's trade, and when a source could not have.

use time::OffsetDateTime;

use super::{Batch, GapRow, SightingRow, leader_id, moment, signal_id, token_id, trade_key};
use crate::domain::{
    LeaderId, Source, TokenId, TradeKey,
    event::{Gap, How, Signal},
};

impl Batch {
    /// A position that was read tells of no trade: nobody else could have told it.
    pub(super) fn sighting(&mut self, seq: i64, now: OffsetDateTime, signal: &Signal) {
        match signal.how {
            How::Traded | How::Left => {
                let sighting = seen(seq, now, signal.trade, signal.leader, signal.token, signal.source);
                self.sightings.push(SightingRow { signal_id: signal_id(signal.signal), ..sighting });
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

pub(super) fn seen(
    seq: i64,
    now: OffsetDateTime,
    trade: TradeKey,
    leader: LeaderId,
    token: TokenId,
    source: Source,
) -> SightingRow {
    SightingRow {
        seq,
        seen_at: now,
        trade_key: trade_key(trade),
        leader_id: leader_id(leader),
        token_id: token_id(token),
        source: source.code(),
        signal_id: None,
    }
}
