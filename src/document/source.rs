//! Where documents come from: files, folders walked recursively, the members of archives, standard input.

use super::archive;
use super::error::{ReadError, ReadErrorKind};
use std::collections::HashSet;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// One document to read. Its bytes are fetched when it is read, not before.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Name shown to people, `/`-separated: the path relative to the input folder, `-` for standard input, `ARCHIVE/MEMBER` in archives.
    pub name: String,
    pub input: Input,
}

/// Where a [`Source`]'s bytes lie.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    Path(PathBuf),
    /// A ZIP archive's member, by its index in the archive.
    Member {
        archive: Box<Input>,
        index: usize,
    },
    Bytes(Arc<[u8]>),
}

impl Source {
    /// A file, shown by its file name.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
        Source { name, input: Input::Path(path) }
    }

    /// Bytes already in memory.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Source { name: name.into(), input: Input::Bytes(bytes.into()) }
    }

    /// Standard input, read whole.
    pub fn stdin(max_bytes: u64) -> Result<Self, ReadError> {
        let mut bytes = Vec::new();
        let outcome = io::stdin().lock().take(max_bytes + 1).read_to_end(&mut bytes).map_err(ReadErrorKind::Io);
        outcome.and_then(|_| within(bytes.len() as u64, max_bytes)).map_err(|kind| kind.named("-"))?;
        Ok(Source::bytes("-", bytes))
    }

    /// The file that holds this document: for an archive's member the archive.
    pub fn path(&self) -> Option<&Path> {
        let mut input = &self.input;
        loop {
            match input {
                Input::Path(path) => return Some(path),
                Input::Member { archive, .. } => input = archive,
                Input::Bytes(_) => return None,
            }
        }
    }

    /// The document's bytes; at most `max_bytes`.
    pub(crate) fn load(&self, max_bytes: u64) -> Result<Arc<[u8]>, ReadErrorKind> {
        self.input.load(max_bytes)
    }
}

impl Input {
    fn load(&self, max_bytes: u64) -> Result<Arc<[u8]>, ReadErrorKind> {
        match self {
            Input::Bytes(bytes) => {
                within(bytes.len() as u64, max_bytes)?;
                Ok(bytes.clone())
            }
            Input::Path(path) => {
                let file = std::fs::File::open(path)?;
                let metadata = file.metadata()?;
                if metadata.is_dir() {
                    return Err(ReadErrorKind::Io(io::Error::new(io::ErrorKind::IsADirectory, "a folder, not a file")));
                }
                within(metadata.len(), max_bytes)?;
                let mut bytes = Vec::with_capacity(metadata.len() as usize);
                file.take(max_bytes + 1).read_to_end(&mut bytes)?;
                within(bytes.len() as u64, max_bytes)?;
                Ok(bytes.into())
            }
            Input::Member { archive, index } => Ok(archive::member(archive, *index, max_bytes)?.into()),
        }
    }
}

fn within(size: u64, limit: u64) -> Result<(), ReadErrorKind> {
    if size > limit { Err(ReadErrorKind::TooLarge { size, limit }) } else { Ok(()) }
}

/// What [`walk`] found: documents in order, and what could not be looked at.
#[derive(Debug, Default)]
pub struct Walk {
    pub sources: Vec<Source>,
    /// Missing inputs, unreadable folders, symlink loops, broken archives. The rest is in `sources` all the same.
    pub problems: Vec<ReadError>,
}

/// Lists the documents of `inputs`: files as they are, folders recursively (sorted by name; hidden files and folders left out; symbolic
/// links followed, loops reported), ZIP archives by their members, `-` as standard input.
///
/// A document found in a folder is named by its path relative to that folder, so that the same tree can be written; where two inputs
/// would give the same name, both keep the path as it was given.
pub fn walk<P: AsRef<Path>>(inputs: &[P], max_bytes: u64) -> Walk {
    let mut walk = Walk::default();
    // Per source: the name to take where its short name is not unique.
    let mut long_names = Vec::new();
    for input in inputs {
        let path = input.as_ref();
        if path == Path::new("-") {
            match Source::stdin(max_bytes) {
                Ok(source) => add(&mut walk, &mut long_names, source, "-".to_owned()),
                Err(problem) => walk.problems.push(problem),
            }
        } else if path.is_dir() {
            walk_folder(&mut walk, &mut long_names, path);
        } else {
            match std::fs::metadata(path) {
                Ok(metadata) if metadata.is_file() => add(&mut walk, &mut long_names, Source::file(path), given_name(path)),
                // A pipe can be read once only, and is read several times on the way.
                Ok(_) => match read_pipe(path, max_bytes) {
                    Ok(source) => add(&mut walk, &mut long_names, source, given_name(path)),
                    Err(kind) => walk.problems.push(kind.named(&path.to_string_lossy())),
                },
                Err(error) => walk.problems.push(ReadErrorKind::Io(error).named(&path.to_string_lossy())),
            }
        }
    }
    let mut seen = HashSet::new();
    let repeated: HashSet<String> =
        walk.sources.iter().filter(|source| !seen.insert(source.name.clone())).map(|source| source.name.clone()).collect();
    for (source, long) in walk.sources.iter_mut().zip(long_names) {
        if repeated.contains(&source.name) {
            source.name = long;
        }
    }
    walk
}

fn add(walk: &mut Walk, long_names: &mut Vec<String>, source: Source, long: String) {
    match archive::members(&source) {
        Ok(None) => {
            walk.sources.push(source);
            long_names.push(long);
        }
        Ok(Some(members)) => {
            for (index, member) in members {
                let input = Input::Member { archive: Box::new(source.input.clone()), index };
                walk.sources.push(Source { name: format!("{}/{member}", source.name), input });
                long_names.push(format!("{long}/{member}"));
            }
        }
        Err(kind) => walk.problems.push(kind.named(&source.name)),
    }
}

fn read_pipe(path: &Path, max_bytes: u64) -> Result<Source, ReadErrorKind> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    within(bytes.len() as u64, max_bytes)?;
    Ok(Source::bytes(Source::file(path).name, bytes))
}

fn walk_folder(walk: &mut Walk, long_names: &mut Vec<String>, folder: &Path) {
    let hidden = |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
    let entries = walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(|entry| !hidden(entry)) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => {
                let relative = entry.path().strip_prefix(folder).unwrap_or(entry.path());
                let name = slashed(relative);
                if entry.file_type().is_file() {
                    let long = format!("{}/{name}", given_name(folder));
                    add(walk, long_names, Source { name, input: Input::Path(entry.into_path()) }, long);
                } else {
                    let error = io::Error::new(io::ErrorKind::Unsupported, "a device, pipe or socket, not a file");
                    walk.problems.push(ReadErrorKind::Io(error).named(&name));
                }
            }
            Err(error) => {
                let name =
                    error.path().map_or_else(|| slashed(folder), |path| slashed(path.strip_prefix(folder).unwrap_or(path)));
                let looped = error.loop_ancestor().is_some();
                let error = match error.into_io_error() {
                    Some(error) => error,
                    None if looped => io::Error::other("a symbolic link to a folder that it lies in"),
                    None => io::Error::other("cannot be looked at"),
                };
                walk.problems.push(ReadErrorKind::Io(error).named(&name));
            }
        }
    }
}

/// The path as given, without its root and without `.` and `..`.
fn given_name(path: &Path) -> String {
    let parts: PathBuf = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    slashed(&parts)
}

fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}
