//! The journal file: a JSON header line, then one JSON line per translated segment.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Everything that decides what a segment's translation is; a journal is used only where all of it is equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Format of the journal itself.
    pub version: u32,
    pub model: String,
    /// Decoding settings, precision and languages, as text.
    pub settings: String,
}

/// What is remembered of one translated segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry<T> {
    /// The cleaned source text.
    pub source: String,
    pub result: T,
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("cannot write the run journal {}: {error}\nhint: it lies beside the output; free some space there or choose another --output", path.display())]
    Write { path: PathBuf, error: std::io::Error },
    #[error("cannot read the run journal {}: {error}\nhint: --restart starts over without it", path.display())]
    Read { path: PathBuf, error: std::io::Error },
}

/// An append-only record of translated segments, safe against a kill at any moment: a torn last line is dropped when it is read again.
pub struct Journal<T> {
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
    known: HashMap<String, T>,
    foreign: bool,
}

impl<T: Serialize + for<'a> Deserialize<'a>> Journal<T> {
    /// Opens the journal at `path`, taking over what a run with the same `fingerprint` left there; otherwise (or with `restart`) a new one.
    pub fn open(path: &Path, fingerprint: &Fingerprint, restart: bool) -> Result<Self, JournalError> {
        let read_error = |error| JournalError::Read { path: path.to_owned(), error };
        let write_error = |error| JournalError::Write { path: path.to_owned(), error };
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(write_error)?;
        let had = file.metadata().map_err(read_error)?.len();
        let (known, good) = if restart { (HashMap::new(), 0) } else { read(&file, fingerprint).map_err(read_error)? };
        let foreign = !restart && had > 0 && good == 0;
        file.set_len(good).map_err(write_error)?;
        file.seek(SeekFrom::End(0)).map_err(write_error)?;
        let mut file = BufWriter::new(file);
        if good == 0
            && let Err(error) = write_line(&mut file, fingerprint)
        {
            // An empty journal says nothing; leave none on a full disk.
            let _ = std::fs::remove_file(path);
            return Err(write_error(error));
        }
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), known, foreign })
    }

    /// Whether a journal of another model or other settings lay here and was given up.
    pub fn replaced_foreign(&self) -> bool {
        self.foreign
    }

    /// Whether a journal with this fingerprint lies at `path`; `None` where there is none at all.
    pub fn matches(path: &Path, fingerprint: &Fingerprint) -> Option<bool> {
        let mut line = Vec::new();
        BufReader::new(File::open(path).ok()?).read_until(b'\n', &mut line).ok()?;
        Some(serde_json::from_slice::<Fingerprint>(&line).is_ok_and(|found| found == *fingerprint))
    }

    /// Segments taken over from the interrupted run.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The remembered result of a cleaned source text.
    pub fn get(&self, source: &str) -> Option<&T> {
        self.known.get(source)
    }

    /// Appends a finished segment and hands it to the operating system, so that a killed process loses nothing it was told.
    pub fn append(&self, source: &str, result: T) -> Result<(), JournalError> {
        let entry = Entry { source: source.to_owned(), result };
        let mut file = self.file.lock().expect("no thread panics while writing");
        write_line(&mut file, &entry).map_err(|error| JournalError::Write { path: self.path.clone(), error })
    }

    /// The run is complete: the journal has done its work.
    pub fn finish(self) {
        // A journal left behind costs nothing but a look at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn write_line(file: &mut BufWriter<File>, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *file, value)?;
    file.write_all(b"\n")?;
    file.flush()
}

/// The entries of a journal with this fingerprint and the length of its good part in bytes; nothing, and 0, where it is another's.
fn read<T: for<'a> Deserialize<'a>>(file: &File, fingerprint: &Fingerprint) -> std::io::Result<(HashMap<String, T>, u64)> {
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut known = HashMap::new();
    let mut good = reader.read_until(b'\n', &mut line)? as u64;
    let header = line.ends_with(b"\n").then(|| serde_json::from_slice::<Fingerprint>(&line).ok()).flatten();
    if header.as_ref() != Some(fingerprint) {
        return Ok((known, 0));
    }
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)? as u64;
        if !line.ends_with(b"\n") {
            return Ok((known, good));
        }
        let Ok(entry) = serde_json::from_slice::<Entry<T>>(&line) else { return Ok((known, good)) };
        known.insert(entry.source, entry.result);
        good += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(model: &str) -> Fingerprint {
        Fingerprint { version: 1, model: model.into(), settings: "beam 4".into() }
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_the_rest_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = Journal::<String>::open(&path, &fingerprint("a"), false).unwrap();
        journal.append("واحد", "one".into()).unwrap();
        journal.append("اثنان", "two".into()).unwrap();
        drop(journal);
        let bytes = std::fs::read(&path).unwrap();
        for cut in 0..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let journal = Journal::<String>::open(&path, &fingerprint("a"), false).unwrap();
            let whole_lines = bytes[..cut].iter().filter(|&&b| b == b'\n').count();
            assert_eq!(journal.len(), whole_lines.saturating_sub(1), "cut at {cut}");
            journal.append("ثلاثة", "three".into()).unwrap();
            drop(journal);
            let journal = Journal::<String>::open(&path, &fingerprint("a"), false).unwrap();
            assert_eq!(journal.get("ثلاثة").map(String::as_str), Some("three"), "cut at {cut}");
        }
    }

    #[test]
    fn another_model_or_a_restart_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let fill = || {
            let journal = Journal::<String>::open(&path, &fingerprint("a"), true).unwrap();
            journal.append("واحد", "one".into()).unwrap();
        };
        fill();
        assert_eq!(Journal::<String>::open(&path, &fingerprint("a"), false).unwrap().len(), 1);
        assert_eq!(Journal::<String>::open(&path, &fingerprint("b"), false).unwrap().len(), 0);
        fill();
        assert_eq!(Journal::<String>::open(&path, &fingerprint("a"), true).unwrap().len(), 0);
    }
}
