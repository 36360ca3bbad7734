//! Fetching a model: what the hub has, what of it is needed, what is here already, the rest.

use super::contents;
use super::download::{Downloader, check_space};
use super::error::{HubError, Result};
use super::remote::{Listing, Remote, RemoteFile};
use super::{Event, FileSource, Hub, ModelFiles, Named, Place, Progress, missing};
use std::path::Path;

impl Hub {
    /// Fetches what is missing of a model, and its newest revision where the name does not pin one. A folder or the built-in model is only looked at.
    ///
    /// Small files come first, so that a model of a family that jisr does not run is refused before its weights are fetched. The branch points at
    /// the new commit when all of it is here; until then, and after any failure, the old one stays in use.
    ///
    /// # Errors
    /// See [`HubError`]; offline mode gives [`HubError::NotInCache`] for what is not here.
    pub fn pull(&self, model: &Named, progress: &mut dyn Progress) -> Result<ModelFiles> {
        let Place::Hub { repo, revision } = &model.place else {
            return self.find(model)?.ok_or(HubError::NoBuiltin);
        };
        if self.settings.offline {
            let absent = || HubError::NotInCache { model: model.name.clone(), cache: self.settings.cache.clone() };
            return self.find(model)?.ok_or_else(absent);
        }
        let remote = Remote::new(&self.settings);
        let listing = remote.list(repo, revision)?;
        let downloader = Downloader::new(&self.cache, &self.settings, repo);
        let mut files = self.describe(&remote, repo, revision, &listing)?;
        // The configuration, and an index of shards, decide what else there is to fetch.
        let is_first = |file: &RemoteFile| file.name == contents::CONFIG || contents::is_index(&file.name);
        for file in files.clone().iter().filter(|file| is_first(file)) {
            let path = downloader.fetch(file, progress)?;
            if contents::is_index(&file.name) {
                let shards = shards(&path, &model.name)?;
                files.extend(self.describe_all(&remote, repo, &file.commit, &shards)?);
            } else {
                check_family(&path, &model.name)?;
            }
        }
        let commit = files[0].commit.clone();
        let to_fetch = |file: &RemoteFile| match downloader.has(file) {
            true => 0,
            false => file.size - downloader.partial(file),
        };
        let to_fetch = files.iter().map(to_fetch).sum();
        let known = model.entry.as_ref().and_then(|entry| entry.licence.as_deref());
        progress.event(Event::Plan {
            model: &model.name,
            licence: known.or(listing.licence.as_deref()),
            files: files.len(),
            size: files.iter().map(|file| file.size).sum(),
            to_fetch,
        });
        check_space(self.cache.root(), &model.name, to_fetch)?;
        for file in &files {
            downloader.fetch(file, progress)?;
        }
        let folder = self.cache.snapshot(repo, &commit);
        let missing = missing(&folder).map_err(|error| HubError::io("read", &folder, error))?;
        if !missing.is_empty() {
            return Err(HubError::MissingFiles { model: model.name.clone(), missing });
        }
        if *revision != commit {
            self.cache.set_ref(repo, revision, &commit)?;
        }
        Ok(ModelFiles { name: model.name.clone(), source: FileSource::Folder(folder) })
    }

    /// Size and hash of every file that a pull wants, `config.json` first.
    fn describe(&self, remote: &Remote, repo: &str, revision: &str, listing: &Listing) -> Result<Vec<RemoteFile>> {
        let revision = listing.commit.as_deref().unwrap_or(revision);
        let lacks = |missing: &str| HubError::MissingFiles { model: repo.to_owned(), missing: vec![missing.to_owned()] };
        if listing.listed {
            let wanted = contents::wanted(&listing.files);
            if wanted.first().is_none_or(|name| name != contents::CONFIG) {
                return Err(lacks(contents::CONFIG));
            }
            return self.describe_all(remote, repo, revision, &wanted);
        }
        let absent = HubError::RepoNotFound { repo: repo.to_owned(), endpoint: self.settings.endpoint.clone() };
        let config = remote.file(repo, revision, contents::CONFIG)?.ok_or(absent)?;
        let mut found = vec![config];
        for name in listing.files.iter().filter(|name| *name != contents::CONFIG) {
            found.extend(remote.file(repo, revision, name)?);
        }
        let names: Vec<String> = found.iter().map(|file| file.name.clone()).collect();
        let wanted = contents::wanted(&names);
        found.retain(|file| wanted.contains(&file.name));
        Ok(found)
    }

    fn describe_all(&self, remote: &Remote, repo: &str, revision: &str, names: &[String]) -> Result<Vec<RemoteFile>> {
        let describe = |name: &String| {
            let absent = || HubError::FileNotFound { repo: repo.to_owned(), revision: revision.to_owned(), file: name.clone() };
            remote.file(repo, revision, name)?.ok_or_else(absent)
        };
        names.iter().map(describe).collect()
    }
}

fn shards(index: &Path, model: &str) -> Result<Vec<String>> {
    let bytes = std::fs::read(index).map_err(|error| HubError::io("read", index, error))?;
    let name = index.file_name().unwrap_or_default().to_string_lossy();
    contents::shards(&bytes).map_err(|problem| HubError::MissingFiles {
        model: model.to_owned(),
        missing: vec![format!("a readable {name} ({problem})")],
    })
}

fn check_family(config: &Path, model: &str) -> Result<()> {
    let bytes = std::fs::read(config).map_err(|error| HubError::io("read", config, error))?;
    let model_type = contents::model_type(&bytes).map_err(|problem| HubError::MissingFiles {
        model: model.to_owned(),
        missing: vec![format!("a readable config.json ({problem})")],
    })?;
    match contents::is_supported(&model_type) {
        true => Ok(()),
        false => Err(HubError::UnsupportedFamily { model: model.to_owned(), model_type }),
    }
}
