use super::lesson::EpochReport;
use crate::science::model::{Arrays, WeightsError, arrays_from_bytes, arrays_to_bytes};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// All state of a training between two epochs: with it, going on gives the same bits as never stopping.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    pub progress: Progress,
    /// Under `NAME.` and `NAME_adam.` for each network, and `best.` (the weights to be kept).
    pub arrays: Arrays,
}

/// The part of a checkpoint that is not arrays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Epochs done.
    pub epochs: usize,
    /// Steps that the optimiser of each network took.
    pub times: BTreeMap<String, u64>,
    /// Best validation Dice and the epoch that reached it.
    pub best: Option<(usize, f64)>,
    pub log: Vec<EpochReport>,
}

/// A checkpoint that cannot be gone on from.
#[derive(Debug, Error)]
pub enum CheckpointError {
    #[error("broken checkpoint: {0}")]
    Header(String),
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl Checkpoint {
    /// Length of the JSON (8 bytes, little endian), the JSON, then the arrays as safetensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let header = serde_json::to_vec(&self.progress).map_err(|e| CheckpointError::Header(e.to_string()))?;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(arrays_to_bytes(&self.arrays)?);
        Ok(bytes)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let broken = |what: &str| CheckpointError::Header(what.to_owned());
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| broken("shorter than its length field"))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| broken("impossible length"))?;
        let (header, arrays) = rest.split_at_checked(length).ok_or_else(|| broken("cut off in its header"))?;
        let progress = serde_json::from_slice(header).map_err(|e| CheckpointError::Header(e.to_string()))?;
        Ok(Checkpoint { progress, arrays: arrays_from_bytes(arrays)? })
    }

    /// Adds arrays under a prefix.
    pub fn put(&mut self, prefix: &str, arrays: Arrays) {
        self.arrays.extend(arrays.into_iter().map(|(name, array)| (format!("{prefix}.{name}"), array)));
    }

    /// The arrays under a prefix.
    pub fn get(&self, prefix: &str) -> Arrays {
        let prefix = format!("{prefix}.");
        let below = self.arrays.iter().filter_map(|(name, array)| Some((name.strip_prefix(&prefix)?, array)));
        below.map(|(name, array)| (name.to_owned(), array.clone())).collect()
    }
}
