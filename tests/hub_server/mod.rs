//! A Hugging Face hub on the loopback: the paths, headers, ranges and redirects that hf-hub uses, and the faults that real networks have.
//!
//! Large files are "LFS" files: `resolve` answers with their SHA-256 and redirects to `/cdn/`. Small ones are served at once under their Git hash.
//! Every connection serves one request, so that a fault ends at its request.

#![allow(dead_code)] // each test file uses a part of it

use jisr::hub::Settings;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const REPO: &str = "org/model";
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What goes wrong; files are named as in the repository.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The connection ends after that many bytes of the body, as a lost network.
    Cut { file: &'static str, after: usize },
    /// As [`Fault::Cut`], but without a Content-Length that would betray it.
    ShortBody { file: &'static str, after: usize },
    /// Nothing comes after that many bytes of the body.
    Stall { file: &'static str, after: usize },
    /// One byte is wrong.
    Corrupt { file: &'static str },
    /// The whole file comes, whatever range was asked for.
    IgnoreRange { file: &'static str },
    /// Requests whose path has `part` in it are refused, with the hub's error code where there is one.
    Refuse { part: &'static str, status: u16, code: Option<&'static str> },
    /// The connection stands and nothing is ever answered.
    Silent,
    /// Only files are served, as by a plain mirror.
    NoApi,
    /// The repository has another name now.
    Renamed { from: &'static str },
}

pub struct HubServer {
    pub url: String,
    state: Arc<State>,
}

struct State {
    url: String,
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    commit: Mutex<String>,
    /// With the number of times that each still happens.
    faults: Mutex<Vec<(Fault, usize)>>,
    log: Mutex<Vec<String>>,
    /// A size that is claimed for a file in the place of its own.
    claim: Mutex<Option<(String, u64)>>,
}

/// A Marian model as far as files go: nothing loads it. Weights of 300,000 pseudo-random bytes.
pub fn model() -> BTreeMap<String, Vec<u8>> {
    let text = |text: &str| text.as_bytes().to_vec();
    let mut state = 42_u64;
    let noise = |size: usize, state: &mut u64| -> Vec<u8> {
        let mut next = || {
            *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (*state >> 56) as u8
        };
        (0..size).map(|_| next()).collect()
    };
    BTreeMap::from([
        ("README.md".to_owned(), text("# A model\n")),
        ("config.json".to_owned(), text(r#"{"model_type":"marian"}"#)),
        ("generation_config.json".to_owned(), text("{}")),
        ("vocab.json".to_owned(), text(r#"{"</s>":0}"#)),
        ("source.spm".to_owned(), noise(900, &mut state)),
        ("target.spm".to_owned(), noise(800, &mut state)),
        ("model.safetensors".to_owned(), noise(300_000, &mut state)),
        ("pytorch_model.bin".to_owned(), noise(5_000, &mut state)),
        ("tf_model.h5".to_owned(), noise(5_000, &mut state)),
    ])
}

impl HubServer {
    pub fn start() -> HubServer {
        HubServer::with(model())
    }

    pub fn with(files: BTreeMap<String, Vec<u8>>) -> HubServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            url: url.clone(),
            files: Mutex::new(files),
            commit: Mutex::new(COMMIT.to_owned()),
            faults: Mutex::default(),
            log: Mutex::default(),
            claim: Mutex::default(),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                // A client that hangs up is part of the tests.
                std::thread::spawn(move || drop(state.serve(stream)));
            }
        });
        HubServer { url, state }
    }

    /// Makes a fault happen for the next `times` requests that it concerns.
    pub fn fault(&self, fault: Fault, times: usize) {
        self.state.faults.lock().unwrap().push((fault, times));
    }

    pub fn heal(&self) {
        self.state.faults.lock().unwrap().clear();
    }

    /// A new commit of the repository.
    pub fn publish(&self, commit: &str, file: &str, content: &[u8]) {
        *self.state.commit.lock().unwrap() = commit.to_owned();
        self.state.files.lock().unwrap().insert(file.to_owned(), content.to_vec());
    }

    /// Gives out a false size for an LFS file.
    pub fn claim_size(&self, file: &str, size: u64) {
        *self.state.claim.lock().unwrap() = Some((file.to_owned(), size));
    }

    /// Requests so far, as `GET /path range`, and forgets them.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.log.lock().unwrap())
    }

    pub fn content(&self, file: &str) -> Vec<u8> {
        self.state.files.lock().unwrap()[file].clone()
    }

    /// Settings of a run whose home is `folder` and whose hub is this one.
    pub fn settings(&self, folder: &Path) -> Settings {
        let mut settings = Settings::from_variables(|name| (name == "HOME").then(|| folder.display().to_string()));
        settings.set_endpoint(&self.url);
        settings
    }
}

pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn git_sha1(content: &[u8]) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(format!("blob {}\0", content.len()));
    sha1.update(content);
    sha1.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Files that the hub would keep in large-file storage.
fn is_lfs(name: &str) -> bool {
    [".safetensors", ".bin", ".spm", ".h5"].iter().any(|end| name.ends_with(end))
}

struct Request {
    path: String,
    range_start: Option<usize>,
    range_end: Option<usize>,
    is_head: bool,
}

impl State {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (mut range, mut token) = (None, None);
        for line in lines {
            let line = line?;
            match line.split_once(": ") {
                None => break,
                Some((name, value)) if name.eq_ignore_ascii_case("range") => range = Some(value.trim().to_owned()),
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => token = Some(value.trim().to_owned()),
                Some(_) => {}
            }
        }
        let log = [Some(format!("{method} {path}")), range.clone(), token].into_iter().flatten().collect::<Vec<_>>();
        self.log.lock().unwrap().push(log.join(" "));
        let (start, end) = match range.as_deref().and_then(|r| r.strip_prefix("bytes=")?.split_once('-')) {
            Some((start, end)) => (start.parse().ok(), end.parse().ok()),
            None => (None, None),
        };
        let path = path.split('?').next().unwrap_or_default().to_owned();
        self.answer(stream, Request { path, range_start: start, range_end: end, is_head: method == "HEAD" })
    }

    fn answer(&self, stream: TcpStream, request: Request) -> io::Result<()> {
        if self.happens(|fault| *fault == Fault::Silent).is_some() {
            std::thread::sleep(Duration::from_secs(60));
            return Ok(());
        }
        let refused = self.happens(|fault| matches!(fault, Fault::Refuse { part, .. } if request.path.contains(part)));
        if let Some(Fault::Refuse { status, code, .. }) = refused {
            let code = code.map(|code| format!("x-error-code: {code}\r\n")).unwrap_or_default();
            return head(stream, status, &format!("{code}content-length: 0\r\n")).map(drop);
        }
        let renamed = self.happens(|fault| matches!(fault, Fault::Renamed { from } if request.path.contains(from)));
        if let Some(Fault::Renamed { from }) = renamed {
            let target = request.path.replace(from, REPO);
            return head(stream, 307, &format!("location: {target}\r\ncontent-length: 0\r\n")).map(drop);
        }
        if let Some(path) = request.path.strip_prefix("/api/models/") {
            return self.api(stream, path);
        }
        if let Some(sha) = request.path.strip_prefix("/cdn/") {
            let files = self.files.lock().unwrap().clone();
            let (name, content) = files.iter().find(|(_, content)| sha256(content) == sha).unwrap();
            return self.body(stream, &request, name, content.clone(), "");
        }
        self.resolve(stream, &request)
    }

    fn api(&self, stream: TcpStream, path: &str) -> io::Result<()> {
        let commit = self.commit.lock().unwrap().clone();
        let error = match path.strip_prefix(REPO).and_then(|rest| rest.strip_prefix("/revision/")) {
            _ if self.happens(|fault| *fault == Fault::NoApi).is_some() => Some(""),
            None => Some("x-error-code: RepoNotFound\r\n"),
            Some(revision) if revision == "main" || revision == commit || revision == "refs%2Fpr%2F1" => None,
            Some(_) => Some("x-error-code: RevisionNotFound\r\n"),
        };
        if let Some(error) = error {
            return head(stream, 404, &format!("{error}content-length: 0\r\n")).map(drop);
        }
        let files = self.files.lock().unwrap();
        let siblings: Vec<String> = files.keys().map(|name| format!(r#"{{"rfilename":"{name}"}}"#)).collect();
        let card = r#""cardData":{"license":"apache-2.0"}"#;
        let body = format!(r#"{{"id":"{REPO}","sha":"{commit}",{card},"siblings":[{}]}}"#, siblings.join(","));
        let mut stream = head(stream, 200, &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()))?;
        stream.write_all(body.as_bytes())
    }

    fn resolve(&self, stream: TcpStream, request: &Request) -> io::Result<()> {
        let commit = self.commit.lock().unwrap().clone();
        let file = request.path.strip_prefix(&format!("/{REPO}/resolve/")).and_then(|rest| rest.split_once('/'));
        let content = file.and_then(|(_, name)| self.files.lock().unwrap().get(name).cloned());
        let (Some((_, name)), Some(content)) = (file, content) else {
            return head(stream, 404, "x-error-code: EntryNotFound\r\ncontent-length: 0\r\n").map(drop);
        };
        if !is_lfs(name) {
            let headers = format!("x-repo-commit: {commit}\r\netag: \"{}\"\r\n", git_sha1(&content));
            return self.body(stream, request, name, content, &headers);
        }
        let claim = self.claim.lock().unwrap().clone().filter(|(file, _)| file == name);
        let (sha, size) = (sha256(&content), claim.map_or(content.len() as u64, |(_, size)| size));
        let headers = format!(
            "x-repo-commit: {commit}\r\nx-linked-size: {size}\r\nx-linked-etag: \"{sha}\"\r\netag: \"cdn-{sha}\"\r\nlocation: {}/cdn/{sha}\r\ncontent-length: 0\r\n",
            self.url
        );
        head(stream, 302, &headers).map(drop)
    }

    fn body(&self, stream: TcpStream, request: &Request, file: &str, mut content: Vec<u8>, headers: &str) -> io::Result<()> {
        let total = content.len();
        let is_transfer = request.range_end.is_none();
        let concerns = |test: &dyn Fn(&Fault) -> bool| if is_transfer { self.happens(test) } else { None };
        if concerns(&|fault| matches!(fault, Fault::Corrupt { file: f } if *f == file)).is_some() {
            content[total / 2] ^= 1;
        }
        let ignores_range = concerns(&|fault| matches!(fault, Fault::IgnoreRange { file: f } if *f == file)).is_some();
        let start = if ignores_range { 0 } else { request.range_start.unwrap_or(0) };
        if start >= total {
            return head(stream, 416, "content-length: 0\r\n").map(drop);
        }
        let end = request.range_end.map_or(total, |end| (end + 1).min(total));
        let body = &content[start..end];
        let ending = concerns(&|fault| match fault {
            Fault::Cut { file: f, .. } | Fault::ShortBody { file: f, .. } | Fault::Stall { file: f, .. } => *f == file,
            _ => false,
        });
        let ranges = format!("accept-ranges: bytes\r\ncontent-range: bytes {start}-{}/{total}\r\n", end - 1);
        let (status, ranges) = if request.range_start.is_some() && !ignores_range { (206, ranges.as_str()) } else { (200, "") };
        let length = match ending {
            Some(Fault::ShortBody { .. }) => String::new(),
            _ => format!("content-length: {}\r\n", body.len()),
        };
        let mut stream = head(stream, status, &format!("{headers}{ranges}{length}"))?;
        let body = if request.is_head { &[] } else { body };
        match ending {
            Some(Fault::Cut { after, .. } | Fault::ShortBody { after, .. }) => stream.write_all(&body[..after.min(body.len())]),
            Some(Fault::Stall { after, .. }) => {
                stream.write_all(&body[..after.min(body.len())])?;
                stream.flush()?;
                std::thread::sleep(Duration::from_secs(60));
                Ok(())
            }
            _ => stream.write_all(body),
        }
    }

    /// The first fault that `test` holds for and that still happens; counts it.
    fn happens(&self, test: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let (fault, times) = faults.iter_mut().find(|(fault, times)| *times > 0 && test(fault))?;
        *times -= 1;
        Some(fault.clone())
    }
}

fn head(mut stream: TcpStream, status: u16, headers: &str) -> io::Result<TcpStream> {
    write!(stream, "HTTP/1.1 {status} Status\r\nconnection: close\r\n{headers}\r\n")?;
    Ok(stream)
}
