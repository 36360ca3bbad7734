//! What can go wrong between a model's name and its files, each with what to do about it.
//!
//! A message may span two lines; the second starts with `hint:`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub type Result<T> = std::result::Result<T, HubError>;

/// An error of the registry, the cache or the hub.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Neither a known name nor a folder nor a repository's name; `near` are known names like it, the likest first.
    #[error("unknown model `{name}`\nhint: {}", which_model(name, near))]
    UnknownModel { name: String, near: Vec<String> },

    #[error(
        "this binary was built without the built-in model\nhint: build it with `--features builtin`, or name a model with -m"
    )]
    NoBuiltin,

    #[error("{model} is not in the cache ({}), and offline mode forbids to fetch it\nhint: run `jisr models pull {model}` without --offline and HF_HUB_OFFLINE, or copy the cache folder from a machine that has it", cache.display())]
    NotInCache { model: String, cache: PathBuf },

    #[error(
        "the hub at {endpoint} can't be reached: {cause}\nhint: check the network, HTTPS_PROXY and HF_ENDPOINT; `-m builtin` and models in the cache work without it"
    )]
    Unreachable { endpoint: String, cause: String },

    #[error("the hub at {endpoint} did not answer within {} s\nhint: try again later, or set --endpoint to a mirror", after.as_secs())]
    NoAnswer { endpoint: String, after: Duration },

    #[error("the download of {file} stopped: nothing came for {} s ({done} of {total} bytes are kept)\nhint: run the command again, it goes on where it stopped; HF_HUB_DOWNLOAD_TIMEOUT sets the seconds to wait", after.as_secs())]
    Stalled { file: String, done: u64, total: u64, after: Duration },

    #[error(
        "no secure connection to {endpoint}: {cause}\nhint: check this machine's clock; a proxy that replaces certificates is not trusted: use a mirror with --endpoint, or copy the model's folder and give it with -m"
    )]
    Tls { endpoint: String, cause: String },

    #[error(
        "`{endpoint}` is not the address of a hub\nhint: --endpoint and HF_ENDPOINT take an address such as https://huggingface.co"
    )]
    BadEndpoint { endpoint: String },

    #[error(
        "{repo} asks for a token (401)\nhint: the repository may not exist: check its name; for a private one set HF_TOKEN or run `hf auth login`"
    )]
    TokenNeeded { repo: String },

    #[error(
        "the hub refused the token for {repo} (401)\nhint: make a new one at https://huggingface.co/settings/tokens and set HF_TOKEN, or unset HF_TOKEN for public models"
    )]
    TokenRefused { repo: String },

    #[error(
        "access to {repo} is forbidden (403)\nhint: the token may lack the right to read it, or a firewall answers in the hub's place"
    )]
    Forbidden { repo: String },

    #[error(
        "{repo} is gated: its owner wants its terms accepted first\nhint: accept them at https://huggingface.co/{repo}, then set HF_TOKEN to a token of that account"
    )]
    Gated { repo: String },

    #[error(
        "there is no repository {repo} at {endpoint} (404)\nhint: check the spelling: ORG/REPO, upper and lower case count; private ones need HF_TOKEN"
    )]
    RepoNotFound { repo: String, endpoint: String },

    #[error(
        "{repo} has no revision `{revision}` (404)\nhint: a revision is a branch, a tag, refs/pr/N or a commit; leave out @{revision} for the newest"
    )]
    RevisionNotFound { repo: String, revision: String },

    #[error("{repo} has no file {file} at revision {revision} (404)")]
    FileNotFound { repo: String, revision: String, file: String },

    #[error(
        "the hub refuses further requests for now (429)\nhint: wait some minutes; requests with HF_TOKEN have a higher limit"
    )]
    RateLimited,

    #[error("the hub answered {status} for {url}\nhint: the fault is on its side; try again later")]
    Server { status: u16, url: String },

    #[error("unexpected answer {status} for {url}\nhint: check --endpoint and HF_ENDPOINT")]
    Status { status: u16, url: String },

    #[error(
        "{url} does not answer as a Hugging Face hub: {problem}\nhint: a login page or proxy may answer in its place; check --endpoint and HF_ENDPOINT"
    )]
    NotAHub { url: String, problem: String },

    #[error(
        "the download of {file} broke off ({cause}); {done} of {total} bytes are kept\nhint: run the command again, it goes on where it stopped"
    )]
    Interrupted { file: String, done: u64, total: u64, cause: String },

    #[error(
        "{file} came with {found} bytes instead of {expected}; it was not taken as a model file\nhint: run the command again"
    )]
    WrongSize { file: String, expected: u64, found: u64 },

    #[error(
        "{file} does not have the checksum that the hub gives ({kind} {expected}, found {found}); it was discarded\nhint: run the command again; if it happens again, a proxy or the disk damages the data"
    )]
    Checksum { file: String, kind: &'static str, expected: String, found: String },

    #[error("no space left for {what} in {}{}\nhint: free some space, or choose another disk with --cache-dir or HF_HOME", folder.display(), shortage(*needed, *available))]
    NoSpace { what: String, folder: PathBuf, needed: Option<u64>, available: Option<u64> },

    #[error(
        "{model} is a `{model_type}` model; jisr runs marian and m2m_100 (NLLB) models\nhint: `jisr models list` shows models that work"
    )]
    UnsupportedFamily { model: String, model_type: String },

    #[error("{model} lacks {}\nhint: a model folder needs config.json, weights (model.safetensors or pytorch_model.bin, or all their shards) and its tokenizer's files", missing.join(", "))]
    MissingFiles { model: String, missing: Vec<String> },

    #[error("another program holds the lock {} for too long\nhint: wait for its download to end, or stop it", lock.display())]
    Locked { lock: PathBuf },

    #[error("{}: {problem}", path.display())]
    Registry { path: PathBuf, problem: String },

    #[error("can't {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

/// What to write in the place of a model's name that is none.
fn which_model(name: &str, near: &[String]) -> String {
    let list = "`jisr models list` shows the known ones";
    if !near.is_empty() {
        let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
        return format!("did you mean {}? {list}", near.join(" or "));
    }
    if name.starts_with(['/', '.', '~']) || name.contains('\\') || name.matches('/').count() > 1 {
        return format!("there is no folder of that name, and it is not ORG/REPO[@REVISION]; {list}");
    }
    format!("{list}; ORG/REPO[@REVISION] takes any Marian or M2M100/NLLB model of the hub, and a path the folder of one")
}

fn shortage(needed: Option<u64>, available: Option<u64>) -> String {
    match (needed, available) {
        (Some(needed), Some(available)) => {
            format!(": {} needed, {} free", super::bytes_for_people(needed), super::bytes_for_people(available))
        }
        _ => String::new(),
    }
}

impl HubError {
    /// Whether nothing answered at all: no network, no such host, no connection in time. Only then may a run fall back to the built-in model.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, HubError::Unreachable { .. } | HubError::NoAnswer { .. })
    }

    /// An input/output error at `path`; a full disk becomes [`HubError::NoSpace`].
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> HubError {
        if is_full(&source) {
            let what = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let folder = path.parent().unwrap_or(path).to_owned();
            return HubError::NoSpace { what, folder, needed: None, available: None };
        }
        HubError::Io { action, path: path.to_owned(), source }
    }
}

/// Whether the disk, or this user's share of it, is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
