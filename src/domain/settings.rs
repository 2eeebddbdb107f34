//! What one portfolio was told to do: the engine's view of a strategy, in integers.
//! `config.rs` makes it from the file; names and defaults are documented in `config/default.toml`.

use serde::{Deserialize, Serialize};

use super::{Nanos, OrderKind, Price, Usdc};

/// How large a copy is, before clamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizing {
    /// The same dollars for each signal.
    Fixed(Usdc),
    /// This share of the leader's dollars, in parts per million.
    Percent(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub sizing: Sizing,
    pub order_usdc_min: Usdc,
    pub order_usdc_max: Usdc,
    pub order_kind: OrderKind,

    // Filters.
    pub trade_age_max: Nanos,
    pub price_min: Price,
    pub price_max: Price,
    pub leader_trade_usdc_min: Usdc,
    pub leader_trade_usdc_max: Usdc,
    /// No entry in the last so much time before the close,
    pub close_time_min: Nanos,
    /// nor in the last so large a part of the market's life (ppm).
    pub close_life_ppm_min: u32,

    // Guardrails.
    pub book_age_max: Nanos,
    /// Widest spread, in millionths of a dollar.
    pub spread_max: u32,
    /// Worst price against the leader's: this share of it (ppm), or one tick if that is more.
    pub price_guard_ppm: u32,
    /// Worst price against the touch (ppm).
    pub slippage_buy_ppm: u32,
    pub slippage_sell_ppm: u32,
    /// Depth within the bound that must be there, in parts per million of our size.
    pub depth_factor_ppm_min: u32,
    /// The most of that depth we take (ppm); a clamp.
    pub depth_ppm_max: u32,

    // Risk.
    pub position_usdc_max: Usdc,
    pub exposure_usdc_max: Usdc,

    // Exits; 0: off.
    pub stop_loss_ppm: u32,
    pub take_profit_ppm: u32,
    pub cooling: Nanos,
}

/// Simulated or real money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    Paper,
    Live,
}

impl Mode {
    pub const fn code(self) -> &'static str {
        match self {
            Mode::Paper => "paper",
            Mode::Live => "live",
        }
    }
}
