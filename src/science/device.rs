use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::fmt::{Display, Formatter};
use std::str::FromStr;
use thiserror::Error;

/// What trains and predicts, by the name that a pipeline gives it. All but flex are Cargo features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceName {
    /// The processor, by burn's own backend and the operations of `science::model::kernel`.
    #[default]
    Flex,
    /// The processor, by PyTorch's library.
    LibTorch,
    /// An NVIDIA card by its number, by PyTorch's library.
    LibTorchCuda(usize),
    /// An NVIDIA card by its number, by burn's own kernels.
    Cuda(usize),
    Vulkan,
    Metal,
}

/// A device that cannot be had.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum DeviceError {
    #[error("there is no device `{name}`{}; there are {names}", meant(.suggestion), names = NAMES)]
    Unknown { name: String, suggestion: Option<&'static str> },
    #[error(
        "device `{device}` is not in this build of runner: make one that has it by `cargo build --release \
         --features {feature}` (README, Other backends)"
    )]
    NotBuilt { device: DeviceName, feature: &'static str },
    #[error("there is no device `{device}`: libtorch sees {found} CUDA devices here")]
    Missing { device: DeviceName, found: usize },
}

const NAMES: &str = "`flex`, `libtorch`, `libtorch:cuda:N`, `cuda:N`, `vulkan`, `metal`";

impl DeviceName {
    /// The Cargo feature that builds it and whether this build has it; none for flex.
    fn feature(self) -> Option<(&'static str, bool)> {
        match self {
            DeviceName::Flex => None,
            DeviceName::LibTorch | DeviceName::LibTorchCuda(_) => Some(("tch", cfg!(feature = "tch"))),
            DeviceName::Cuda(_) => Some(("cuda", cfg!(feature = "cuda"))),
            DeviceName::Vulkan => Some(("vulkan", cfg!(feature = "vulkan"))),
            DeviceName::Metal => Some(("metal", cfg!(feature = "metal"))),
        }
    }

    /// Whether this build has it, without touching the hardware.
    pub fn built(self) -> Result<(), DeviceError> {
        match self.feature() {
            Some((feature, false)) => Err(DeviceError::NotBuilt { device: self, feature }),
            _ => Ok(()),
        }
    }

    pub fn is_flex(&self) -> bool {
        *self == DeviceName::Flex
    }

    /// What of the device can change bits: the backend and the precision, never the card's number.
    pub fn numerics(self) -> &'static str {
        match self {
            DeviceName::Flex => "flex/f32",
            DeviceName::LibTorch => "libtorch/f32",
            DeviceName::LibTorchCuda(_) => "libtorch-cuda/f32",
            DeviceName::Cuda(_) => "cuda/f32",
            DeviceName::Vulkan => "vulkan/f32",
            DeviceName::Metal => "metal/f32",
        }
    }

    /// The device, outside of autodiff, for the calling thread, where it may use `threads` threads. Flex
    /// takes those of the rayon pool that it is called from.
    #[cfg_attr(not(feature = "tch"), allow(unused_variables))]
    pub fn open(self, threads: usize) -> Result<Device, DeviceError> {
        self.built()?;
        match self {
            #[cfg(feature = "tch")]
            DeviceName::LibTorch | DeviceName::LibTorchCuda(_) => self.libtorch(threads),
            #[cfg(feature = "cuda")]
            DeviceName::Cuda(index) => Ok(Device::cuda(index)),
            #[cfg(feature = "vulkan")]
            DeviceName::Vulkan => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "metal")]
            DeviceName::Metal => Ok(Device::metal(burn::tensor::DeviceKind::DefaultDevice)),
            _ => Ok(Device::flex()),
        }
    }

    // burn deprecates its libtorch backend in favour of its own. On a processor libtorch is the only other one
    // that is fast, and the one that PyTorch users can compare with.
    #[cfg(feature = "tch")]
    #[allow(deprecated)]
    fn libtorch(self, threads: usize) -> Result<Device, DeviceError> {
        // libtorch keeps this for each calling thread: trainings side by side do not disturb each other.
        tch::set_num_threads(i32::try_from(threads.max(1)).unwrap_or(1));
        let DeviceName::LibTorchCuda(index) = self else { return Ok(Device::libtorch()) };
        let found = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
        if index >= found {
            return Err(DeviceError::Missing { device: self, found });
        }
        Ok(Device::libtorch_cuda(index))
    }
}

impl Display for DeviceName {
    fn fmt(&self, f: &mut Formatter) -> std::fmt::Result {
        match self {
            DeviceName::Flex => f.write_str("flex"),
            DeviceName::LibTorch => f.write_str("libtorch"),
            DeviceName::LibTorchCuda(index) => write!(f, "libtorch:cuda:{index}"),
            DeviceName::Cuda(index) => write!(f, "cuda:{index}"),
            DeviceName::Vulkan => f.write_str("vulkan"),
            DeviceName::Metal => f.write_str("metal"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let index = |prefix: &str| name.strip_prefix(prefix)?.parse::<usize>().ok();
        match name {
            "flex" => Ok(DeviceName::Flex),
            "libtorch" => Ok(DeviceName::LibTorch),
            "libtorch:cuda" => Ok(DeviceName::LibTorchCuda(0)),
            "cuda" => Ok(DeviceName::Cuda(0)),
            "vulkan" => Ok(DeviceName::Vulkan),
            "metal" => Ok(DeviceName::Metal),
            _ => index("libtorch:cuda:")
                .map(DeviceName::LibTorchCuda)
                .or_else(|| index("cuda:").map(DeviceName::Cuda))
                .ok_or_else(|| unknown(name)),
        }
    }
}

/// Half of a short name may be wrong, a third of a long one.
fn unknown(name: &str) -> DeviceError {
    let known = ["flex", "libtorch", "libtorch:cuda:0", "cuda:0", "vulkan", "metal"];
    let distance = |known: &str| strsim::damerau_levenshtein(&name.to_lowercase(), known);
    let closest = known.into_iter().min_by_key(|known| distance(known));
    let suggestion = closest.filter(|known| distance(known) <= (name.len() / 3).max(2));
    DeviceError::Unknown { name: name.to_owned(), suggestion }
}

fn meant(suggestion: &Option<&str>) -> String {
    suggestion.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

impl TryFrom<String> for DeviceName {
    type Error = DeviceError;

    fn try_from(name: String) -> Result<Self, DeviceError> {
        name.parse()
    }
}

impl From<DeviceName> for String {
    fn from(device: DeviceName) -> String {
        device.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in ["flex", "libtorch", "libtorch:cuda:3", "cuda:1", "vulkan", "metal"] {
            assert_eq!(name.parse::<DeviceName>().map(String::from), Ok(name.to_owned()));
        }
        assert_eq!("cuda".parse(), Ok(DeviceName::Cuda(0)));
        assert_eq!("libtorch:cuda".parse(), Ok(DeviceName::LibTorchCuda(0)));
    }

    #[test]
    fn an_unknown_name_is_refused_with_what_was_meant() {
        let message = "libtroch".parse::<DeviceName>().unwrap_err().to_string();
        assert_eq!(message, format!("there is no device `libtroch` (did you mean `libtorch`?); there are {NAMES}"));
        assert!(!"quantum".parse::<DeviceName>().unwrap_err().to_string().contains("did you mean"));
        for name in ["cuda:", "cuda:x", "cuda:-1", "FLEX", ""] {
            assert!(name.parse::<DeviceName>().is_err(), "{name}");
        }
    }

    #[test]
    fn flex_is_always_there_and_others_name_their_feature() {
        assert!(DeviceName::Flex.open(1).is_ok());
        if !cfg!(feature = "vulkan") {
            let message = DeviceName::Vulkan.open(1).unwrap_err().to_string();
            assert!(message.starts_with("device `vulkan` is not in this build of runner"), "{message}");
            assert!(message.contains("--features vulkan"), "{message}");
        }
    }
}
