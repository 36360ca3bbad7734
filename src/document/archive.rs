//! Wrappings: gzip, ZIP archives of documents, and the ZIP packages that office documents are.
//!
//! What they may do is bounded: nothing unpacks to more than the caller's limit, overlapping or absurdly compressed entries are refused,
//! and no member's name leads out of the archive.

use super::Format;
use super::error::{ReadErrorKind, Result, short};
use super::source::{Input, Source};
use std::io::{self, Cursor, Read, Seek, Write};
use std::path::Component;
use zip::ZipArchive;
use zip::result::ZipError;

/// Deflate shrinks at most 1032-fold; text shrinks 3- to 20-fold. Beyond this an archive was made to swell.
const MAX_RATIO: u128 = 500;
/// Below this size the ratio is of no concern: empty tables shrink well.
const SMALL: u128 = 16 << 20;
/// Members of one archive.
const MAX_MEMBERS: usize = 100_000;

trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

fn open(input: &Input) -> Result<Box<dyn ReadSeek + '_>> {
    match input {
        Input::Path(path) => Ok(Box::new(io::BufReader::new(std::fs::File::open(path)?))),
        Input::Bytes(bytes) => Ok(Box::new(Cursor::new(&bytes[..]))),
        Input::Member { .. } => Err(nested(Format::Zip)),
    }
}

/// Why a gzip file or a ZIP archive came as far as the readers: it cannot be opened, or it lies in an archive.
pub(crate) fn not_unpacked(bytes: &[u8], format: Format) -> ReadErrorKind {
    match ZipArchive::new(Cursor::new(bytes)) {
        Err(error) if format == Format::Zip => zip_error(error, format),
        _ => nested(format),
    }
}

/// An archive in an archive.
fn nested(format: Format) -> ReadErrorKind {
    ReadErrorKind::Unsupported {
        what: format!("{} within an archive", if format == Format::Zip { "a ZIP archive" } else { "a gzip file" }),
        hint: "unpack the outer archive first".to_owned(),
    }
}

/// The documents of a ZIP archive by index and name, in the archive's order; `None` where `source` is no archive of files (but perhaps a DOCX).
pub(crate) fn members(source: &Source) -> Result<Option<Vec<(usize, String)>>> {
    let named = Format::from_extension(&source.name).is_some_and(Format::is_package);
    if named || matches!(source.input, Input::Member { .. }) {
        return Ok(None);
    }
    let Ok(mut reader) = open(&source.input) else { return Ok(None) };
    let mut magic = [0u8; 4];
    if reader.read_exact(&mut magic).is_err() || (&magic != b"PK\x03\x04" && &magic != b"PK\x05\x06") {
        return Ok(None);
    }
    // One that cannot be opened is left to its reader, which says what is wrong with it.
    let Ok(mut archive) = ZipArchive::new(reader) else { return Ok(None) };
    if archive.index_for_name("[Content_Types].xml").is_some() || archive.index_for_name("mimetype").is_some() {
        return Ok(None);
    }
    check_bomb(&mut archive, Format::Zip)?;
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| zip_error(error, Format::Zip))?;
        if entry.is_dir() {
            continue;
        }
        let name = entry.name().map_err(|error| zip_error(error, Format::Zip))?.replace('\\', "/");
        let path = std::path::Path::new(&name);
        let inside =
            !name.contains('\0') && path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err(ReadErrorKind::Refused(format!("its member {:?} would lie outside the archive", short(&name, 80))));
        }
        let hidden = name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
        if !hidden {
            members.push((index, name));
        }
    }
    if members.is_empty() {
        return Err(ReadErrorKind::NoText("the archive holds no files".to_owned()));
    }
    Ok(Some(members))
}

/// The bytes of one member of an archive.
pub(crate) fn member(archive: &Input, index: usize, max_bytes: u64) -> Result<Vec<u8>> {
    let mut archive = ZipArchive::new(open(archive)?).map_err(|error| zip_error(error, Format::Zip))?;
    let entry = archive.by_index(index).map_err(|error| zip_error(error, Format::Zip))?;
    if entry.size() > max_bytes {
        return Err(ReadErrorKind::TooLarge { size: entry.size(), limit: max_bytes });
    }
    read_limited(entry, max_bytes, Format::Zip)
}

fn check_bomb<R: Read + Seek>(archive: &mut ZipArchive<R>, format: Format) -> Result<()> {
    if archive.len() > MAX_MEMBERS {
        return Err(ReadErrorKind::Refused(format!("an archive of {} files", archive.len())));
    }
    let (mut packed, mut unpacked) = (0u128, 0u128);
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| zip_error(error, format))?;
        packed += u128::from(entry.compressed_size());
        unpacked += u128::from(entry.size());
    }
    if unpacked > SMALL && unpacked > packed.saturating_mul(MAX_RATIO) {
        return Err(ReadErrorKind::Refused(format!("a ZIP bomb: {packed} bytes that claim to unpack to {unpacked}")));
    }
    if archive.has_overlapping_entries().map_err(|error| zip_error(error, format))? {
        return Err(ReadErrorKind::Refused("a ZIP bomb: its members overlap".to_owned()));
    }
    Ok(())
}

/// Reads to the end, or to the limit, beyond which the data is refused.
fn read_limited(reader: impl Read, limit: u64, format: Format) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match reader.take(limit + 1).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 > limit => {
            Err(ReadErrorKind::Refused(format!("it unpacks to more than {} MB", limit / 1_000_000)))
        }
        Ok(_) => Ok(bytes),
        Err(error) if format == Format::Gzip => {
            Err(ReadErrorKind::malformed(format.title(), format!("cannot be unpacked: {error}")))
        }
        Err(error) => Err(damaged_zip(format, error)),
    }
}

pub(crate) fn gunzip(bytes: &[u8], limit: u64) -> Result<Vec<u8>> {
    let limit_by_ratio = (bytes.len() as u128 * MAX_RATIO).max(SMALL).min(u128::from(limit)) as u64;
    let inner = read_limited(flate2::read::MultiGzDecoder::new(bytes), limit_by_ratio, Format::Gzip)?;
    if inner.starts_with(b"\x1f\x8b") {
        return Err(nested(Format::Gzip));
    }
    Ok(inner)
}

fn zip_error(error: ZipError, format: Format) -> ReadErrorKind {
    match error {
        ZipError::Io(error) => damaged_zip(format, error),
        ZipError::InvalidArchive(reason) => damaged_zip(format, reason),
        ZipError::UnsupportedArchive(reason) if reason.to_lowercase().contains("password") => {
            ReadErrorKind::Encrypted { what: format!("this {} file", format.title()) }
        }
        error => ReadErrorKind::malformed(format.title(), error),
    }
}

fn damaged_zip(format: Format, reason: impl std::fmt::Display) -> ReadErrorKind {
    let what = match format {
        Format::Docx => "Word document",
        Format::Xlsx => "Excel workbook",
        Format::Pptx => "PowerPoint presentation",
        Format::Odt => "OpenDocument file",
        _ => "ZIP archive",
    };
    ReadErrorKind::DamagedZip { what, reason: short(&reason.to_string(), 160) }
}

/// What an OLE compound file is, by the names in its directory.
pub(crate) fn ole_kind(bytes: &[u8]) -> Result<Format> {
    let sample = &bytes[..bytes.len().min(64 << 20)];
    let has = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        // Directory entries are 128 bytes long and lie on such boundaries.
        sample.chunks(128).any(|entry| entry.starts_with(&wide) && entry.get(wide.len()) == Some(&0))
    };
    if has("EncryptedPackage") {
        return Err(ReadErrorKind::Encrypted { what: "this office document".to_owned() });
    }
    let (what, to) = if has("Workbook") || has("Book") {
        return Ok(Format::Xls);
    } else if has("WordDocument") {
        ("an old Word (DOC) file", "docx")
    } else if has("PowerPoint Document") {
        ("an old PowerPoint (PPT) file", "pptx")
    } else if has("__properties_version1.0") {
        return Err(ReadErrorKind::Unsupported {
            what: "an Outlook (MSG) message".to_owned(),
            hint: "save it as EML or as text".to_owned(),
        });
    } else {
        return Err(ReadErrorKind::Binary { what: "an OLE compound file".to_owned() });
    };
    Err(ReadErrorKind::Unsupported { what: what.to_owned(), hint: format!("convert it first: soffice --convert-to {to} FILE") })
}

/// An office document's ZIP package. Every part read counts against one budget.
pub(crate) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    format: Format,
    budget: u64,
}

impl<'a> Package<'a> {
    /// `limit` is the most that all the parts read may unpack to.
    pub fn open(bytes: &'a [u8], format: Format, limit: u64) -> Result<Self> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| zip_error(error, format))?;
        check_bomb(&mut archive, format)?;
        Ok(Package { archive, format, budget: limit })
    }

    /// The content of a part; `None` where there is none of this name.
    pub fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        let format = self.format;
        let entry = match self.archive.by_name(name) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(zip_error(error, format)),
        };
        let bytes = read_limited(entry, self.budget, format)?;
        self.budget -= bytes.len() as u64;
        Ok(Some(bytes))
    }

    /// The package with some parts replaced, the others copied as they are.
    pub fn with_parts(&mut self, replaced: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
        let format = self.format;
        let error = |error| zip_error(error, format);
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for index in 0..self.archive.len() {
            let entry = self.archive.by_index_raw(index).map_err(error)?;
            let name = entry.name().map_err(error)?.into_owned();
            match replaced.iter().find(|(part, _)| *part == name) {
                Some((_, content)) => {
                    let options =
                        zip::write::SimpleFileOptions::default().last_modified_time(entry.last_modified().unwrap_or_default());
                    drop(entry);
                    writer.start_file(name, options).map_err(error)?;
                    writer.write_all(content)?;
                }
                None => writer.raw_copy_file(entry).map_err(error)?,
            }
        }
        Ok(writer.finish().map_err(error)?.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, bytes)?;
        encoder.finish()
    }

    #[test]
    fn members_are_listed_and_paths_out_of_the_archive_refused() {
        let bytes = archive(&[("a/one.txt", "نص".as_bytes()), ("__MACOSX/x", b"x"), ("b.txt", b"b")]);
        assert_eq!(super::super::detect(&bytes, "x.zip"), super::super::Detected::Format(Format::Zip));
        let source = Source::bytes("x.zip", bytes);
        let names: Vec<String> = members(&source).unwrap().unwrap().into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["a/one.txt", "b.txt"]);
        for path in ["../out.txt", "/etc/out.txt", "a/../../out.txt"] {
            let source = Source::bytes("x.zip", archive(&[(path, b"x")]));
            assert!(matches!(members(&source), Err(ReadErrorKind::Refused(_))), "{path}");
        }
    }

    #[test]
    fn bombs_are_refused() {
        let zeros = vec![b' '; 40 << 20];
        let source = Source::bytes("x.zip", archive(&[("a.txt", &zeros)]));
        assert!(matches!(members(&source), Err(ReadErrorKind::Refused(_))));
        let bomb = gzip(&zeros).unwrap();
        assert!(matches!(gunzip(&bomb, u64::MAX - 1), Err(ReadErrorKind::Refused(_))));
        let text = gzip("نص".as_bytes()).unwrap();
        assert_eq!(gunzip(&text, 100).unwrap(), "نص".as_bytes());
        assert!(gunzip(&text, 3).is_err());
    }

    #[test]
    fn compound_files_are_told_apart_by_their_directory() {
        let file = |entry: &str| {
            let mut bytes = vec![0u8; 1024];
            bytes[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
            let name: Vec<u8> = entry.encode_utf16().flat_map(u16::to_le_bytes).collect();
            bytes[512..512 + name.len()].copy_from_slice(&name);
            bytes
        };
        assert!(matches!(ole_kind(&file("EncryptedPackage")), Err(ReadErrorKind::Encrypted { .. })));
        assert!(matches!(ole_kind(&file("WordDocument")), Err(ReadErrorKind::Unsupported { .. })));
        assert_eq!(ole_kind(&file("Workbook")).unwrap(), Format::Xls);
        assert!(matches!(ole_kind(&file("Other")), Err(ReadErrorKind::Binary { .. })));
    }
}
