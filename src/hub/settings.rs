//! Where the cache, the configuration and the hub are: the same environment variables as Python's `huggingface_hub`, so that both share one cache.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The public hub.
pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// How to reach the hub and where files lie. [`Settings::from_env`] reads the environment; flags then overwrite fields.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The hub cache itself, with `models--ORG--REPO` folders in it (`HF_HUB_CACHE`, else `$HF_HOME/hub`, else `$XDG_CACHE_HOME/huggingface/hub`).
    pub cache: PathBuf,
    /// jisr's own configuration: `registry.toml` and `default-model` (`$XDG_CONFIG_HOME/jisr`).
    pub config: PathBuf,
    /// Address of the hub without a slash at its end (`HF_ENDPOINT`).
    pub endpoint: String,
    /// `HF_TOKEN`, else the content of `HF_TOKEN_PATH` or `$HF_HOME/token`.
    pub token: Option<Token>,
    /// No network at all (`HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE`).
    pub offline: bool,
    /// Time for a connection to stand.
    pub connect_timeout: Duration,
    /// Time for the first byte of an answer.
    pub answer_timeout: Duration,
    /// Longest silence in a download (`HF_HUB_DOWNLOAD_TIMEOUT`, seconds).
    pub stall_timeout: Duration,
}

/// A secret of the hub; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub fn new(secret: impl Into<String>) -> Token {
        Token(secret.into())
    }

    pub(super) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

impl Settings {
    /// The settings that the environment and the user's home give.
    pub fn from_env() -> Settings {
        Settings::from_variables(|name| std::env::var(name).ok())
    }

    /// As [`Settings::from_env`], with `variable` in the place of the environment. An empty variable counts as unset.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Settings {
        let get = |name: &str| variable(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let home = get("HOME").map(PathBuf::from).or_else(dirs::home_dir).unwrap_or_default();
        let path = |text: String| match text.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None if text == "~" => home.clone(),
            None => PathBuf::from(text),
        };
        let hf_home = get("HF_HOME")
            .map(path)
            .unwrap_or_else(|| get("XDG_CACHE_HOME").map(path).unwrap_or_else(|| home.join(".cache")).join("huggingface"));
        let cache = get("HF_HUB_CACHE").or_else(|| get("HUGGINGFACE_HUB_CACHE")).map(path);
        let config = get("XDG_CONFIG_HOME").map(path).or_else(|| match cfg!(windows) {
            true => dirs::config_dir(),
            false => None,
        });
        let token = get("HF_TOKEN").or_else(|| get("HUGGING_FACE_HUB_TOKEN")).or_else(|| {
            let file = get("HF_TOKEN_PATH").map(path).unwrap_or_else(|| hf_home.join("token"));
            let implicit = !get("HF_HUB_DISABLE_IMPLICIT_TOKEN").is_some_and(|v| is_true(&v));
            let content = implicit.then(|| std::fs::read_to_string(file).ok())??;
            Some(content.trim().to_owned()).filter(|t| !t.is_empty())
        });
        let seconds = |name: &str| get(name).and_then(|v| v.parse().ok()).filter(|s| *s > 0).map(Duration::from_secs);
        Settings {
            cache: cache.unwrap_or_else(|| hf_home.join("hub")),
            config: config.unwrap_or_else(|| home.join(".config")).join("jisr"),
            endpoint: clean_endpoint(&get("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned())),
            token: token.map(Token),
            offline: ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].iter().any(|n| get(n).is_some_and(|v| is_true(&v))),
            connect_timeout: Duration::from_secs(5),
            answer_timeout: seconds("HF_HUB_ETAG_TIMEOUT").unwrap_or(Duration::from_secs(15)),
            stall_timeout: seconds("HF_HUB_DOWNLOAD_TIMEOUT").unwrap_or(Duration::from_secs(30)),
        }
    }

    /// Sets the address of the hub.
    pub fn set_endpoint(&mut self, endpoint: &str) {
        self.endpoint = clean_endpoint(endpoint);
    }
}

fn clean_endpoint(endpoint: &str) -> String {
    endpoint.trim().trim_end_matches('/').to_owned()
}

/// What `huggingface_hub` takes for true.
fn is_true(value: &str) -> bool {
    ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        let variables: Vec<(String, String)> = variables.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        Settings::from_variables(move |name| variables.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()))
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        let cache = |variables: &[(&str, &str)]| settings(variables).cache;
        let home = ("HOME", "/home/u");
        assert_eq!(cache(&[home]), PathBuf::from("/home/u/.cache/huggingface/hub"));
        assert_eq!(cache(&[home, ("XDG_CACHE_HOME", "/c")]), PathBuf::from("/c/huggingface/hub"));
        assert_eq!(cache(&[home, ("HF_HOME", "~/hf"), ("XDG_CACHE_HOME", "/c")]), PathBuf::from("/home/u/hf/hub"));
        assert_eq!(cache(&[home, ("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/models")]), PathBuf::from("/models"));
        assert_eq!(cache(&[home, ("HF_HOME", "")]), PathBuf::from("/home/u/.cache/huggingface/hub"));
    }

    #[test]
    fn offline_words_and_endpoint() {
        for (value, offline) in [("1", true), ("TRUE", true), ("yes", true), ("0", false), ("no", false), ("", false)] {
            assert_eq!(settings(&[("HOME", "/h"), ("HF_HUB_OFFLINE", value)]).offline, offline, "{value:?}");
            assert_eq!(settings(&[("HOME", "/h"), ("TRANSFORMERS_OFFLINE", value)]).offline, offline, "{value:?}");
        }
        assert_eq!(settings(&[("HF_ENDPOINT", "http://mirror:80/")]).endpoint, "http://mirror:80");
        assert_eq!(settings(&[]).endpoint, DEFAULT_ENDPOINT);
    }

    #[test]
    fn tokens_come_from_variable_then_file_and_are_never_printed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "hf_file\n").unwrap();
        let file = ("HF_TOKEN_PATH", file.to_str().unwrap());
        assert_eq!(settings(&[file]).token, Some(Token::new("hf_file")));
        assert_eq!(settings(&[file, ("HF_TOKEN", "hf_var")]).token, Some(Token::new("hf_var")));
        assert_eq!(settings(&[file, ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]).token, None);
        std::fs::write(folder.path().join("token"), "hf_home").unwrap();
        let home = ("HF_HOME", folder.path().to_str().unwrap());
        assert_eq!(settings(&[home]).token, Some(Token::new("hf_home")));
        assert!(!format!("{:?}", settings(&[home])).contains("hf_home\""));
    }
}
