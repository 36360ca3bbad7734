//! The files of one model, wherever they lie.

use super::lfs;
use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

/// The files of one model, ready to be opened.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    /// The name a run says and every record carries: a registry name, `org/repo[@revision]` or a folder.
    pub name: String,
    pub source: FileSource,
}

/// Where [`ModelFiles`] lie.
#[derive(Debug, Clone)]
pub enum FileSource {
    /// A folder in the layout of the hub (a snapshot of the cache or the user's own).
    Folder(PathBuf),
    /// The model compiled into the binary: file name and content.
    Embedded(&'static [(&'static str, &'static [u8])]),
}

impl ModelFiles {
    /// The content of `file`, `None` where the model has no such file; a Git LFS pointer in its place is an error.
    pub fn read(&self, file: &str) -> io::Result<Option<Cow<'static, [u8]>>> {
        match &self.source {
            FileSource::Folder(folder) => {
                let path = folder.join(file);
                match std::fs::read(&path) {
                    Ok(bytes) => lfs::refuse_pointer(&path, &bytes[..]).map(|()| Some(Cow::Owned(bytes))),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(error),
                }
            }
            FileSource::Embedded(files) => {
                Ok(files.iter().find(|(name, _)| *name == file).map(|(_, bytes)| Cow::Borrowed(*bytes)))
            }
        }
    }

    /// The path of `file` where the model lies in a folder that has it (to map it instead of reading it).
    pub fn path(&self, file: &str) -> Option<PathBuf> {
        match &self.source {
            FileSource::Folder(folder) => Some(folder.join(file)).filter(|path| path.is_file()),
            FileSource::Embedded(_) => None,
        }
    }

    /// What tells these files from others of the same name: the hub's commit, else sizes and times of a folder's files, else this build.
    pub fn identity(&self) -> String {
        if let Some(commit) = self.commit() {
            return commit.to_owned();
        }
        let FileSource::Folder(folder) = &self.source else { return env!("CARGO_PKG_VERSION").to_owned() };
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let metadata = std::fs::metadata(entry.path()).ok().filter(std::fs::Metadata::is_file)?;
                let time = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
                Some(format!("{} {} {}", entry.file_name().to_string_lossy(), metadata.len(), time.as_nanos()))
            })
            .collect();
        files.sort();
        files.join("; ")
    }

    /// The commit of a model that lies in the hub's cache.
    pub fn commit(&self) -> Option<&str> {
        match &self.source {
            FileSource::Folder(folder) if folder.parent()?.ends_with("snapshots") => folder.file_name()?.to_str(),
            _ => None,
        }
    }
}
