//! Where a model's files come from: the registry of known models, the Hugging Face hub and its cache, a local folder, the built-in model.
//!
//! A run asks [`Hub::choose`] (or [`Hub::open`] for a model by name) and gets [`ModelFiles`]; nothing else of jisr knows about names, caches and
//! networks. The way from one to the other: `spec` reads the name, `registry` knows what it stands for, `cache` looks on disk, `remote` asks the hub
//! what there is, `download` fetches it through hf-hub, `contents` says which files make a model, `choose` decides where nobody chose.
//!
//! Files go into the cache of Python's `huggingface_hub`, in its layout, so that both share what either has fetched. What is in the cache is used
//! without asking the hub; `jisr models pull` asks for what is new.
//!
//! ```no_run
//! use jisr::hub::{Hub, Settings};
//!
//! # fn main() -> jisr::hub::Result<()> {
//! let hub = Hub::new(Settings::from_env())?;
//! let files = hub.open("opus-mt-ar-en", &mut ())?;
//! println!("{} lies in {:?}", files.name, files.source);
//! # Ok(())
//! # }
//! ```

mod builtin;
mod cache;
mod checksum;
mod choose;
mod contents;
mod download;
mod error;
mod files;
mod lfs;
mod pull;
mod registry;
mod remote;
mod settings;
mod spec;
mod verify;

pub use builtin::{BUILTIN, builtin};
pub use cache::{Cache, Cached, free_space, size_of};
pub use choose::{Choice, Fallback};
pub use contents::missing;
pub use error::{HubError, Result};
pub use files::{FileSource, ModelFiles};
pub(crate) use lfs::refuse_pointer;
pub use registry::{DEFAULT, Entry, Registry, Score, is_non_commercial};
pub use settings::{DEFAULT_ENDPOINT, Settings, Token};
pub use spec::{Named, Place};
pub use verify::{FileCheck, Verdict};

use std::path::{Path, PathBuf};

/// What happens while a model is fetched, for whoever shows it.
#[derive(Debug)]
pub enum Event<'a> {
    /// Before the first large file: what will be fetched. `to_fetch` counts bytes that are not here yet.
    Plan { model: &'a str, licence: Option<&'a str>, files: usize, size: u64, to_fetch: u64 },
    /// A file's transfer begins, or begins again.
    Start { file: &'a str, size: u64 },
    /// `done` of `size` bytes are here, those of earlier attempts among them.
    Bytes { file: &'a str, done: u64, size: u64 },
    /// A file is whole and its checksum right.
    Verified { file: &'a str },
    /// Another process fetches the same file.
    Waiting { file: &'a str },
    /// A transfer broke and is tried again.
    Retry { file: &'a str, problem: &'a HubError },
}

/// Told of [`Event`]s; `&mut ()` shows nothing.
pub trait Progress {
    fn event(&mut self, event: Event);
}

impl Progress for () {
    fn event(&mut self, _: Event) {}
}

/// The registry, the cache and the hub, with the settings of one run.
#[derive(Debug)]
pub struct Hub {
    settings: Settings,
    registry: Registry,
    cache: Cache,
}

impl Hub {
    /// # Errors
    /// A user registry that can't be read.
    pub fn new(settings: Settings) -> Result<Hub> {
        let registry = Registry::load(&settings.config.join("registry.toml"))?;
        let cache = Cache::new(&settings.cache);
        Ok(Hub { settings, registry, cache })
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// What a name stands for: a registry name, `ORG/REPO[@REVISION]` or a folder.
    pub fn resolve(&self, name: &str) -> Result<Named> {
        spec::resolve(name, &self.registry)
    }

    /// The files of a model that is on this machine; `None` for one that would have to be fetched.
    ///
    /// # Errors
    /// A folder that is no whole model is refused, naming what it lacks.
    pub fn find(&self, model: &Named) -> Result<Option<ModelFiles>> {
        let name = model.name.clone();
        match &model.place {
            Place::Builtin => Ok(Some(builtin().ok_or(HubError::NoBuiltin)?)),
            Place::Folder(folder) => {
                let missing = missing(folder).map_err(|error| HubError::io("read", folder, error))?;
                if !missing.is_empty() {
                    return Err(HubError::MissingFiles { model: name, missing });
                }
                Ok(Some(ModelFiles { name, source: FileSource::Folder(folder.clone()) }))
            }
            Place::Hub { repo, revision } => {
                let folder = self.cache.find(repo, revision);
                Ok(folder.map(|folder| ModelFiles { name, source: FileSource::Folder(folder) }))
            }
        }
    }

    /// The files of a model by name: from disk where they are there, else from the hub.
    pub fn open(&self, name: &str, progress: &mut dyn Progress) -> Result<ModelFiles> {
        let model = self.resolve(name)?;
        match self.find(&model)? {
            Some(files) => Ok(files),
            None => self.pull(&model, progress),
        }
    }

    /// Asks the hub for the usual model, and says how long the answer took.
    ///
    /// # Errors
    /// What a pull would meet: an unreachable hub, a refused token.
    pub fn reach(&self) -> Result<std::time::Duration> {
        let begin = std::time::Instant::now();
        if let Place::Hub { repo, revision } = self.resolve(DEFAULT)?.place {
            remote::Remote::new(&self.settings).list(&repo, &revision)?;
        }
        Ok(begin.elapsed())
    }

    /// Where the name of the default model is kept.
    fn default_file(&self) -> PathBuf {
        self.settings.config.join("default-model")
    }

    /// The model that the user made the default, if any.
    pub fn default_model(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.default_file()).ok()?;
        Some(text.trim().to_owned()).filter(|name| !name.is_empty())
    }

    /// Makes a model the default of runs without `-m`; `None` forgets it.
    pub fn set_default_model(&self, name: Option<&str>) -> Result<()> {
        let path = self.default_file();
        let fail = |error| HubError::io("write", &path, error);
        match name {
            Some(name) => {
                let folder = path.parent().unwrap_or(Path::new("."));
                std::fs::create_dir_all(folder).map_err(fail)?;
                let file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
                std::fs::write(file.path(), format!("{name}\n")).map_err(fail)?;
                file.persist(&path).map(drop).map_err(|error| fail(error.error))
            }
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(fail(error)),
                _ => Ok(()),
            },
        }
    }
}

/// A size as the hub's pages show it, in powers of ten: `312 MB`, `2.48 GB`.
pub fn bytes_for_people(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB", 2), (1_000_000, "MB", 0), (1_000, "kB", 0)];
    match units.iter().find(|(unit, ..)| bytes >= *unit) {
        Some((unit, name, digits)) => format!("{:.*} {name}", digits, bytes as f64 / *unit as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_on_the_hub() {
        let sizes = [(25, "25 bytes"), (2_130, "2 kB"), (312_000_000, "312 MB"), (2_480_000_000, "2.48 GB")];
        assert!(sizes.iter().all(|(bytes, text)| bytes_for_people(*bytes) == *text));
    }

    #[cfg(feature = "builtin")]
    #[test]
    fn the_built_in_model_is_whole() {
        let files = builtin().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let FileSource::Embedded(embedded) = &files.source else { panic!("not embedded") };
        for (name, content) in *embedded {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        assert_eq!(missing(folder.path()).unwrap(), [""; 0]);
        assert!(files.read("config.json").unwrap().is_some() && files.read("other").unwrap().is_none());
    }

    #[test]
    fn the_default_is_remembered_and_forgotten() {
        let config = tempfile::tempdir().unwrap();
        let config = config.path().join("jisr");
        let hub = Hub::new(Settings { config, ..Settings::from_variables(|_| None) }).unwrap();
        assert_eq!(hub.default_model(), None);
        hub.set_default_model(Some("opus-mt-tc-big-ar-en")).unwrap();
        assert_eq!(hub.default_model().as_deref(), Some("opus-mt-tc-big-ar-en"));
        hub.set_default_model(None).unwrap();
        hub.set_default_model(None).unwrap();
        assert_eq!(hub.default_model(), None);
    }
}
