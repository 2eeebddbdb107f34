//! Who may speak, and what is said.

use super::{server::may_speak, words::*};

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
