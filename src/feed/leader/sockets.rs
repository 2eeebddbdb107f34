//! Several sockets that tell the same: each sighting is passed on once, and what none of them may have told is a gap. Pure.
//!
//! A session of a socket covers the time from its first data to its last. A source has a gap where no session of any socket
//! covers: a connection that was lost, or froze, while another one told on is none.

use std::collections::{HashMap, VecDeque};

use crate::domain::{GapCause, Nanos, Source, TradeKey, event::Gap};

/// Sockets at most.
pub const SOCKETS_MAX: usize = 4;
/// Leaders' trades that are remembered, of both sources.
const REMEMBERED: usize = 8_192;
/// How long the other sockets have to tell what one of them told.
const PATIENCE: Nanos = Nanos::from_secs(10);
/// The sources that one socket carries.
const SOURCES: [Source; 2] = [Source::Activity, Source::Matched];

/// Whether a trade is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    First,
    /// Another socket told it before, or this one did.
    Again,
}

/// What is known of all sockets.
#[derive(Debug)]
pub struct Sockets {
    silence_max: Nanos,
    lines: Vec<Line>,
    covered: [Covered; SOURCES.len()],
    recent: Recent,
}

/// One socket: which time its present session covers, by source; `None` before the first data.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    sessions: [Option<Session>; SOURCES.len()],
}

#[derive(Clone, Copy, Debug)]
struct Session {
    since: Nanos,
    until: Nanos,
}

/// Until when nothing is missing, or a gap was told; `None` before the first data where nobody looked before.
#[derive(Clone, Copy, Debug)]
struct Covered {
    until: Option<Nanos>,
    /// Why the next gap is one.
    cause: GapCause,
}

/// A leader's trade that was told lately.
#[derive(Clone, Copy, Debug)]
struct Told {
    key: (Source, TradeKey),
    at: Nanos,
    /// Sockets, as bits: which told it, and which should.
    by: u8,
    expected: u8,
}

#[derive(Debug)]
struct Recent {
    told: VecDeque<Told>,
    /// How many came before the first of these.
    dropped: u64,
    /// Of how many it is settled who missed them.
    judged: u64,
    numbers: HashMap<(Source, TradeKey), u64>,
}

impl Sockets {
    /// `since`: until when somebody looked before this process; what was missed from there on is a gap.
    pub fn new(sockets: usize, since: Option<Nanos>, silence_max: Nanos) -> Sockets {
        assert!(sockets <= SOCKETS_MAX, "{sockets} sockets are more than {SOCKETS_MAX}");
        Sockets {
            silence_max,
            lines: vec![Line::default(); sockets],
            covered: [Covered { until: since, cause: GapCause::Start }; SOURCES.len()],
            recent: Recent {
                told: VecDeque::with_capacity(REMEMBERED),
                dropped: 0,
                judged: 0,
                numbers: HashMap::with_capacity(REMEMBERED * 2),
            },
        }
    }

    /// Notes that a socket told something of a source. Returns the gap that this closes, if it closes one.
    pub fn data(&mut self, socket: usize, source: Source, at: Nanos) -> Option<Gap> {
        let index = SOURCES.iter().position(|of| *of == source)?;
        let silence_max = self.silence_max;
        let session = &mut self.lines[socket].sessions[index];
        match session {
            Some(session) if at.since(session.until) <= silence_max => session.until = at.max(session.until),
            // One kind of frames may fail while the other goes on.
            Some(_) => {
                self.covered[index].cause = GapCause::Silent;
                *session = Some(Session { since: at, until: at });
            }
            None => *session = Some(Session { since: at, until: at }),
        }
        self.settle(index)
    }

    /// Notes that a socket's session ended. Returns the gaps that this shows: what another one told only after the end of
    /// this one.
    pub fn ended(&mut self, socket: usize, cause: GapCause) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for index in 0..SOURCES.len() {
            let had_data = self.lines[socket].sessions[index].take().is_some();
            self.covered[index].cause = if had_data { cause } else { self.covered[index].cause };
            gaps.extend(self.settle(index));
        }
        gaps
    }

    /// Returns whether a socket may be replaced now: another one tells on, or it is the only one.
    pub fn may_rest(&self, socket: usize, now: Nanos) -> bool {
        let others = self.lines.iter().enumerate().filter(|(other, _)| *other != socket);
        let is_fresh = |line: &Line| {
            line.sessions.iter().flatten().any(|session| now.since(session.until) <= Nanos(self.silence_max.0 / 2))
        };
        self.lines.len() == 1 || others.map(|(_, line)| line).any(is_fresh)
    }

    /// Notes that a socket told a leader's trade.
    pub fn told(&mut self, socket: usize, source: Source, trade: TradeKey, at: Nanos) -> Telling {
        let (key, bit) = ((source, trade), 1u8 << socket);
        if let Some(number) = self.recent.numbers.get(&key) {
            let index = (*number - self.recent.dropped) as usize;
            self.recent.told[index].by |= bit;
            return Telling::Again;
        }
        let is_up = |line: &Line| line.sessions.iter().flatten().next().is_some();
        let up = self.lines.iter().enumerate().filter(|(_, line)| is_up(line));
        let expected = up.fold(bit, |bits, (other, _)| bits | 1 << other);
        if self.recent.told.len() == REMEMBERED
            && let Some(oldest) = self.recent.told.pop_front()
        {
            self.recent.numbers.remove(&oldest.key);
            self.recent.dropped += 1;
        }
        self.recent.numbers.insert(key, self.recent.dropped + self.recent.told.len() as u64);
        self.recent.told.push_back(Told { key, at, by: bit, expected });
        Telling::First
    }

    /// Calls `missed` with a socket for each trade that another one told and it did not.
    pub fn judge(&mut self, now: Nanos, mut missed: impl FnMut(usize)) {
        let recent = &mut self.recent;
        recent.judged = recent.judged.max(recent.dropped);
        while let Some(told) = recent.told.get((recent.judged - recent.dropped) as usize) {
            if now.since(told.at) < PATIENCE {
                return;
            }
            let silent = told.expected & !told.by;
            (0..self.lines.len()).filter(|socket| silent & 1 << socket != 0).for_each(&mut missed);
            recent.judged += 1;
        }
    }

    /// Joins the sessions to what is covered. A gap is one as soon as no session is left that may yet turn out to cover it.
    fn settle(&mut self, index: usize) -> Option<Gap> {
        let sessions = || self.lines.iter().filter_map(|line| line.sessions[index]);
        let covered = &mut self.covered[index];
        let first = sessions().min_by_key(|session| session.since)?;
        let until = *covered.until.get_or_insert(first.since);
        let gap = (until < first.since).then_some(Gap {
            source: SOURCES[index],
            from: until,
            until: first.since,
            cause: covered.cause,
        });
        let mut reached = until.max(first.since);
        while let Some(next) = sessions().find(|next| next.since <= reached && reached < next.until) {
            reached = next.until;
        }
        covered.until = Some(reached);
        gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Nanos = Nanos::from_secs(30);

    /// What happens, second by second: `1` is data of the first socket, `1!` its end by silence, `1x` that it was cut.
    fn gaps(sockets: usize, since: Option<u64>, story: &[(u64, &str)]) -> Vec<(u64, u64, GapCause)> {
        let mut all = Sockets::new(sockets, since.map(Nanos::from_secs), SILENCE);
        let mut found = Vec::new();
        for (at, what) in story {
            let socket = usize::from(what.as_bytes()[0] - b'1');
            match &what[1..] {
                "" => found.extend(all.data(socket, Source::Activity, Nanos::from_secs(*at))),
                "!" => found.extend(all.ended(socket, GapCause::Silent)),
                "x" => found.extend(all.ended(socket, GapCause::Lost)),
                other => panic!("{other}"),
            }
        }
        found.iter().map(|gap| (gap.from.as_secs(), gap.until.as_secs(), gap.cause)).collect()
    }

    #[test]
    fn a_gap_is_what_no_socket_covered() {
        use GapCause::{Lost, Silent, Start};
        // Alone: every end of a session is one.
        assert_eq!(gaps(1, None, &[(1, "1"), (2, "1"), (3, "1x"), (9, "1"), (10, "1")]), [(2, 9, Lost)]);
        assert_eq!(gaps(1, Some(5), &[(60, "1"), (61, "1")]), [(5, 60, Start)]);
        // Two: while the other one tells on there is none, whoever of them is away, and whoever speaks first again.
        assert_eq!(gaps(2, None, &[(1, "1"), (1, "2"), (5, "1"), (6, "1x"), (9, "2"), (12, "1"), (20, "1")]), []);
        assert_eq!(gaps(2, None, &[(1, "1"), (1, "2"), (5, "1"), (6, "1x"), (12, "1"), (13, "2"), (20, "1")]), []);
        assert_eq!(
            gaps(2, Some(1), &[(1, "1"), (5, "1"), (5, "2"), (6, "1x"), (9, "2"), (9, "1"), (10, "2x"), (20, "1")]),
            []
        );
        // What the first may have told between its last data and its end is not known.
        assert_eq!(gaps(2, None, &[(1, "1"), (5, "2"), (6, "1x"), (9, "2")]), [(1, 5, Lost)]);
        // The other one had been dead as well: that shows only when it ends.
        let frozen = [(1, "1"), (1, "2"), (5, "1"), (6, "2"), (35, "1!"), (37, "1"), (38, "1")];
        assert_eq!(gaps(2, None, &frozen), []);
        assert_eq!(gaps(2, None, &[&frozen[..], &[(39, "2!")]].concat()), [(6, 37, Silent)]);
        assert_eq!(gaps(2, None, &[&frozen[..], &[(39, "2!"), (41, "2"), (42, "1")]].concat()), [(6, 37, Silent)]);
        // Both away.
        assert_eq!(
            gaps(2, None, &[(1, "1"), (1, "2"), (2, "2"), (3, "1x"), (4, "2x"), (9, "2"), (10, "1")]),
            [(2, 9, Lost)]
        );
        // A socket that gave nothing yet covers nothing.
        assert_eq!(gaps(2, None, &[(1, "1"), (3, "1x"), (4, "2x"), (9, "1")]), [(1, 9, Lost)]);
    }

    #[test]
    fn one_kind_of_frames_may_fail_while_the_other_goes_on() {
        let mut all = Sockets::new(1, None, SILENCE);
        for at in 1..100 {
            assert_eq!(all.data(0, Source::Matched, Nanos::from_secs(at)), None);
            if !(10..50).contains(&at) {
                let gap = all.data(0, Source::Activity, Nanos::from_secs(at));
                let from = |gap: Gap| (gap.from.as_secs(), gap.until.as_secs(), gap.cause);
                assert_eq!(gap.map(from), (at == 50).then_some((9, 50, GapCause::Silent)), "at {at}");
            }
        }
    }

    #[test]
    fn a_trade_is_told_once_for_each_source_and_who_missed_it_is_counted() {
        let mut all = Sockets::new(3, None, SILENCE);
        let (now, key) = (Nanos::from_secs(100), |n| TradeKey([n, n]));
        all.data(0, Source::Activity, now);
        all.data(1, Source::Activity, now);
        for (socket, source, trade, telling) in [
            (0, Source::Activity, 1, Telling::First),
            (0, Source::Activity, 1, Telling::Again),
            (1, Source::Activity, 1, Telling::Again),
            (1, Source::Matched, 1, Telling::First),
            (1, Source::Activity, 2, Telling::First),
        ] {
            assert_eq!(all.told(socket, source, key(trade), now), telling, "{socket} {trade}");
        }
        let missed = |all: &mut Sockets, at| {
            let mut missed = Vec::new();
            all.judge(at, |socket| missed.push(socket));
            missed
        };
        assert!(missed(&mut all, now).is_empty());
        // The third was not up.
        assert_eq!(missed(&mut all, now.plus(PATIENCE)), [0, 0]);
        assert!(missed(&mut all, now.plus(PATIENCE)).is_empty());
    }

    #[test]
    fn the_oldest_trades_are_forgotten() {
        let mut all = Sockets::new(1, None, SILENCE);
        let key = |n: usize| TradeKey([n as u64, 1]);
        for n in 0..=REMEMBERED {
            assert_eq!(all.told(0, Source::Activity, key(n), Nanos(1)), Telling::First);
        }
        assert_eq!(all.told(0, Source::Activity, key(REMEMBERED), Nanos(1)), Telling::Again);
        assert_eq!(all.told(0, Source::Activity, key(1), Nanos(1)), Telling::Again);
        assert_eq!(all.told(0, Source::Activity, key(0), Nanos(1)), Telling::First);
        all.judge(Nanos::from_secs(1_000), |_| panic!("there is but one"));
    }

    #[test]
    fn no_two_are_replaced_at_once() {
        let mut all = Sockets::new(2, None, SILENCE);
        let now = Nanos::from_secs(100);
        assert!(!all.may_rest(0, now), "nobody else has told anything");
        all.data(1, Source::Matched, now);
        assert!(all.may_rest(0, now) && !all.may_rest(1, now));
        assert!(!all.may_rest(0, now.plus(SILENCE)), "the other one may be dead");
        assert!(Sockets::new(1, None, SILENCE).may_rest(0, now));
    }
}
