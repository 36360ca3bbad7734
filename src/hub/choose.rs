//! Which model a run takes.

use super::builtin::{BUILTIN, builtin};
use super::error::{HubError, Result};
use super::registry::{DEFAULT, Entry};
use super::{Hub, ModelFiles, Progress};
use std::fmt;

/// The model that a run takes.
#[derive(Debug)]
pub struct Choice {
    pub files: ModelFiles,
    /// Set where a worse model than the wanted one had to do.
    pub fallback: Option<Fallback>,
}

/// Why a run takes another model than it would have liked; [`fmt::Display`] says it to people, in lines that begin with `warning:` and `hint:`.
#[derive(Debug)]
pub struct Fallback {
    /// The model that would have been taken.
    pub wanted: String,
    /// What the registry knows of it.
    pub wanted_entry: Option<Entry>,
    /// The model that is taken instead.
    pub taken: String,
    pub taken_entry: Option<Entry>,
    /// Why the wanted one could not be had, in one line.
    pub reason: String,
}

impl Hub {
    /// The model named by `model`, or where that is absent or empty: the one made default with `jisr models pull NAME --default`; else
    /// [`DEFAULT`] from the cache, or from the hub; and only where the hub can't be reached, or offline, the built-in one.
    ///
    /// # Errors
    /// Everything but an unreachable hub: a wrong checksum, a full disk or a refused token never leads to a worse model.
    pub fn choose(&self, model: Option<&str>, progress: &mut dyn Progress) -> Result<Choice> {
        if let Some(name) = model.map(str::trim).filter(|name| !name.is_empty()) {
            return Ok(Choice { files: self.open(name, progress)?, fallback: None });
        }
        let wanted = self.default_model().unwrap_or_else(|| DEFAULT.to_owned());
        let error = match self.open(&wanted, progress) {
            Ok(files) => return Ok(Choice { files, fallback: None }),
            Err(error @ HubError::NotInCache { .. }) if self.settings.offline => error,
            Err(error) if error.is_unreachable() => error,
            Err(error) => return Err(error),
        };
        // A default of the user's own that is gone: the usual default, if it is here, is still better than the built-in model.
        let usual = (wanted != DEFAULT).then(|| self.resolve(DEFAULT).and_then(|model| self.find(&model)));
        let files = match usual.transpose()?.flatten() {
            Some(files) => files,
            None => builtin().ok_or(error_without_builtin(&error))?,
        };
        let fallback = Fallback {
            wanted_entry: self.registry.find(&wanted).cloned(),
            taken_entry: self.registry.find(&files.name).cloned(),
            taken: files.name.clone(),
            reason: match error {
                HubError::NotInCache { .. } => format!("{wanted} is not in the cache and offline mode is set"),
                other => other.to_string().lines().next().unwrap_or_default().to_owned(),
            },
            wanted,
        };
        Ok(Choice { files, fallback: Some(fallback) })
    }
}

/// Without a built-in model the unreachable hub is what to tell.
fn error_without_builtin(error: &HubError) -> HubError {
    match error {
        HubError::Unreachable { endpoint, cause } => HubError::Unreachable { endpoint: endpoint.clone(), cause: cause.clone() },
        HubError::NoAnswer { endpoint, after } => HubError::NoAnswer { endpoint: endpoint.clone(), after: *after },
        HubError::NotInCache { model, cache } => HubError::NotInCache { model: model.clone(), cache: cache.clone() },
        _ => HubError::NoBuiltin,
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let quality = |entry: &Option<Entry>| {
            let quality = entry.as_ref().and_then(Entry::quality);
            quality.unwrap_or_else(|| "no published score".to_owned())
        };
        let what = if self.taken == BUILTIN { "the built-in model" } else { &self.taken };
        writeln!(f, "warning: {}; using {what} instead", self.reason)?;
        let about = self.taken_entry.as_ref().and_then(|entry| entry.about.as_deref());
        let about = about.map(|about| format!(", {about}")).unwrap_or_default();
        writeln!(f, "  {}: {}{about}", self.taken, quality(&self.taken_entry))?;
        writeln!(f, "  {}: {}", self.wanted, quality(&self.wanted_entry))?;
        let terms = self.wanted_entry.as_ref().map(|entry| format!(" ({})", entry.terms())).unwrap_or_default();
        write!(f, "hint: with a network, get the better one with `jisr models pull {}`{terms}", self.wanted)
    }
}
