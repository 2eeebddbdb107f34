//! A TRIAL OF THE ENGINE: one seed makes a world for it, in virtual time: leaders of all kinds, books that move and break,
//! sources that repeat and come late, operators, faults, and restarts in the middle of anything. After every input the
//! [`auditor`](super::auditor) looks at what became true, and an engine that only applies the events must be in the same
//! state as the one that decided them. In the end the faults stop, and all must come to rest.
//!
//! `tests/simulation.rs` runs a thousand of them, `scripts/simulate` as many as one likes.

mod cast;
mod coverage;
mod live;
mod market;
mod operator;
mod play;
mod scene;
mod settings;
#[cfg(test)]
mod tests;

use std::{fmt, panic};

pub use cast::Style;
pub use coverage::Coverage;
pub use play::Play;
pub use scene::Scene;

/// How many inputs a trial has unless told otherwise, before its faults stop.
pub const INPUTS: usize = 400;

/// How much of what happened is told when something goes wrong, unless more is asked for.
const STORY_LINES: usize = 40;

/// What went wrong, and how to see it again.
#[derive(Clone, Debug)]
pub struct Violation {
    pub seed: u64,
    /// A trial of so many inputs shows it again.
    pub inputs: usize,
    pub finding: String,
    /// All inputs and events, oldest first.
    pub story: Vec<String>,
}

/// With so many of the last lines of its story as the precision says, or some.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { seed, inputs, finding, story } = self;
        writeln!(f, "seed {seed}, input {inputs}: {finding}")?;
        writeln!(f, "  repeat: scripts/simulate --seeds 1 --from {seed} --inputs {inputs}\n  before it:")?;
        let told = f.precision().unwrap_or(STORY_LINES).min(story.len());
        story[story.len() - told..].iter().try_for_each(|line| writeln!(f, "    {line}"))
    }
}

/// Runs the trial of a seed with so many inputs. A panic of the engine is a violation, too.
pub fn run(seed: u64, inputs: usize) -> Result<Coverage, Box<Violation>> {
    judged(Play::new(Scene::of(seed)), |play| {
        play.act(inputs)?;
        play.come_to_rest()
    })
    .map(Play::coverage)
}

/// Lets `act` happen in a play, and says how it failed, if it did.
pub fn judged(mut play: Play, act: impl FnOnce(&mut Play) -> Result<(), String>) -> Result<Play, Box<Violation>> {
    let ended = panic::catch_unwind(panic::AssertUnwindSafe(|| act(&mut play)));
    let finding = match ended {
        Ok(Ok(())) => return Ok(play),
        Ok(Err(finding)) => finding,
        Err(panicked) => {
            let text = panicked.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panicked.downcast_ref::<&str>().copied());
            format!("the engine panicked: {}", text.unwrap_or("without a message"))
        }
    };
    Err(Box::new(Violation { seed: play.seed(), inputs: play.inputs(), finding, story: play.story() }))
}
