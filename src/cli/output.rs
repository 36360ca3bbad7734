//! Where the translations of a run go, and putting them there.

use super::UsageError;
use jisr::bitext::naming::{self, OutputName};
use jisr::bitext::output::PendingFile;
use jisr::bitext::{Bitext, Destination, ExportContext, Exporter, Format, terminal};
use jisr::document::{self, ReadOptions, Source};
use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The folder that several inputs go to when nothing else is said.
const DEFAULT_FOLDER: &str = "jisr-out";

/// Where the run writes.
#[derive(Debug, PartialEq)]
pub enum Target {
    /// The bilingual view for people.
    Terminal,
    /// One stream for all documents.
    Stdout(Format),
    /// One document in one format, at this path.
    File(Format, PathBuf),
    /// One document in several formats that share this path's stem.
    Beside(Vec<Format>, PathBuf),
    /// A folder with the tree of the input.
    Folder(Vec<Format>, PathBuf),
}

/// What the command line says about output.
pub struct Request<'a> {
    pub output: Option<&'a Path>,
    pub formats: &'a [Format],
    /// One file or standard input, not a folder.
    pub single: bool,
    /// Standard output is a terminal.
    pub terminal: bool,
}

impl Target {
    pub fn choose(request: &Request) -> Result<Self, UsageError> {
        let formats = if request.formats.is_empty() { vec![Format::Tsv] } else { request.formats.to_vec() };
        match request.output {
            Some(path) if path == Path::new("-") => Self::stdout(&formats, request.single),
            Some(path) if !request.single || path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/') => {
                Ok(Self::Folder(formats, path.to_owned()))
            }
            Some(path) => match (request.formats, Format::from_path(path)) {
                ([], Some(implied)) => Ok(Self::File(implied, path.to_owned())),
                ([], None) if path.extension().is_some() => Err(UsageError(format!(
                    "no output format belongs to the name {}\nhint: say which one with --format: {}",
                    path.display(),
                    Format::ALL.map(Format::name).join(", ")
                ))),
                ([one], _) if one.exporters().len() < 2 && path.extension().is_some() => Ok(Self::File(*one, path.to_owned())),
                (_, Some(_)) => Ok(Self::Beside(formats, path.to_owned())),
                ([Format::Moses], _) => Ok(Self::Beside(formats, path.to_owned())),
                (_, None) => Ok(Self::Folder(formats, path.to_owned())),
            },
            None if !request.single => Ok(Self::Folder(formats, DEFAULT_FOLDER.into())),
            None if request.formats.is_empty() && request.terminal => Ok(Self::Terminal),
            None => Self::stdout(&formats, true),
        }
    }

    fn stdout(formats: &[Format], single: bool) -> Result<Self, UsageError> {
        let [format] = formats else {
            return Err(UsageError(
                "several formats cannot share standard output\nhint: give a folder with --output FOLDER".into(),
            ));
        };
        let problem = match format {
            Format::Moses => "moses writes two files",
            Format::Same => "a translated copy keeps its own format",
            _ if format.is_binary() => "it is not text",
            _ if !single && !format.joins() => "documents in this format cannot follow one another in one stream",
            _ => return Ok(Self::Stdout(*format)),
        };
        Err(UsageError(format!(
            "--format {format} cannot go to standard output: {problem}\nhint: give a file or folder with --output"
        )))
    }

    /// The file that a run journal lies in, where the run writes files at all.
    pub fn journal(&self) -> Option<PathBuf> {
        match self {
            Self::Terminal | Self::Stdout(_) => None,
            Self::Folder(_, root) => Some(root.join(".jisr-journal")),
            Self::File(_, path) | Self::Beside(_, path) => {
                let name = path.file_name()?.to_string_lossy();
                Some(path.with_file_name(format!(".{name}.jisr-journal")))
            }
        }
    }

    /// What the closing line says.
    pub fn describe(&self) -> Option<String> {
        match self {
            Self::Terminal | Self::Stdout(_) => None,
            Self::File(_, path) => Some(path.display().to_string()),
            Self::Beside(formats, path) => Some(format!("{} ({})", path.with_extension("*").display(), list(formats))),
            Self::Folder(formats, root) => Some(format!("{} ({})", root.join("").display(), list(formats))),
        }
    }
}

fn list(formats: &[Format]) -> String {
    formats.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
}

/// One file of a document.
enum Output {
    Export(&'static dyn Exporter, PathBuf),
    /// `-f same`: the source file with the translation in place.
    Copy(PathBuf),
}

/// Writes bitexts to their places, one after the other.
pub struct Writer {
    target: Target,
    /// The files of every document; none where the run writes a stream.
    outputs: Vec<Vec<Output>>,
    context: ExportContext,
    read_options: ReadOptions,
    /// A document already stands in the stream.
    continued: bool,
}

impl Writer {
    /// `sources` are all documents of the run, in the order in which [`Writer::write`] counts them. All paths are chosen here, so that none is
    /// used twice and none is a source.
    pub fn new(
        target: Target,
        sources: &[Source],
        languages: (&str, &str),
        read_options: ReadOptions,
    ) -> Result<Self, UsageError> {
        let documents: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let mut taken: HashSet<PathBuf> = sources.iter().filter_map(|source| source.path()?.canonicalize().ok()).collect();
        let names = naming::output_names(&documents);
        let mut outputs = Vec::new();
        for (name, source) in names.iter().zip(sources) {
            let mut files = planned(&target, name, source, languages);
            for file in &mut files {
                let (Output::Export(_, path) | Output::Copy(path)) = file;
                if taken.contains(&identity(path)) && !matches!(target, Target::Folder(..)) {
                    return Err(UsageError(format!(
                        "{} is the source itself and is not overwritten\nhint: give another --output",
                        path.display()
                    )));
                }
                *path = naming::free(path, |path| taken.contains(&identity(path)));
                taken.insert(identity(path));
            }
            outputs.push(files);
        }
        Ok(Self { target, outputs, context: ExportContext::now(), read_options, continued: false })
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Writes the bitext of document `index` of the run: every file of it that can be written. The errors are those of the others.
    pub fn write(&mut self, index: usize, source: &Source, bitext: &Bitext) -> Vec<anyhow::Error> {
        let stream = match &self.target {
            Target::Terminal => Some(self.show(bitext)),
            Target::Stdout(format) => Some(self.stream(*format, bitext)),
            _ => None,
        };
        if let Some(outcome) = stream {
            self.continued = true;
            return outcome.err().into_iter().map(anyhow::Error::from).collect();
        }
        let write = |output: &Output| match output {
            Output::Export(exporter, path) => Ok(Destination::File(path.clone()).export(bitext, *exporter, &self.context)?),
            Output::Copy(path) => self.copy(path, source, bitext),
        };
        self.outputs[index].iter().filter_map(|output| write(output).err()).collect()
    }

    fn show(&self, bitext: &Bitext) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        let width = terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0));
        terminal::View { width, colour: true }.write(bitext, &mut out)?;
        out.flush()
    }

    fn stream(&self, format: Format, bitext: &Bitext) -> io::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        for exporter in format.exporters() {
            if self.continued {
                exporter.write_next(bitext, &self.context, &mut out)?;
            } else {
                exporter.write(bitext, &self.context, &mut out)?;
            }
        }
        out.flush()
    }

    fn copy(&self, path: &Path, source: &Source, bitext: &Bitext) -> anyhow::Result<()> {
        let bytes = document::write_translated(source, &self.read_options, bitext)?;
        let mut file = PendingFile::create(path)?;
        file.write_all(&bytes).map_err(|error| file.error(error))?;
        Ok(file.commit()?)
    }
}

/// The files that a document gives, before anyone looks whether they are free.
fn planned(target: &Target, name: &OutputName, source: &Source, languages: (&str, &str)) -> Vec<Output> {
    let several = |formats: &[Format], folder: &Path, path: &dyn Fn(&'static dyn Exporter) -> PathBuf| {
        let files = |format: &Format| {
            let exports = format.exporters().iter().map(|exporter| Output::Export(*exporter, path(*exporter)));
            let copy = (*format == Format::Same).then(|| Output::Copy(name.translated_copy(folder, languages.1)));
            exports.chain(copy).collect::<Vec<_>>()
        };
        formats.iter().flat_map(files).collect()
    };
    match target {
        Target::Terminal | Target::Stdout(_) => Vec::new(),
        Target::File(Format::Same, path) => vec![Output::Copy(path.clone())],
        Target::File(format, path) => format.exporters().iter().map(|exporter| Output::Export(*exporter, path.clone())).collect(),
        Target::Beside(formats, path) => {
            let folder = path.parent().unwrap_or(Path::new(""));
            several(formats, folder, &|exporter| naming::beside(path, exporter, languages))
        }
        Target::Folder(formats, root) => several(formats, root, &|exporter| name.path(root, exporter, languages, source.path())),
    }
}

/// What tells whether two paths are one file, before it exists too.
fn identity(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let place =
        path.canonicalize().or_else(|_| Ok::<_, io::Error>(folder.canonicalize()?.join(path.file_name().unwrap_or_default())));
    place.unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(output: Option<&str>, formats: &[Format], single: bool, terminal: bool) -> Result<Target, String> {
        let request = Request { output: output.map(Path::new), formats, single, terminal };
        Target::choose(&request).map_err(|error| error.to_string())
    }

    #[test]
    fn one_input_goes_to_standard_output() {
        assert_eq!(choose(None, &[], true, true), Ok(Target::Terminal));
        assert_eq!(choose(None, &[], true, false), Ok(Target::Stdout(Format::Tsv)));
        assert_eq!(choose(None, &[Format::Jsonl], true, true), Ok(Target::Stdout(Format::Jsonl)));
        assert_eq!(choose(Some("-"), &[Format::Txt], false, false), Ok(Target::Stdout(Format::Txt)));
    }

    #[test]
    fn several_inputs_go_to_a_folder() {
        assert_eq!(choose(None, &[], false, true), Ok(Target::Folder(vec![Format::Tsv], DEFAULT_FOLDER.into())));
        let both = vec![Format::Html, Format::Tmx];
        assert_eq!(choose(Some("out"), &both, false, false), Ok(Target::Folder(both.clone(), "out".into())));
    }

    #[test]
    fn a_file_name_says_the_format() {
        assert_eq!(choose(Some("a.html"), &[], true, false), Ok(Target::File(Format::Html, "a.html".into())));
        assert_eq!(choose(Some("a.out"), &[Format::Tsv], true, false), Ok(Target::File(Format::Tsv, "a.out".into())));
        let both = vec![Format::Html, Format::Tsv];
        assert_eq!(choose(Some("a.html"), &both, true, false), Ok(Target::Beside(both.clone(), "a.html".into())));
        assert!(choose(Some("a.pdf"), &[], true, false).unwrap_err().contains("--format"));
    }

    #[test]
    fn what_cannot_be_a_stream_is_refused() {
        assert!(choose(None, &[Format::Docx], true, false).unwrap_err().contains("not text"));
        assert!(choose(Some("-"), &[Format::Tmx], false, false).unwrap_err().contains("one stream"));
        assert!(choose(None, &[Format::Tsv, Format::Txt], true, false).unwrap_err().contains("folder"));
    }
}
