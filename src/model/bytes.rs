//! Bytes of a weight file, read piece by piece: from a file by position, or from the binary itself.
//!
//! Files are read, not mapped: the pages of a mapping count as the process's own memory while a model loads, and a file cut short by
//! another process would end this one with a signal instead of an error.

use super::error::{ModelError, Result};
use crate::hub::{FileSource, ModelFiles, refuse_pointer};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek};

/// A readable file of a model.
#[derive(Debug)]
pub(super) struct ByteSource {
    /// What messages call it.
    pub name: String,
    pub size: u64,
    storage: Storage,
}

#[derive(Debug)]
enum Storage {
    File(File),
    Static(&'static [u8]),
}

impl ByteSource {
    /// Opens `file` of a model; `None` where the model has no such file.
    pub fn open(files: &ModelFiles, file: &str) -> Result<Option<Self>> {
        match &files.source {
            FileSource::Folder(_) => {
                let Some(path) = files.path(file) else { return Ok(None) };
                let name = path.display().to_string();
                let open = || -> io::Result<Self> {
                    let handle = File::open(&path)?;
                    refuse_pointer(&path, &handle)?;
                    Ok(Self { name: name.clone(), size: handle.metadata()?.len(), storage: Storage::File(handle) })
                };
                open().map(Some).map_err(|source| ModelError::Io { file: name.clone(), source })
            }
            FileSource::Embedded(contents) => Ok(contents.iter().find(|(name, _)| *name == file).map(|(_, bytes)| Self {
                name: format!("{} ({})", file, files.name),
                size: bytes.len() as u64,
                storage: Storage::Static(bytes),
            })),
        }
    }

    /// `length` bytes from `offset`; borrowed where the file lies in the binary. The caller has checked that they are there.
    pub fn read(&self, offset: u64, length: usize) -> Result<Cow<'static, [u8]>> {
        match &self.storage {
            Storage::Static(bytes) => {
                let start = offset as usize;
                match bytes.get(start..start.saturating_add(length)) {
                    Some(slice) => Ok(Cow::Borrowed(slice)),
                    None => Err(self.error(io::ErrorKind::UnexpectedEof.into())),
                }
            }
            Storage::File(file) => {
                let mut buffer = vec![0; length];
                read_exact_at(file, &mut buffer, offset).map_err(|source| self.error(source))?;
                Ok(Cow::Owned(buffer))
            }
        }
    }

    /// A reader over the whole, with its own position.
    pub fn reader(&self) -> SourceReader<'_> {
        SourceReader { source: self, position: 0 }
    }

    fn error(&self, source: io::Error) -> ModelError {
        ModelError::Io { file: self.name.clone(), source }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                buffer = &mut buffer[n..];
                offset += n as u64;
            }
        }
    }
    Ok(())
}

/// [`Read`] and [`Seek`] over a [`ByteSource`], for the zip directory of `pytorch_model.bin`.
pub(super) struct SourceReader<'a> {
    source: &'a ByteSource,
    position: u64,
}

impl Read for SourceReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.source.size.saturating_sub(self.position);
        let length = (buffer.len() as u64).min(left) as usize;
        if length == 0 {
            return Ok(0);
        }
        match &self.source.storage {
            Storage::Static(bytes) => {
                let start = self.position as usize;
                buffer[..length].copy_from_slice(&bytes[start..start + length]);
            }
            Storage::File(file) => read_exact_at(file, &mut buffer[..length], self.position)?,
        }
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for SourceReader<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let position = match to {
            io::SeekFrom::Start(offset) => Some(offset),
            io::SeekFrom::End(offset) => self.source.size.checked_add_signed(offset),
            io::SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
