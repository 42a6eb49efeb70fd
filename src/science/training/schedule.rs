use serde::{Deserialize, Serialize};

/// Triangular cyclical learning rate [57].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CyclicalRate {
    pub low: f64,
    pub high: f64,
    /// Epochs from one low to the next. The paper's "period of 20 epochs" is read as the whole cycle;
    /// an implementation whose step size is 20 epochs has a cycle of 40.
    pub period: f64,
    pub start: Start,
    pub update: Update,
    /// Divides the rate by 1 + `decay` times the epoch (whole epochs, from 0), as the released code does with 1e-4. Default 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub decay: f64,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    Low,
    High,
}

/// When the rate moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Update {
    Iteration,
    Epoch,
}

impl Default for CyclicalRate {
    fn default() -> Self {
        CyclicalRate { low: 1e-5, high: 1e-4, period: 20.0, start: Start::Low, update: Update::Iteration, decay: 0.0 }
    }
}

impl CyclicalRate {
    /// The rate after `epochs`, fractions counted.
    pub fn at(&self, epochs: f64) -> f64 {
        let phase = (epochs / self.period).fract();
        let rise = if phase <= 0.5 { 2.0 * phase } else { 2.0 * (1.0 - phase) };
        let share = match self.start {
            Start::Low => rise,
            Start::High => 1.0 - rise,
        };
        self.low + (self.high - self.low) * share
    }

    /// The rate of an iteration.
    pub fn at_step(&self, step: usize, steps_per_epoch: usize) -> f64 {
        let epochs = step as f64 / steps_per_epoch as f64;
        let rate = self.at(match self.update {
            Update::Iteration => epochs,
            Update::Epoch => epochs.floor(),
        });
        rate / (1.0 + self.decay * epochs.floor())
    }
}
