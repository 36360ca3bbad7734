//! The packed weights in memory: a block of bytes, owned or mapped from a file, read as typed arrays.

use super::layout::{Array, Layout, Matrix, Source};
use crate::engine::kernel::{ColumnsMut, MatrixI8};
use crate::model::{self, Checkpoint};
use memmap2::{Mmap, MmapMut};

/// Rows of a tensor that are read at once while packing: a few megabytes at most widths.
const ROWS_AT_ONCE: usize = 1024;

/// Bytes that start at a multiple of 64, laid out as a [`Layout`] says.
#[derive(Debug)]
pub(super) enum Storage {
    /// Anonymous memory.
    Owned(MmapMut),
    /// A packed file; the weights start at this offset.
    Mapped(Mmap, usize),
}

/// Element types of the arrays: every bit pattern is a value.
trait Plain: Copy {}
impl Plain for i8 {}
impl Plain for f32 {}

fn typed<T: Plain>(bytes: &[u8], offset: usize, len: usize) -> &[T] {
    let part = &bytes[offset..offset + len * size_of::<T>()];
    assert!(part.as_ptr().cast::<T>().is_aligned());
    // SAFETY: in bounds and aligned by the lines above; any bits are a valid `T`.
    unsafe { std::slice::from_raw_parts(part.as_ptr().cast(), len) }
}

fn typed_mut<T: Plain>(bytes: &mut [u8]) -> &mut [T] {
    assert!(bytes.as_ptr().cast::<T>().is_aligned());
    let len = bytes.len() / size_of::<T>();
    // SAFETY: in bounds and aligned; any bits are a valid `T`, whose bits are valid bytes.
    unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), len) }
}

impl Storage {
    /// Packs a checkpoint in memory.
    pub fn pack(checkpoint: &Checkpoint, layout: &Layout) -> model::Result<Storage> {
        let mut memory = MmapMut::map_anon(layout.size).map_err(|source| model::ModelError::Io {
            file: format!("memory for the packed weights of {}", checkpoint.name),
            source,
        })?;
        let _ = memory.advise(memmap2::Advice::HugePage);
        fill(checkpoint, layout, &mut memory)?;
        Ok(Storage::Owned(memory))
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Storage::Owned(memory) => memory,
            Storage::Mapped(file, start) => &file[*start..],
        }
    }

    pub fn matrix(&self, m: Matrix) -> MatrixI8<'_> {
        let bytes = self.bytes();
        let columns = m.n.next_multiple_of(crate::engine::kernel::BLOCK);
        MatrixI8::new(
            m.n,
            m.k,
            typed(bytes, m.weights, columns * m.k.next_multiple_of(16)),
            typed(bytes, m.scale, columns),
            typed(bytes, m.bias, columns),
            typed(bytes, m.sum, columns),
        )
    }

    pub fn array(&self, a: Array) -> &[f32] {
        typed(self.bytes(), a.offset, a.len)
    }
}

/// Packs all weights into `bytes`, which are zeros, `layout.size` of them, and aligned to 64. Tensors are read a few rows at a time.
pub(super) fn fill(checkpoint: &Checkpoint, layout: &Layout, bytes: &mut [u8]) -> model::Result<()> {
    let mut rows = Vec::new();
    for source in &layout.sources {
        match source {
            Source::Matrix { to, from, padding } => matrix(checkpoint, *to, from, *padding, bytes, &mut rows)?,
            Source::Tensor { to, name } => array(*to, &checkpoint.tensor(name)?.data, bytes),
            Source::Positions { to, side } => array(*to, &checkpoint.positions(*side)?.data, bytes),
        }
    }
    Ok(())
}

fn array(to: Array, values: &[f32], bytes: &mut [u8]) {
    typed_mut::<f32>(&mut bytes[to.offset..to.offset + to.len * 4]).copy_from_slice(values);
}

fn matrix(
    checkpoint: &Checkpoint,
    to: Matrix,
    from: &[model::Linear],
    padding: f32,
    bytes: &mut [u8],
    rows: &mut Vec<f32>,
) -> model::Result<()> {
    // The arrays lie in this order: see `Places::matrix`.
    let columns = to.n.next_multiple_of(crate::engine::kernel::BLOCK);
    let (weights, rest) = bytes[to.weights..].split_at_mut(to.scale - to.weights);
    let (scale, rest) = rest.split_at_mut(to.bias - to.scale);
    let (bias, sum) = rest.split_at_mut(to.sum - to.bias);
    let weights = typed_mut::<i8>(&mut weights[..columns * to.k.next_multiple_of(16)]);
    let scale = typed_mut::<f32>(&mut scale[..columns * 4]);
    let bias = typed_mut::<f32>(&mut bias[..columns * 4]);
    let sum = typed_mut::<f32>(&mut sum[..columns * 4]);
    bias[to.n..].fill(padding);
    let mut first = 0;
    for linear in from {
        let n = checkpoint.weights().shape(&linear.weight)?[0];
        for start in (0..n).step_by(ROWS_AT_ONCE) {
            checkpoint.read_rows(&linear.weight, start..n.min(start + ROWS_AT_ONCE), rows)?;
            let columns = ColumnsMut { weights: &mut *weights, scale: &mut *scale, sum: &mut *sum };
            columns.pack(rows, to.k, first + start);
        }
        if let Some(name) = &linear.bias {
            bias[first..first + n].copy_from_slice(&checkpoint.tensor(name)?.data);
        }
        first += n;
    }
    Ok(())
}
