//! Whether a model's files are still what the hub gave: the cache names each by its hash.

use super::cache::blob_of;
use super::checksum::{self, Comparison};
use super::error::{HubError, Result};
use super::{FileSource, ModelFiles};
use std::path::Path;

/// The check of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileCheck {
    pub file: String,
    pub size: u64,
    pub verdict: Verdict,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The content has the hash that the hub gave.
    Matches { kind: &'static str },
    /// The content has changed.
    Differs { kind: &'static str, expected: String, found: String },
    /// Nothing says what the content should be (a local folder, a copied cache); its SHA-256 is given to compare by hand.
    Unknown { sha256: String },
    /// Part of the binary.
    CompiledIn,
}

impl ModelFiles {
    /// Hashes every file and compares it with the hash that the hub gave when it was fetched.
    pub fn verify(&self) -> Result<Vec<FileCheck>> {
        let folder = match &self.source {
            FileSource::Folder(folder) => folder,
            FileSource::Embedded(files) => {
                let check = |(name, content): &(&str, &[u8])| FileCheck {
                    file: name.to_string(),
                    size: content.len() as u64,
                    verdict: Verdict::CompiledIn,
                };
                return Ok(files.iter().map(check).collect());
            }
        };
        let entries = walkdir::WalkDir::new(folder).max_depth(1).follow_links(true).sort_by_file_name();
        let mut checks = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(folder).to_owned();
                HubError::io("read", &path, error.into())
            })?;
            if entry.file_type().is_file() {
                let fail = |error| HubError::io("read", entry.path(), error);
                let size = std::fs::metadata(entry.path()).map_err(fail)?.len();
                let verdict = check(entry.path()).map_err(fail)?;
                checks.push(FileCheck { file: entry.file_name().to_string_lossy().into_owned(), size, verdict });
            }
        }
        Ok(checks)
    }
}

fn check(path: &Path) -> std::io::Result<Verdict> {
    let etag = blob_of(path).and_then(|blob| Some(blob.file_name()?.to_str()?.to_owned())).unwrap_or_default();
    Ok(match checksum::compare(path, &etag, || {})? {
        None => Verdict::Unknown { sha256: checksum::sha256(path, || {})? },
        Some(Comparison { kind, matches: true, .. }) => Verdict::Matches { kind: kind.name() },
        Some(Comparison { kind, found, .. }) => Verdict::Differs { kind: kind.name(), expected: etag, found },
    })
}
