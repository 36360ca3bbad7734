//! Where a model's files come from: the registry of known models, the Hugging Face hub and its cache, a local folder, the built-in model.

use std::path::PathBuf;

/// The files of one model, ready to be opened.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    /// The name a run says and every record carries: a registry name, `org/repo@revision` or a folder.
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
