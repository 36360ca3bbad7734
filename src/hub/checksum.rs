//! Hashes that the hub names files by: SHA-256 for large (LFS) files, Git's blob SHA-1 for small ones, which some mirrors replace by the plain SHA-1.

use super::error::{HubError, Result};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What an etag says about a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sha256,
    /// SHA-1 of `blob SIZE\0` and the content, as Git takes it; mirrors that know nothing of Git take it of the content alone.
    Sha1,
}

/// Whether a file has the hash it should have, and the one it has.
pub(super) struct Comparison {
    pub kind: Kind,
    pub matches: bool,
    pub found: String,
}

impl Kind {
    /// The kind of hash that `etag` is; `None` where it is none (some mirrors make up their own).
    pub fn of(etag: &str) -> Option<Kind> {
        let is_hex = etag.chars().all(|c| c.is_ascii_hexdigit());
        match etag.len() {
            64 if is_hex => Some(Kind::Sha256),
            40 if is_hex => Some(Kind::Sha1),
            _ => None,
        }
    }

    /// As people know it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Sha256 => "SHA-256",
            Kind::Sha1 => "Git SHA-1",
        }
    }
}

/// SHA-256 of a file in lower-case hex. `tick` is called every few megabytes.
pub(super) fn sha256(path: &Path, mut tick: impl FnMut()) -> io::Result<String> {
    let mut sha256 = Sha256::new();
    read(path, |bytes| {
        sha256.update(bytes);
        tick();
    })?;
    Ok(hex(&sha256.finalize()))
}

/// Git's hash of a file, and the plain SHA-1.
fn sha1(path: &Path) -> io::Result<[String; 2]> {
    let (mut git, mut plain) = (Sha1::new(), Sha1::new());
    git.update(format!("blob {}\0", std::fs::metadata(path)?.len()));
    read(path, |bytes| {
        git.update(bytes);
        plain.update(bytes);
    })?;
    Ok([hex(&git.finalize()), hex(&plain.finalize())])
}

fn read(path: &Path, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 4 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => each(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares a file with an etag; `None` where the etag is no hash.
pub(super) fn compare(path: &Path, etag: &str, tick: impl FnMut()) -> io::Result<Option<Comparison>> {
    let Some(kind) = Kind::of(etag) else { return Ok(None) };
    let hashes = match kind {
        Kind::Sha256 => vec![sha256(path, tick)?],
        Kind::Sha1 => sha1(path)?.to_vec(),
    };
    let matches = hashes.iter().any(|hash| hash.eq_ignore_ascii_case(etag));
    Ok(Some(Comparison { kind, matches, found: hashes.into_iter().next().unwrap_or_default() }))
}

/// Checks the file at `path` against the etag that the hub gives for `name`; an etag that is no hash passes.
pub(super) fn check(path: &Path, name: &str, etag: &str, tick: impl FnMut()) -> Result<()> {
    match compare(path, etag, tick).map_err(|error| HubError::io("read", path, error))? {
        Some(Comparison { kind, matches: false, found }) => {
            Err(HubError::Checksum { file: name.to_owned(), kind: kind.name(), expected: etag.to_owned(), found })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'jisr\n'` into `sha256sum`, `git hash-object --stdin` and `sha1sum`.
    #[test]
    fn hashes_are_those_of_sha256sum_and_git() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "jisr\n").unwrap();
        for (etag, kind) in [(SHA256, Kind::Sha256), (GIT, Kind::Sha1), (SHA1, Kind::Sha1)] {
            assert_eq!(Kind::of(etag), Some(kind));
            check(&path, "file", etag, || {}).unwrap();
            check(&path, "file", &etag.to_uppercase(), || {}).unwrap();
        }
        check(&path, "file", "made-up-etag", || {}).unwrap();
        std::fs::write(&path, "jisR\n").unwrap();
        assert!(matches!(check(&path, "file", SHA256, || {}), Err(HubError::Checksum { .. })));
        assert!(matches!(check(&path, "file", GIT, || {}), Err(HubError::Checksum { .. })));
    }

    const SHA256: &str = "b74fcedf49f0f56440aaa3bcf75fdd3997a82a470053fd45dc438a8783ca1540";
    const GIT: &str = "303d2b25540e0a3d2d7c0c1e65280c657c893e8a";
    const SHA1: &str = "ea159e82650ebdfaf92452fcb8f100a7be27eb83";
}
