//! What an output file is called.
//!
//! A document keeps its place in the tree and its name; the extension is the format's: `north/report.docx` gives `north/report.jsonl`. Where two
//! documents of a run would share a name, both keep their own extension before the new one (`report.docx.jsonl`, `report.txt.jsonl`), and a
//! result that would replace its own source gets the languages into its name (`report.ar-en.txt`).

use super::Exporter;
use super::language::language_tag;
use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

/// A document's place in the output folder, without the extension of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputName {
    /// Relative to the output folder; never leads out of it.
    pub stem: PathBuf,
    /// Extension of the source file, lower-case, without the dot; empty where it has none.
    pub source_extension: String,
}

impl OutputName {
    /// The file for an exporter under `folder`. `source` is the file the document was read from, where it was one: it is never replaced.
    pub fn path(&self, folder: &Path, exporter: &dyn Exporter, languages: (&str, &str), source: Option<&Path>) -> PathBuf {
        let extension = exporter.extension(languages.0, languages.1);
        let path = folder.join(with_suffix(&self.stem, &extension));
        if source.is_some_and(|source| is_same_file(&path, source)) {
            let pair = format!("{}-{}.{extension}", language_tag(languages.0), language_tag(languages.1));
            return folder.join(with_suffix(&self.stem, &pair));
        }
        path
    }

    /// The file for a translated copy in the source's own format (`--format same`): `report.en.docx`.
    pub fn translated_copy(&self, folder: &Path, target_lang: &str) -> PathBuf {
        let language = language_tag(target_lang);
        let suffix = if self.source_extension.is_empty() { language } else { format!("{language}.{}", self.source_extension) };
        folder.join(with_suffix(&self.stem, &suffix))
    }
}

/// The file for an exporter when the user gave a path for it: that path, with the exporter's extension in place of its own where one format
/// writes several files or one path serves several formats.
pub fn beside(path: &Path, exporter: &dyn Exporter, languages: (&str, &str)) -> PathBuf {
    let (stem, _) = split_extension(&path.file_name().unwrap_or_default().to_string_lossy());
    path.with_file_name(with_suffix(Path::new(&stem), &exporter.extension(languages.0, languages.1)))
}

/// `path`, or where it is taken the next one beside it that is not: `report.2.jsonl`, `report.3.jsonl`.
pub fn free(path: &Path, taken: impl Fn(&Path) -> bool) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    let numbered = |n: usize| match extension {
        "" => path.with_file_name(format!("{stem}.{n}")),
        _ => path.with_file_name(format!("{stem}.{n}.{extension}")),
    };
    std::iter::once(path.to_owned()).chain((2..).map(numbered)).find(|path| !taken(path)).expect("numbers do not end")
}

/// Names for all documents of a run, in their order, no two alike (nor alike to a file system that ignores case).
pub fn output_names(documents: &[&str]) -> Vec<OutputName> {
    let whole: Vec<PathBuf> = documents.iter().map(|name| inside(name)).collect();
    let short: Vec<OutputName> = whole
        .iter()
        .map(|path| {
            let (stem, source_extension) = split_extension(&path.file_name().unwrap_or_default().to_string_lossy());
            OutputName { stem: path.with_file_name(stem), source_extension }
        })
        .collect();
    let mut uses: HashMap<String, usize> = HashMap::new();
    for name in &short {
        *uses.entry(key(&name.stem)).or_default() += 1;
    }
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(short.len());
    for (name, whole) in short.into_iter().zip(whole) {
        let base = if uses[&key(&name.stem)] > 1 { whole } else { name.stem };
        let mut stem = base.clone();
        let mut copy = 2;
        while !taken.insert(key(&stem)) {
            stem = with_suffix(&base, &copy.to_string());
            copy += 1;
        }
        names.push(OutputName { stem, source_extension: name.source_extension });
    }
    names
}

fn key(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

/// A document's name as a path that stays where it is joined: no root, no `..` (archives may hold such names). Standard input is `stdin`.
fn inside(document: &str) -> PathBuf {
    let path: PathBuf = Path::new(document).components().filter(|part| matches!(part, Component::Normal(_))).collect();
    if document == "-" || path.as_os_str().is_empty() { PathBuf::from("stdin") } else { path }
}

/// Stem and extension of a file name. An extension is a dot and up to eight ASCII letters and digits, not digits alone (`report.2024` has
/// none); a compressed file's is the one under `.gz`.
fn split_extension(name: &str) -> (String, String) {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    match plain.rsplit_once('.') {
        Some((stem, extension))
            if !stem.is_empty()
                && (1..=8).contains(&extension.len())
                && extension.chars().all(|c| c.is_ascii_alphanumeric())
                && extension.chars().any(|c| c.is_ascii_alphabetic()) =>
        {
            (stem.to_string(), extension.to_ascii_lowercase())
        }
        _ => (plain.to_string(), String::new()),
    }
}

fn is_same_file(path: &Path, source: &Path) -> bool {
    path == source || matches!((path.canonicalize(), source.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitext::{jsonl::Jsonl, moses::Moses, txt::Txt};
    use proptest::prelude::*;

    const LANGUAGES: (&str, &str) = ("ar", "en");

    fn paths(documents: &[&str]) -> Vec<String> {
        let names = output_names(documents);
        names.iter().map(|name| name.path(Path::new("out"), &Jsonl, LANGUAGES, None).to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_tree_and_the_names_are_kept() {
        assert_eq!(
            paths(&["a/report.txt", "b/report.txt", "تقرير 1.5.docx", "x.2024", "y.txt.gz", "-"]),
            [
                "out/a/report.jsonl",
                "out/b/report.jsonl",
                "out/تقرير 1.5.jsonl",
                "out/x.2024.jsonl",
                "out/y.jsonl",
                "out/stdin.jsonl"
            ]
        );
    }

    #[test]
    fn namesakes_keep_their_extensions() {
        assert_eq!(
            paths(&["report.docx", "Report.txt", "report.txt"]),
            ["out/report.docx.jsonl", "out/Report.txt.jsonl", "out/report.txt.2.jsonl"]
        );
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        assert_eq!(paths(&["../../etc/passwd", "/etc/x.txt"]), ["out/etc/passwd.jsonl", "out/etc/x.jsonl"]);
    }

    #[test]
    fn a_source_is_never_replaced() {
        let name = &output_names(&["report.txt"])[0];
        let source = Path::new("in/report.txt");
        assert_eq!(name.path(Path::new("in"), &Txt, LANGUAGES, Some(source)), Path::new("in/report.ar-en.txt"));
        assert_eq!(name.path(Path::new("out"), &Txt, LANGUAGES, Some(source)), Path::new("out/report.txt"));
        assert_eq!(name.translated_copy(Path::new("in"), "en"), Path::new("in/report.en.txt"));
        assert_eq!(beside(Path::new("x/corpus.txt"), &Moses::Target, LANGUAGES), Path::new("x/corpus.en"));
    }

    proptest! {
        #[test]
        fn no_two_documents_share_a_file(names in prop::collection::vec("[ab]/[ab](\\.(txt|TXT|2|docx))?(\\.gz)?", 1..12)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut outputs: Vec<String> = paths(&names).iter().map(|path| path.to_lowercase()).collect();
            outputs.sort();
            outputs.dedup();
            prop_assert_eq!(outputs.len(), names.len());
        }
    }
}
