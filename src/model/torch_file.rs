//! `pytorch_model.bin`: PyTorch's zip container (since 1.6) and the older format of concatenated pickles, as a directory of tensors.
//!
//! Both hold a pickle of a state dict whose tensors name a storage by a persistent id. Only the calls that build tensors are understood
//! ([`Reader::tensor`]); anything else is refused by name, so a file can't make this process do anything but read numbers.

use super::bytes::ByteSource;
use super::error::{ModelError, Result};
use super::pickle::{Machine, Value};
use super::weights::{Entry, StoredType};
use std::collections::HashMap;
use zip::CompressionMethod;

/// The first pickle of the older format is this number (`0x1950a86a20f9469cfc6c`).
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// Longest pickle that is read into memory; the real ones take some hundred kilobytes.
const MAX_PICKLE: u64 = 256 << 20;

/// Name and place of every tensor.
pub(super) fn directory(source: &ByteSource, file: usize) -> Result<HashMap<String, Entry>> {
    let start = source.read(0, source.size.min(4) as usize)?;
    let entries = if start.starts_with(b"PK") { zip_directory(source, file) } else { legacy_directory(source, file) };
    entries.map_err(|failure| match failure {
        Failure::Model(error) => error,
        Failure::Reason(reason) => ModelError::Damaged { file: source.name.clone(), reason },
    })
}

enum Failure {
    Model(ModelError),
    Reason(String),
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        Failure::Model(error)
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Failure::Reason(reason)
    }
}

impl From<&str> for Failure {
    fn from(reason: &str) -> Self {
        Failure::Reason(reason.to_owned())
    }
}

impl From<zip::result::ZipError> for Failure {
    fn from(error: zip::result::ZipError) -> Self {
        Failure::Reason(format!("its zip directory cannot be read ({error}); the download may have been cut"))
    }
}

/// A tensor before its storage has been placed.
struct View {
    name: String,
    storage: String,
    dtype: Option<StoredType>,
    dtype_name: String,
    /// Bytes an element takes in its storage.
    size: u64,
    element: u64,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl View {
    fn entry(self, file: usize, storage_offset: u64) -> Entry {
        Entry {
            file,
            dtype: self.dtype,
            dtype_name: self.dtype_name,
            shape: self.shape,
            strides: self.strides,
            offset: storage_offset.saturating_add(self.element.saturating_mul(self.size)),
        }
    }
}

fn zip_directory(source: &ByteSource, file: usize) -> Result<HashMap<String, Entry>, Failure> {
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(source.reader()))?;
    let mut pickle = None;
    let mut members = HashMap::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index)?;
        let name = member.name()?.into_owned();
        if member.compression() != CompressionMethod::Stored {
            return Err(format!("its member {name} is compressed, which PyTorch never does").into());
        }
        let start = member.data_start().ok_or_else(|| format!("its member {name} has no place"))?;
        // Members lie in one folder named after the file: `archive/data.pkl`, `archive/data/0`.
        let (_, inner) = name.split_once('/').unwrap_or(("", &name));
        match inner {
            "data.pkl" => pickle = Some((start, member.size())),
            "byteorder" if member.size() == 3 => {
                drop(member);
                if *source.read(start, 3)? == *b"big" {
                    return Err("its numbers are big-endian".into());
                }
            }
            _ => drop(members.insert(inner.to_owned(), (start, member.size()))),
        }
    }
    let (start, length) = pickle.ok_or("it is a zip file without data.pkl, not a PyTorch checkpoint")?;
    if length > MAX_PICKLE {
        return Err("its pickle is too long".into());
    }
    let bytes = source.read(start, length as usize)?;
    let mut machine = Machine::default();
    let (value, _) = machine.run(&bytes)?;
    let mut entries = HashMap::new();
    for view in (Reader { machine: &machine }).state_dict(&value)? {
        let (offset, length) = *members
            .get(&format!("data/{}", view.storage))
            .ok_or_else(|| format!("the storage of tensor {} is missing", view.name))?;
        let name = view.name.clone();
        let entry = view.entry(file, offset);
        if entry.end() > offset + length {
            return Err(format!("tensor {name} reaches beyond its storage").into());
        }
        entries.insert(name, entry);
    }
    Ok(entries)
}

/// Magic number, protocol, system description, the state dict, the list of storages; then each storage with its length before it.
fn legacy_directory(source: &ByteSource, file: usize) -> Result<HashMap<String, Entry>, Failure> {
    let not_torch = "it is neither a zip file nor an older PyTorch checkpoint";
    let head = source.read(0, source.size.min(MAX_PICKLE) as usize)?;
    let mut position = 0;
    let mut next = |machine: &mut Machine| -> Result<Value, Failure> {
        let (value, used) = machine.run(&head[position..])?;
        position += used;
        Ok(value)
    };
    match next(&mut Machine::default()) {
        Ok(Value::Long(bytes)) if bytes == LEGACY_MAGIC => {}
        _ => return Err(not_torch.into()),
    }
    next(&mut Machine::default())?;
    next(&mut Machine::default())?;
    let mut machine = Machine::default();
    let value = next(&mut machine)?;
    let views = (Reader { machine: &machine }).state_dict(&value)?;
    let mut keys = Machine::default();
    let Value::List(list) = next(&mut keys)? else { return Err("its list of storages is missing".into()) };

    let sizes: HashMap<&str, u64> = views.iter().map(|view| (view.storage.as_str(), view.size)).collect();
    let mut storages = HashMap::new();
    let mut offset = position as u64;
    for key in &keys.lists[list] {
        let key = key.as_text().ok_or("a storage without a name")?;
        if offset + 8 > source.size {
            return Err(ModelError::Truncated {
                file: source.name.clone(),
                tensor: format!("storage {key}"),
                needed: offset + 8,
                size: source.size,
            }
            .into());
        }
        let mut count = [0; 8];
        count.copy_from_slice(&source.read(offset, 8)?);
        let size = *sizes.get(key).ok_or_else(|| format!("storage {key} has an unknown format"))?;
        let length = u64::from_le_bytes(count).checked_mul(size).ok_or("a storage without end")?;
        storages.insert(key.to_owned(), offset + 8);
        offset = (offset + 8).checked_add(length).ok_or("a storage without end")?;
    }
    let mut entries = HashMap::new();
    for view in views {
        let offset = *storages.get(&view.storage).ok_or_else(|| format!("the storage of tensor {} is missing", view.name))?;
        entries.insert(view.name.clone(), view.entry(file, offset));
    }
    Ok(entries)
}

struct Reader<'a> {
    machine: &'a Machine,
}

impl Reader<'_> {
    /// The tensors of a state dict; other values in it (a version, a step count) are passed over, calls to anything else are refused.
    fn state_dict(&self, value: &Value) -> Result<Vec<View>, String> {
        let Value::Dict(index) = value else { return Err("it holds no state dict".to_owned()) };
        let mut views = Vec::new();
        for (key, value) in &self.machine.dicts[*index] {
            let Some(name) = key.as_text() else { return Err("its state dict has a key that is no name".to_owned()) };
            if let Value::Call(call) = value {
                views.push(self.tensor(name, &call.0, &call.1)?);
            }
        }
        Ok(views)
    }

    fn tensor(&self, name: &str, callable: &Value, arguments: &Value) -> Result<View, String> {
        let odd = || format!("tensor {name} is not described properly");
        let arguments = arguments.as_tuple().ok_or_else(odd)?;
        match callable.as_global() {
            Some("torch._utils._rebuild_tensor_v2") => {}
            Some("torch._utils._rebuild_parameter") => {
                return match arguments.first() {
                    Some(Value::Call(call)) => self.tensor(name, &call.0, &call.1),
                    _ => Err(odd()),
                };
            }
            Some(other) => return Err(format!("tensor {name} wants to call {other}, which is never done")),
            None => return Err(odd()),
        }
        let [storage, element, shape, strides, ..] = arguments else { return Err(odd()) };
        let Value::Persistent(id) = storage else { return Err(odd()) };
        let id = id.as_tuple().ok_or_else(odd)?;
        let [kind, class, key, ..] = id else { return Err(odd()) };
        if kind.as_text() != Some("storage") {
            return Err(odd());
        }
        let dtype_name = class.as_global().ok_or_else(odd)?.trim_start_matches("torch.").to_owned();
        let (dtype, size) = match dtype_name.as_str() {
            "FloatStorage" => (Some(StoredType::F32), 4),
            "HalfStorage" => (Some(StoredType::F16), 2),
            "BFloat16Storage" => (Some(StoredType::Bf16), 2),
            "DoubleStorage" => (Some(StoredType::F64), 8),
            "LongStorage" => (None, 8),
            "IntStorage" => (None, 4),
            "ShortStorage" => (None, 2),
            "CharStorage" | "ByteStorage" | "BoolStorage" => (None, 1),
            other => return Err(format!("tensor {name} lies in a {other}, which is not known")),
        };
        let sizes = |value: &Value| -> Option<Vec<usize>> { value.as_tuple()?.iter().map(Value::as_size).collect() };
        let (shape, strides) = (sizes(shape).ok_or_else(odd)?, sizes(strides).ok_or_else(odd)?);
        if shape.len() != strides.len() {
            return Err(odd());
        }
        Ok(View {
            name: name.to_owned(),
            storage: key.as_text().ok_or_else(odd)?.to_owned(),
            dtype,
            dtype_name,
            size,
            element: element.as_size().ok_or_else(odd)? as u64,
            shape,
            strides,
        })
    }
}
