//! Putting an output file in place, whole or not at all.
//!
//! A [`PendingFile`] is written beside its destination under a hidden name (`.report.html.part-x7Kq2w`) and renamed over it when it is
//! complete, so nobody ever sees half a file; dropped before that, it leaves nothing behind.

use super::{Bitext, ExportContext, Exporter};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What marks the hidden name of a file that is not complete yet; whoever walks folders may skip names that contain it.
pub const PART_MARK: &str = ".part-";

/// Where an exporter's bytes go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    Stdout,
    File(PathBuf),
}

impl Destination {
    /// `-` is standard output.
    pub fn from_path(path: &Path) -> Self {
        if path == Path::new("-") { Destination::Stdout } else { Destination::File(path.to_path_buf()) }
    }

    /// Writes one document. Standard output is flushed; a reader that went away shows as [`io::ErrorKind::BrokenPipe`] in the error's source.
    pub fn export(&self, bitext: &Bitext, exporter: &dyn Exporter, context: &ExportContext) -> Result<(), ExportError> {
        match self {
            Destination::Stdout => {
                let mut out = BufWriter::new(io::stdout().lock());
                exporter
                    .write(bitext, context, &mut out)
                    .and_then(|()| out.flush())
                    .map_err(|source| ExportError { path: PathBuf::from("-"), source })
            }
            Destination::File(path) => {
                let mut file = PendingFile::create(path)?;
                exporter.write(bitext, context, &mut file).map_err(|source| file.error(source))?;
                file.commit()
            }
        }
    }
}

/// An output file that can't be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {}{}", name(path), reason(source), self.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default())]
pub struct ExportError {
    pub path: PathBuf,
    pub source: io::Error,
}

fn name(path: &Path) -> String {
    if path == Path::new("-") { "to standard output".into() } else { path.display().to_string() }
}

/// The reason alone: errors of temporary files add their hidden path.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::Other => error.to_string(),
        kind if error.get_ref().is_some() => kind.to_string(),
        _ => error.to_string(),
    }
}

impl ExportError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space, or write elsewhere with --output",
            io::ErrorKind::PermissionDenied => "check the permissions of the folder, or write elsewhere with --output",
            io::ErrorKind::ReadOnlyFilesystem => "that file system is read-only: write elsewhere with --output",
            io::ErrorKind::IsADirectory => "there is a folder of that name: give a file name, or move the folder away",
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                "a file stands where a folder is needed: give another --output"
            }
            io::ErrorKind::InvalidFilename => "the name is too long or not allowed there: give a shorter one with --output",
            _ => return None,
        })
    }
}

/// A file on its way to its place. Write to it, then [`PendingFile::commit`].
#[derive(Debug)]
pub struct PendingFile {
    destination: PathBuf,
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Beside(BufWriter<NamedTempFile>),
    /// What can't be renamed over: a device, a pipe.
    Direct(BufWriter<File>),
}

impl PendingFile {
    /// Opens a file that will become `destination`; makes the folders above it. A symbolic link is followed, not replaced.
    ///
    /// The file gets the permissions of the one it replaces, or those of any new file.
    pub fn create(destination: &Path) -> Result<Self, ExportError> {
        let fail = |source| ExportError { path: destination.to_path_buf(), source };
        let existing = match fs::metadata(destination) {
            Ok(metadata) if metadata.is_dir() => return Err(fail(io::ErrorKind::IsADirectory.into())),
            Ok(metadata) if !metadata.is_file() => {
                let file = OpenOptions::new().write(true).open(destination).map_err(fail)?;
                return Ok(PendingFile { destination: destination.to_path_buf(), inner: Inner::Direct(BufWriter::new(file)) });
            }
            Ok(metadata) => Some(metadata),
            Err(_) => None,
        };
        // A dangling link has no canonical path; the rename then replaces the link itself.
        let place = if existing.is_some() { destination.canonicalize().map_err(fail)? } else { destination.to_path_buf() };
        let folder = match place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder).map_err(fail)?;
        let file = part_file(&place, folder, existing.map(|metadata| metadata.permissions())).map_err(fail)?;
        Ok(PendingFile { destination: place, inner: Inner::Beside(BufWriter::with_capacity(1 << 16, file)) })
    }

    /// Puts the file in its place.
    pub fn commit(self) -> Result<(), ExportError> {
        let PendingFile { destination, inner } = self;
        let done = match inner {
            Inner::Direct(mut file) => file.flush(),
            Inner::Beside(file) => file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)
                .and_then(|file| file.persist(&destination).map(drop).map_err(|error| error.error)),
        };
        done.map_err(|source| ExportError { path: destination, source })
    }

    /// An error that names this file.
    pub fn error(&self, source: io::Error) -> ExportError {
        ExportError { path: self.destination.clone(), source }
    }
}

impl Write for PendingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.inner {
            Inner::Beside(file) => file.write(bytes),
            Inner::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.inner {
            Inner::Beside(file) => file.flush(),
            Inner::Direct(file) => file.flush(),
        }
    }
}

/// A new hidden file in `folder` named after `place`, its name kept below what file systems take (255 bytes).
fn part_file(place: &Path, folder: &Path, permissions: Option<fs::Permissions>) -> io::Result<NamedTempFile> {
    let name = place.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy().into_owned();
    let fits = name.char_indices().map(|(start, c)| start + c.len_utf8()).take_while(|&end| end <= 200).last();
    let prefix = format!(".{}{PART_MARK}", &name[..fits.unwrap_or(0)]);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask, as for any new file
    let file = builder.tempfile_in(folder)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_seen_until_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/report.html");
        let mut file = PendingFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert!(entries(path.parent().unwrap()).is_empty(), "a dropped file leaves nothing");

        fs::write(&path, "old").unwrap();
        let mut file = PendingFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        file.commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(entries(path.parent().unwrap()), ["report.html"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_a_new_file_or_of_the_old_one() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (ordinary, ours) = (folder.path().join("ordinary"), folder.path().join("ours"));
        fs::write(&ordinary, "").unwrap();
        PendingFile::create(&ours).unwrap().commit().unwrap();
        assert_eq!(mode(&ours), mode(&ordinary));
        fs::set_permissions(&ours, fs::Permissions::from_mode(0o640)).unwrap();
        PendingFile::create(&ours).unwrap().commit().unwrap();
        assert_eq!(mode(&ours), 0o640);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_devices_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut file = PendingFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

        let mut null = PendingFile::create(Path::new("/dev/null")).unwrap();
        null.write_all(b"x").unwrap();
        null.commit().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_names_the_file_and_advises() {
        let mut full = PendingFile::create(Path::new("/dev/full")).unwrap();
        full.write_all(b"x").unwrap();
        let error = full.commit().unwrap_err().to_string();
        assert!(
            error.contains("/dev/full") && error.contains("No space left") && error.contains("\nhint: free some space"),
            "{error}"
        );
    }

    #[test]
    fn folders_and_files_in_the_way_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = PendingFile::create(folder.path()).unwrap_err().to_string();
        assert!(error.contains("\nhint: there is a folder"), "{error}");
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = PendingFile::create(&file.join("report.html")).unwrap_err().to_string();
        assert!(error.contains("report.html") && error.contains("\nhint: a file stands"), "{error}");
    }

    #[test]
    fn long_arabic_names_fit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("{}.jsonl", "ت".repeat(124))); // 254 bytes
        PendingFile::create(&path).unwrap().commit().unwrap();
        assert!(path.exists());
    }
}
