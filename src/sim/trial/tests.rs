//! Trials are what they say: repeatable, and each violation is told with its seed.

mod exploits;

use super::*;

#[test]
fn a_few_seeds_hold() {
    for seed in 5_000..5_030 {
        if let Err(violation) = run(seed, INPUTS) {
            panic!("SEED={seed}\n{violation}");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_trial() {
    let coverage = |seed| run(seed, INPUTS).expect("no violation");
    assert_eq!(coverage(7), coverage(7));
    assert_ne!(coverage(7), coverage(8));
}

#[test]
fn a_violation_says_how_to_see_it_again_and_so_does_a_panic() {
    let failed = |act: fn(&mut Play) -> Result<(), String>| match judged(Play::new(Scene::of(7)), act) {
        Ok(_) => panic!("it fails"),
        Err(violation) => violation.to_string(),
    };
    let finding = failed(|play| play.act(40).and(Err("two and two".to_owned())));
    let (head, rest) = finding.split_once(": two and two\n").expect("the finding");
    let inputs = head.strip_prefix("seed 7, input ").expect("the seed, and how many inputs there were");
    assert!(inputs.parse::<usize>().is_ok_and(|inputs| inputs == 40), "{finding}");
    let command = format!("  repeat: scripts/simulate --seeds 1 --from 7 --inputs {inputs}\n");
    assert!(rest.starts_with(&command), "{finding}");
    assert!(failed(|_| panic!("at the {}", "disco")).contains("the engine panicked: at the disco"));
}
