//! From documents to the list of distinct texts that a model has to translate.

use super::Settings;
use crate::bitext::Flag;
use crate::document::{BlockKind, Document};
use crate::text;
use std::collections::HashMap;
use std::ops::Range;

/// What is to be done with one segment of a document.
pub(super) struct Planned {
    pub block: usize,
    pub range: Range<usize>,
    pub treatment: Treatment,
}

pub(super) enum Treatment {
    /// `sources[index]` is its cleaned text.
    Translate { index: usize, flags: Vec<Flag> },
    /// No model: this is the target.
    Keep { target: String, flags: Vec<Flag> },
}

/// The segments of a batch of documents, and the distinct texts among them.
#[derive(Default)]
pub(super) struct Plan {
    planned: Vec<Vec<Planned>>,
    /// Cleaned texts, each once, in order of first appearance.
    pub sources: Vec<String>,
    /// How many segments each of them stands for.
    pub counts: Vec<usize>,
}

impl Plan {
    pub fn new(documents: &[Document], settings: &Settings) -> Self {
        let mut plan = Self::default();
        let mut indices = HashMap::new();
        for document in documents {
            let planned = segments(document, settings.lines)
                .map(|(block, range)| {
                    let treatment = plan.treat(document, block, range.clone(), settings, &mut indices);
                    Planned { block, range, treatment }
                })
                .collect();
            plan.planned.push(planned);
        }
        plan
    }

    /// Segments of all documents.
    pub fn segments(&self) -> usize {
        self.planned.iter().map(Vec::len).sum()
    }

    pub fn into_planned(self) -> Vec<Vec<Planned>> {
        self.planned
    }

    fn treat(
        &mut self,
        document: &Document,
        block: usize,
        range: Range<usize>,
        settings: &Settings,
        indices: &mut HashMap<String, usize>,
    ) -> Treatment {
        let raw = &document.text[range];
        let clean = text::clean(raw);
        if clean.is_empty() {
            return Treatment::Keep { target: String::new(), flags: Vec::new() };
        }
        let mut flags = Vec::new();
        if !settings.tokens {
            if document.blocks[block].kind == BlockKind::Verbatim {
                return Treatment::Keep { target: raw.to_owned(), flags: vec![Flag::Copied] };
            }
            match language(&clean, &settings.from) {
                Language::None => return Treatment::Keep { target: ascii_digits(&clean), flags: vec![Flag::Copied] },
                Language::Target => return Treatment::Keep { target: clean.into_owned(), flags: vec![Flag::Copied] },
                Language::Other => {
                    return Treatment::Keep { target: clean.into_owned(), flags: vec![Flag::Copied, Flag::OtherLanguage] };
                }
                Language::Source => {}
            }
        }
        if raw.contains('\u{FFFD}') {
            flags.push(Flag::Unknown);
        }
        let index = *indices.entry(clean.into_owned()).or_insert_with_key(|clean| {
            self.sources.push(clean.clone());
            self.counts.push(0);
            self.sources.len() - 1
        });
        self.counts[index] += 1;
        Treatment::Translate { index, flags }
    }
}

/// Block and byte range of every segment; in `--lines` every block is one segment, empty ones too.
fn segments(document: &Document, lines: bool) -> impl Iterator<Item = (usize, Range<usize>)> {
    document.blocks.iter().enumerate().flat_map(move |(block, at)| {
        let ranges = match (lines, at.kind) {
            (true, _) | (_, BlockKind::Verbatim) => vec![at.range.clone()],
            _ => text::sentences(&document.text, at.range.clone()),
        };
        ranges.into_iter().map(move |range| (block, range))
    })
}

/// What a segment is to the model.
#[derive(Debug, PartialEq)]
enum Language {
    /// The language that it translates from.
    Source,
    /// Latin letters only: taken for English, kept.
    Target,
    /// Another language: kept, and said so.
    Other,
    /// No letters: numbers, punctuation.
    None,
}

/// Only sources in Arabic are told apart by their letters: any other source language is the user's word. Arabic among Latin names is Arabic.
fn language(text: &str, from: &str) -> Language {
    let census = text::Census::of(text);
    if census.letters() == 0 {
        return Language::None;
    }
    if !is_arabic(from) {
        return Language::Source;
    }
    match census.language() {
        text::Language::Arabic => Language::Source,
        text::Language::Latin | text::Language::Other if census.arabic > 0 => Language::Source,
        text::Language::Latin => Language::Target,
        _ => Language::Other,
    }
}

/// Arabic and its dialects, in any of the codes in use.
pub(super) fn is_arabic(code: &str) -> bool {
    let code = code.split(['_', '-']).next().unwrap_or(code);
    matches!(
        code,
        "ar" | "ara" | "arb" | "ars" | "ary" | "arz" | "apc" | "ajp" | "aeb" | "acm" | "acq" | "apd" | "ayl" | "acw" | "afb"
    )
}

/// Digits and number signs of Arabic script as English writes them.
fn ascii_digits(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{660}'..='\u{669}' => char::from(b'0' + (c as u32 - 0x660) as u8),
            '\u{6F0}'..='\u{6F9}' => char::from(b'0' + (c as u32 - 0x6F0) as u8),
            '٫' => '.',
            '٬' | '،' => ',',
            '٪' => '%',
            '؛' => ';',
            '؟' => '?',
            other => other,
        })
        .collect()
}
