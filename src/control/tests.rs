//! Who may speak, and what is said.

use super::{console::fault_of, server::may_speak, words::*};

#[test]
fn only_this_user_and_root_may_speak() {
    assert!(may_speak(1_000, 1_000) && may_speak(0, 1_000));
    assert!(!may_speak(1_001, 1_000) && !may_speak(1_000, 0));
}

#[test]
fn a_command_is_one_object_and_nothing_else() {
    let read = |text: &str| serde_json::from_str::<Command>(text).ok();
    assert_eq!(read(r#"{"do":"off"}"#), Some(Command::Off));
    assert_eq!(read(r#"{"do":"pause","strategy":"careful"}"#), Some(Command::Pause { strategy: "careful".to_owned() }));
    for wrong in ["", "off", r#"{"do":"of"}"#, r#"{"do":"on"}"#, r#"{"do":"pause","strategy":"a","more":1}"#] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
    let on = Command::On { sentence: SENTENCE.to_owned(), seen: "1".to_owned() };
    assert_eq!(read(&serde_json::to_string(&on).expect("JSON")), Some(on));
}

#[test]
fn a_line_is_an_envelope_or_asks_to_watch() {
    let read = |text: &str| serde_json::from_str::<Line>(text).ok();
    let off = Envelope { id: "1".to_owned(), by: "a test".to_owned(), until_ms: 5, command: Command::Off };
    let text = r#"{"command":{"id":"1","by":"a test","until_ms":5,"command":{"do":"off"}}}"#;
    assert_eq!(
        (read(text), serde_json::to_string(&Line::Command(off.clone())).ok()),
        (Some(Line::Command(off)), Some(text.to_owned()))
    );
    assert_eq!(read(r#""watch""#), Some(Line::Watch));
    for wrong in [
        r#"{"do":"off"}"#,
        r#"{"command":{"do":"off"}}"#,
        r#"{"command":{"id":"1","by":"a","until_ms":5,"command":{"do":"off"},"more":1}}"#,
        "\"off\"",
    ] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
    let fresh = || Envelope::fresh("a test", Command::Off);
    assert!(fresh().id != fresh().id && fresh().id.len() == 32);
}

/// Binds: a command holds for 30 seconds at most, and says who says it.
#[test]
fn a_command_comes_in_time_and_with_a_name() {
    let now = 10_000_000;
    let check = |id: &str, by: &str, until_ms: u64, expected: Option<&str>| {
        let said = Envelope { id: id.to_owned(), by: by.to_owned(), until_ms, command: Command::CancelAll };
        let fault = fault_of(&said, now).map(|answer| answer.said);
        let is_so =
            fault.as_deref().map_or(expected.is_none(), |said| expected.is_some_and(|part| said.contains(part)));
        assert!(is_so, "{fault:?} for {said:?}");
    };
    check("1", "cli", now, None);
    check("1", "cli", now + VALID_MS, None);
    check("1", "cli", now - 1, Some("too late"));
    check("1", "cli", now + VALID_MS + 1, Some("longer than 30 s"));
    check("", "cli", now, Some("under which id"));
    check(&"x".repeat(ID_MAX + 1), "cli", now, Some("under which id"));
    check("1", "", now, Some("who says it"));
    check("1", &"x".repeat(BY_MAX + 1), now, Some("who says it"));
    let page = super::words::form_id_at;
    check(&page(now - super::words::FORM_VALID_MS), "web", now, None);
    check(&page(now - super::words::FORM_VALID_MS - 1), "web", now, Some("open for too long"));
}

#[test]
fn what_does_more_than_before_opens() {
    let strategy = || "careful".to_owned();
    let leader = |to| Command::Leader { name: "Ada".to_owned(), to, sentence: None, seen: None };
    for (command, weight) in [
        (Command::Status, Weight::Reads),
        (Command::Off, Weight::Closes),
        (Command::StopEntries, Weight::Closes),
        (Command::CancelAll, Weight::Closes),
        (Command::Pause { strategy: strategy() }, Weight::Closes),
        (leader(LeaderWord::Off), Weight::Closes),
        (leader(LeaderWord::Inherit), Weight::Opens),
        (leader(LeaderWord::On), Weight::Opens),
        (Command::Shadow, Weight::Opens),
        (Command::On { sentence: SENTENCE.to_owned(), seen: String::new() }, Weight::Opens),
        (Command::Resume { strategy: strategy(), sentence: None, seen: None }, Weight::Opens),
        (Command::ResetBreakers { strategy: strategy(), sentence: None, seen: None }, Weight::Opens),
    ] {
        assert_eq!(command.weight(), weight, "{command:?}");
    }
}
