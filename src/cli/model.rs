//! The options that say which model a run takes, and the talk while it is fetched.

use super::{say, warn};
use clap::builder::FalseyValueParser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jisr::hub::{self, BUILTIN, Event, FileSource, Hub, ModelFiles, Progress, Registry, Settings, bytes_for_people};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Which model, and from where.
#[derive(clap::Args, Debug, Clone)]
pub struct ModelArgs {
    /// A known name, ORG/REPO[@REVISION] of the hub, or a folder (default: the one made default, else opus-mt-ar-en, else the built-in model)
    #[arg(short, long, value_name = "MODEL", env = "JISR_MODEL", help_heading = "Model and decoding")]
    model: Option<String>,

    #[command(flatten)]
    hub: HubArgs,
}

/// Where models are kept and fetched from. HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and proxies count as usual.
#[derive(clap::Args, Debug, Clone)]
pub struct HubArgs {
    /// Use no network
    #[arg(long, env = "JISR_OFFLINE", value_parser = FalseyValueParser::new(), help_heading = "Model and decoding")]
    offline: bool,

    /// The Hugging Face cache (default: HF_HUB_CACHE, else ~/.cache/huggingface/hub)
    #[arg(long, value_name = "DIR", env = "JISR_CACHE_DIR", help_heading = "Model and decoding")]
    cache_dir: Option<PathBuf>,

    /// Address of the hub or of a mirror (default: HF_ENDPOINT, else https://huggingface.co)
    #[arg(long, value_name = "URL", env = "JISR_ENDPOINT", help_heading = "Model and decoding")]
    endpoint: Option<String>,
}

impl HubArgs {
    /// The settings of the environment with the flags over them.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::from_env();
        settings.offline |= self.offline;
        if let Some(folder) = self.cache_dir.as_ref().filter(|folder| !folder.as_os_str().is_empty()) {
            settings.cache = folder.clone();
        }
        if let Some(endpoint) = self.endpoint.as_deref().filter(|endpoint| !endpoint.trim().is_empty()) {
            settings.set_endpoint(endpoint);
        }
        settings
    }

    pub fn open(&self) -> hub::Result<Hub> {
        Hub::new(self.settings())
    }
}

impl ModelArgs {
    /// The files of the model to run, fetched where they are not here.
    ///
    /// `quiet` hides progress, but not the warning that a worse model than the wanted one is used.
    pub fn resolve(&self, quiet: bool) -> anyhow::Result<ModelFiles> {
        let hub = self.hub.open()?;
        let mut talk = DownloadTalk::new(quiet);
        let choice = hub.choose(self.model.as_deref(), &mut talk);
        talk.finish();
        let choice = choice?;
        if let Some(fallback) = choice.fallback {
            let text = fallback.to_string();
            warn(text.trim_start_matches("warning: "));
        }
        Ok(choice.files)
    }

    /// As [`Self::resolve`], but a folder may hold a tokenizer without a model.
    pub fn resolve_tokenizer(&self, quiet: bool) -> anyhow::Result<ModelFiles> {
        match self.model.as_deref() {
            Some(model) if Registry::known().find(model).is_none() && Path::new(model).is_dir() => {
                Ok(ModelFiles { name: model.to_owned(), source: FileSource::Folder(model.into()) })
            }
            _ => self.resolve(quiet),
        }
    }
}

/// What the end of a run says about the quality of its model: only where a better one should have been used.
pub fn quality_note(model: &str) -> Option<String> {
    let registry = Registry::known();
    let quality = |name: &str| registry.find(name).and_then(|entry| entry.quality());
    if model != BUILTIN {
        return None;
    }
    let (own, better) = (quality(BUILTIN)?, quality(hub::DEFAULT)?);
    Some(format!(
        "the built-in model gives the gist only: {own}; {} reaches {better}: jisr models pull {} --default",
        hub::DEFAULT,
        hub::DEFAULT
    ))
}

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Tells how a download goes: a bar on a terminal, a line now and then elsewhere, nothing where quiet.
pub struct DownloadTalk {
    quiet: bool,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

impl DownloadTalk {
    pub fn new(quiet: bool) -> DownloadTalk {
        DownloadTalk { quiet, bar: None, last_line: Instant::now() }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            _ if self.quiet => {}
            Some(bar) => bar.suspend(|| say(text)),
            None => say(text),
        }
    }

    fn start(&mut self, file: &str, size: u64) {
        self.finish();
        if self.quiet || !std::io::stderr().is_terminal() {
            return;
        }
        let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left");
        let style = style.expect("a fixed template").progress_chars("━╸─");
        let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr_with_hz(8)).with_style(style);
        self.bar = Some(bar.with_message(file.to_owned()));
    }
}

impl Progress for DownloadTalk {
    fn event(&mut self, event: Event) {
        match event {
            Event::Plan { to_fetch: 0, .. } => {}
            Event::Plan { model, licence, files, size, to_fetch } => {
                let (size, rest) = (bytes_for_people(size), bytes_for_people(to_fetch));
                let part = if rest == size { String::new() } else { format!(" ({rest} still to come)") };
                self.line(&format!("fetching {model}: {size} in {files} files{part}, licence {}", licence.unwrap_or("unknown")));
                if licence.is_some_and(hub::is_non_commercial) {
                    self.line("its licence does not allow commercial use");
                }
            }
            Event::Start { file, size } => self.start(file, size),
            Event::Bytes { file, done, size } => match &self.bar {
                Some(bar) => bar.set_position(done),
                None if self.last_line.elapsed() >= LINE_EVERY => {
                    self.last_line = Instant::now();
                    self.line(&format!("{file}: {} of {}", bytes_for_people(done), bytes_for_people(size)));
                }
                None => {}
            },
            Event::Verified { .. } => self.finish(),
            Event::Waiting { file } => self.line(&format!("waiting for another process that fetches {file}")),
            Event::Retry { file, problem } => {
                let problem = problem.to_string();
                self.line(&format!("{}; trying {file} again", problem.lines().next().unwrap_or_default()));
            }
        }
    }
}
