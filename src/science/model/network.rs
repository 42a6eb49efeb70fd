use super::segmentor::Segmentor;
use serde::{Deserialize, Serialize};

/// All that predicts: the segmentor, and what a method puts behind it. Stored as `model.json`, its weights in one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    pub segmentor: Segmentor,
}
