//! What may happen to frames between the hub and a socket: those of the user channel and of the activity feed come twice, late
//! or never, those of the user and market channels change their shape.

use axum::extract::ws::Message as Frame;
use serde_json::Value;

use super::drift::{DRIFTS, drift};
use super::fault::Pending;

/// Which kind of socket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Market,
    Activity,
    User,
}

/// One socket's way out.
#[derive(Debug)]
pub struct Lossy {
    channel: Channel,
    /// Overtaken by the frame that comes next.
    held: Option<Frame>,
}

impl Lossy {
    pub fn new(channel: Channel) -> Lossy {
        Lossy { channel, held: None }
    }

    pub fn holds_one(&self) -> bool {
        self.held.is_some()
    }

    /// Gives up waiting for a frame that overtakes.
    pub fn release(&mut self) -> Option<Frame> {
        self.held.take()
    }

    /// Returns what is to be sent now that `frames` are due. PONG is never touched: a socket that is alive says so.
    pub fn pass(&mut self, frames: Vec<Frame>, pending: &mut Pending) -> Vec<Frame> {
        match self.channel {
            Channel::Market if pending.knobs.drift_ppm == 0 => frames,
            Channel::Market | Channel::Activity | Channel::User => {
                frames.into_iter().flat_map(|frame| self.pass_one(frame, pending)).collect()
            }
        }
    }

    fn pass_one(&mut self, frame: Frame, pending: &mut Pending) -> Vec<Frame> {
        if matches!(&frame, Frame::Text(text) if text.as_str() == "PONG") {
            return vec![frame];
        }
        let knobs = pending.knobs;
        let frame = match self.channel {
            Channel::Market | Channel::User if pending.strikes(knobs.drift_ppm) => deformed(frame, pending),
            Channel::Market | Channel::User | Channel::Activity => frame,
        };
        let (drop, duplicate, reorder) = match self.channel {
            Channel::Market => return vec![frame],
            Channel::Activity => (knobs.feed_drop_ppm, knobs.feed_duplicate_ppm, knobs.feed_reorder_ppm),
            Channel::User => (knobs.user_drop_ppm, knobs.user_duplicate_ppm, knobs.user_reorder_ppm),
        };
        if pending.strikes(drop) {
            return self.held.take().into_iter().collect();
        }
        let copies = if pending.strikes(duplicate) { 2 } else { 1 };
        if self.held.is_none() && pending.strikes(reorder) {
            self.held = Some(frame.clone());
            // Its copy goes ahead of what overtakes it.
            return vec![frame; copies - 1];
        }
        let mut frames = vec![frame; copies];
        frames.extend(self.held.take());
        frames
    }
}

fn deformed(frame: Frame, pending: &mut Pending) -> Frame {
    let Frame::Text(text) = &frame else { return frame };
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return frame };
    drift(&mut value, pending.between(0, DRIFTS - 1));
    Frame::Text(value.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Nanos;
    use crate::sim::server::profile::Knobs;

    fn carried(channel: Channel, knobs: Knobs, frames: &[&str]) -> Vec<String> {
        let (mut lossy, mut pending) = (Lossy::new(channel), Pending::new(knobs, 3, Nanos::ZERO));
        let mut sent: Vec<Frame> = Vec::new();
        for frames in frames.chunks(3) {
            let frames = frames.iter().map(|frame| Frame::Text((*frame).into())).collect();
            sent.extend(lossy.pass(frames, &mut pending));
        }
        sent.extend(lossy.release());
        sent.iter().map(|frame| frame.to_text().expect("text").to_owned()).collect()
    }

    #[test]
    fn each_knob_strikes_its_channel_alone() {
        const ALWAYS: u32 = 1_000_000;
        let check = |knobs: Knobs, expected: &[&str]| {
            assert_eq!(carried(Channel::User, knobs, &["a", "PONG", "b", "c"]), expected, "{knobs:?}");
            for other in [Channel::Market, Channel::Activity] {
                assert_eq!(carried(other, knobs, &["a", "PONG", "b", "c"]), ["a", "PONG", "b", "c"]);
            }
        };
        check(Knobs::CALM, &["a", "PONG", "b", "c"]);
        check(Knobs { user_drop_ppm: ALWAYS, ..Knobs::CALM }, &["PONG"]);
        check(Knobs { user_duplicate_ppm: ALWAYS, ..Knobs::CALM }, &["a", "a", "PONG", "b", "b", "c", "c"]);
        check(Knobs { user_reorder_ppm: ALWAYS, ..Knobs::CALM }, &["PONG", "b", "a", "c"]);
        let both = Knobs { user_reorder_ppm: ALWAYS, user_duplicate_ppm: ALWAYS, ..Knobs::CALM };
        check(both, &["a", "PONG", "b", "b", "a", "c", "c"]);
        let feed = Knobs { feed_reorder_ppm: ALWAYS, feed_duplicate_ppm: ALWAYS, ..Knobs::CALM };
        assert_eq!(carried(Channel::Activity, feed, &["a", "PONG", "b", "c"]), ["a", "PONG", "b", "b", "a", "c", "c"]);
        let drop = Knobs { feed_drop_ppm: ALWAYS, ..Knobs::CALM };
        assert_eq!(carried(Channel::Activity, drop, &["a", "PONG", "b"]), ["PONG"]);
        assert_eq!(carried(Channel::User, feed, &["a", "b"]), ["a", "b"]);
    }

    #[test]
    fn shapes_drift_on_market_and_user_channel() {
        let knobs = Knobs { drift_ppm: 1_000_000, ..Knobs::CALM };
        let frame = r#"{"event_type":"book","size":"7"}"#;
        for (channel, is_touched) in [(Channel::Market, true), (Channel::User, true), (Channel::Activity, false)] {
            let sent = carried(channel, knobs, &[frame; 32]);
            assert_eq!(sent.iter().any(|sent| sent != frame), is_touched, "{channel:?}");
            assert!(sent.iter().all(|sent| serde_json::from_str::<Value>(sent).is_ok()), "{sent:?}");
        }
    }
}
