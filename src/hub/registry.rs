//! The models that jisr knows by name: `models/registry.toml`, the built-in model's card, and the user's own file.

use super::builtin::{BUILTIN, CARD, builtin};
use super::error::{HubError, Result};
use super::{FileSource, bytes_for_people};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const KNOWN: &str = include_str!("../../models/registry.toml");

/// The model that a run takes where nobody chose one.
pub const DEFAULT: &str = "opus-mt-ar-en";

/// One model of the registry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    #[serde(default)]
    pub name: String,
    /// `ORG/REPO` on the hub; absent for the built-in model and for folders.
    pub hub: Option<String>,
    /// Branch, tag or commit; absent: `main`.
    pub revision: Option<String>,
    /// A folder on this machine in the place of a repository.
    pub folder: Option<PathBuf>,
    /// `marian`, `m2m100` or `nllb`.
    pub family: Option<String>,
    /// SPDX identifier where there is one.
    pub licence: Option<String>,
    pub licence_note: Option<String>,
    /// Bytes to download.
    pub size: Option<u64>,
    /// Number of weights.
    pub parameters: Option<u64>,
    pub about: Option<String>,
    #[serde(default)]
    pub scores: Vec<Score>,
}

/// A published quality score, Arabic to English.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// The test set.
    pub set: String,
    pub bleu: Option<f64>,
    pub chrf: Option<f64>,
    /// `chrF` or `chrF++`.
    pub chrf_kind: Option<String>,
    /// Who says so.
    pub source: String,
}

impl Score {
    /// As people read it: `33.9 BLEU (FLORES devtest)`.
    pub fn text(&self) -> String {
        let bleu = self.bleu.map(|b| format!("{b:.1} BLEU"));
        let chrf = self.chrf.map(|c| format!("{c:.1} {}", self.chrf_kind.as_deref().unwrap_or("chrF")));
        let figures: Vec<String> = bleu.into_iter().chain(chrf).collect();
        format!("{} ({})", figures.join(", "), self.set)
    }
}

impl Entry {
    /// The first score, the one to compare models by; `None` where none was published.
    pub fn quality(&self) -> Option<String> {
        self.scores.first().map(Score::text)
    }

    /// Size and licence, as said before a download: `312 MB, licence Apache-2.0`.
    pub fn terms(&self) -> String {
        let size = self.size.map(|s| format!("{}, ", bytes_for_people(s))).unwrap_or_default();
        format!("{size}licence {}", self.licence.as_deref().unwrap_or("unknown"))
    }

    /// Whether the licence forbids commercial use.
    pub fn is_non_commercial(&self) -> bool {
        self.licence.as_deref().is_some_and(is_non_commercial)
    }
}

/// Whether a licence identifier forbids commercial use (CC-BY-NC and its kin).
pub fn is_non_commercial(licence: &str) -> bool {
    licence.to_ascii_lowercase().split(['-', '_', ' ']).any(|part| part == "nc")
}

/// All known models, `builtin` first.
#[derive(Debug, Clone)]
pub struct Registry {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    model: Vec<Entry>,
}

impl Registry {
    /// The compiled-in models, and those of `user_file` where it exists.
    ///
    /// # Errors
    /// A user file that can't be read, is not of the registry's form, or has an entry without a name or without a place.
    pub fn load(user_file: &Path) -> Result<Registry> {
        let mut registry = Registry::known();
        let problem = |problem: String| HubError::Registry { path: user_file.to_owned(), problem };
        let text = match std::fs::read_to_string(user_file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(registry),
            Err(error) => return Err(problem(error.to_string())),
        };
        let file: File = toml::from_str(&text).map_err(|error| problem(error.to_string()))?;
        for entry in file.model {
            let name = &entry.name;
            if name.is_empty() || name == BUILTIN {
                return Err(problem(format!("a model can't be named `{name}`")));
            }
            if entry.hub.is_some() == entry.folder.is_some() {
                return Err(problem(format!("model `{name}` needs either `hub` or `folder`")));
            }
            match registry.entries.iter_mut().find(|known| known.name == *name) {
                Some(known) => *known = entry,
                None => registry.entries.push(entry),
            }
        }
        Ok(registry)
    }

    /// The compiled-in models alone.
    pub fn known() -> Registry {
        let file: File = toml::from_str(KNOWN).expect("models/registry.toml is well-formed: a test reads it");
        let card = builtin_entry();
        Registry { entries: card.into_iter().chain(file.model).collect() }
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of that name, or of that repository on the hub.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        let named = self.entries.iter().find(|entry| entry.name == name);
        named.or_else(|| self.entries.iter().find(|entry| entry.hub.as_deref() == Some(name)))
    }

    /// The known names like `name`, the likest first, at most three: those some letters off, and those that it is a part of.
    pub(super) fn near(&self, name: &str) -> Vec<String> {
        let wanted = name.to_lowercase();
        let letters = wanted.chars().count();
        let score = |entry: &Entry| {
            let known = entry.name.to_lowercase();
            let distance = strsim::levenshtein(&wanted, &known);
            (distance <= letters / 3 || letters > 2 && known.contains(&wanted)).then(|| (distance, entry.name.clone()))
        };
        let mut near: Vec<(usize, String)> = self.entries.iter().filter_map(score).collect();
        near.sort_by_key(|(distance, _)| *distance);
        near.into_iter().take(3).map(|(_, name)| name).collect()
    }
}

/// The built-in model's entry, from its card; its size is that of its files.
fn builtin_entry() -> Option<Entry> {
    let FileSource::Embedded(files) = builtin()?.source else { return None };
    let card: Entry = toml::from_str(CARD).expect("models/builtin/card.toml is well-formed: a test reads it");
    let size = files.iter().map(|(_, content)| content.len() as u64).sum();
    Some(Entry { name: BUILTIN.to_owned(), size: Some(size), ..card })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_model_says_what_a_user_must_know() {
        let registry = Registry::known();
        assert!(registry.find(DEFAULT).is_some());
        for entry in registry.entries() {
            let name = &entry.name;
            assert!(entry.hub.is_some() != (name == BUILTIN), "{name}: hub");
            assert!(entry.licence.is_some() && entry.size.is_some() && entry.parameters.is_some(), "{name}: terms");
            assert!(["marian", "nllb", "m2m100"].contains(&entry.family.as_deref().unwrap()), "{name}: family");
            assert!(entry.scores.iter().all(|s| s.bleu.or(s.chrf).is_some() && !s.source.is_empty()), "{name}: scores");
        }
        assert!(registry.find("facebook/nllb-200-3.3B").unwrap().is_non_commercial());
        assert!(!registry.find("opus-mt-tc-big-ar-en").unwrap().is_non_commercial());
    }

    #[cfg(feature = "builtin")]
    #[test]
    fn the_card_for_people_has_the_figures_of_the_card_for_the_program() {
        let text = include_str!("../../models/builtin/README.md");
        for score in &Registry::known().find(BUILTIN).unwrap().scores {
            assert!(text.contains(&score.set), "{score:?}");
            for figure in [score.bleu, score.chrf].into_iter().flatten() {
                assert!(text.contains(&format!("{figure:.1}")), "README.md lacks {figure}");
            }
        }
    }

    #[test]
    fn a_user_file_adds_and_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registry.toml");
        let load = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Registry::load(&file)
        };
        let registry =
            load("[[model]]\nname='ours'\nfolder='/srv/ours'\n[[model]]\nname='opus-mt-ar-en'\nhub='a/b'\nrevision='v1'")
                .unwrap();
        assert_eq!(registry.find("ours").unwrap().folder, Some(PathBuf::from("/srv/ours")));
        let opus = registry.find("opus-mt-ar-en").unwrap();
        assert_eq!((opus.hub.as_deref(), opus.revision.as_deref()), (Some("a/b"), Some("v1")));
        assert_eq!(registry.entries().len(), Registry::known().entries().len() + 1);
        for (bad, says) in [
            ("[[model]]\nname='x'", "`hub` or `folder`"),
            ("[[model]]\nhub='a/b'", "named ``"),
            ("[[model]]\nname='builtin'\nhub='a/b'", "named `builtin`"),
            ("[[model]]\nname='x'\nhub='a/b'\nsizee=3", "sizee"),
        ] {
            let message = load(bad).unwrap_err().to_string();
            assert!(message.contains(says) && message.contains("registry.toml"), "{message}");
        }
    }

    #[test]
    fn near_misses_are_suggested() {
        let registry = Registry::known();
        assert_eq!(registry.near("opus-mt-aren"), ["opus-mt-ar-en"]);
        assert_eq!(registry.near("OPUS-MT-TC-BIG-ar-en")[0], "opus-mt-tc-big-ar-en");
        assert_eq!(registry.near("distilled-600M"), ["nllb-200-distilled-600M"]);
        assert_eq!(registry.near("gpt"), [""; 0]);
    }
}
