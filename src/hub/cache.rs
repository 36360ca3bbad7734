//! The Hugging Face cache on disk, as Python's `huggingface_hub` lays it out and reads it:
//!
//! ```text
//! models--ORG--REPO/
//!     refs/main                      the commit that `main` was, when it was pulled
//!     snapshots/COMMIT/config.json   link to …
//!     blobs/ETAG                     … the content, named by its SHA-256 (large files) or Git hash (small ones)
//! .locks/models--ORG--REPO/ETAG.lock
//! ```
//!
//! A name appears under `snapshots/` only when its content is whole and checked, and a branch under `refs/` only when its snapshot is whole.

use super::contents;
use super::error::{HubError, Result};
use hf_hub::{Repo, RepoType};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The cache folder.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// A model found in the cache.
#[derive(Debug, Clone, PartialEq)]
pub struct Cached {
    /// `ORG/REPO`.
    pub repo: String,
    pub commit: String,
    /// Branches and tags that point at it.
    pub refs: Vec<String>,
    pub folder: PathBuf,
    /// `model_type` of its configuration.
    pub model_type: String,
    /// Bytes of its files.
    pub size: u64,
}

impl Cache {
    pub fn new(root: impl Into<PathBuf>) -> Cache {
        Cache { root: root.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn repo_name(repo: &str) -> String {
        Repo::new(repo.to_owned(), RepoType::Model).folder_name()
    }

    pub(super) fn repo(&self, repo: &str) -> PathBuf {
        self.root.join(Cache::repo_name(repo))
    }

    pub(super) fn blob(&self, repo: &str, etag: &str) -> PathBuf {
        self.repo(repo).join("blobs").join(etag)
    }

    /// The folder of a commit, whether it exists or not.
    pub(super) fn snapshot(&self, repo: &str, commit: &str) -> PathBuf {
        self.repo(repo).join("snapshots").join(commit)
    }

    pub(super) fn lock(&self, repo: &str, etag: &str) -> PathBuf {
        self.root.join(".locks").join(Cache::repo_name(repo)).join(format!("{etag}.lock"))
    }

    /// The commit that `revision` stands for here: a ref that was pulled, or the commit itself.
    pub fn commit(&self, repo: &str, revision: &str) -> Option<String> {
        let by_ref = fs::read_to_string(self.repo(repo).join("refs").join(revision)).ok();
        let commit = by_ref.map(|text| text.trim().to_owned()).unwrap_or_else(|| revision.to_owned());
        (contents::is_plain_name(&commit) && self.snapshot(repo, &commit).is_dir()).then_some(commit)
    }

    /// The snapshot of a revision where it is here and whole.
    pub fn find(&self, repo: &str, revision: &str) -> Option<PathBuf> {
        let folder = self.snapshot(repo, &self.commit(repo, revision)?);
        contents::missing(&folder).is_ok_and(|missing| missing.is_empty()).then_some(folder)
    }

    /// Points `revision` at a commit, for other programs at once: the file is never seen half written.
    pub(super) fn set_ref(&self, repo: &str, revision: &str, commit: &str) -> Result<()> {
        let path = self.repo(repo).join("refs").join(revision);
        let folder = path.parent().unwrap_or(&path);
        let write = || {
            fs::create_dir_all(folder)?;
            let file = tempfile::NamedTempFile::new_in(folder)?;
            fs::write(file.path(), commit)?;
            file.persist(&path).map_err(|error| error.error)
        };
        write().map(drop).map_err(|error| HubError::io("write", &path, error))
    }

    /// Every whole Marian or M2M100/NLLB model of the cache, by name.
    pub fn models(&self) -> Vec<Cached> {
        let mut models: Vec<Cached> = names(&self.root)
            .iter()
            .filter_map(|name| name.strip_prefix("models--"))
            .flat_map(|name| self.snapshots(&name.replacen("--", "/", 1)))
            .filter(|model| contents::is_supported(&model.model_type))
            .filter(|model| contents::missing(&model.folder).is_ok_and(|missing| missing.is_empty()))
            .collect();
        models.sort_by(|a, b| (&a.repo, &a.commit).cmp(&(&b.repo, &b.commit)));
        models
    }

    /// All snapshots of one repository, whole or not.
    pub fn snapshots(&self, repo: &str) -> Vec<Cached> {
        let refs = self.refs(repo);
        let snapshot = |commit: String| {
            let folder = self.snapshot(repo, &commit);
            let config = fs::read(folder.join(contents::CONFIG)).unwrap_or_default();
            Cached {
                repo: repo.to_owned(),
                refs: refs.iter().filter(|(_, c)| *c == commit).map(|(name, _)| name.clone()).collect(),
                model_type: contents::model_type(&config).unwrap_or_default(),
                size: size_of(&folder),
                folder,
                commit,
            }
        };
        names(&self.repo(repo).join("snapshots")).into_iter().map(snapshot).collect()
    }

    /// Branches, tags and pull requests that were pulled, with their commits.
    fn refs(&self, repo: &str) -> Vec<(String, String)> {
        let root = self.repo(repo).join("refs");
        let files = walkdir::WalkDir::new(&root).sort_by_file_name().into_iter().flatten();
        let read = |entry: walkdir::DirEntry| {
            let name = entry.path().strip_prefix(&root).ok()?.to_str()?.replace('\\', "/");
            Some((name, fs::read_to_string(entry.path()).ok()?.trim().to_owned()))
        };
        files.filter(|entry| entry.file_type().is_file()).filter_map(read).collect()
    }

    /// Removes one commit of a repository, its refs, and the blobs that no other commit uses; the whole repository folder with the last commit.
    /// Other repositories are never touched. Returns the bytes freed.
    pub fn remove(&self, repo: &str, commit: &str) -> Result<u64> {
        let folder = self.repo(repo);
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |error| HubError::io("remove", &path, error)
        };
        let others: Vec<String> = names(&folder.join("snapshots")).into_iter().filter(|name| name != commit).collect();
        let freed = |before: u64| before.saturating_sub(disk_usage(&folder));
        let before = disk_usage(&folder);
        if others.is_empty() {
            fs::remove_dir_all(&folder).map_err(fail(&folder))?;
            let locks = self.root.join(".locks").join(Cache::repo_name(repo));
            // Lock files are empty and may be missing: nothing depends on them.
            let _ = fs::remove_dir_all(&locks);
            return Ok(freed(before));
        }
        let blobs_of = |commit: &str| -> BTreeSet<PathBuf> {
            let files = walkdir::WalkDir::new(self.snapshot(repo, commit)).into_iter().flatten();
            files.filter_map(|entry| blob_of(entry.path())).collect()
        };
        let used: BTreeSet<PathBuf> = others.iter().flat_map(|commit| blobs_of(commit)).collect();
        let unused: Vec<PathBuf> = blobs_of(commit).difference(&used).cloned().collect();
        for (name, _) in self.refs(repo).iter().filter(|(_, c)| c == commit) {
            let path = folder.join("refs").join(name);
            fs::remove_file(&path).map_err(fail(&path))?;
        }
        let snapshot = self.snapshot(repo, commit);
        fs::remove_dir_all(&snapshot).map_err(fail(&snapshot))?;
        for blob in unused {
            fs::remove_file(&blob).map_err(fail(&blob))?;
        }
        Ok(freed(before))
    }
}

/// Where a file of a snapshot links to; its name is the hash of its content. `None` for a file that is no link.
pub(super) fn blob_of(file: &Path) -> Option<PathBuf> {
    let target = fs::read_link(file).ok()?;
    let blob = file.parent()?.join(target);
    // `snapshots/COMMIT/../../blobs/ETAG`, made plain so that two commits' links compare equal.
    let name = blob.file_name()?.to_owned();
    Some(fs::canonicalize(blob.parent()?).ok()?.join(name))
}

/// Makes `pointer` a relative link to `blob`, or a copy where the file system has no links.
pub(super) fn link(blob: &Path, pointer: &Path) -> Result<()> {
    let make = || -> io::Result<()> {
        fs::create_dir_all(pointer.parent().unwrap_or(pointer))?;
        // A link left dangling by a removed blob would be in the way.
        if pointer.symlink_metadata().is_ok() && !pointer.exists() {
            fs::remove_file(pointer)?;
        }
        let relative = Path::new("../../blobs").join(blob.file_name().unwrap_or_default());
        #[cfg(unix)]
        let linked = std::os::unix::fs::symlink(relative, pointer);
        #[cfg(windows)]
        let linked = std::os::windows::fs::symlink_file(relative, pointer);
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::copy(blob, pointer).map(drop),
            _ => Ok(()),
        }
    };
    make().map_err(|error| HubError::io("link", pointer, error))
}

/// Names in a folder, sorted; none where there is no folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// Bytes of a folder's files, links followed.
pub fn size_of(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).follow_links(true).into_iter().flatten();
    files.filter_map(|entry| entry.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum()
}

/// Bytes of a folder's files, links not followed.
fn disk_usage(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    files.filter_map(|entry| entry.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum()
}

/// Bytes that this user may still write where `folder` is or will be; `None` where the system does not say.
pub fn free_space(folder: &Path) -> Option<u64> {
    let existing = folder.ancestors().find(|path| path.exists())?;
    #[cfg(unix)]
    return rustix::fs::statvfs(existing).ok().map(|disk| disk.f_bavail * disk.f_frsize);
    #[cfg(not(unix))]
    {
        let _ = existing;
        None
    }
}
