//! Models come from the hub whole and checked, or not at all; failures say what happened; the cache is the one that Python uses.
//!
//! The hub is a server in this process (`hub_server`), with the faults of real networks.

mod hub_server;

use hub_server::{COMMIT, Fault, HubServer, REPO, git_sha1, model, sha256};
use jisr::hub::{Event, FileSource, Hub, HubError, ModelFiles, Progress, Settings, Verdict};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const WEIGHTS: &str = "model.safetensors";

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn hub(settings: Settings) -> Hub {
    Hub::new(settings).unwrap()
}

/// Opens the test model with a fresh [`Hub`], as another run of the program would.
fn open(server: &HubServer, home: &TempDir) -> Result<ModelFiles, HubError> {
    hub(server.settings(home.path())).open(REPO, &mut ())
}

fn repo_folder(home: &TempDir) -> PathBuf {
    home.path().join(".cache/huggingface/hub/models--org--model")
}

fn folder(files: &ModelFiles) -> &Path {
    match &files.source {
        FileSource::Folder(folder) => folder,
        FileSource::Embedded(_) => panic!("{} is embedded", files.name),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Nothing broken is visible: every name in a snapshot leads to content that has the hash it is named by, and no branch points at less than a whole model.
fn assert_sound(home: &TempDir) {
    let repo = repo_folder(home);
    for entry in walkdir::WalkDir::new(repo.join("snapshots")).follow_links(true).into_iter().flatten() {
        if entry.file_type().is_file() {
            let content = fs::read(entry.path()).unwrap();
            let etag = fs::read_link(entry.path()).unwrap().file_name().unwrap().to_str().unwrap().to_owned();
            assert!(etag == sha256(&content) || etag == git_sha1(&content), "{} is broken", entry.path().display());
        }
    }
    if let Ok(commit) = fs::read_to_string(repo.join("refs/main")) {
        assert_eq!(jisr::hub::missing(&repo.join("snapshots").join(commit)).unwrap(), [""; 0]);
    }
}

#[test]
fn a_pull_fetches_only_what_is_needed_into_the_layout_of_python() {
    let (server, home) = (HubServer::start(), home());
    let files = open(&server, &home).unwrap();
    assert_eq!((files.name.as_str(), files.commit()), (REPO, Some(COMMIT)));
    let snapshot = repo_folder(&home).join("snapshots").join(COMMIT);
    assert_eq!(folder(&files), snapshot);
    let wanted = ["config.json", "generation_config.json", WEIGHTS, "source.spm", "target.spm", "vocab.json"];
    assert_eq!(names(&snapshot), wanted);
    for name in wanted {
        let content = server.content(name);
        assert_eq!(fs::read(snapshot.join(name)).unwrap(), content, "{name}");
        let etag = if name.ends_with(".json") { git_sha1(&content) } else { sha256(&content) };
        assert_eq!(fs::read_link(snapshot.join(name)).unwrap(), Path::new("../../blobs").join(&etag), "{name}");
        assert!(repo_folder(&home).join("blobs").join(etag).is_file());
    }
    assert_eq!(fs::read_to_string(repo_folder(&home).join("refs/main")).unwrap(), COMMIT);
    assert_eq!(names(&repo_folder(&home).join("refs")), ["main"]);
    assert!(server.requests().iter().all(|r| !r.contains("pytorch_model.bin") && !r.contains(".h5") && !r.contains("README")));
}

#[test]
fn what_is_in_the_cache_needs_no_network() {
    let (server, home) = (HubServer::start(), home());
    open(&server, &home).unwrap();
    server.requests();
    open(&server, &home).unwrap();
    assert_eq!(server.requests(), [""; 0]);
    let offline = Settings { offline: true, ..server.settings(home.path()) };
    assert_eq!(hub(offline.clone()).open(REPO, &mut ()).unwrap().commit(), Some(COMMIT));
    let by_commit = format!("{REPO}@{COMMIT}");
    assert_eq!(hub(offline.clone()).open(&by_commit, &mut ()).unwrap().name, by_commit);
    let error = hub(offline).open("org/other", &mut ()).unwrap_err();
    assert!(matches!(error, HubError::NotInCache { .. }), "{error}");
    assert!(error.to_string().contains("hint: run `jisr models pull org/other`"), "{error}");
    assert_eq!(server.requests(), [""; 0]);
}

#[test]
fn a_lost_connection_is_resumed_where_it_broke() {
    let (server, home) = (HubServer::start(), home());
    server.fault(Fault::Cut { file: WEIGHTS, after: 100_000 }, 2);
    open(&server, &home).unwrap();
    let requests = server.requests();
    let ranges: Vec<usize> = requests
        .iter()
        .filter(|r| r.contains("/cdn/") && r.contains(&sha256(&server.content(WEIGHTS))))
        .filter_map(|r| r.split("bytes=").nth(1)?.strip_suffix('-')?.parse().ok())
        .collect();
    assert_eq!(ranges, [0, 100_000, 200_000], "{requests:?}");
    assert_sound(&home);
}

#[test]
fn a_run_after_a_broken_one_goes_on_where_it_stopped() {
    let (server, home) = (HubServer::start(), home());
    server.fault(Fault::Cut { file: WEIGHTS, after: 20_000 }, usize::MAX);
    let error = open(&server, &home).unwrap_err();
    assert!(matches!(error, HubError::Interrupted { done: 100_000, total: 300_000, .. }), "{error}");
    assert!(!repo_folder(&home).join("refs").join("main").exists());
    assert_sound(&home);
    server.heal();
    server.requests();
    open(&server, &home).unwrap();
    assert!(server.requests().iter().any(|r| r.contains("/cdn/") && r.ends_with("bytes=100000-")));
    assert_sound(&home);
}

/// A process killed after the last byte and before the rename leaves a whole `.part`: asking for what follows it gets a 416.
#[test]
fn a_whole_partial_file_is_taken_and_a_wrong_one_is_not() {
    let (server, home) = (HubServer::start(), home());
    let content = server.content(WEIGHTS);
    let part = repo_folder(&home).join("blobs").join(format!("{}.part", sha256(&content)));
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, &content).unwrap();
    open(&server, &home).unwrap();
    assert!(server.requests().iter().all(|r| !r.contains(&format!("/cdn/{}", sha256(&content)))));
    for wrong in [vec![7; content.len()], vec![7; content.len() + 5], vec![7; 1000]] {
        fs::remove_dir_all(repo_folder(&home)).unwrap();
        fs::create_dir_all(part.parent().unwrap()).unwrap();
        fs::write(&part, &wrong).unwrap();
        open(&server, &home).unwrap();
        assert_sound(&home);
    }
}

#[test]
fn a_server_that_ignores_ranges_does_no_harm() {
    let (server, home) = (HubServer::start(), home());
    server.fault(Fault::Cut { file: WEIGHTS, after: 50_000 }, 1);
    server.fault(Fault::IgnoreRange { file: WEIGHTS }, 2);
    open(&server, &home).unwrap();
    assert_sound(&home);
}

#[test]
fn wrong_content_never_enters_the_cache() {
    for file in [WEIGHTS, "vocab.json"] {
        let (server, home) = (HubServer::start(), home());
        server.fault(Fault::Corrupt { file }, usize::MAX);
        let error = open(&server, &home).unwrap_err();
        assert!(matches!(&error, HubError::Checksum { file: f, .. } if f == file), "{error}");
        assert!(error.to_string().contains("hint:") && error.to_string().contains(file), "{error}");
        assert!(!repo_folder(&home).join("snapshots").join(COMMIT).join(file).exists());
        assert_sound(&home);
        assert!(!names(&repo_folder(&home).join("blobs")).iter().any(|name| name.ends_with(".part")));
        server.heal();
        open(&server, &home).unwrap();
        assert_sound(&home);
    }
}

#[test]
fn a_body_that_ends_early_is_noticed_even_without_a_length() {
    let (server, home) = (HubServer::start(), home());
    server.fault(Fault::ShortBody { file: WEIGHTS, after: 1_000 }, usize::MAX);
    let error = open(&server, &home).unwrap_err();
    assert!(matches!(error, HubError::WrongSize { expected: 300_000, found: 5_000, .. }), "{error}");
    assert_sound(&home);
    server.heal();
    server.fault(Fault::ShortBody { file: WEIGHTS, after: 1_000 }, 1);
    open(&server, &home).unwrap();
    assert!(server.requests().iter().any(|r| r.ends_with("bytes=6000-")));
    assert_sound(&home);
}

#[test]
fn silence_ends_in_a_time_out_that_keeps_what_came() {
    let (server, home) = (HubServer::start(), home());
    server.fault(Fault::Stall { file: WEIGHTS, after: 64_000 }, 1);
    let settings = Settings { stall_timeout: Duration::from_secs(1), ..server.settings(home.path()) };
    let begin = Instant::now();
    let error = hub(settings.clone()).open(REPO, &mut ()).unwrap_err();
    assert!(matches!(error, HubError::Stalled { total: 300_000, .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(20));
    assert_sound(&home);
}

#[test]
fn each_refusal_has_its_own_error_and_hint() {
    let refuse = |part, status, code| Fault::Refuse { part, status, code };
    type Test = fn(&HubError) -> bool;
    let cases: [(Fault, Test); 10] = [
        (refuse("/api/", 401, None), |e| matches!(e, HubError::TokenNeeded { .. })),
        (refuse("/api/", 401, Some("RepoNotFound")), |e| matches!(e, HubError::TokenNeeded { .. })),
        (refuse("/api/", 403, None), |e| matches!(e, HubError::Forbidden { .. })),
        (refuse("/resolve/", 403, Some("GatedRepo")), |e| matches!(e, HubError::Gated { .. })),
        (refuse("/resolve/", 401, Some("GatedRepo")), |e| matches!(e, HubError::Gated { .. })),
        (refuse("/api/", 404, Some("RepoNotFound")), |e| matches!(e, HubError::RepoNotFound { .. })),
        (refuse("/api/", 429, None), |e| matches!(e, HubError::RateLimited)),
        (refuse("/api/", 500, None), |e| matches!(e, HubError::Server { status: 500, .. })),
        (refuse("/cdn/", 503, None), |e| matches!(e, HubError::Server { status: 503, .. })),
        (refuse("vocab.json", 404, Some("EntryNotFound")), |e| matches!(e, HubError::FileNotFound { .. })),
    ];
    for (fault, test) in cases {
        let (server, home) = (HubServer::start(), home());
        server.fault(fault.clone(), usize::MAX);
        let error = open(&server, &home).unwrap_err();
        assert!(test(&error), "{fault:?}: {error:?}");
        assert!(!error.is_unreachable());
        assert!(error.to_string().contains(REPO) || matches!(error, HubError::RateLimited | HubError::Server { .. }));
        assert_sound(&home);
        server.heal();
        open(&server, &home).unwrap();
    }
}

#[test]
fn names_that_do_not_exist_are_told_apart() {
    let (server, home) = (HubServer::start(), home());
    let open = |name: &str| hub(server.settings(home.path())).open(name, &mut ()).unwrap_err();
    assert!(matches!(open("org/absent"), HubError::RepoNotFound { .. }));
    assert!(matches!(open("org/model@v9"), HubError::RevisionNotFound { revision, .. } if revision == "v9"));
    assert!(matches!(open("opus-mt-ar-em"), HubError::UnknownModel { near, .. } if near == ["opus-mt-ar-en"]));
}

#[test]
fn a_passing_fault_of_the_hub_is_tried_again() {
    let (server, home) = (HubServer::start(), home());
    server.fault(Fault::Refuse { part: "/api/", status: 503, code: None }, 1);
    server.fault(Fault::Refuse { part: "/cdn/", status: 502, code: None }, 1);
    open(&server, &home).unwrap();
}

#[test]
fn nobody_there_is_unreachable_and_a_hub_that_says_nothing_too() {
    let home = home();
    let mut settings = Settings::from_variables(|name| (name == "HOME").then(|| home.path().display().to_string()));
    settings.set_endpoint("http://127.0.0.1:9"); // discard: nothing listens
    let error = hub(settings).open(REPO, &mut ()).unwrap_err();
    assert!(matches!(error, HubError::Unreachable { .. }) && error.is_unreachable(), "{error}");

    let server = HubServer::start();
    server.fault(Fault::Silent, usize::MAX);
    let settings = Settings { answer_timeout: Duration::from_secs(1), ..server.settings(home.path()) };
    let error = hub(settings).open(REPO, &mut ()).unwrap_err();
    assert!(matches!(error, HubError::NoAnswer { .. }) && error.is_unreachable(), "{error}");
}

#[test]
fn the_token_goes_to_the_hub() {
    let (server, home) = (HubServer::start(), home());
    let settings = Settings { token: Some(jisr::hub::Token::new("hf_secret")), ..server.settings(home.path()) };
    server.fault(Fault::Refuse { part: "/api/", status: 401, code: None }, 1);
    let error = hub(settings.clone()).open(REPO, &mut ()).unwrap_err();
    assert!(matches!(error, HubError::TokenRefused { .. }) && !error.to_string().contains("hf_secret"));
    hub(settings).open(REPO, &mut ()).unwrap();
    let requests = server.requests();
    assert!(requests.iter().filter(|r| r.contains("/resolve/")).all(|r| r.contains("Bearer hf_secret")), "{requests:?}");
}

#[test]
fn mirrors_without_an_api_and_renamed_repositories_work() {
    let (server, home) = (HubServer::start(), home());
    server.fault(Fault::NoApi, usize::MAX);
    open(&server, &home).unwrap();
    assert_sound(&home);
    assert!(!repo_folder(&home).join("snapshots").join(COMMIT).join("pytorch_model.bin").exists());

    let renamed = HubServer::start();
    renamed.fault(Fault::Renamed { from: "old/name" }, usize::MAX);
    let files = hub(renamed.settings(home.path())).open("old/name", &mut ()).unwrap();
    assert_eq!(files.name, "old/name");
}

/// As transformers writes large models; shards are found through the index.
#[test]
fn sharded_weights_come_whole() {
    let mut files = model();
    files.remove(WEIGHTS);
    files.remove("pytorch_model.bin");
    let index = r#"{"weight_map":{"a":"pytorch_model-00001-of-00002.bin","b":"pytorch_model-00002-of-00002.bin"}}"#;
    files.insert("pytorch_model.bin.index.json".to_owned(), index.as_bytes().to_vec());
    files.insert("pytorch_model-00001-of-00002.bin".to_owned(), vec![1; 2000]);
    let (server, home) = (HubServer::with(files.clone()), home());
    let error = open(&server, &home).unwrap_err();
    assert!(matches!(&error, HubError::FileNotFound { file, .. } if file == "pytorch_model-00002-of-00002.bin"), "{error}");
    assert_sound(&home);
    files.insert("pytorch_model-00002-of-00002.bin".to_owned(), vec![2; 3000]);
    let server = HubServer::with(files);
    let opened = open(&server, &home).unwrap();
    assert!(opened.path("pytorch_model-00002-of-00002.bin").is_some());
}

#[test]
fn a_model_of_another_family_is_refused_before_its_weights() {
    let mut files = model();
    files.insert("config.json".to_owned(), br#"{"model_type":"t5"}"#.to_vec());
    let (server, home) = (HubServer::with(files), home());
    let error = open(&server, &home).unwrap_err();
    assert!(matches!(&error, HubError::UnsupportedFamily { model_type, .. } if model_type == "t5"), "{error}");
    assert!(server.requests().iter().all(|r| !r.contains("/cdn/")));
}

#[test]
fn a_model_too_large_for_the_disk_is_refused_before_it_is_fetched() {
    struct Watch(bool);
    impl Progress for Watch {
        fn event(&mut self, event: Event) {
            self.0 |= matches!(event, Event::Plan { size: 1_000_000_000_000_000.., .. });
        }
    }
    let (server, home) = (HubServer::start(), home());
    server.claim_size(WEIGHTS, 1_000_000_000_000_000);
    let mut watch = Watch(false);
    let error = hub(server.settings(home.path())).open(REPO, &mut watch).unwrap_err();
    assert!(matches!(error, HubError::NoSpace { needed: Some(1_000_000_000_000_000..), .. }), "{error}");
    assert!(watch.0 && error.to_string().contains("hint: free some space"));
    assert_sound(&home);
}

#[test]
fn two_at_once_fetch_each_file_once() {
    let (server, home) = (HubServer::start(), home());
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| open(&server, &home).unwrap())).collect();
        runs.into_iter().for_each(|run| assert_eq!(run.join().unwrap().commit(), Some(COMMIT)));
    });
    let transfers = |file: &str| {
        let path = format!("/cdn/{}", sha256(&server.content(file)));
        move |requests: &[String]| requests.iter().filter(|r| r.contains(&path) && r.ends_with("bytes=0-")).count()
    };
    assert_eq!(transfers(WEIGHTS)(&server.requests()), 1);
    assert_sound(&home);
}

#[test]
fn a_new_commit_replaces_the_branch_and_shares_what_is_unchanged() {
    let (server, home) = (HubServer::start(), home());
    open(&server, &home).unwrap();
    let new = "fedcba9876543210fedcba9876543210fedcba98";
    server.publish(new, "vocab.json", br#"{"</s>":0,"x":1}"#);
    server.requests();
    let run = hub(server.settings(home.path()));
    let model = run.resolve(REPO).unwrap();
    assert_eq!(run.pull(&model, &mut ()).unwrap().commit(), Some(new));
    let requests = server.requests();
    assert!(requests.iter().all(|r| !(r.contains("/cdn/") && r.ends_with("bytes=0-"))), "weights again: {requests:?}");
    assert_eq!(run.cache().snapshots(REPO).len(), 2);

    run.cache().remove(REPO, COMMIT).unwrap();
    assert_eq!(run.cache().commit(REPO, "main").as_deref(), Some(new));
    assert_eq!(run.cache().commit(REPO, COMMIT), None);
    assert_sound(&home);
    assert_eq!(names(&repo_folder(&home).join("blobs")).iter().filter(|n| !n.ends_with(".lock")).count(), 6);
    run.cache().remove(REPO, new).unwrap();
    assert!(!repo_folder(&home).exists());
}

#[test]
fn verification_finds_a_changed_byte() {
    let (server, home) = (HubServer::start(), home());
    let files = open(&server, &home).unwrap();
    let verdicts = |files: &ModelFiles| -> BTreeMap<String, Verdict> {
        files.verify().unwrap().into_iter().map(|check| (check.file, check.verdict)).collect()
    };
    assert!(verdicts(&files).values().all(|verdict| matches!(verdict, Verdict::Matches { .. })));
    let blob = repo_folder(&home).join("blobs").join(sha256(&server.content(WEIGHTS)));
    let mut content = fs::read(&blob).unwrap();
    content[1234] ^= 0x40;
    fs::write(&blob, content).unwrap();
    let found = verdicts(&files);
    assert!(matches!(found[WEIGHTS], Verdict::Differs { kind: "SHA-256", .. }));
    assert_eq!(found.values().filter(|verdict| matches!(verdict, Verdict::Differs { .. })).count(), 1);
}

#[test]
fn a_folder_is_taken_as_it_is_and_refused_by_what_it_lacks() {
    let (server, home) = (HubServer::start(), home());
    let own = home.path().join("own");
    fs::create_dir(&own).unwrap();
    for (name, content) in model() {
        fs::write(own.join(name), content).unwrap();
    }
    let path = own.display().to_string();
    let run = hub(Settings { offline: true, ..server.settings(home.path()) });
    assert_eq!(run.open(&path, &mut ()).unwrap().name, path);
    fs::remove_file(own.join("source.spm")).unwrap();
    let error = run.open(&path, &mut ()).unwrap_err();
    assert!(matches!(&error, HubError::MissingFiles { missing, .. } if missing == &["source.spm"]), "{error}");
    assert!(error.to_string().contains(&path));
}

mod choice {
    use super::*;

    fn registry(home: &TempDir, text: &str) {
        let config = home.path().join(".config/jisr");
        fs::create_dir_all(&config).unwrap();
        fs::write(config.join("registry.toml"), text).unwrap();
    }

    /// The default model's name, at the test hub.
    const OPUS: &str = "[[model]]\nname='opus-mt-ar-en'\nhub='org/model'\nlicence='Apache-2.0'\n[[model.scores]]\nset='T'\nbleu=33.9\nsource='s'\n";

    #[test]
    fn the_usual_default_is_pulled_then_taken_from_the_cache() {
        let (server, home) = (HubServer::start(), home());
        registry(&home, OPUS);
        let choice = hub(server.settings(home.path())).choose(None, &mut ()).unwrap();
        assert!(choice.fallback.is_none());
        assert_eq!(choice.files.name, "opus-mt-ar-en");
        server.requests();
        let offline = Settings { offline: true, ..server.settings(home.path()) };
        assert_eq!(hub(offline).choose(Some(""), &mut ()).unwrap().files.name, "opus-mt-ar-en");
        assert_eq!(server.requests(), [""; 0]);
    }

    #[test]
    fn a_default_of_ones_own_comes_first_and_a_named_model_before_it() {
        let (server, home) = (HubServer::start(), home());
        let run = hub(server.settings(home.path()));
        run.set_default_model(Some(REPO)).unwrap();
        assert_eq!(run.choose(None, &mut ()).unwrap().files.name, REPO);
        let own = home.path().join("own");
        fs::create_dir(&own).unwrap();
        model().iter().for_each(|(name, content)| fs::write(own.join(name), content).unwrap());
        let own = own.display().to_string();
        assert_eq!(run.choose(Some(&own), &mut ()).unwrap().files.name, own);
    }

    #[cfg(feature = "builtin")]
    #[test]
    fn only_an_unreachable_hub_leads_to_the_built_in_model() {
        let (server, home) = (HubServer::start(), home());
        registry(&home, OPUS);
        let reachable = server.settings(home.path());
        let offline = Settings { offline: true, ..reachable.clone() };
        let mut nowhere = reachable.clone();
        nowhere.set_endpoint("http://127.0.0.1:9");
        for settings in [offline, nowhere.clone()] {
            let choice = hub(settings).choose(None, &mut ()).unwrap();
            assert_eq!(choice.files.name, "builtin");
            let text = choice.fallback.unwrap().to_string();
            for part in ["warning:", "33.9 BLEU", "jisr models pull opus-mt-ar-en", "builtin: ", "Apache-2.0"] {
                assert!(text.contains(part), "{part} is not in: {text}");
            }
            let card = hub(reachable.clone()).registry().find("builtin").unwrap().quality().unwrap();
            assert!(text.contains(&card), "{text}");
        }
        assert!(hub(nowhere).choose(Some("opus-mt-ar-en"), &mut ()).is_err(), "a model asked for by name has no substitute");
        for fault in [
            Fault::Corrupt { file: WEIGHTS },
            Fault::Refuse { part: "/api/", status: 401, code: None },
            Fault::Refuse { part: "/api/", status: 500, code: None },
            Fault::Cut { file: WEIGHTS, after: 10 },
        ] {
            server.fault(fault.clone(), usize::MAX);
            let error = hub(reachable.clone()).choose(None, &mut ()).unwrap_err();
            assert!(!error.is_unreachable(), "{fault:?}: {error}");
            server.heal();
        }
    }
}
