//! Packed weights in a file, so that the next start maps them instead of packing again.
//!
//! A file is named by a fingerprint of the model's configuration and weight files and by the version of the packing; it holds a header, a
//! checksum of everything behind it, and the bytes of a [`Layout`]. It is written beside its place and renamed into it, so two processes that
//! start at once both end with a whole file. A file that is not exactly what it should be is packed anew. Nothing here can make a start fail.

use super::layout::Layout;
use super::storage::{self, Storage};
use crate::hub::{FileSource, ModelFiles};
use crate::model::{self, Checkpoint};
use memmap2::{Mmap, MmapMut};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Changed whenever the meaning of the bytes changes.
const VERSION: u32 = 4;
const MAGIC: &[u8; 12] = b"jisr packed\n";
/// Magic, version, size, checksum, padding: the weights start at a page.
const HEADER: usize = 4096;
/// Below this packing takes less than a tenth of a second and no file is kept.
const WORTH_KEEPING: u64 = 48 << 20;

/// Where packed files are kept: `JISR_PACKED_CACHE`, else `jisr/packed` in the user's cache folder. `None` where there is no such folder, or where
/// the variable is empty (keeps no files).
pub fn default_folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name);
    if let Some(folder) = variable("JISR_PACKED_CACHE") {
        return (!folder.is_empty()).then(|| folder.into());
    }
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("LOCALAPPDATA")).or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(base.join("jisr").join("packed"))
}

/// Maps the packed file of a model from `folder`, or packs the model and leaves the file there.
pub(super) fn open(folder: &Path, files: &ModelFiles, checkpoint: &Checkpoint, layout: &Layout) -> model::Result<Storage> {
    if checkpoint.weights().stored_bytes() < WORTH_KEEPING {
        return Storage::pack(checkpoint, layout);
    }
    let Ok(name) = fingerprint(files, checkpoint) else { return Storage::pack(checkpoint, layout) };
    let path = folder.join(format!("{name}.packed"));
    if let Some(storage) = map(&path, layout) {
        return Ok(storage);
    }
    match write(&path, checkpoint, layout)? {
        Some(storage) => Ok(storage),
        None => Storage::pack(checkpoint, layout),
    }
}

/// The file, mapped, if it is whole and of this version and layout.
pub(super) fn map(path: &Path, layout: &Layout) -> Option<Storage> {
    let file = File::open(path).ok()?;
    // SAFETY: packed files are never written in place, only replaced by renaming; nobody else has a reason to touch them.
    let mapped = unsafe { Mmap::map(&file) }.ok()?;
    let (header, weights) = mapped.split_at_checked(HEADER)?;
    (weights.len() == layout.size && header == header_of(weights)).then_some(Storage::Mapped(mapped, HEADER))
}

/// Packs into a file beside `path` and renames it there; `None` if the file system does not allow it.
pub(super) fn write(path: &Path, checkpoint: &Checkpoint, layout: &Layout) -> model::Result<Option<Storage>> {
    let Some((temporary, mut mapped)) = create(path, HEADER + layout.size) else { return Ok(None) };
    storage::fill(checkpoint, layout, &mut mapped[HEADER..])?;
    let header = header_of(&mapped[HEADER..]);
    mapped[..HEADER].copy_from_slice(&header);
    let finish = || -> io::Result<Storage> {
        temporary.persist(path)?;
        Ok(Storage::Mapped(mapped.make_read_only()?, HEADER))
    };
    Ok(finish().ok())
}

/// A temporary file of `size` zeros in the folder of `path`, mapped. Its blocks are reserved: a full disk shows here, not as a signal later.
fn create(path: &Path, size: usize) -> Option<(tempfile::NamedTempFile, MmapMut)> {
    let folder = path.parent()?;
    std::fs::create_dir_all(folder).ok()?;
    let mut file = tempfile::Builder::new().prefix(".packing-").tempfile_in(folder).ok()?;
    let zeros = vec![0; 1 << 20];
    let mut left = size;
    while left > 0 {
        let n = left.min(zeros.len());
        io::Write::write_all(&mut file, &zeros[..n]).ok()?;
        left -= n;
    }
    // SAFETY: the file was just made under a name nobody knows.
    let mapped = unsafe { MmapMut::map_mut(file.as_file()) }.ok()?;
    Some((file, mapped))
}

fn header_of(weights: &[u8]) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend(VERSION.to_le_bytes());
    header.extend((weights.len() as u64).to_le_bytes());
    header.extend(checksum(weights).iter().flat_map(|word| word.to_le_bytes()));
    header.resize(HEADER, 0);
    header
}

/// Eight lanes of multiply and rotate: at the speed of memory, and any damaged bit changes it. Not meant against forgery.
fn checksum(bytes: &[u8]) -> [u64; 8] {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes: [u64; 8] = std::array::from_fn(|i| i as u64 + 1);
    let (blocks, rest) = bytes.as_chunks::<64>();
    let mut last = [0u8; 64];
    last[..rest.len()].copy_from_slice(rest);
    for block in blocks.iter().chain([&last]) {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR).rotate_left(29);
        }
    }
    lanes
}

/// A name for exactly this model: its configuration, and for each weight file the hash that the hub's cache knows it by, else its size,
/// time of change and samples of its content. Reading hundreds of megabytes to hash them would cost more than the packed file saves.
fn fingerprint(files: &ModelFiles, checkpoint: &Checkpoint) -> io::Result<String> {
    let mut hash = Sha256::new();
    hash.update(VERSION.to_le_bytes());
    hash.update(format!("{:?} {:?}", checkpoint.architecture, checkpoint.embeddings()));
    match &files.source {
        FileSource::Folder(folder) => {
            let mut names: Vec<PathBuf> =
                std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
            names.retain(|path| path.extension().is_some_and(|e| e == "safetensors" || e == "bin" || e == "json"));
            names.retain(|path| path.is_file());
            names.sort();
            for path in names {
                hash.update(path.file_name().unwrap_or_default().as_encoded_bytes());
                sample(&mut hash, &path)?;
            }
        }
        FileSource::Embedded(contents) => {
            for (name, bytes) in *contents {
                hash.update(name);
                hash.update(bytes);
            }
        }
    }
    Ok(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

fn sample(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    const PIECES: u64 = 64;
    let resolved = std::fs::canonicalize(path)?;
    let name = resolved.file_name().unwrap_or_default().to_string_lossy();
    if name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()) {
        hash.update(name.as_bytes());
        return Ok(());
    }
    let mut file = File::open(&resolved)?;
    let data = file.metadata()?;
    hash.update(data.len().to_le_bytes());
    if let Ok(time) = data.modified()?.duration_since(std::time::UNIX_EPOCH) {
        hash.update(time.as_nanos().to_le_bytes());
    }
    let mut piece = Vec::new();
    for i in 0..PIECES {
        file.seek(SeekFrom::Start(data.len() / PIECES * i))?;
        piece.clear();
        (&mut file).take(4096).read_to_end(&mut piece)?;
        hash.update(&piece);
    }
    Ok(())
}
