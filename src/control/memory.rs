//! What was said lately, so that a command which comes twice is done once.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::sync::OnceCell;

use super::words::{Answer, Command, Envelope, VALID_MS, made_ms};
use crate::clock;

/// Commands that are remembered: far more than anybody says while one of them holds.
pub const REMEMBERED_MAX: usize = 1_024;

#[derive(Debug)]
pub struct Memory {
    said: Mutex<VecDeque<Said>>,
    /// What was said before is not remembered: it may have been done.
    begun_ms: u64,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory { said: Mutex::default(), begun_ms: clock::system().as_millis() }
    }
}

#[derive(Debug)]
struct Said {
    id: String,
    command: Command,
    answer: Arc<OnceCell<Answer>>,
}

impl Memory {
    /// Whether a command may have been said, and done, before this process began: by the id of a form, which tells when its page
    /// was made, or by the moment until which it holds.
    pub fn may_be_older(&self, said: &Envelope) -> bool {
        let said_ms = made_ms(&said.id).unwrap_or(said.until_ms.saturating_sub(VALID_MS));
        said_ms < self.begun_ms
    }

    /// Returns where the answer to a command is kept, or will be: who says it while it is carried out waits for that, and who says
    /// it again finds it there. `None` where the id is another command's.
    pub fn place_of(&self, said: &Envelope) -> Option<Arc<OnceCell<Answer>>> {
        let mut all = self.said.lock().expect("not poisoned");
        if let Some(before) = all.iter().find(|before| before.id == said.id) {
            return (before.command == said.command).then(|| Arc::clone(&before.answer));
        }
        if all.len() == REMEMBERED_MAX {
            all.pop_front();
        }
        let answer = Arc::default();
        all.push_back(Said { id: said.id.clone(), command: said.command.clone(), answer: Arc::clone(&answer) });
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::words::form_id_at;

    fn said(id: &str, command: Command) -> Envelope {
        Envelope { id: id.to_owned(), by: "a test".to_owned(), until_ms: 0, command }
    }

    #[test]
    fn what_may_have_been_said_to_the_process_before_is_told_apart() {
        let memory = Memory { begun_ms: 1_000_000, ..Memory::default() };
        let check = |id: &str, until_ms: u64, older: bool| {
            let said = Envelope { until_ms, ..said(id, Command::Shadow) };
            assert_eq!(memory.may_be_older(&said), older, "{id} {until_ms}");
        };
        check("any", 1_000_000 + VALID_MS, false);
        check("any", 1_000_000 + VALID_MS - 1, true);
        check("any", 0, true);
        // A form says when its page was made, however late it is sent.
        check(&form_id_at(999_999), 2_000_000, true);
        check(&form_id_at(1_000_000), 2_000_000, false);
    }

    /// Binds: the answer to a command is kept while 1,023 others came after it.
    #[tokio::test]
    async fn a_command_is_done_once_and_the_oldest_is_forgotten() {
        let (memory, shadow) = (Memory::default(), || said("first", Command::Shadow));
        let mut done = 0;
        for _ in 0..100 {
            let place = memory.place_of(&shadow()).expect("it is the same command");
            let answer = place.get_or_init(async || {
                done += 1;
                Answer::done("once")
            });
            assert_eq!(answer.await.said, "once");
        }
        assert_eq!(done, 1);
        assert!(memory.place_of(&said("first", Command::CancelAll)).is_none(), "another command");
        let is_kept = |memory: &Memory| memory.place_of(&shadow()).expect("the same").initialized();
        (1..REMEMBERED_MAX).for_each(|n| drop(memory.place_of(&said(&n.to_string(), Command::Shadow))));
        assert!(is_kept(&memory));
        memory.place_of(&said("one more", Command::Shadow));
        assert!(!is_kept(&memory));
    }
}
