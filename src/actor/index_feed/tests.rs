//! The parts that need no engine; the whole is tried in `tests/it/sources.rs`.

use super::*;

#[test]
fn the_earliest_gap_is_wanted_and_once() {
    let wanted = Wanted::default();
    assert_eq!(wanted.take(), None);
    [5, 3, 9].into_iter().for_each(|second| wanted.want(Nanos::from_secs(second)));
    assert_eq!((wanted.take(), wanted.take()), (Some(Nanos::from_secs(3)), None));
}
