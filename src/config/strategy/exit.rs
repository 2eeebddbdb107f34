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
