//! Transfer of one file into the cache, by hf-hub, made safe.
//!
//! hf-hub 0.5 fetches `blobs/ETAG.part` (resuming what is there), renames it to `blobs/ETAG` and links the snapshot to it. It checks nothing, has
//! no time-outs, trusts a server that ignores ranges, and gives up on a lock after five seconds. Three things are put around it:
//!
//! * a [`Gate`], hf-hub's own progress hook, which is called between the last byte and the rename. It checks size and hash, and takes away a file
//!   that is wrong, so that hf-hub's rename fails: nothing broken is ever visible under the blob's name, not for a moment;
//! * a watch on the worker thread that hf-hub runs in, which ends the wait when nothing comes for too long;
//! * the cache's own lock (`.locks`), shared with other processes and with Python, held around the whole.

use super::cache::{self, Cache};
use super::checksum;
use super::error::{HubError, Result, is_full};
use super::remote::RemoteFile;
use super::settings::Settings;
use super::{Event, Progress};
use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Repo, RepoType};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Breaks that a download survives before it becomes an error.
const RETRIES: u32 = 4;

/// Downloads files of one repository.
pub(super) struct Downloader<'a> {
    api: Api,
    cache: &'a Cache,
    settings: &'a Settings,
    repo: &'a str,
}

impl<'a> Downloader<'a> {
    pub fn new(cache: &'a Cache, settings: &'a Settings, repo: &'a str) -> Downloader<'a> {
        let builder = ApiBuilder::new()
            .with_cache_dir(cache.root().to_owned())
            .with_endpoint(settings.endpoint.clone())
            .with_token(settings.token.as_ref().map(|token| token.secret().to_owned()))
            .with_user_agent("jisr", env!("CARGO_PKG_VERSION"))
            .with_progress(false);
        let api = builder.build().expect("hf-hub builds its agent without input or output");
        Downloader { api, cache, settings, repo }
    }

    /// Whether `file` is already in its snapshot, or its content under another name or commit.
    pub fn has(&self, file: &RemoteFile) -> bool {
        let size = |path: PathBuf| fs::metadata(path).ok().map(|m| m.len());
        size(self.pointer(file)).is_some() || size(self.blob(file)) == Some(file.size)
    }

    /// Bytes of `file` that an earlier attempt left.
    pub fn partial(&self, file: &RemoteFile) -> u64 {
        fs::metadata(self.part(file)).map_or(0, |m| m.len()).min(file.size)
    }

    /// Brings `file` into the cache and returns its path in the snapshot.
    pub fn fetch(&self, file: &RemoteFile, progress: &mut dyn Progress) -> Result<PathBuf> {
        let pointer = self.pointer(file);
        if pointer.exists() {
            return Ok(pointer);
        }
        let _lock = self.lock(file, progress)?;
        let blob = self.blob(file);
        match fs::metadata(&blob) {
            Ok(found) if found.len() == file.size => return cache::link(&blob, &pointer).map(|()| pointer),
            Ok(_) => fs::remove_file(&blob).map_err(|error| HubError::io("remove", &blob, error))?,
            Err(_) => {}
        }
        if self.finish_partial(file)? {
            return cache::link(&blob, &pointer).map(|()| pointer);
        }
        let mut retries = 0;
        loop {
            let resumed = self.partial(file) > 0;
            let error = match self.transfer(file, progress) {
                Ok(()) => return Ok(pointer),
                Err(error) => error,
            };
            let again = match &error {
                HubError::Interrupted { .. } | HubError::Server { .. } | HubError::WrongSize { .. } => retries < RETRIES,
                // What was there before may have been the broken part: once more, from the start.
                HubError::Checksum { .. } => resumed && retries == 0,
                _ => false,
            };
            if !again {
                return Err(error);
            }
            progress.event(Event::Retry { file: &file.name, problem: &error });
            std::thread::sleep(Duration::from_millis(250 << retries));
            retries += 1;
        }
    }

    /// One attempt: hf-hub in a thread of its own, watched for silence.
    fn transfer(&self, file: &RemoteFile, progress: &mut dyn Progress) -> Result<()> {
        let (sender, receiver) = mpsc::channel();
        let verdict = Arc::new(Mutex::new(None));
        let gate = Gate { sender: sender.clone(), part: self.part(file), file: file.clone(), verdict: verdict.clone() };
        let repo = Repo::with_revision(self.repo.to_owned(), RepoType::Model, file.commit.clone());
        let (repo, name) = (self.api.repo(repo), file.name.clone());
        std::thread::spawn(move || {
            let result = repo.download_with_progress(&name, gate);
            // Nobody listens any more after a time-out.
            let _ = sender.send(Message::End(result));
        });
        let mut done = 0;
        progress.event(Event::Start { file: &file.name, size: file.size });
        let result = loop {
            match receiver.recv_timeout(self.settings.stall_timeout) {
                Ok(Message::Bytes(bytes)) => {
                    done += bytes;
                    progress.event(Event::Bytes { file: &file.name, done, size: file.size });
                }
                Ok(Message::Checking) => {}
                Ok(Message::End(result)) => break result,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let (file, total, after) = (file.name.clone(), file.size, self.settings.stall_timeout);
                    return Err(HubError::Stalled { file, done, total, after });
                }
            }
        };
        self.drop_commit_ref(file);
        let _ = fs::rename(aside(&self.part(file)), self.part(file));
        if let Some(error) = verdict.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take() {
            return Err(error);
        }
        match result {
            Ok(_) => {
                progress.event(Event::Verified { file: &file.name });
                Ok(())
            }
            Err(error) => Err(self.meaning(error, file)),
        }
    }

    /// A whole `.part` that was left before its rename; hf-hub would ask for the bytes after its end and be refused for ever.
    fn finish_partial(&self, file: &RemoteFile) -> Result<bool> {
        let part = self.part(file);
        let length = match fs::metadata(&part) {
            Ok(found) => found.len(),
            Err(_) => return Ok(false),
        };
        let whole = length == file.size && checksum::check(&part, &file.name, &file.etag, || {}).is_ok();
        if whole {
            let blob = self.blob(file);
            fs::rename(&part, &blob).map_err(|error| HubError::io("rename", &blob, error))?;
        } else if length >= file.size {
            fs::remove_file(&part).map_err(|error| HubError::io("remove", &part, error))?;
        }
        Ok(whole)
    }

    /// Waits for other processes that fetch the same content.
    fn lock(&self, file: &RemoteFile, progress: &mut dyn Progress) -> Result<File> {
        let path = self.cache.lock(self.repo, &file.etag);
        let fail = |error| HubError::io("lock", &path, error);
        fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(fail)?;
        let blob = self.blob(file);
        fs::create_dir_all(blob.parent().unwrap_or(&blob)).map_err(|error| HubError::io("create", &blob, error))?;
        let lock = File::options().create(true).append(true).open(&path).map_err(fail)?;
        let mut told = false;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => {
                    if !told {
                        progress.event(Event::Waiting { file: &file.name });
                        told = true;
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
                // A file system without locks: hf-hub's own lock and the check of the content remain.
                Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(lock),
                Err(TryLockError::Error(error)) => return Err(fail(error)),
            }
        }
    }

    /// hf-hub was asked for a commit and notes it as if it were a branch; Python has no such refs.
    fn drop_commit_ref(&self, file: &RemoteFile) {
        let _ = fs::remove_file(self.cache.repo(self.repo).join("refs").join(&file.commit));
    }

    /// What an error of hf-hub means.
    fn meaning(&self, error: ApiError, file: &RemoteFile) -> HubError {
        let (done, total) = (self.partial(file), file.size);
        let interrupted = |cause: String| HubError::Interrupted { file: file.name.clone(), done, total, cause };
        let repo = self.repo.to_owned();
        match error {
            ApiError::IoError(error) if is_full(&error) => {
                let folder = self.cache.root().to_owned();
                let available = cache::free_space(&folder);
                HubError::NoSpace { what: file.name.clone(), folder, needed: Some(total - done), available }
            }
            ApiError::IoError(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                HubError::io("write", &self.blob(file), error)
            }
            ApiError::IoError(error) => interrupted(error.to_string()),
            ApiError::RequestError(error) => match *error {
                ureq::Error::StatusCode(401) => HubError::TokenNeeded { repo },
                ureq::Error::StatusCode(403) => HubError::Forbidden { repo },
                ureq::Error::StatusCode(404) => {
                    HubError::FileNotFound { repo, revision: file.commit.clone(), file: file.name.clone() }
                }
                ureq::Error::StatusCode(429) => HubError::RateLimited,
                ureq::Error::StatusCode(status) if status >= 500 => HubError::Server { status, url: self.url(file) },
                ureq::Error::StatusCode(status) => HubError::Status { status, url: self.url(file) },
                error => interrupted(error.to_string()),
            },
            ApiError::LockAcquisition(lock) => HubError::Locked { lock },
            error @ (ApiError::MissingHeader(_) | ApiError::InvalidHeader(_) | ApiError::ParseIntError(_)) => {
                HubError::NotAHub { url: self.url(file), problem: error.to_string() }
            }
            error => interrupted(error.to_string()),
        }
    }

    fn url(&self, file: &RemoteFile) -> String {
        format!("{}/{}/resolve/{}/{}", self.settings.endpoint, self.repo, file.commit, file.name)
    }

    fn blob(&self, file: &RemoteFile) -> PathBuf {
        self.cache.blob(self.repo, &file.etag)
    }

    fn part(&self, file: &RemoteFile) -> PathBuf {
        self.blob(file).with_extension("part")
    }

    fn pointer(&self, file: &RemoteFile) -> PathBuf {
        self.cache.snapshot(self.repo, &file.commit).join(&file.name)
    }
}

/// Where a short `.part` waits while hf-hub fails to find it.
fn aside(part: &Path) -> PathBuf {
    part.with_extension("short")
}

/// From the worker thread to the one that waits.
enum Message {
    Bytes(u64),
    Checking,
    End(std::result::Result<PathBuf, ApiError>),
}

/// Stands between hf-hub's last byte and its rename.
struct Gate {
    sender: Sender<Message>,
    part: PathBuf,
    file: RemoteFile,
    verdict: Arc<Mutex<Option<HubError>>>,
}

impl hf_hub::api::Progress for Gate {
    fn init(&mut self, _size: usize, _filename: &str) {}

    fn update(&mut self, size: usize) {
        let _ = self.sender.send(Message::Bytes(size as u64));
    }

    fn finish(&mut self) {
        if let Err(error) = self.check() {
            // Without its file hf-hub can't rename it. What is merely short is put aside, to go on from.
            let _ = match error {
                HubError::WrongSize { expected, found, .. } if found < expected => fs::rename(&self.part, aside(&self.part)),
                _ => fs::remove_file(&self.part),
            };
            *self.verdict.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(error);
        }
    }
}

impl Gate {
    fn check(&self) -> Result<()> {
        let found = fs::metadata(&self.part).map_err(|error| HubError::io("read", &self.part, error))?.len();
        if found != self.file.size {
            return Err(HubError::WrongSize { file: self.file.name.clone(), expected: self.file.size, found });
        }
        let tick = || drop(self.sender.send(Message::Checking));
        checksum::check(&self.part, &self.file.name, &self.file.etag, tick)
    }
}

/// Whether `needed` bytes fit where the cache is.
pub(super) fn check_space(cache: &Path, what: &str, needed: u64) -> Result<()> {
    match cache::free_space(cache) {
        Some(available) if available < needed => Err(HubError::NoSpace {
            what: what.to_owned(),
            folder: cache.to_owned(),
            needed: Some(needed),
            available: Some(available),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// A disk can't be filled in a test; what hf-hub reports when it is can be made.
    #[test]
    fn errors_of_hf_hub_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let settings = Settings { token: None, ..Settings::from_variables(|_| None) };
        let downloader = Downloader::new(&cache, &settings, "org/model");
        let file = RemoteFile { name: "model.safetensors".into(), commit: "c0".into(), etag: "e0".into(), size: 100 };
        let meaning = |error: ApiError| downloader.meaning(error, &file);
        let io = |kind: io::ErrorKind| ApiError::IoError(kind.into());
        let status = |code| ApiError::RequestError(Box::new(ureq::Error::StatusCode(code)));
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let error = meaning(io(kind));
            assert!(matches!(error, HubError::NoSpace { needed: Some(100), .. }), "{error}");
            assert!(error.to_string().contains("model.safetensors") && error.to_string().contains("hint: free some space"));
        }
        assert!(matches!(meaning(io(io::ErrorKind::PermissionDenied)), HubError::Io { .. }));
        assert!(matches!(meaning(io(io::ErrorKind::ConnectionReset)), HubError::Interrupted { .. }));
        assert!(matches!(meaning(status(401)), HubError::TokenNeeded { .. }));
        assert!(matches!(meaning(status(404)), HubError::FileNotFound { .. }));
        assert!(matches!(meaning(status(500)), HubError::Server { status: 500, .. }));
        assert!(matches!(meaning(ApiError::MissingHeader("Content-Range")), HubError::NotAHub { .. }));
        assert!(matches!(meaning(ApiError::LockAcquisition("x.lock".into())), HubError::Locked { .. }));
    }
}
