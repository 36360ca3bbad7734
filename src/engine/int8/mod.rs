//! The int8 backend: a whole encoder–decoder on packed CPU kernels.
//!
//! Weights are int8 with one scale per output channel, packed once ([`layout`] says where they lie, [`storage`] holds them, [`cache`] keeps them in a
//! file for the next start). Activations are quantised row by row before every matrix. [`session`] has a worker's state, [`layers`] what
//! is computed; [`head`] finds the best tokens without ever storing the vocabulary's logits. The arithmetic is in [`super::kernel`].
//!
//! What makes it fast: query, key and value in one matrix; sentences without padding in the encoder; the cross-attention's keys and values
//! computed once per sentence; caches in int8 too, in shared pages that a beam search reorders by index; no allocation in a step.

mod cache;
mod head;
mod layers;
mod layout;
mod session;
mod storage;
#[cfg(test)]
mod tests;

use super::kernel::{Kernels, Norm, Pool};
use super::search::DEFAULT_BATCH_TOKENS;
use super::{EngineError, Precision, Result, Seq2Seq, Session};
use crate::hub::ModelFiles;
use crate::model::{Architecture, Checkpoint, LAYER_NORM_EPS};
use layout::{Layout, NormAt};
use std::path::Path;
use std::sync::Mutex;
use storage::Storage;

pub use cache::default_folder;

/// A model with int8 weights.
#[derive(Debug)]
pub struct Int8Model {
    architecture: Architecture,
    /// What starts a target.
    decoder_start: u32,
    kernels: &'static Kernels,
    storage: Storage,
    layout: Layout,
    norms: Norms,
    /// Of sessions that have ended, for those to come: fresh memory costs the system's time to clear it.
    pools: Mutex<Vec<Pool>>,
}

/// The norms of all layers, in the order of their use.
#[derive(Debug)]
struct Norms {
    /// Attention, feed-forward.
    encoder: Vec<[Norm; 2]>,
    /// Self-attention, cross-attention, feed-forward.
    decoder: Vec<[Norm; 3]>,
    encoder_embedding: Option<Norm>,
    encoder_final: Option<Norm>,
    decoder_embedding: Option<Norm>,
    decoder_final: Option<Norm>,
}

impl Int8Model {
    /// Loads a model with the kernels that [`super::kernel::detect`] chooses.
    ///
    /// `cache` is the folder of packed files: the weights are mapped from there if an earlier start left them, else packed and, where the model is
    /// large enough to be worth it, written there. A cache that cannot be read or written is done without.
    pub fn load(files: &ModelFiles, checkpoint: &Checkpoint, cache: Option<&Path>) -> Result<Int8Model> {
        let kernels = super::kernel::detect().map_err(|error| EngineError::Unsupported(error.to_string()))?;
        Self::load_with(kernels, files, checkpoint, cache)
    }

    /// As [`Int8Model::load`], with given kernels.
    pub fn load_with(
        kernels: &'static Kernels,
        files: &ModelFiles,
        checkpoint: &Checkpoint,
        cache: Option<&Path>,
    ) -> Result<Int8Model> {
        let architecture = checkpoint.architecture.clone();
        if architecture.max_positions > super::kernel::MAX_POSITIONS {
            return Err(EngineError::Unsupported(format!(
                "{}: {} positions are more than the int8 backend takes\nhint: use --precision f32",
                checkpoint.name, architecture.max_positions
            )));
        }
        let layout = Layout::new(checkpoint);
        let storage = match cache {
            Some(folder) => cache::open(folder, files, checkpoint, &layout)?,
            None => Storage::pack(checkpoint, &layout)?,
        };
        let norms = Norms::read(&layout, &storage);
        Ok(Int8Model {
            architecture,
            decoder_start: checkpoint.special.decoder_start,
            kernels,
            storage,
            layout,
            norms,
            pools: Mutex::default(),
        })
    }
}

impl Norms {
    fn read(layout: &Layout, storage: &Storage) -> Norms {
        let norm = |at: NormAt| Norm::new(storage.array(at.gain), storage.array(at.bias), LAYER_NORM_EPS);
        Norms {
            encoder: layout.encoder_layers.iter().map(|l| [norm(l.attention_norm), norm(l.final_norm)]).collect(),
            decoder: layout
                .decoder_layers
                .iter()
                .map(|l| [norm(l.attention_norm), norm(l.cross_norm), norm(l.final_norm)])
                .collect(),
            encoder_embedding: layout.encoder.embedding_norm.map(norm),
            encoder_final: layout.encoder.final_norm.map(norm),
            decoder_embedding: layout.decoder.embedding_norm.map(norm),
            decoder_final: layout.decoder.final_norm.map(norm),
        }
    }
}

impl Seq2Seq for Int8Model {
    fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    fn precision(&self) -> Precision {
        Precision::Int8
    }

    fn kernel(&self) -> String {
        self.kernels.level.name().to_owned()
    }

    /// About a hundred rows: a step reads all weights from memory, which is time lost with few rows, most of all where the weights are large.
    fn batch_tokens(&self) -> usize {
        2 * DEFAULT_BATCH_TOKENS
    }

    fn session(&self) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(session::Int8Session::new(self)))
    }
}
