//! `jisr split` as a user meets it.

use assert_cmd::Command;
use serde_json::Value;

const REPORT: &str = "\u{FEFF}هدنة في المدينة\r\n\r\nوصلت القافلة إلى المدينة يوم الخميس. وقال د. سامي إن الأدوية\r\nنفدت تماماً.\r\n\r\n- دقيق\r\n- أدوية\r\n";

fn jisr(arguments: &[&str], input: impl Into<Vec<u8>>) -> (bool, String, String) {
    let mut command = Command::cargo_bin("jisr").unwrap();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("JISR_") {
            command.env_remove(&name);
        }
    }
    let output = command.arg("split").args(arguments).write_stdin(input).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn one_sentence_a_line_and_a_blank_line_between_blocks() {
    let (success, out, errors) = jisr(&[], REPORT);
    assert!(success, "{errors}");
    assert_eq!(
        out.trim_start_matches('\u{FEFF}'),
        "هدنة في المدينة\n\nوصلت القافلة إلى المدينة يوم الخميس.\nوقال د. سامي إن الأدوية نفدت تماماً.\n\n- دقيق\n\n- أدوية\n"
    );
}

#[test]
fn jsonl_gives_exact_slices() {
    let text = REPORT.trim_start_matches('\u{FEFF}');
    for arguments in [&["--json"][..], &["--jsonl"], &["-f", "jsonl"]] {
        let (success, out, errors) = jisr(arguments, text);
        assert!(success, "{errors}");
        let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records.len(), 5);
        for record in &records {
            let number = |key: &str| record[key].as_u64().unwrap() as usize;
            assert_eq!(record["text"].as_str().unwrap(), &text[number("start")..number("end")]);
            assert_eq!(record.as_object().unwrap().keys().collect::<Vec<_>>(), ["block", "start", "end", "text"]);
        }
        assert_eq!(records.iter().map(|record| record["block"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 1, 2, 3]);
    }
}

#[test]
fn several_files_and_one_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second, missing) = (folder.path().join("a.txt"), folder.path().join("b.txt"), folder.path().join("c.txt"));
    std::fs::write(&first, "جملة أولى. جملة ثانية.").unwrap();
    std::fs::write(&second, "جملة ثالثة.").unwrap();
    let paths = [&first, &missing, &second].map(|path| path.to_str().unwrap());
    let (success, out, errors) = jisr(&paths, "");
    assert!(!success);
    assert!(errors.contains("c.txt"), "{errors}");
    assert_eq!(out, "جملة أولى.\nجملة ثانية.\n\nجملة ثالثة.\n");
}
