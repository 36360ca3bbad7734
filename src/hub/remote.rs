//! Asking the hub: what a repository holds at a revision, and the size and hash of each file. Small requests with time-outs of their own, whose
//! failures are told apart by the hub's `x-error-code`; the transfer of the files themselves is [`super::download`]'s.

use super::contents;
use super::error::{HubError, Result};
use super::settings::Settings;
use serde::Deserialize;
use std::time::Duration;
use ureq::http::{HeaderMap, Response, StatusCode, Uri};
use ureq::{Agent, Body};

/// A connection to one hub.
pub(super) struct Remote<'a> {
    settings: &'a Settings,
    agent: Agent,
}

/// What a repository holds at a revision.
#[derive(Debug)]
pub(super) struct Listing {
    /// Absent where the hub only serves files, without an API.
    pub commit: Option<String>,
    pub files: Vec<String>,
    /// Whether `files` was listed by the hub, or is what a model may have.
    pub listed: bool,
    /// The licence that the model's card states.
    pub licence: Option<String>,
}

/// A file on the hub.
#[derive(Debug, Clone)]
pub(super) struct RemoteFile {
    pub name: String,
    pub commit: String,
    /// Names its blob in the cache: SHA-256 in hex for large files, Git's SHA-1 for small ones.
    pub etag: String,
    pub size: u64,
}

/// Answers that are worth a second try, and how often.
const RETRIES: u32 = 2;

impl<'a> Remote<'a> {
    pub fn new(settings: &'a Settings) -> Remote<'a> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(settings.connect_timeout))
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_recv_response(Some(settings.answer_timeout))
            .timeout_recv_body(Some(settings.answer_timeout))
            .user_agent(concat!("jisr/", env!("CARGO_PKG_VERSION")));
        Remote { settings, agent: config.build().into() }
    }

    /// Lists a repository. A hub without an API (a mirror of plain files) is asked for every file that a model may have instead.
    pub fn list(&self, repo: &str, revision: &str) -> Result<Listing> {
        let url = format!("{}/api/models/{repo}/revision/{}", self.settings.endpoint, escape(revision));
        let mut answer = self.get(&url, false)?;
        if answer.status() == StatusCode::NOT_FOUND && error_code(answer.headers()).is_none() {
            let files = contents::candidates().map(str::to_owned).collect();
            return Ok(Listing { commit: None, files, listed: false, licence: None });
        }
        if !answer.status().is_success() {
            return Err(self.refusal(&answer, &url, repo, revision, None));
        }
        #[derive(Deserialize)]
        struct Info {
            sha: String,
            siblings: Vec<Sibling>,
            #[serde(default, rename = "cardData")]
            card: Option<Card>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
        }
        #[derive(Deserialize)]
        struct Card {
            license: Option<serde_json::Value>,
        }
        let body = answer.body_mut().with_config().limit(32 << 20).read_to_vec();
        let body = body.map_err(|error| self.failure(error))?;
        let odd = |problem: String| HubError::NotAHub { url: url.clone(), problem };
        let info: Info = serde_json::from_slice(&body).map_err(|error| odd(format!("its answer is no model info ({error})")))?;
        if !contents::is_plain_name(&info.sha) {
            return Err(odd(format!("`{}` is no commit", info.sha)));
        }
        let licence = info.card.and_then(|card| Some(card.license?.as_str()?.to_owned()));
        let files = info.siblings.into_iter().map(|s| s.rfilename).collect();
        Ok(Listing { commit: Some(info.sha), files, listed: true, licence })
    }

    /// Size, hash and commit of a file; `None` where the revision has no such file.
    ///
    /// The request is the one that hf-hub itself makes: the first byte, without following a redirect to the storage, whose headers know nothing of
    /// commits and hashes.
    pub fn file(&self, repo: &str, revision: &str, name: &str) -> Result<Option<RemoteFile>> {
        let url = format!("{}/{repo}/resolve/{}/{name}", self.settings.endpoint, escape(revision));
        let answer = self.get(&url, true)?;
        let status = answer.status();
        if status == StatusCode::NOT_FOUND && matches!(error_code(answer.headers()), None | Some("EntryNotFound")) {
            return Ok(None);
        }
        if !(status.is_success() || status.is_redirection()) {
            return Err(self.refusal(&answer, &url, repo, revision, Some(name)));
        }
        let odd = |problem: &str| HubError::NotAHub { url: url.clone(), problem: problem.to_owned() };
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let commit = header("x-repo-commit").ok_or_else(|| odd("no x-repo-commit header"))?.trim().to_owned();
        let etag = header("x-linked-etag").or_else(|| header("etag")).ok_or_else(|| odd("no etag header"))?;
        let etag = etag.trim_start_matches("W/").replace('"', "");
        if !contents::is_plain_name(&etag) || !contents::is_plain_name(&commit) {
            return Err(odd("its etag or commit is no plain name"));
        }
        let range_total = || header("content-range")?.rsplit('/').next()?.parse().ok();
        let linked_size = header("x-linked-size").and_then(|size| size.parse().ok());
        let whole = || header("content-length").filter(|_| status == StatusCode::OK)?.parse().ok();
        let size = match linked_size.or_else(range_total).or_else(whole) {
            Some(size) => size,
            None if status.is_redirection() => self.size_behind(header("location").unwrap_or_default(), &url)?,
            None => return Err(odd("no size")),
        };
        Ok(Some(RemoteFile { name: name.to_owned(), commit, etag, size }))
    }

    /// Size of a file that the hub redirects to without saying its size.
    fn size_behind(&self, location: &str, url: &str) -> Result<u64> {
        let answer = self.send(location, true, false)?;
        let range = answer.headers().get("content-range").and_then(|value| value.to_str().ok());
        let size = range.and_then(|range| range.rsplit('/').next()?.parse().ok());
        size.ok_or_else(|| HubError::NotAHub { url: url.to_owned(), problem: "no size behind its redirect".to_owned() })
    }

    /// The answer to a request, redirects within the hub followed (a renamed repository), passing faults of the hub tried again.
    fn get(&self, url: &str, first_byte: bool) -> Result<Response<Body>> {
        let mut url = url.to_owned();
        let mut retries = 0;
        for _ in 0..10 {
            let answer = self.send(&url, first_byte, true)?;
            let status = answer.status();
            if (status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS) && retries < RETRIES {
                std::thread::sleep(Duration::from_millis(300 << retries));
                retries += 1;
                continue;
            }
            match redirect_within(&url, &answer) {
                Some(target) => url = target,
                None => return Ok(answer),
            }
        }
        Err(HubError::NotAHub { url, problem: "it redirects without end".to_owned() })
    }

    fn send(&self, url: &str, first_byte: bool, with_token: bool) -> Result<Response<Body>> {
        // Plain bytes: a compressed answer would have another length and another range.
        let mut request = self.agent.get(url).header("Accept-Encoding", "identity");
        if let Some(token) = self.settings.token.as_ref().filter(|_| with_token) {
            request = request.header("Authorization", format!("Bearer {}", token.secret()));
        }
        if first_byte {
            request = request.header("Range", "bytes=0-0");
        }
        request.call().map_err(|error| self.failure(error))
    }

    /// What a request without an answer means.
    fn failure(&self, error: ureq::Error) -> HubError {
        let endpoint = self.settings.endpoint.clone();
        let unreachable = |cause: String| HubError::Unreachable { endpoint: endpoint.clone(), cause };
        match error {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                unreachable(format!("no connection within {} s", self.settings.connect_timeout.as_secs()))
            }
            ureq::Error::Timeout(_) => HubError::NoAnswer { endpoint, after: self.settings.answer_timeout },
            ureq::Error::HostNotFound => unreachable("its address can't be looked up; there may be no network".to_owned()),
            ureq::Error::ConnectionFailed => unreachable("no connection".to_owned()),
            ureq::Error::ConnectProxyFailed(cause) => unreachable(format!("the proxy does not connect ({cause})")),
            ureq::Error::InvalidProxyUrl => unreachable("the proxy's address is not valid".to_owned()),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => HubError::BadEndpoint { endpoint },
            ureq::Error::Tls(cause) => HubError::Tls { endpoint, cause: cause.to_owned() },
            ureq::Error::Rustls(cause) => HubError::Tls { endpoint, cause: cause.to_string() },
            // rustls reports a bad certificate through the socket.
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                HubError::Tls { endpoint, cause: error.to_string() }
            }
            ureq::Error::Io(error) => unreachable(error.to_string()),
            ureq::Error::Protocol(error) => HubError::NotAHub { url: endpoint, problem: error.to_string() },
            other => unreachable(other.to_string()),
        }
    }

    /// What an answer that refuses means.
    fn refusal(&self, answer: &Response<Body>, url: &str, repo: &str, revision: &str, file: Option<&str>) -> HubError {
        let status = answer.status().as_u16();
        let (repo, revision, endpoint) = (repo.to_owned(), revision.to_owned(), self.settings.endpoint.clone());
        match (status, error_code(answer.headers())) {
            (401 | 403, Some("GatedRepo")) => HubError::Gated { repo },
            (_, Some("RevisionNotFound")) => HubError::RevisionNotFound { repo, revision },
            (404, Some("EntryNotFound")) if file.is_some() => {
                HubError::FileNotFound { repo, revision, file: file.unwrap_or_default().to_owned() }
            }
            // The hub hides private repositories behind 401; without a token that is all that can be known.
            (401, _) if self.settings.token.is_none() => HubError::TokenNeeded { repo },
            (401, Some("RepoNotFound")) => HubError::RepoNotFound { repo, endpoint },
            (401, _) => HubError::TokenRefused { repo },
            (403, _) => HubError::Forbidden { repo },
            (404, _) => HubError::RepoNotFound { repo, endpoint },
            (429, _) => HubError::RateLimited,
            (500.., _) => HubError::Server { status, url: url.to_owned() },
            _ => HubError::Status { status, url: url.to_owned() },
        }
    }
}

fn error_code(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-error-code")?.to_str().ok()
}

/// The hub wants `refs/pr/1` as one path segment.
fn escape(revision: &str) -> String {
    revision.replace('/', "%2F")
}

/// Where an answer redirects to, if to another place of the hub (a renamed repository) and not to the storage of a file.
fn redirect_within(url: &str, answer: &Response<Body>) -> Option<String> {
    let location = answer.headers().get("location").filter(|_| answer.status().is_redirection())?;
    let target: Uri = location.to_str().ok()?.parse().ok()?;
    let from: Uri = url.parse().ok()?;
    let path = target.path_and_query()?.as_str();
    let names_a_file = answer.headers().contains_key("x-repo-commit");
    let within = target.host().is_none() || (target.authority() == from.authority() && !names_a_file);
    within.then(|| format!("{}://{}{path}", from.scheme_str().unwrap_or("https"), from.authority().map_or("", |a| a.as_str())))
}
