use jisr::hub::{FileSource, ModelFiles};
use serde_json::Value;
fn ids(v: &Value) -> Vec<u32> {
    v.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as u32).collect()
}
fn spm(a: &[String]) {
    use jisr::tokenizer::sentencepiece::{Scratch, SentencePiece};
    let m = SentencePiece::parse(&std::fs::read(&a[1]).unwrap()).unwrap();
    let refs: Value = serde_json::from_slice(&std::fs::read(&a[2]).unwrap()).unwrap();
    let strs = |v: &Value| -> Vec<String> { v.as_array().unwrap().iter().map(|x| x.as_str().unwrap().to_owned()).collect() };
    let mut bad = [0; 3];
    let mut sc = Scratch::default();
    let (mut n, mut bytes) = (0, 0);
    for r in refs.as_array().unwrap() {
        n += 1;
        let text = r["text"].as_str().unwrap();
        bytes += text.len();
        let p = m.encode_pieces(text, &mut sc);
        if p != strs(&r["pieces"]) {
            bad[0] += 1;
            if bad[0] < 4 {
                println!("P {text:?}\n {p:?}\n {:?}", strs(&r["pieces"]));
            }
        }
        let mut i = vec![];
        m.encode_ids(text, &mut sc, &mut i);
        if i != ids(&r["ids"]) {
            bad[1] += 1;
        }
        let d = strs(&r["d"]);
        let got = m.decode(d.iter().map(|s| s.as_str()));
        if got != r["dec"].as_str().unwrap() {
            bad[2] += 1;
            if bad[2] < 4 {
                println!("D {d:?}\n {got:?}\n {:?}", r["dec"]);
            }
        }
    }
    let lines: Vec<&str> = refs.as_array().unwrap().iter().map(|r| r["text"].as_str().unwrap()).collect();
    let mut best = f64::MAX;
    let mut i = vec![];
    for _ in 0..5 {
        let t = std::time::Instant::now();
        for l in &lines {
            i.clear();
            m.encode_ids(l, &mut sc, &mut i);
        }
        best = best.min(t.elapsed().as_secs_f64());
    }
    println!("{} {n} lines, differences pieces/ids/decode {bad:?}; {:.1} MB/s", a[1], bytes as f64 / best / 1e6);
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    if a[1].ends_with(".model") || a[1].ends_with(".spm") {
        return spm(&a);
    }
    let files = ModelFiles { name: a[1].clone(), source: FileSource::Folder(a[1].clone().into()) };
    let t0 = std::time::Instant::now();
    let from = a.get(3).map(|s| s.as_str());
    let to = a.get(4).map(|s| s.as_str());
    let tok = jisr::tokenizer::load(&files, from, to).unwrap_or_else(|e| panic!("{e}"));
    eprintln!("load {:?}", t0.elapsed());
    let refs: Value = serde_json::from_slice(&std::fs::read(&a[2]).unwrap()).unwrap();
    let mut bad = [0usize; 4];
    let mut n = 0;
    let mut bytes = 0;
    let mut toks = 0;
    for r in refs.as_array().unwrap() {
        n += 1;
        let text = r["text"].as_str().unwrap();
        bytes += text.len();
        let s = tok.encode_source(text);
        toks += s.len();
        let check = |k: usize, ok: bool, msg: String, bad: &mut [usize; 4]| {
            if !ok {
                bad[k] += 1;
                if bad[k] <= 5 {
                    println!("{k}: {text:?}\n   {msg}");
                }
            }
        };
        check(0, s == ids(&r["src"]), format!("got {s:?}\n   ref {:?}", ids(&r["src"])), &mut bad);
        let t = tok.encode_target(text);
        check(1, t == ids(&r["tgt"]), format!("got {t:?}\n   ref {:?}", ids(&r["tgt"])), &mut bad);
        if let Some(dec) = r["dec"].as_str() {
            let d = tok.decode_target(&ids(&r["ids"]));
            check(2, d == dec, format!("got {d:?}\n   ref {dec:?} ids {}", r["ids"]), &mut bad);
        }
        if let Some(dec) = r["dsrc"].as_str() {
            let d = tok.decode_source(&s);
            check(3, d == dec, format!("got {d:?}\n   ref {dec:?}"), &mut bad);
        }
    }
    println!("{n} lines, differences src/tgt/dec/dsrc: {bad:?}");
    let lines: Vec<&str> = refs.as_array().unwrap().iter().map(|r| r["text"].as_str().unwrap()).collect();
    let mut best = f64::MAX;
    for _ in 0..5 {
        let t = std::time::Instant::now();
        for l in &lines {
            std::hint::black_box(tok.encode_source(l));
        }
        best = best.min(t.elapsed().as_secs_f64());
    }
    let json = std::path::Path::new(&a[1]).join("tokenizer.json");
    if json.is_file() {
        let t = tokenizers::Tokenizer::from_file(json).unwrap();
        let mut b = f64::MAX;
        for _ in 0..3 {
            let t0 = std::time::Instant::now();
            for l in &lines {
                std::hint::black_box(t.encode(*l, true).unwrap());
            }
            b = b.min(t0.elapsed().as_secs_f64());
        }
        println!("tokenizers crate: {:.1} MB/s; ours is {:.1} times as fast", bytes as f64 / b / 1e6, b / best);
    }
    println!("{:.1} MB/s {:.0} lines/s {:.2} Mtok/s", bytes as f64 / best / 1e6, n as f64 / best, toks as f64 / best / 1e6);
}
