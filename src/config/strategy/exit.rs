//! When we leave, and when a position may grow.

use crate::{
    config::section::Section,
    domain::{
        Nanos,
        settings::{ExitPlan, ExitRules, ScaleIn},
    },
};

pub fn read(section: &mut Section<'_, '_>) -> ExitRules {
    #[derive(Clone, Copy)]
    enum By {
        Leader,
        Never,
        Below,
        Above,
    }
    let hold_max = section.minutes("hold_minutes_max", 0, 5_000_000);
    let plan_ppm = section.percent("exit_plan_percent", 0, 10_000);
    let by = [("with_leader", By::Leader), ("never", By::Never), ("below", By::Below), ("above", By::Above)];
    let by = section.choice("scale_in", &by);
    let step_ppm = section.percent("scale_in_step_percent", 100, 99);
    ExitRules {
        stop_loss_ppm: section.percent("stop_loss_percent", 0, 100),
        take_profit_ppm: section.percent("take_profit_percent", 0, 10_000),
        trailing_stop_ppm: section.percent("trailing_stop_percent", 0, 100),
        hold_max: if hold_max == Nanos::ZERO { Nanos::NEVER } else { hold_max },
        plan: if plan_ppm == 0 { ExitPlan::Off } else { ExitPlan::RestAt(plan_ppm) },
        scale_in: match by {
            By::Leader => ScaleIn::WithLeader,
            By::Never => ScaleIn::Never,
            By::Below => ScaleIn::Below(step_ppm),
            By::Above => ScaleIn::Above(step_ppm),
        },
        left_ppm_min: section.percent("left_percent_min", 0, 100),
        guard_patience: section.seconds("guard_patience_s", 0, 86_400),
        cooling: section.minutes("cooling_minutes", 0, 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Overrides, Written};

    fn rules(text: &str) -> Result<ExitRules, String> {
        let text = format!("[strategy_default.paper]\n{text}\n");
        let config = Config::load(&Written::Text { name: "text".into(), text }, &Overrides::default());
        config.map(|config| config.strategy_default.exit).map_err(|problems| problems.to_string())
    }

    #[test]
    fn every_key_reaches_its_rule() {
        let unless_said = rules("").expect("right");
        let check = |text: &str, expected: ExitRules| assert_eq!(rules(text), Ok(expected), "{text}");
        check("stop_loss_percent = 12.5", ExitRules { stop_loss_ppm: 125_000, ..unless_said });
        check("take_profit_percent = 10000", ExitRules { take_profit_ppm: 100_000_000, ..unless_said });
        check("trailing_stop_percent = 8", ExitRules { trailing_stop_ppm: 80_000, ..unless_said });
        check("hold_minutes_max = 90", ExitRules { hold_max: Nanos::from_secs(5_400), ..unless_said });
        check("hold_minutes_max = 0", ExitRules { hold_max: Nanos::NEVER, ..unless_said });
        check("exit_plan_percent = 20", ExitRules { plan: ExitPlan::RestAt(200_000), ..unless_said });
        check("exit_plan_percent = 0", ExitRules { plan: ExitPlan::Off, ..unless_said });
        for (word, rule) in [
            ("with_leader", ScaleIn::WithLeader),
            ("never", ScaleIn::Never),
            ("below", ScaleIn::Below(50_000)),
            ("above", ScaleIn::Above(50_000)),
        ] {
            let text = format!("scale_in = {word:?}\nscale_in_step_percent = 5");
            check(&text, ExitRules { scale_in: rule, ..unless_said });
        }
        check("left_percent_min = 0", ExitRules { left_ppm_min: 0, ..unless_said });
        check("guard_patience_s = 0", ExitRules { guard_patience: Nanos::ZERO, ..unless_said });
        check("cooling_minutes = 1", ExitRules { cooling: Nanos::from_secs(60), ..unless_said });
    }

    #[test]
    fn each_value_out_of_its_range_is_told() {
        for (text, wrong) in [
            ("stop_loss_percent = 100.1", "100.1 is above 100"),
            ("take_profit_percent = -1", "-1 is below 0"),
            ("trailing_stop_percent = 101", "101 is above 100"),
            ("hold_minutes_max = 1.5", "1.5 is not a whole number"),
            ("exit_plan_percent = 10001", "10001 is above 10000"),
            ("scale_in = \"always\"", "\"always\" is not one of the words"),
            ("scale_in_step_percent = 0", "0 is below 0.01"),
            ("left_percent_min = \"5\"", "is the text \"5\", not a number"),
            ("guard_patience_s = 86401", "86401 is above 86400"),
            ("cooling_minutes = 100001", "100001 is above 100000"),
        ] {
            let key = text.split(' ').next().unwrap_or_default();
            let told = rules(text).expect_err(text);
            assert!(told.contains(&format!("strategy_default.paper.{key}")) && told.contains(wrong), "{text}: {told}");
        }
    }
}
