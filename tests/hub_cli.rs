//! `jisr models` and `jisr doctor`, through the binary, against a hub on the loopback.

mod hub_server;

use assert_cmd::Command;
use hub_server::{COMMIT, Fault, HubServer, REPO, sha256};
use predicates::prelude::*;
use predicates::str::contains;
use std::fs;
use std::process::{Child, Stdio};
use tempfile::TempDir;

/// A user's machine: its home, and the hub that it reaches.
struct Machine {
    home: TempDir,
    server: HubServer,
}

impl Machine {
    fn new() -> Machine {
        Machine { home: tempfile::tempdir().unwrap(), server: HubServer::start() }
    }

    fn jisr(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("jisr").unwrap();
        command.args(arguments).env_clear();
        command.env("HOME", self.home.path()).env("HF_ENDPOINT", &self.server.url).timeout(std::time::Duration::from_secs(60));
        command
    }

    fn snapshot(&self) -> std::path::PathBuf {
        self.home.path().join(".cache/huggingface/hub/models--org--model/snapshots").join(COMMIT)
    }
}

#[test]
fn pull_path_verify_remove() {
    let machine = Machine::new();
    machine.jisr(&["models", "path", REPO]).assert().code(1).stderr(contains("hint: jisr models pull org/model"));
    machine
        .jisr(&["models", "pull", REPO, "--default"])
        .assert()
        .success()
        .stdout("")
        .stderr(contains("licence apache-2.0").and(contains("org/model is the default now")));
    let folder = format!("{}\n", machine.snapshot().display());
    machine.jisr(&["models", "path", REPO, "--offline"]).assert().success().stdout(folder);
    machine
        .jisr(&["models", "verify", REPO, "--hashes"])
        .env("HF_HUB_OFFLINE", "1")
        .assert()
        .success()
        .stdout(contains("model.safetensors").and(contains("ok (SHA-256)")).and(contains("CHANGED").not()));
    fs::write(machine.snapshot().join("source.spm"), "other").unwrap();
    machine
        .jisr(&["models", "verify", REPO, "--hashes"])
        .assert()
        .code(1)
        .stdout(contains("CHANGED"))
        .stderr(contains("hint: jisr models remove"));
    machine.jisr(&["models", "remove", REPO]).assert().code(2).stderr(contains("--yes"));
    assert!(machine.snapshot().exists());
    machine.jisr(&["models", "remove", REPO, "--yes"]).assert().success().stderr(contains("it was the default"));
    assert!(!machine.snapshot().exists());
}

#[test]
fn list_tells_licence_size_quality_and_what_is_on_disk() {
    let machine = Machine::new();
    let list = machine.jisr(&["models", "list"]).assert().success();
    let text = String::from_utf8(list.get_output().stdout.clone()).unwrap();
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} is not in {text}"));
    for part in ["marian", "312 MB", "Apache-2.0", "33.9 BLEU", "-"] {
        assert!(line("opus-mt-ar-en ").contains(part), "{part}");
    }
    assert!(line("nllb-200-distilled-600M").contains("CC-BY-NC-4.0") && text.contains("not for commercial use"));
    #[cfg(feature = "builtin")]
    assert!(line("builtin").ends_with("built in"));

    machine.jisr(&["models", "pull", REPO, "--default", "--quiet"]).assert().success().stderr("");
    let list = machine.jisr(&["models", "list", "--json"]).assert().success();
    let models: serde_json::Value = serde_json::from_slice(&list.get_output().stdout).unwrap();
    let model = models.as_array().unwrap().iter().find(|model| model["name"] == REPO).unwrap();
    assert_eq!((model["default"].clone(), model["on_disk"].clone()), (true.into(), true.into()));
    assert_eq!((model["commit"].as_str(), model["family"].as_str()), (Some(COMMIT), Some("marian")));
    let absent = models.as_array().unwrap().iter().find(|model| model["name"] == "m2m100_418M").unwrap();
    assert_eq!((absent["on_disk"].clone(), absent["licence"].as_str()), (false.into(), Some("MIT")));
}

#[test]
fn failures_are_said_in_one_message_with_a_hint() {
    let machine = Machine::new();
    machine
        .jisr(&["models", "pull", "org/absent"])
        .assert()
        .code(1)
        .stderr(contains("no repository org/absent").and(contains("hint:")));
    machine.jisr(&["models", "pull", REPO, "--offline"]).assert().code(1).stderr(contains("not in the cache"));
    machine
        .jisr(&["models", "pull", REPO, "--endpoint", "http://127.0.0.1:9"])
        .assert()
        .code(1)
        .stderr(contains("can't be reached"));
    machine.server.fault(Fault::Corrupt { file: "model.safetensors" }, usize::MAX);
    machine.jisr(&["models", "pull", REPO]).assert().code(1).stderr(contains("checksum").and(contains("model.safetensors")));
    machine.server.heal();
    machine.server.fault(Fault::Stall { file: "model.safetensors", after: 10 }, usize::MAX);
    let stalled = machine.jisr(&["models", "pull", REPO]).env("HF_HUB_DOWNLOAD_TIMEOUT", "1").assert().code(1);
    stalled.stderr(contains("nothing came for 1 s").and(contains("hint: run the command again")));
}

/// A name that is none is the command line's fault; a folder that lacks files is not.
#[test]
fn a_name_that_is_no_model_is_a_usage_error() {
    let machine = Machine::new();
    for command in [&["models", "pull"][..], &["models", "info"], &["translate", "-", "-m"], &["tokenize", "-m"]] {
        let near = machine.jisr(&[command, &["opus-mt-ar-eng"]].concat()).write_stdin("نص").assert().code(2);
        near.stderr(contains("unknown model `opus-mt-ar-eng`").and(contains("hint: did you mean `opus-mt-ar-en`?")));
        for malformed in ["gpt", "a/b/c", "org/-x", "org/model@", "/no/such/folder"] {
            let assert = machine.jisr(&[command, &[malformed]].concat()).write_stdin("نص").assert().code(2);
            assert.stderr(contains(format!("unknown model `{malformed}`")).and(contains("hint: ")));
        }
    }
    let folder = machine.home.path().to_str().unwrap();
    machine.jisr(&["translate", "-", "-m", folder]).write_stdin("نص").assert().code(1).stderr(contains("lacks config.json"));
}

/// Every flag of the hub has its variable, and the cache can be anywhere.
#[test]
fn flags_and_variables_name_the_cache_and_the_hub() {
    let machine = Machine::new();
    let elsewhere = machine.home.path().join("elsewhere");
    let pull = |arguments: &[&str]| {
        let mut command = machine.jisr(&[&["models", "pull", REPO, "-q"], arguments].concat());
        command.env_remove("HF_ENDPOINT");
        command
    };
    let folder = elsewhere.display().to_string();
    pull(&["--cache-dir", &folder, "--endpoint", &machine.server.url]).assert().success();
    assert!(elsewhere.join("models--org--model/refs/main").exists());
    fs::remove_dir_all(&elsewhere).unwrap();
    pull(&[]).env("JISR_CACHE_DIR", &folder).env("JISR_ENDPOINT", &machine.server.url).assert().success();
    assert!(elsewhere.join("models--org--model/refs/main").exists());
    fs::remove_dir_all(&elsewhere).unwrap();
    pull(&[]).env("HF_HOME", &folder).env("HF_ENDPOINT", &machine.server.url).assert().success();
    assert!(elsewhere.join("hub/models--org--model/refs/main").exists());
    pull(&[]).env("JISR_OFFLINE", "1").assert().code(1);
}

fn spawn(machine: &Machine) -> Child {
    std::process::Command::new(env!("CARGO_BIN_EXE_jisr"))
        .args(["models", "pull", REPO])
        .env_clear()
        .env("HOME", machine.home.path())
        .env("HF_ENDPOINT", &machine.server.url)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn two_processes_at_once_fetch_the_weights_once() {
    let machine = Machine::new();
    let mut runs = [spawn(&machine), spawn(&machine)];
    assert!(runs.iter_mut().all(|run| run.wait().unwrap().success()));
    let path = format!("/cdn/{}", sha256(&machine.server.content("model.safetensors")));
    let transfers = machine.server.requests().iter().filter(|r| r.contains(&path) && r.ends_with("bytes=0-")).count();
    assert_eq!(transfers, 1);
    machine.jisr(&["models", "verify", REPO, "--hashes"]).assert().success();
}

/// `kill -9` in the middle of the weights: nothing half is visible, and the next run asks only for the rest.
#[test]
fn a_killed_download_is_resumed() {
    let machine = Machine::new();
    machine.server.fault(Fault::Stall { file: "model.safetensors", after: 100_000 }, 1);
    let mut run = spawn(&machine);
    let part = || {
        let blobs = machine.snapshot().join("../../blobs");
        let part = blobs.join(format!("{}.part", sha256(&machine.server.content("model.safetensors"))));
        fs::metadata(part).map_or(0, |found| found.len())
    };
    let begin = std::time::Instant::now();
    while part() < 100_000 {
        assert!(begin.elapsed().as_secs() < 30, "the download did not begin");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    machine.jisr(&["models", "path", REPO]).assert().code(1);
    machine.server.requests();
    machine.jisr(&["models", "pull", REPO]).assert().success().stderr(contains("still to come"));
    assert!(machine.server.requests().iter().any(|request| request.ends_with("bytes=100000-")));
    machine.jisr(&["models", "verify", REPO, "--hashes"]).assert().success();
}

#[test]
fn doctor_looks_at_everything_and_shows_no_secret() {
    let machine = Machine::new();
    machine
        .jisr(&["doctor"])
        .env("HF_TOKEN", "hf_very_secret")
        .assert()
        .success()
        .stdout(contains("hf_very_secret").not().and(contains("present")).and(contains("HF_TOKEN=(hidden)")))
        .stdout(contains(env!("CARGO_PKG_VERSION")).and(contains("memory")).and(contains(".cache/huggingface/hub")))
        .stdout(contains("there is no repository Helsinki-NLP/opus-mt-ar-en").and(contains("hint: ")));
    machine.jisr(&["doctor", "--offline"]).assert().success().stdout(contains("offline mode"));
}

/// The built-in model through our engines and through candle-transformers' own Marian.
#[cfg(feature = "builtin")]
#[test]
fn verify_compares_logits_with_another_implementation() {
    let machine = Machine::new();
    machine
        .jisr(&["models", "verify", "builtin"])
        .assert()
        .success()
        .stdout(contains("logits: f32").and(contains("ok: the same numbers as candle-transformers' own Marian")));
}

/// Which model a run takes where none is named: the default model is at the test hub, with the files of the built-in one.
#[cfg(feature = "builtin")]
mod translate_without_a_model {
    use super::*;
    use std::collections::BTreeMap;

    fn machine() -> Machine {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/builtin");
        let file = |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), entry.path());
        let entries = fs::read_dir(folder).unwrap().map(|entry| file(entry.unwrap())).filter(|(_, path)| path.is_file());
        let files: BTreeMap<String, Vec<u8>> = entries.map(|(name, path)| (name, fs::read(path).unwrap())).collect();
        let machine = Machine { home: tempfile::tempdir().unwrap(), server: HubServer::with(files) };
        let config = machine.home.path().join(".config/jisr");
        fs::create_dir_all(&config).unwrap();
        let entry = "[[model]]\nname='opus-mt-ar-en'\nhub='org/model'\nlicence='Apache-2.0'\nsize=312_000_000\n";
        fs::write(config.join("registry.toml"), entry).unwrap();
        machine
    }

    fn translate(machine: &Machine, arguments: &[&str]) -> Command {
        let mut command = machine.jisr(&[&["translate", "-", "-f", "jsonl", "--lines"], arguments].concat());
        command.write_stdin("مرحبا بالعالم.\n");
        command
    }

    #[test]
    fn the_usual_default_is_fetched_once_and_then_needs_no_network() {
        let machine = machine();
        let fetched = translate(&machine, &[]).assert().success();
        fetched
            .stdout(contains(r#""model":"opus-mt-ar-en""#))
            .stderr(contains("fetching opus-mt-ar-en: 27 MB").and(contains("Apache-2.0")));
        machine.server.requests();
        let offline = translate(&machine, &["--offline"]).assert().success();
        offline.stdout(contains(r#""model":"opus-mt-ar-en""#)).stderr(contains("warning").not().and(contains("opus-mt-ar-en")));
        assert!(machine.server.requests().is_empty());
    }

    #[test]
    fn out_of_reach_of_the_hub_the_built_in_model_does_it_and_says_so() {
        let machine = machine();
        for arguments in [&["--offline"][..], &["--endpoint", "http://127.0.0.1:9"]] {
            let run = translate(&machine, arguments).assert().success().stdout(contains(r#""model":"builtin""#));
            run.stderr(contains("warning").and(contains("jisr models pull opus-mt-ar-en")).and(contains("BLEU")));
        }
        assert!(machine.server.requests().is_empty());
        // Named models have no substitute, and neither have other failures than an unreachable hub.
        translate(&machine, &["--offline", "-m", "opus-mt-ar-en"]).assert().code(1).stdout("");
        translate(&machine, &["--offline"]).env("JISR_MODEL", "opus-mt-ar-en").assert().code(1).stdout("");
        machine.server.fault(Fault::Refuse { part: "/api/", status: 403, code: Some("GatedRepo") }, 1);
        translate(&machine, &[]).assert().code(1).stdout("").stderr(contains("gated"));
    }

    #[test]
    fn a_default_of_ones_own_is_used_without_a_word() {
        let machine = machine();
        machine.jisr(&["models", "pull", "builtin", "--default"]).assert().success();
        let run = translate(&machine, &[]).assert().success().stdout(contains(r#""model":"builtin""#));
        run.stderr(contains("warning").not());
        assert!(machine.server.requests().is_empty());
    }
}
