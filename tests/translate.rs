//! `jisr translate` as a user meets it, with the built-in model and no network.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;

const REPORT: &str = "هدنة في المدينة\n\nوصلت القافلة إلى المدينة يوم الخميس. وقال الطبيب إن الأدوية نفدت.\n\nUNICEF\n";

/// jisr with the built-in model, greedy so that tests are quick, and nothing of this machine's own settings.
fn jisr() -> Command {
    let mut command = Command::cargo_bin("jisr").unwrap();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("JISR_") {
            command.env_remove(&name);
        }
    }
    command.args(["translate", "-m", "builtin", "--beam", "1"]);
    command
}

fn success(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn records(jsonl: &str) -> Vec<Value> {
    jsonl.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn records_lie_where_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.txt");
    fs::write(&path, REPORT).unwrap();
    let records = records(&success(jisr().arg(&path).args(["-f", "jsonl"])));
    assert_eq!(records.len(), 4);
    for (index, record) in records.iter().enumerate() {
        let keys: Vec<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["doc", "block", "seg", "start", "end", "source", "target", "score", "alignment", "flags", "model"]);
        let (start, end) = (record["start"].as_u64().unwrap() as usize, record["end"].as_u64().unwrap() as usize);
        assert_eq!(&REPORT[start..end], record["source"], "offsets are bytes of the text");
        assert_eq!(record["seg"], index);
        assert_eq!(record["doc"], "report.txt");
        assert_eq!(record["model"], "builtin");
        assert!(!record["target"].as_str().unwrap().is_empty());
    }
    assert_eq!(records[3]["target"], "UNICEF");
    assert_eq!(records[3]["flags"], serde_json::json!(["copied"]));
    assert!(records[3]["score"].is_null() && records[0]["score"].as_f64().unwrap() < 0.0);
}

#[test]
fn a_folder_gives_a_folder_and_bad_files_do_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir_all(input.join("north/east")).unwrap();
    fs::write(input.join("a.txt"), REPORT).unwrap();
    fs::write(input.join("north/east/b.txt"), "وصلت القافلة.").unwrap();
    fs::write(input.join("empty.txt"), "").unwrap();
    fs::write(input.join("picture.png"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap();
    fs::write(input.join("english.txt"), "Nothing here is Arabic.").unwrap();
    let (windows, _, _) = encoding_rs::WINDOWS_1256.encode("وصلت القافلة إلى المدينة يوم الخميس وقال الطبيب إن الأدوية نفدت");
    fs::write(input.join("windows.txt"), windows).unwrap();

    let run = jisr().arg(&input).arg("-o").arg(&output).args(["-f", "tsv,html"]).output().unwrap();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{errors}");
    for name in ["empty.txt", "picture.png", "english.txt"] {
        assert!(errors.contains(name), "{name} is named: {errors}");
    }
    for name in ["a.tsv", "a.html", "north/east/b.tsv", "north/east/b.html", "windows.tsv"] {
        assert!(output.join(name).is_file(), "{name} is written");
    }
    assert!(fs::read_to_string(output.join("windows.tsv")).unwrap().contains("وصلت القافلة"));
    assert!(!output.join("picture.tsv").exists() && !output.join("empty.tsv").exists());
    let left: Vec<_> = walkdir::WalkDir::new(&output).into_iter().map(|entry| entry.unwrap().into_path()).collect();
    assert!(left.iter().all(|path| !is_hidden(path)), "neither journal nor half-written files remain: {left:?}");
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

#[test]
fn one_line_out_for_every_line_in() {
    let input = "وصلت القافلة.\n\nقال الطبيب. وقال الوزير.\r\n123\n";
    let output = success(jisr().args(["-", "--lines", "-f", "txt"]).write_stdin(input));
    assert_eq!(output.lines().count(), 4, "{output:?}");
    assert_eq!(output.lines().nth(1), Some(""));
    assert_eq!(output.lines().nth(3), Some("123"));
}

#[test]
fn nothing_but_speed_depends_on_batches_order_and_threads() {
    let sentences = include_str!("../samples/reports/01-conflict.txt").replace(". ", ".\n");
    let mut lines: Vec<&str> = sentences.lines().filter(|line| !line.trim().is_empty()).collect();
    let translate = |lines: &[&str], tokens: &str, threads: &str, precision: &str| {
        let input = lines.join("\n");
        let options =
            ["-", "--lines", "-f", "jsonl", "--max-batch-tokens", tokens, "--threads", threads, "--precision", precision];
        let mut found: Vec<String> = records(&success(jisr().args(options).args(["--beam", "2"]).write_stdin(input)))
            .iter()
            .map(|record| format!("{} → {} {}", record["source"], record["target"], record["score"]))
            .collect();
        found.sort();
        found
    };
    for precision in ["int8", "f32"] {
        let reference = translate(&lines, "512", "1", precision);
        assert_eq!(translate(&lines, "64", "2", precision), reference);
        lines.reverse();
        assert_eq!(translate(&lines, "8192", "2", precision), reference);
    }
}

#[test]
fn alignments_name_words_that_exist() {
    let output = success(
        jisr()
            .args(["-", "-f", "jsonl", "--align"])
            .write_stdin("وصلت القافلة إلى المدينة يوم الخميس. وقال الطبيب إن الأدوية نفدت."),
    );
    for record in records(&output) {
        let words = |key: &str| record[key].as_str().unwrap().split_whitespace().count();
        let alignment = record["alignment"].as_str().unwrap();
        assert!(!alignment.is_empty());
        for link in alignment.split(' ') {
            let (source, target) = link.split_once('-').unwrap();
            assert!(
                source.parse::<usize>().unwrap() < words("source") && target.parse::<usize>().unwrap() < words("target"),
                "{record}"
            );
        }
    }
}

#[test]
fn lengths_are_counted_with_the_end_of_sentence() {
    let output = success(
        jisr()
            .args(["-", "-f", "jsonl", "--tokens", "--min-length", "7", "--max-length", "7"])
            .write_stdin("وصلت القافلة إلى المدينة."),
    );
    let record = &records(&output)[0];
    assert_eq!(record["target_ids"].as_array().unwrap().len(), 7);
    assert_eq!(
        record["source_ids"].as_array().unwrap().last(),
        Some(&Value::from(0)),
        "the encoder reads the end of sentence too"
    );
}

#[test]
fn n_best_lists_are_ranked() {
    let output =
        success(jisr().args(["-", "-f", "jsonl", "--beam", "4", "--nbest", "3"]).write_stdin("وصلت القافلة إلى المدينة."));
    let nbest = records(&output)[0]["nbest"].clone();
    let scores: Vec<f64> = nbest.as_array().unwrap().iter().map(|best| best["score"].as_f64().unwrap()).collect();
    assert!(scores.len() >= 2 && scores.windows(2).all(|pair| pair[0] >= pair[1]), "{nbest}");
}

#[test]
fn what_cannot_be_is_a_usage_error_with_a_hint() {
    let cases: [&[&str]; 4] = [&["-", "-f", "docx"], &["-", "-f", "tsv,html"], &["-", "--device", "quantum"], &["-", "--resume"]];
    for case in cases {
        let run = jisr().args(case).write_stdin("نص").output().unwrap();
        let errors = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{case:?}: {errors}");
        assert!(errors.contains("hint:"), "{case:?}: {errors}");
    }
}

#[test]
fn progress_is_shown_where_it_is_always_wanted() {
    let errors = |options: &[&str]| {
        let run = jisr().args(["-", "-f", "tsv"]).args(options).write_stdin(REPORT).output().unwrap();
        assert!(run.status.success());
        String::from_utf8(run.stderr).unwrap()
    };
    for quiet in [&[][..], &["--quiet"]] {
        let always = errors(&[&["--progress", "always"], quiet].concat());
        assert!(always.contains("4 of 4 segments, "), "{always}");
        assert!(!errors(quiet).contains("4 of 4 segments"), "a short run needs no line");
    }
    assert!(!errors(&["--progress", "never"]).contains(" of 4 segments"));
}

#[test]
fn a_missing_file_is_named_and_the_rest_translated() {
    let folder = tempfile::tempdir().unwrap();
    let present = folder.path().join("present.txt");
    fs::write(&present, "وصلت القافلة.").unwrap();
    let output = folder.path().join("out");
    let run = jisr().arg(folder.path().join("absent.txt")).arg(&present).arg("-o").arg(&output).output().unwrap();
    assert_eq!(run.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&run.stderr).contains("absent.txt"));
    assert!(output.join("present.tsv").is_file());
}
