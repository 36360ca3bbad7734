//! `jisr doctor`: what jisr finds on this machine, and what stands in its way.

use super::model::HubArgs;
use super::style;
use anstyle::AnsiColor;
use jisr::engine::kernel::{self, Level};
use jisr::hub::{self, Hub, Place, Settings, bytes_for_people, free_space};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    hub: HubArgs,
}

/// Less free memory than this is said: the usual model and its caches need about half of it.
const LITTLE_MEMORY: u64 = 1_000_000_000;
/// Less free disk than this is said: the usual model's download and room to spare.
const LITTLE_DISK: u64 = 500_000_000;

/// One finding: fine, or something to do.
struct Finding {
    subject: &'static str,
    text: String,
    /// What to do about it; `None` where all is well.
    hint: Option<String>,
}

impl Finding {
    fn ok(subject: &'static str, text: impl Into<String>) -> Finding {
        Finding { subject, text: text.into(), hint: None }
    }

    fn warn(subject: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding { subject, text: text.into(), hint: Some(hint.into()) }
    }

    /// An error whose message may end in a `hint:` line.
    fn error(subject: &'static str, error: &dyn std::error::Error) -> Finding {
        let text = error.to_string();
        let (text, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
        Finding::warn(subject, text, hint)
    }
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = args.hub.settings();
    let mut findings = vec![version(), processor(), memory(), cache(&settings)];
    match Hub::new(settings.clone()) {
        Ok(hub) => findings.extend([config(&hub), model(&hub), reach(&hub)]),
        Err(error) => findings.push(Finding::error("config", &error)),
    }
    findings.push(token(&settings));
    findings.extend(environment());
    let mut out = anstream::stdout().lock();
    for Finding { subject, text, hint } in &findings {
        let (word, colour) = if hint.is_some() { ("warn", AnsiColor::Yellow) } else { ("ok", AnsiColor::Green) };
        let colour = style(colour);
        writeln!(out, "{colour}{word:<4}{colour:#}  {subject:<11}  {text}")?;
        if let Some(hint) = hint.as_ref().filter(|hint| !hint.is_empty()) {
            writeln!(out, "{:19}hint: {hint}", "")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn version() -> Finding {
    let builtin = if cfg!(feature = "builtin") { "with" } else { "without" };
    let build = if cfg!(debug_assertions) { ", a debug build: slow" } else { "" };
    let text = format!(
        "jisr {} for {}-{}, {builtin} the built-in model{build}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS
    );
    match cfg!(debug_assertions) {
        true => Finding::warn("version", text, "cargo build --release"),
        false => Finding::ok("version", text),
    }
}

fn processor() -> Finding {
    let cores = num_cpus::get_physical();
    let chosen = match kernel::detect() {
        Ok(kernels) => kernels.level,
        Err(error) => return Finding::error("processor", &error),
    };
    let others = kernel::available().into_iter().map(|kernels| kernels.level).filter(|level| *level != chosen);
    let others: Vec<&str> = others.map(Level::name).collect();
    let others_exist = !others.is_empty();
    let others = if others.is_empty() { String::new() } else { format!(" (it also runs {})", others.join(", ")) };
    let text = format!("{cores} cores, kernels {chosen}{others}");
    match chosen {
        Level::Scalar if others_exist => Finding::warn("processor", text, "unset JISR_CPU_ISA for the fastest ones"),
        Level::Scalar => Finding::warn("processor", text, "no vector instructions that jisr uses: translation works, but slowly"),
        _ => Finding::ok("processor", text),
    }
}

/// Memory as Linux tells it; elsewhere the system does not say in a file.
fn memory() -> Finding {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let field = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    match (field("MemTotal"), field("MemAvailable")) {
        (Some(total), Some(available)) => {
            let text = format!("{} of {} free", bytes_for_people(available), bytes_for_people(total));
            match available < LITTLE_MEMORY {
                true => Finding::warn("memory", text, "close other programs, or use --precision int8 and --threads 1"),
                false => Finding::ok("memory", text),
            }
        }
        _ => Finding::ok("memory", "not known on this system"),
    }
}

fn cache(settings: &Settings) -> Finding {
    let folder = &settings.cache;
    let free = free_space(folder);
    let free_text = free.map(|free| format!(", {} free", bytes_for_people(free))).unwrap_or_default();
    let models = hub::Cache::new(folder).models();
    let size = models.iter().map(|model| model.size).sum();
    let text = match models.len() {
        0 => format!("{}: no models{free_text}", folder.display()),
        n => format!("{}: {n} models, {}{free_text}", folder.display(), bytes_for_people(size)),
    };
    if !is_writable(folder) {
        return Finding::warn("cache", format!("{text}; it can't be written"), "--cache-dir or HF_HUB_CACHE name another folder");
    }
    match free.is_some_and(|free| free < LITTLE_DISK) {
        true => Finding::warn("cache", text, "free some space, or name another disk with --cache-dir or HF_HOME"),
        false => Finding::ok("cache", text),
    }
}

/// Whether a file can be made in a folder, or in the one it would be made in.
fn is_writable(folder: &Path) -> bool {
    let existing = folder.ancestors().find(|path| path.exists());
    existing.is_some_and(|folder| tempfile::tempfile_in(folder).is_ok())
}

fn config(hub: &Hub) -> Finding {
    let folder = &hub.settings().config;
    let own = hub.registry().entries().len() - hub::Registry::known().entries().len();
    let registry = match folder.join("registry.toml").exists() {
        true => format!("registry.toml adds {own} models"),
        false => "no registry.toml".to_owned(),
    };
    Finding::ok("config", format!("{}: {registry}", folder.display()))
}

fn model(hub: &Hub) -> Finding {
    let own = hub.default_model();
    let name = own.clone().unwrap_or_else(|| hub::DEFAULT.to_owned());
    let (set, pull) = match &own {
        Some(_) => ("the default of your own", format!("jisr models pull {name}")),
        None => ("the usual default", format!("jisr models pull {name} --default")),
    };
    let found = hub.resolve(&name).and_then(|model| Ok((hub.find(&model)?.is_some(), model)));
    match found {
        Ok((true, model)) => match model.place {
            Place::Builtin => Finding::ok("model", format!("{name}, {set}, compiled in")),
            _ => Finding::ok("model", format!("{name}, {set}, on disk")),
        },
        Ok((false, _)) => Finding::warn("model", format!("{name}, {set}, is not on disk"), pull),
        Err(error) => Finding::error("model", &error),
    }
}

fn reach(hub: &Hub) -> Finding {
    let endpoint = &hub.settings().endpoint;
    if hub.settings().offline {
        return Finding::ok("hub", format!("not asked: offline mode ({endpoint})"));
    }
    match hub.reach() {
        Ok(took) => Finding::ok("hub", format!("{endpoint} answers in {} ms", took.as_millis())),
        Err(error) => Finding::error("hub", &error),
    }
}

fn token(settings: &Settings) -> Finding {
    let text = if settings.token.is_some() { "present" } else { "none; public models need none" };
    Finding::ok("token", text)
}

/// The variables that are set and count, secrets hidden.
fn environment() -> Vec<Finding> {
    let counts = |name: &str| {
        let prefixes = ["JISR_", "HF_", "HUGGING", "TRANSFORMERS_OFFLINE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"];
        let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
        prefixes.iter().any(|prefix| name.starts_with(prefix)) || proxies.contains(&name.to_uppercase().as_str())
    };
    let mut variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, value)| counts(name) && !value.is_empty())
        .collect();
    variables.sort();
    let shown = |(name, value): &(String, String)| Finding::ok("environment", format!("{name}={}", shown_value(name, value)));
    variables.iter().map(shown).collect()
}

/// A variable's value without what is secret in it: tokens, and the name and password of a proxy.
fn shown_value(name: &str, value: &str) -> String {
    if name.contains("TOKEN") && !name.ends_with("_PATH") {
        return "(hidden)".to_owned();
    }
    match (value.find("://"), value.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}(hidden){}", &value[..scheme + 3], &value[at..]),
        (None, Some(at)) if name.to_uppercase().ends_with("_PROXY") => format!("(hidden){}", &value[at..]),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::shown_value;

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(shown_value("HF_TOKEN", "hf_abc"), "(hidden)");
        assert_eq!(shown_value("HF_TOKEN_PATH", "/run/token"), "/run/token");
        assert_eq!(shown_value("HTTPS_PROXY", "http://me:pass@proxy:80"), "http://(hidden)@proxy:80");
        assert_eq!(shown_value("https_proxy", "me:pass@proxy:80"), "(hidden)@proxy:80");
        assert_eq!(shown_value("JISR_MODEL", "org/model@v1"), "org/model@v1");
    }
}
