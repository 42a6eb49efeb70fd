use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::BTreeMap;
use thiserror::Error;

/// What an entry is to the optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Moved by gradients.
    Trainable,
    /// Running statistics and vectors of power iterations: replaced by the forward pass.
    Statistic,
}

/// One named array, kept flat; its shape is applied on use.
#[derive(Debug, Clone)]
pub struct Entry {
    pub shape: Vec<usize>,
    pub kind: Kind,
    pub value: Tensor<1>,
}

/// Named f32 arrays: shape and values in row-major order.
pub type Arrays = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// All state of a network, by name.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    entries: BTreeMap<String, Entry>,
}

/// Stored weights that are not those of the network.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum WeightsError {
    #[error("not a safetensors file: {0}")]
    Format(String),
    #[error("weights lack `{0}`: they belong to another network")]
    Missing(String),
    #[error("weights hold `{0}`, which the network does not have")]
    Unknown(String),
    #[error("`{name}` has shape {found:?} where the network has {expected:?} (another width, size or class count?)")]
    Shape { name: String, found: Vec<usize>, expected: Vec<usize> },
    #[error("`{0}` is not of type f32")]
    Type(String),
}

impl Weights {
    /// Adds an entry; the values are in row-major order of `shape`.
    pub fn insert(&mut self, name: &str, shape: &[usize], kind: Kind, values: Vec<f32>, device: &Device) {
        let length = values.len();
        debug_assert_eq!(length, shape.iter().product::<usize>());
        let value = Tensor::from_data(TensorData::new(values, [length]), device);
        self.entries.insert(name.to_owned(), Entry { shape: shape.to_vec(), kind, value });
    }

    /// Uniform in ±`bound`.
    pub fn insert_uniform(&mut self, name: &str, shape: &[usize], bound: f32, rng: &mut impl Rng, device: &Device) {
        let values = (0..shape.iter().product()).map(|_| rng.random_range(-bound..=bound)).collect();
        self.insert(name, shape, Kind::Trainable, values, device);
    }

    /// The entry as a tensor of rank `D`.
    ///
    /// # Panics
    /// If there is no such entry: names are made and used by the same network, and loading checks them.
    pub fn get<const D: usize>(&self, name: &str) -> Tensor<D> {
        let entry = &self.entries[name];
        let mut shape = [1; D];
        shape.copy_from_slice(&entry.shape);
        entry.value.clone().reshape(shape)
    }

    pub fn entries(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.entries.iter()
    }

    /// Adds copies of all entries.
    pub fn put(&mut self, other: &Weights) {
        self.entries.extend(other.entries.iter().map(|(name, entry)| (name.clone(), entry.clone())));
    }

    /// Adds copies of all entries under `PREFIX.`.
    pub fn put_under(&mut self, prefix: &str, other: &Weights) {
        self.entries.extend(other.entries.iter().map(|(name, entry)| (format!("{prefix}.{name}"), entry.clone())));
    }

    /// The entries under `PREFIX.`, by the names that they have there.
    pub fn under(&self, prefix: &str) -> Weights {
        let below = |(name, entry): (&String, &Entry)| {
            Some((name.strip_prefix(prefix)?.strip_prefix('.')?.to_owned(), entry.clone()))
        };
        Weights { entries: self.entries.iter().filter_map(below).collect() }
    }

    /// Number of trainable values.
    pub fn trainable_values(&self) -> usize {
        let trainable = self.entries.values().filter(|e| e.kind == Kind::Trainable);
        trainable.map(|e| e.shape.iter().product::<usize>()).sum()
    }

    /// Replaces an entry's values by a tensor outside of autodiff.
    pub fn set(&mut self, name: &str, value: Tensor<1>) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.value = value;
        }
    }

    /// The same values as leaves of a new autodiff graph: trainable entries collect gradients.
    pub fn tracked(&self) -> Weights {
        self.map(|entry| match entry.kind {
            Kind::Trainable => Tensor::from_inner(entry.value.clone()).require_grad(),
            Kind::Statistic => Tensor::from_inner(entry.value.clone()),
        })
    }

    /// The same values as constants on an autodiff device: gradients pass through, none is collected.
    pub fn frozen(&self) -> Weights {
        self.map(|entry| Tensor::from_inner(entry.value.clone()))
    }

    fn map(&self, f: impl Fn(&Entry) -> Tensor<1>) -> Weights {
        let entries = self.entries.iter();
        Weights { entries: entries.map(|(name, e)| (name.clone(), Entry { value: f(e), ..e.clone() })).collect() }
    }

    /// All entries as `name -> (shape, values)`, for checkpoints.
    pub fn to_arrays(&self) -> Arrays {
        let entries = self.entries.iter();
        entries.map(|(name, e)| (name.clone(), (e.shape.clone(), values(&e.value)))).collect()
    }

    /// Serialises as safetensors (f32, little endian), sorted by name: equal weights give equal bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WeightsError> {
        arrays_to_bytes(&self.to_arrays())
    }

    /// Replaces all values by stored ones; names and shapes must be exactly the network's own.
    pub fn load(&mut self, bytes: &[u8], device: &Device) -> Result<(), WeightsError> {
        self.load_arrays(arrays_from_bytes(bytes)?, device)
    }

    pub fn load_arrays(&mut self, mut arrays: Arrays, device: &Device) -> Result<(), WeightsError> {
        if let Some(name) = arrays.keys().find(|name| !self.entries.contains_key(*name)) {
            return Err(WeightsError::Unknown(name.clone()));
        }
        for (name, entry) in &mut self.entries {
            let (found, values) = arrays.remove(name).ok_or_else(|| WeightsError::Missing(name.clone()))?;
            if found != entry.shape {
                return Err(WeightsError::Shape { name: name.clone(), found, expected: entry.shape.clone() });
            }
            let length = values.len();
            entry.value = Tensor::from_data(TensorData::new(values, [length]), device);
        }
        Ok(())
    }
}

/// The values of a tensor as f32, copied to the host.
pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

/// Named f32 arrays as safetensors bytes.
pub fn arrays_to_bytes(arrays: &Arrays) -> Result<Vec<u8>, WeightsError> {
    let format = |e: safetensors::SafeTensorError| WeightsError::Format(e.to_string());
    let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = arrays
        .iter()
        .map(|(name, (shape, values))| (name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let views = bytes
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F32, (*shape).clone(), bytes).map_err(format)?)))
        .collect::<Result<Vec<_>, WeightsError>>()?;
    safetensors::serialize(views, None).map_err(format)
}

/// Reads what [`arrays_to_bytes`] wrote.
pub fn arrays_from_bytes(bytes: &[u8]) -> Result<Arrays, WeightsError> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| WeightsError::Format(e.to_string()))?;
    file.tensors()
        .into_iter()
        .map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                return Err(WeightsError::Type(name));
            }
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            Ok((name, (view.shape().to_vec(), values.collect())))
        })
        .collect()
}
