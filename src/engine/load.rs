//! From files to a running model: which device, which backend.

use super::candle::CandleModel;
use super::int8::{self, Int8Model};
use super::search::DecodeOptions;
use super::{EngineError, Precision, Result, Seq2Seq};
use crate::hub::ModelFiles;
use crate::model::Checkpoint;
use candle_core::Device;
use std::fmt;
use std::str::FromStr;

/// Where to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A GPU where this build and this machine have one, else the CPU.
    #[default]
    Auto,
    Cpu,
    /// An NVIDIA GPU by its number.
    Cuda(usize),
    Metal,
}

/// A device name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no device is called {0:?}\nhint: auto, cpu, cuda, cuda:N or metal")]
pub struct DeviceError(String);

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(name: &str) -> std::result::Result<Self, DeviceError> {
        match name.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "metal" => Ok(Self::Metal),
            other => {
                let number = other.strip_prefix("cuda:").and_then(|number| number.parse().ok());
                number.map(Self::Cuda).ok_or_else(|| DeviceError(name.to_owned()))
            }
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        })
    }
}

/// A model ready to run.
pub struct Loaded {
    pub model: Box<dyn Seq2Seq>,
    /// The checkpoint's own decoding settings.
    pub options: DecodeOptions,
    /// What the checkpoint's configuration says that a user should know.
    pub warnings: Vec<String>,
}

/// Opens a checkpoint on a device. `precision: None` takes what suits it: int8 on a CPU, f16 on a GPU.
pub fn load(files: &ModelFiles, device: DeviceChoice, precision: Option<Precision>) -> Result<Loaded> {
    let checkpoint = Checkpoint::open(files)?;
    let device = open_device(device)?;
    let default = if device.is_cpu() { Precision::Int8 } else { Precision::F16 };
    let model: Box<dyn Seq2Seq> = match precision.unwrap_or(default) {
        Precision::Int8 if !device.is_cpu() => {
            return Err(EngineError::Unsupported("int8 runs on the CPU only\nhint: --device cpu, or --precision f16".into()));
        }
        Precision::Int8 => Box::new(Int8Model::load(files, &checkpoint, int8::default_folder().as_deref())?),
        precision => Box::new(CandleModel::load(&checkpoint, &device, precision)?),
    };
    let options = DecodeOptions::new(&checkpoint.generation, &checkpoint.special);
    Ok(Loaded { model, options, warnings: checkpoint.warnings })
}

/// `auto` never fails: where there is no GPU, or none that answers, it is the CPU.
fn open_device(choice: DeviceChoice) -> Result<Device> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Auto if cfg!(feature = "cuda") => Ok(Device::new_cuda(0).unwrap_or(Device::Cpu)),
        DeviceChoice::Auto if cfg!(feature = "metal") => Ok(Device::new_metal(0).unwrap_or(Device::Cpu)),
        DeviceChoice::Auto => Ok(Device::Cpu),
        DeviceChoice::Cuda(_) if !cfg!(feature = "cuda") => Err(not_built("cuda")),
        DeviceChoice::Metal if !cfg!(feature = "metal") => Err(not_built("metal")),
        DeviceChoice::Cuda(number) => Device::new_cuda(number).map_err(|error| no_answer(&format!("cuda:{number}"), &error)),
        DeviceChoice::Metal => Device::new_metal(0).map_err(|error| no_answer("metal", &error)),
    }
}

fn not_built(feature: &str) -> EngineError {
    EngineError::Unsupported(format!(
        "this jisr was built without {feature}\nhint: build it with cargo build --release --features {feature}, or use --device cpu"
    ))
}

fn no_answer(device: &str, error: &candle_core::Error) -> EngineError {
    EngineError::Unsupported(format!("{device} does not answer: {error}\nhint: check the driver, or use --device cpu"))
}
