//! Hashes that the hub names files by: SHA-256 for large (LFS) files, Git's blob SHA-1 for small ones.

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
    /// SHA-1 of `blob SIZE\0` and the content.
    GitSha1,
}

impl Kind {
    /// The kind of hash that `etag` is; `None` where it is none (some mirrors make up their own).
    pub fn of(etag: &str) -> Option<Kind> {
        let is_hex = etag.chars().all(|c| c.is_ascii_hexdigit());
        match etag.len() {
            64 if is_hex => Some(Kind::Sha256),
            40 if is_hex => Some(Kind::GitSha1),
            _ => None,
        }
    }

    /// As people know it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Sha256 => "SHA-256",
            Kind::GitSha1 => "Git SHA-1",
        }
    }

    /// The hash of a file's content in lower-case hex. `tick` is called every few megabytes.
    pub fn hash(self, path: &Path, mut tick: impl FnMut()) -> io::Result<String> {
        let mut file = File::open(path)?;
        let mut sha256 = Sha256::new();
        let mut sha1 = Sha1::new();
        sha1.update(format!("blob {}\0", file.metadata()?.len()));
        let mut buffer = vec![0; 4 << 20];
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            match self {
                Kind::Sha256 => sha256.update(&buffer[..read]),
                Kind::GitSha1 => sha1.update(&buffer[..read]),
            }
            tick();
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(match self {
            Kind::Sha256 => hex(&sha256.finalize()),
            Kind::GitSha1 => hex(&sha1.finalize()),
        })
    }
}

/// Checks the file at `path` against the etag that the hub gives for `name`; an etag that is no hash passes.
pub(super) fn check(path: &Path, name: &str, etag: &str, tick: impl FnMut()) -> Result<()> {
    let Some(kind) = Kind::of(etag) else { return Ok(()) };
    let found = kind.hash(path, tick).map_err(|error| HubError::io("read", path, error))?;
    if found.eq_ignore_ascii_case(etag) {
        return Ok(());
    }
    Err(HubError::Checksum { file: name.to_owned(), kind: kind.name(), expected: etag.to_owned(), found })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'jisr\n' | sha256sum` and `printf 'jisr\n' | git hash-object --stdin`.
    #[test]
    fn hashes_are_those_of_sha256sum_and_git() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "jisr\n").unwrap();
        for (etag, kind) in [(SHA256, Kind::Sha256), (GIT, Kind::GitSha1)] {
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
}
