//! The candle backend: the encoder–decoder on candle tensors, on any device and in any float type.
//!
//! There is one network ([`network`]), written over tensors of shape `[tokens, d_model]`: sentences and hypotheses lie one behind the other,
//! without padding. What differs by device is how its parts are done:
//!
//! * On CPU in `f32` the linear layers and norms are custom operations over weights packed once ([`packed`]), and attention walks each row's own keys
//!   ([`ragged`]). No number of a row depends on the rows beside it.
//! * Elsewhere they are candle's own operations ([`dense`]), and attention pads and masks ([`padded`]).
//!
//! [`session`] is a worker's state over a loaded network; [`head`] turns hidden states into the best next tokens.

mod dense;
mod head;
mod network;
mod packed;
mod padded;
mod ragged;
mod session;

use super::search::DEFAULT_BATCH_TOKENS;
use super::{EngineError, Precision, Result, Seq2Seq, Session};
use crate::model::{Architecture, Checkpoint};
use candle_core::{DType, Device};
use network::Network;

/// A model on a candle device.
pub struct CandleModel {
    network: Network,
    precision: Precision,
}

impl CandleModel {
    /// Loads a checkpoint's weights. `precision` may be anything but int8; tensors are read and converted one at a time.
    pub fn load(checkpoint: &Checkpoint, device: &Device, precision: Precision) -> Result<Self> {
        let network = if device.is_cpu() && precision == Precision::F32 {
            Network::load(checkpoint, &mut packed::Packer::new(checkpoint)?)?
        } else {
            Network::load(checkpoint, &mut dense::Builder::new(checkpoint, device, dtype(precision)?))?
        };
        Ok(Self { network, precision })
    }

    /// Loads with candle's own operations even on CPU in `f32`: the way that other devices take, for tests without one.
    pub fn load_dense(checkpoint: &Checkpoint, device: &Device, precision: Precision) -> Result<Self> {
        let network = Network::load(checkpoint, &mut dense::Builder::new(checkpoint, device, dtype(precision)?))?;
        Ok(Self { network, precision })
    }
}

impl Seq2Seq for CandleModel {
    fn architecture(&self) -> &Architecture {
        &self.network.architecture
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn kernel(&self) -> String {
        match &self.network.device {
            Device::Cpu => format!("candle cpu ({})", self.network.kernel),
            Device::Cuda(_) => format!("candle {}", location(&self.network.device)),
            Device::Metal(_) => "candle metal".to_owned(),
        }
    }

    /// Caches in `f32` are twice as large as elsewhere, and the peak should stay near the weights.
    fn batch_tokens(&self) -> usize {
        if self.network.device.is_cpu() { DEFAULT_BATCH_TOKENS / 2 } else { 4 * DEFAULT_BATCH_TOKENS }
    }

    fn session(&self) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(session::CandleSession::new(&self.network)?))
    }
}

fn location(device: &Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        other => format!("{other:?}"),
    }
}

fn dtype(precision: Precision) -> Result<DType> {
    match precision {
        Precision::F32 => Ok(DType::F32),
        Precision::F16 => Ok(DType::F16),
        Precision::Bf16 => Ok(DType::BF16),
        Precision::Int8 => Err(EngineError::Unsupported("the candle backend does not compute in int8".to_owned())),
    }
}
