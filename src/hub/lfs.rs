//! Git LFS pointers: what a `git clone` without Git LFS leaves in the place of a model's large files.
//!
//! A pointer is a few lines of text (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>). It is recognised where a file is opened, so
//! that nobody takes it for damaged weights.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

const START: &[u8] = b"version https://git-lfs.github.com/spec/v1";

/// A pointer where the file itself should be. The caller's message names the file.
#[derive(Debug, thiserror::Error)]
#[error("it is a Git LFS pointer, not the file itself\nhint: run `git lfs pull` in {}", folder.display())]
struct LfsPointer {
    folder: PathBuf,
}

/// Refuses the file at `path` where its content starts as a pointer does. Reads no more than that start.
pub(crate) fn refuse_pointer(path: &Path, content: impl Read) -> io::Result<()> {
    let mut start = Vec::with_capacity(START.len());
    content.take(START.len() as u64).read_to_end(&mut start)?;
    if start != START {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Err(io::Error::new(io::ErrorKind::InvalidData, LfsPointer { folder: folder.to_owned() }))
}
