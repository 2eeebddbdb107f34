//! What was said lately, so that a command which comes twice is done once.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::sync::OnceCell;

use super::words::{Answer, Command, Envelope};

/// Commands that are remembered: far more than anybody says while one of them holds.
pub const REMEMBERED_MAX: usize = 1_024;

#[derive(Debug, Default)]
pub struct Memory(Mutex<VecDeque<Said>>);

#[derive(Debug)]
struct Said {
    id: String,
    command: Command,
    answer: Arc<OnceCell<Answer>>,
}

impl Memory {
    /// Returns where the answer to a command is kept, or will be: who says it while it is carried out waits for that, and who says
    /// it again finds it there. `None` where the id is another command's.
    pub fn place_of(&self, said: &Envelope) -> Option<Arc<OnceCell<Answer>>> {
        let mut all = self.0.lock().expect("not poisoned");
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

    fn said(id: &str, command: Command) -> Envelope {
        Envelope { id: id.to_owned(), by: "a test".to_owned(), until_ms: 0, command }
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
