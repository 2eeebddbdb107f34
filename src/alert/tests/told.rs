//! Once, again after a while, and over: the board and the queues, by given times.

use super::super::{
    board::{Board, Change, Level, Note, Phase, Rhythm, Told},
    queue::{Outcome, Pace, Queue, TOGETHER_MAX, TRIES_MAX, WAITING_MAX},
    rule::Rule,
};
use crate::{config::Quiet, domain::Nanos};

const RHYTHM: Rhythm = Rhythm { repeat: Nanos::from_secs(3_600), calm: Nanos::from_secs(60) };
const OPEN: Pace = Pace { quiet: None, per_minute_max: 60 };

fn at(secs: u64) -> Nanos {
    Nanos::from_secs(1_800_000_000 - 1_800_000_000 % 86_400 + secs)
}

/// Plays `secs: what is seen` and returns what was told of it.
fn played(board: &mut Board, story: &[(u64, Option<&str>)]) -> Vec<(u64, Phase)> {
    let mut told = Vec::new();
    for (secs, text) in story {
        let mut notes = Vec::new();
        let levels = text.map(|text| Level {
            rule: Rule::FeedSilent,
            subject: "market channel".to_owned(),
            text: (text != "unsure").then(|| text.to_owned()),
        });
        board.see(at(*secs), levels.into_iter().collect(), RHYTHM, &mut notes);
        told.extend(notes.into_iter().map(|note| (*secs, note.phase)));
    }
    told
}

#[test]
fn what_lasts_is_told_once_again_after_a_while_and_taken_back_when_it_passed() {
    use Phase::{Passed, Raised, Still};
    let mut board = Board::default();
    let story = [(0, None), (1, Some("gone")), (2, Some("gone")), (3_600, Some("gone")), (3_601, Some("gone"))];
    assert_eq!(played(&mut board, &story), [(1, Raised), (3_601, Still)]);
    // It comes and goes: nobody is told before it is quiet for a minute.
    let story = [(3_700, None), (3_730, Some("gone")), (3_740, None), (3_799, None), (3_800, None), (3_900, None)];
    assert_eq!(played(&mut board, &story), [(3_800, Passed)]);
    assert_eq!(board.firing().count(), 0);
}

#[test]
fn what_is_not_sure_neither_begins_nor_ends() {
    let mut board = Board::default();
    assert_eq!(played(&mut board, &[(0, Some("unsure")), (90, Some("unsure"))]), []);
    assert_eq!(played(&mut board, &[(91, Some("gone"))]), [(91, Phase::Raised)]);
    assert_eq!(played(&mut board, &[(100, Some("unsure")), (500, Some("unsure"))]), []);
    assert_eq!(board.firing().count(), 1);
}

#[test]
fn what_happens_again_is_counted_until_it_may_be_told() {
    let mut board = Board::default();
    let mut notes = Vec::new();
    for secs in [0, 10, 20, 30] {
        let told = Told {
            rule: Rule::ExternalFill,
            subject: "token 1 buy".to_owned(),
            at: at(secs),
            change: Change::Happened(format!("at {secs}")),
        };
        board.hear(told, &mut notes);
    }
    assert_eq!(notes.len(), 1);
    board.see(at(3_600), vec![], RHYTHM, &mut notes);
    let last = notes.last().expect("told again");
    assert_eq!((notes.len(), last.phase, last.more, last.text.as_str()), (2, Phase::Happened, 3, "at 30"));
    assert_eq!(notes[0].id, last.id);
    // Nothing more happened: it is forgotten, and the next one is a new one.
    board.see(at(7_200), vec![], RHYTHM, &mut notes);
    assert_eq!((board.firing().count(), notes.len()), (0, 2));
}

#[test]
fn what_the_journal_raises_only_the_journal_takes_back() {
    let mut board = Board::default();
    let mut notes = Vec::new();
    let tell = |board: &mut Board, change, notes: &mut Vec<Note>| {
        board.hear(Told { rule: Rule::WalletDiffers, subject: "Cash 0".to_owned(), at: at(1), change }, notes);
    };
    tell(&mut board, Change::Raised("5 and 6".to_owned()), &mut notes);
    board.see(at(600), vec![], RHYTHM, &mut notes);
    assert_eq!(board.firing().count(), 1);
    tell(&mut board, Change::Passed("6 and 6".to_owned()), &mut notes);
    tell(&mut board, Change::Passed("6 and 6".to_owned()), &mut notes);
    assert_eq!(notes.iter().map(|note| note.phase).collect::<Vec<_>>(), [Phase::Raised, Phase::Passed]);
}

#[test]
fn a_restart_tells_nothing_again() {
    let mut board = Board::default();
    played(&mut board, &[(1, Some("gone"))]);
    let text = serde_json::to_string(&board).expect("JSON");
    let mut board: Board = serde_json::from_str(&text).expect("read back");
    assert_eq!(played(&mut board, &[(5, Some("gone")), (6, Some("gone"))]), []);
    assert_eq!(played(&mut board, &[(10, None), (70, None)]), [(70, Phase::Passed)]);
}

#[test]
fn things_without_end_do_not_fill_the_memory() {
    let mut board = Board::default();
    let level = |n: usize| Level { rule: Rule::FeedSilent, subject: n.to_string(), text: Some("gone".to_owned()) };
    board.see(at(0), (0..600).map(level).collect(), RHYTHM, &mut Vec::new());
    assert_eq!((board.firing().count(), board.overlooked), (500, 100));
    // What is critical takes the place of something that matters less, and nothing takes its place.
    let mut notes = Vec::new();
    let kill = |n: usize| {
        let change = Change::Raised("shut".to_owned());
        Told { rule: Rule::Kill, subject: n.to_string(), at: at(1), change }
    };
    (0..501).for_each(|n| board.hear(kill(n), &mut notes));
    assert_eq!((notes.len(), board.firing().count(), board.overlooked), (500, 500, 601));
    assert!(board.firing().all(|thing| thing.rule == Rule::Kill));
}

fn note(id: u64, rule: Rule, phase: Phase) -> Note {
    Note { id, rule, subject: "x".to_owned(), phase, text: "gone".to_owned(), at: at(0), more: 0 }
}

fn ids(taken: Option<(Vec<Note>, u64)>) -> Vec<u64> {
    taken.map_or_else(Vec::new, |(notes, _)| notes.iter().map(|note| note.id).collect())
}

#[test]
fn quiet_hours_hold_what_is_not_critical() {
    let night = Quiet { from: 22 * 60, to: 6 * 60 };
    let check = |hour: u64, minute: u64, until: Option<u64>| {
        assert_eq!(night.until(at(hour * 3_600 + minute * 60)), until.map(at), "{hour}:{minute}");
    };
    check(21, 59, None);
    check(22, 0, Some(30 * 3_600));
    check(3, 30, Some(6 * 3_600));
    check(6, 0, None);
    let day = Quiet { from: 60, to: 120 };
    assert_eq!([59, 60, 119, 120].map(|minute| day.until(at(minute * 60)).is_some()), [false, true, true, false]);

    let pace = Pace { quiet: Some(night), ..OPEN };
    let (dark, light) = (at(23 * 3_600), at(31 * 3_600));
    let mut queue = Queue::default();
    queue.push(note(1, Rule::FeedSilent, Phase::Raised), pace, dark);
    queue.push(note(2, Rule::Kill, Phase::Raised), pace, dark);
    assert_eq!(ids(queue.take(pace, dark)), [2]);
    queue.ended(Outcome::Delivered, dark);
    // What came and went in the night is not worth a message in the morning.
    queue.push(note(3, Rule::StoreBehind, Phase::Raised), pace, dark);
    queue.push(note(3, Rule::StoreBehind, Phase::Passed), pace, dark);
    assert_eq!(ids(queue.take(pace, dark)), [0; 0]);
    assert_eq!(ids(queue.take(pace, light)), [1]);
}

#[test]
fn a_channel_gets_no_more_than_its_rate_and_many_notes_at_once() {
    let pace = Pace { quiet: None, per_minute_max: 2 };
    let mut queue = Queue::default();
    for id in 0..50 {
        queue.push(note(id, Rule::FeedSilent, Phase::Raised), pace, at(0));
    }
    for _ in 0..2 {
        assert_eq!(queue.take(pace, at(0)).map(|(notes, _)| notes.len()), Some(TOGETHER_MAX));
        assert_eq!(queue.take(pace, at(0)), None, "one at a time");
        queue.ended(Outcome::Delivered, at(0));
    }
    assert_eq!((queue.take(pace, at(59)), queue.len()), (None, 10));
    assert_eq!(ids(queue.take(pace, at(60))).len(), 10);
}

#[test]
fn a_message_is_tried_with_growing_pauses_and_then_given_up() {
    let mut queue = Queue::default();
    queue.push(note(1, Rule::Kill, Phase::Raised), OPEN, at(0));
    let (mut now, mut pauses) = (at(0), vec![]);
    loop {
        assert!(queue.take(OPEN, now).is_some());
        let outcome = Outcome::Later { why: "it answered 500".to_owned(), after: None };
        if let Some(ended) = queue.ended(outcome, now) {
            assert_eq!((ended.tries, ended.why.as_str(), ended.notes.len()), (TRIES_MAX, "it answered 500", 1));
            break;
        }
        let before = now;
        while queue.clone().take(OPEN, now).is_none() {
            now = now.plus(Nanos::from_secs(1));
        }
        pauses.push(now.since(before).as_secs());
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
    assert!(queue.is_empty());
    // What a server asks for counts where it is longer, and one that says never is believed.
    queue.push(note(2, Rule::Kill, Phase::Raised), OPEN, now);
    assert_eq!(ids(queue.take(OPEN, now)), [2]);
    let asked = Outcome::Later { why: String::new(), after: Some(Nanos::from_secs(30)) };
    assert_eq!(queue.ended(asked, now), None);
    assert_eq!(ids(queue.take(OPEN, now.plus(Nanos::from_secs(29)))), [0; 0]);
    let now = now.plus(Nanos::from_secs(30));
    assert_eq!(ids(queue.take(OPEN, now)), [2]);
    let ended = queue.ended(Outcome::Never { why: "it answered 404".to_owned() }, now).expect("over");
    assert_eq!(ended.tries, 2);
}

#[test]
fn a_full_queue_drops_what_is_least_needed_and_says_so() {
    let mut queue = Queue::default();
    queue.push(note(0, Rule::Kill, Phase::Raised), OPEN, at(0));
    let dropped: u64 =
        (1..=WAITING_MAX as u64 + 4).map(|id| queue.push(note(id, Rule::Slippage, Phase::Happened), OPEN, at(0))).sum();
    assert_eq!((dropped, queue.len()), (5, WAITING_MAX));
    let (notes, said) = queue.take(OPEN, at(0)).expect("a message");
    assert_eq!((notes[0].id, notes[1].id, said), (0, 6, 5));
}

#[test]
fn what_was_not_told_waits_over_a_restart() {
    let mut queue = Queue::default();
    queue.push(note(1, Rule::Kill, Phase::Raised), OPEN, at(0));
    queue.push(note(2, Rule::Kill, Phase::Raised), OPEN, at(0));
    assert_eq!(ids(queue.take(Pace { per_minute_max: 1, ..OPEN }, at(0))), [1, 2]);
    let text = serde_json::to_string(&queue).expect("JSON");
    let mut queue: Queue = serde_json::from_str(&text).expect("read back");
    assert_eq!(ids(queue.take(OPEN, at(1))), [1, 2]);
}
