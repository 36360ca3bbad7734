//! The tensors of a checkpoint: a directory of names, shapes and places, and reading them as `f32` one at a time.
//!
//! Whatever the container (one or several `.safetensors`, `pytorch_model.bin` as zip or in PyTorch's older format), [`Weights`] holds the same
//! directory. Data is read when asked for, whole ([`Weights::tensor`]) or some rows ([`Weights::read_rows`]), so that the largest
//! embedding never has to be in memory beside its packed form.

use super::bytes::ByteSource;
use super::error::{ModelError, Result};
use super::{safetensors, torch_file};
use crate::hub::ModelFiles;
use std::collections::HashMap;
use std::ops::Range;

/// A tensor in memory, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// Number format of stored tensors that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredType {
    F64,
    F32,
    F16,
    Bf16,
}

impl StoredType {
    pub fn size(self) -> usize {
        match self {
            StoredType::F64 => 8,
            StoredType::F32 => 4,
            StoredType::F16 | StoredType::Bf16 => 2,
        }
    }
}

/// Where a tensor lies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Index into [`Weights::files`].
    pub file: usize,
    /// `None`: a format that holds no floats; named when someone asks for the tensor.
    pub dtype: Option<StoredType>,
    pub dtype_name: String,
    pub shape: Vec<usize>,
    /// In elements; row-major unless the tensor is a transposed or strided view.
    pub strides: Vec<usize>,
    /// Byte offset of the first element in the file.
    pub offset: u64,
}

impl Entry {
    fn elements(&self) -> usize {
        self.shape.iter().fold(1, |product: usize, &n| product.saturating_mul(n))
    }

    fn is_contiguous(&self) -> bool {
        row_major(&self.shape).iter().zip(&self.strides).zip(&self.shape).all(|((want, have), &size)| want == have || size <= 1)
    }

    /// One past the last byte that belongs to it.
    pub fn end(&self) -> u64 {
        let size = self.dtype.map_or(1, StoredType::size) as u64;
        if self.elements() == 0 {
            return self.offset;
        }
        let last: u64 = self
            .shape
            .iter()
            .zip(&self.strides)
            .fold(0u64, |last, (&n, &stride)| last.saturating_add((n as u64 - 1).saturating_mul(stride as u64)));
        self.offset.saturating_add(last.saturating_add(1).saturating_mul(size))
    }
}

/// Strides of a row-major tensor, in elements.
pub(super) fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
    }
    strides
}

/// The tensors of all weight files of a model.
#[derive(Debug)]
pub struct Weights {
    files: Vec<ByteSource>,
    tensors: HashMap<String, Entry>,
}

impl Weights {
    /// Reads the directory of the model's weight files: `model.safetensors`, its sharded form, `pytorch_model.bin`, its sharded form.
    pub fn open(files: &ModelFiles) -> Result<Self> {
        let mut weights = Self { files: Vec::new(), tensors: HashMap::new() };
        for (single, index) in
            [("model.safetensors", "model.safetensors.index.json"), ("pytorch_model.bin", "pytorch_model.bin.index.json")]
        {
            if let Some(source) = ByteSource::open(files, single)? {
                weights.add(source)?;
                return Ok(weights);
            }
            if let Some(shards) = shard_names(files, index)? {
                for shard in shards {
                    let source = ByteSource::open(files, &shard)?
                        .ok_or_else(|| ModelError::MissingShard { index: index.to_owned(), shard: shard.clone() })?;
                    weights.add(source)?;
                }
                return Ok(weights);
            }
        }
        Err(ModelError::MissingFile { model: files.name.clone(), file: "model.safetensors or pytorch_model.bin".to_owned() })
    }

    fn add(&mut self, source: ByteSource) -> Result<()> {
        let file = self.files.len();
        let entries = if source.name.contains(".safetensors") {
            safetensors::directory(&source, file)?
        } else {
            torch_file::directory(&source, file)?
        };
        for (name, entry) in &entries {
            if entry.end() > source.size {
                return Err(ModelError::Truncated {
                    file: source.name.clone(),
                    tensor: format!("tensor {name}"),
                    needed: entry.end(),
                    size: source.size,
                });
            }
        }
        self.tensors.extend(entries);
        self.files.push(source);
        Ok(())
    }

    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// All names, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether two names mean the same bytes (a `.bin` file lists tied tensors under every name).
    pub fn is_same(&self, a: &str, b: &str) -> bool {
        a == b || matches!((self.tensors.get(a), self.tensors.get(b)), (Some(a), Some(b)) if a == b)
    }

    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        self.entry(name).map(|entry| entry.shape.as_slice())
    }

    pub fn stored_type(&self, name: &str) -> Result<StoredType> {
        let entry = self.entry(name)?;
        entry.dtype.ok_or_else(|| ModelError::Dtype {
            file: self.files[entry.file].name.clone(),
            tensor: name.to_owned(),
            dtype: entry.dtype_name.clone(),
        })
    }

    /// Bytes of all tensors as they are stored.
    pub fn stored_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Reads a tensor whole.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        let shape = self.shape(name)?.to_vec();
        let mut data = Vec::new();
        let rows = shape.first().copied().unwrap_or(1);
        self.read_rows(name, 0..rows, &mut data)?;
        Ok(Tensor { shape, data })
    }

    /// Reads some rows (indices of the first axis) of a tensor into `out`, which is cleared first.
    pub fn read_rows(&self, name: &str, rows: Range<usize>, out: &mut Vec<f32>) -> Result<()> {
        let entry = self.entry(name)?;
        let dtype = self.stored_type(name)?;
        let source = &self.files[entry.file];
        let width: usize = entry.shape.iter().skip(1).product();
        let size = dtype.size();
        out.clear();
        out.reserve_exact(rows.len() * width);
        if entry.is_contiguous() {
            // A megabyte at a time: the stored bytes never lie whole beside their f32 form.
            let step = ((1 << 20) / (width * size).max(1)).max(1);
            let mut row = rows.start;
            while row < rows.end {
                let count = step.min(rows.end - row);
                let offset = entry.offset + (row * width * size) as u64;
                convert(dtype, &source.read(offset, count * width * size)?, out);
                row += count;
            }
        } else {
            let bytes = source.read(entry.offset, (entry.end() - entry.offset) as usize)?;
            for row in rows {
                for column in 0..width {
                    let mut rest = column;
                    let mut element = row * entry.strides[0];
                    for axis in (1..entry.shape.len()).rev() {
                        element += rest % entry.shape[axis] * entry.strides[axis];
                        rest /= entry.shape[axis];
                    }
                    convert(dtype, &bytes[element * size..(element + 1) * size], out);
                }
            }
        }
        Ok(())
    }

    /// The file that holds a tensor, for messages; the first file where none does.
    pub(super) fn file_of(&self, name: &str) -> &str {
        &self.files[self.tensors.get(name).map_or(0, |entry| entry.file)].name
    }

    fn entry(&self, name: &str) -> Result<&Entry> {
        self.tensors
            .get(name)
            .ok_or_else(|| ModelError::MissingTensor { file: self.files[0].name.clone(), tensor: name.to_owned() })
    }
}

/// The distinct files that a sharded checkpoint's index names, in its order; `None` where there is no index.
fn shard_names(files: &ModelFiles, index: &str) -> Result<Option<Vec<String>>> {
    let bytes = files.read(index).map_err(|source| ModelError::Io { file: index.to_owned(), source })?;
    let Some(bytes) = bytes else { return Ok(None) };
    let json: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|source| ModelError::Json { file: index.to_owned(), source })?;
    let map = json
        .get("weight_map")
        .and_then(|map| map.as_object())
        .ok_or(ModelError::MissingKey { file: index.to_owned(), key: "weight_map" })?;
    let mut shards: Vec<String> = Vec::new();
    for shard in map.values() {
        let shard = shard.as_str().filter(|name| !name.contains(['/', '\\'])).ok_or_else(|| ModelError::BadValue {
            file: index.to_owned(),
            key: "weight_map".to_owned(),
            expected: "a map of tensor names to file names beside it",
            found: shard.to_string(),
        })?;
        if !shards.iter().any(|known| known == shard) {
            shards.push(shard.to_owned());
        }
    }
    Ok(Some(shards))
}

/// Appends stored little-endian elements as `f32`.
fn convert(dtype: StoredType, bytes: &[u8], out: &mut Vec<f32>) {
    fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
        bytes.as_chunks::<N>().0.iter().copied()
    }
    match dtype {
        StoredType::F32 => out.extend(chunks(bytes).map(f32::from_le_bytes)),
        StoredType::F64 => out.extend(chunks(bytes).map(|bytes| f64::from_le_bytes(bytes) as f32)),
        StoredType::F16 => out.extend(chunks(bytes).map(|bytes| half::f16::from_le_bytes(bytes).to_f32())),
        StoredType::Bf16 => out.extend(chunks(bytes).map(|bytes| half::bf16::from_le_bytes(bytes).to_f32())),
    }
}
