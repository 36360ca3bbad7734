//! The header of a `.safetensors` file: eight bytes of length, then JSON that places every tensor in the data that follows.
//!
//! Format: <https://huggingface.co/docs/safetensors/index#format>.

use super::bytes::ByteSource;
use super::error::{ModelError, Result};
use super::weights::{Entry, StoredType, row_major};
use std::collections::HashMap;

/// Longest header the format allows, in bytes.
const MAX_HEADER: u64 = 100_000_000;

#[derive(serde::Deserialize)]
struct Place {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// Name and place of every tensor.
pub(super) fn directory(source: &ByteSource, file: usize) -> Result<HashMap<String, Entry>> {
    let truncated = |what: &str, needed: u64| ModelError::Truncated {
        file: source.name.clone(),
        tensor: what.to_owned(),
        needed,
        size: source.size,
    };
    let damaged = |reason: String| ModelError::Damaged { file: source.name.clone(), reason };
    if source.size < 8 {
        return Err(truncated("the header", 8));
    }
    let mut length = [0; 8];
    length.copy_from_slice(&source.read(0, 8)?);
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return Err(damaged(format!("its header claims {length} bytes; this is no safetensors file")));
    }
    let data = 8 + length;
    if data > source.size {
        return Err(truncated("the header", data));
    }
    let header = source.read(8, length as usize)?;
    let mut json: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&header).map_err(|error| damaged(format!("its header is not valid JSON ({error})")))?;
    json.remove("__metadata__");
    let mut entries = HashMap::with_capacity(json.len());
    for (name, value) in json {
        let place: Place = serde_json::from_value(value)
            .map_err(|error| damaged(format!("tensor {name} is not described properly ({error})")))?;
        let dtype = match place.dtype.as_str() {
            "F64" => Some(StoredType::F64),
            "F32" => Some(StoredType::F32),
            "F16" => Some(StoredType::F16),
            "BF16" => Some(StoredType::Bf16),
            _ => None,
        };
        let (start, end) = place.data_offsets;
        if let Some(dtype) = dtype {
            let bytes = place.shape.iter().try_fold(dtype.size() as u64, |bytes, &n| bytes.checked_mul(n as u64));
            if end.checked_sub(start) != bytes {
                return Err(damaged(format!("tensor {name} of shape {:?} does not fill bytes {start}..{end}", place.shape)));
            }
        }
        if data.checked_add(end).is_none_or(|end| end > source.size) {
            return Err(truncated(&format!("tensor {name}"), data.saturating_add(end)));
        }
        let strides = row_major(&place.shape);
        let entry = Entry { file, dtype, dtype_name: place.dtype, shape: place.shape, strides, offset: data + start };
        entries.insert(name, entry);
    }
    Ok(entries)
}
