//! What a user may write after `-m`: a registry name, `ORG/REPO[@REVISION]`, or a folder.

use super::builtin::BUILTIN;
use super::error::{HubError, Result};
use super::registry::{Entry, Registry};
use std::path::{Path, PathBuf};

/// A model that has been named, not yet found.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    Builtin,
    Folder(PathBuf),
    Hub { repo: String, revision: String },
}

/// A name and what it stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// As records carry it: the registry's name, `ORG/REPO[@REVISION]`, or the folder as written.
    pub name: String,
    pub place: Place,
    /// What the registry knows of it.
    pub entry: Option<Entry>,
}

/// Reads a model's name. A registry name comes first, then a folder that exists (`./NAME` where both do), then a repository of the hub.
///
/// # Errors
/// [`HubError::UnknownModel`] for what is none of the three.
pub fn resolve(text: &str, registry: &Registry) -> Result<Named> {
    let (name, revision) = match text.rsplit_once('@') {
        Some((name, revision)) if is_revision(revision) => (name, Some(revision)),
        _ => (text, None),
    };
    if let Some(entry) = registry.find(name).filter(|entry| entry.name == name) {
        return Ok(known(text, entry, revision));
    }
    if Path::new(text).is_dir() {
        return Ok(Named { name: folder_name(text), place: Place::Folder(PathBuf::from(text)), entry: None });
    }
    if is_repo(name) {
        let place = Place::Hub { repo: name.to_owned(), revision: revision.unwrap_or("main").to_owned() };
        return Ok(Named { name: text.to_owned(), place, entry: registry.find(name).cloned() });
    }
    Err(HubError::UnknownModel { name: text.to_owned(), near: registry.near(name) })
}

fn known(text: &str, entry: &Entry, revision: Option<&str>) -> Named {
    let place = match (&entry.hub, &entry.folder) {
        _ if entry.name == BUILTIN => Place::Builtin,
        (_, Some(folder)) => Place::Folder(folder.clone()),
        (hub, None) => Place::Hub {
            repo: hub.clone().unwrap_or_else(|| entry.name.clone()),
            revision: revision.or(entry.revision.as_deref()).unwrap_or("main").to_owned(),
        },
    };
    Named { name: text.to_owned(), place, entry: Some(entry.clone()) }
}

/// A folder's name in records: without the slashes at its end.
fn folder_name(text: &str) -> String {
    let trimmed = text.trim_end_matches(['/', '\\']);
    if trimmed.is_empty() { text.to_owned() } else { trimmed.to_owned() }
}

/// `ORG/REPO` as the hub allows it.
fn is_repo(text: &str) -> bool {
    let part = |part: &str| {
        let allowed = part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        allowed
            && part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && !part.contains("..")
            && !part.contains("--")
    };
    text.split_once('/').is_some_and(|(org, repo)| part(org) && part(repo)) && text.len() <= 96
}

/// A branch, a tag, `refs/pr/N` or a commit; nothing that could leave the cache's `refs` folder.
fn is_revision(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains("..");
    text.split('/').all(part) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(repo: &str, revision: &str) -> Place {
        Place::Hub { repo: repo.to_owned(), revision: revision.to_owned() }
    }

    #[test]
    fn names_repositories_and_revisions() {
        let registry = Registry::known();
        let place = |text: &str| resolve(text, &registry).map(|named| named.place);
        assert_eq!(place("opus-mt-ar-en").unwrap(), hub("Helsinki-NLP/opus-mt-ar-en", "main"));
        assert_eq!(place("opus-mt-ar-en@refs/pr/6").unwrap(), hub("Helsinki-NLP/opus-mt-ar-en", "refs/pr/6"));
        assert_eq!(place("HPLT/translate-ar-en-v1.0-hplt_opus").unwrap(), hub("HPLT/translate-ar-en-v1.0-hplt_opus", "main"));
        assert_eq!(place("someone/some.model_2@v1.0").unwrap(), hub("someone/some.model_2", "v1.0"));
        #[cfg(feature = "builtin")]
        assert_eq!(place("builtin").unwrap(), Place::Builtin);
        for wrong in
            ["opus-mt-ar", "a/b/c", "../x", "/no/such/folder", "org/../etc", "a/b@../../x", "", "org/-x", "a--b/c", "a/b@"]
        {
            assert!(matches!(place(wrong), Err(HubError::UnknownModel { .. })), "{wrong}: {:?}", place(wrong));
        }
        let opus = resolve("Helsinki-NLP/opus-mt-ar-en", &registry).unwrap();
        assert_eq!(opus.name, "Helsinki-NLP/opus-mt-ar-en");
        assert_eq!(opus.entry.unwrap().name, "opus-mt-ar-en");
    }

    #[test]
    fn folders_that_exist_are_folders() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{}/", folder.path().display());
        let named = resolve(&text, &Registry::known()).unwrap();
        assert_eq!(named.name, folder.path().display().to_string());
        assert_eq!(named.place, Place::Folder(PathBuf::from(text)));
    }
}
