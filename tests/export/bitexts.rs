//! Made-up bitexts: a fixed report with everything in it, and arbitrary ones.

use jisr::bitext::{Alternative, Bitext, Flag, Segment, TokenIds};
use jisr::document::{Block, BlockKind, Document};
use proptest::prelude::*;

/// A source sentence, its translation, flags.
type Sentence<'a> = (&'a str, &'a str, &'a [Flag]);

/// Builds a bitext from blocks of sentences; sentences of a block are divided by a space, blocks by a blank line.
pub fn build(name: &str, blocks: &[(BlockKind, Vec<Sentence<'_>>)]) -> Bitext {
    let mut bitext = Bitext {
        document: Document { name: name.into(), ..Document::default() },
        model: "opus-mt-ar-en".into(),
        source_lang: "ar".into(),
        target_lang: "en".into(),
        ..Bitext::default()
    };
    for (index, (kind, sentences)) in blocks.iter().enumerate() {
        let text = &mut bitext.document.text;
        if index > 0 {
            text.push_str("\n\n");
        }
        let start = text.len();
        for (position, (source, target, flags)) in sentences.iter().enumerate() {
            if position > 0 {
                text.push(' ');
            }
            let from = text.len();
            text.push_str(source);
            if *kind != BlockKind::Verbatim {
                bitext.segments.push(Segment {
                    block: index,
                    range: from..text.len(),
                    target: target.to_string(),
                    score: Some(-0.5),
                    flags: flags.to_vec(),
                    ..Segment::default()
                });
            }
        }
        bitext.document.blocks.push(Block { kind: *kind, range: start..text.len() });
    }
    bitext
}

/// Every kind of block and every flag; word alignment, alternatives and token ids on the second segment.
pub fn report() -> Bitext {
    let cell = |row, column| BlockKind::Cell { row, column };
    let mut bitext = build(
        "north/report.docx",
        &[
            (BlockKind::Heading(1), vec![("هدنة في بابنوسة", "Truce in Babanusa", &[])]),
            (
                BlockKind::Paragraph,
                vec![
                    ("اتفق الطرفانِ على هُدنةٍ مدتها ٤٨ ساعة.", "The two sides agreed a 48-hour truce.", &[Flag::Numbers]),
                    ("تبدأ الهدنة فجر الخميس.", "The truce begins at dawn on Thursday.", &[]),
                    ("وقال أحمد: «لا نثق بها».", "\"We don't trust it,\" Ahmad said.", &[Flag::Retried, Flag::Length]),
                ],
            ),
            (BlockKind::ListItem, vec![("فتح طريقين", "Two roads are opened", &[Flag::Split])]),
            (BlockKind::ListItem, vec![("وقف القصف", "Shelling stops stops stops", &[Flag::Repetition, Flag::Truncated])]),
            (BlockKind::Quote, vec![("سنعود إلى بيوتنا", "We will return إلى our homes", &[Flag::Untranslated, Flag::Unknown])]),
            (BlockKind::Verbatim, vec![("let x = \"<1>\";\nx &= 2;", "", &[])]),
            (cell(0, 0), vec![("المحافظة", "Governorate", &[])]),
            (cell(0, 1), vec![("عدد الأسر", "Households", &[])]),
            (cell(1, 0), vec![("UNHCR", "UNHCR", &[Flag::Copied, Flag::OtherLanguage])]),
            (BlockKind::Cue { start: 62_500, end: 65_000 }, vec![("أهلاً بكم", "", &[Flag::Empty])]),
        ],
    );
    bitext.segments[1].alignment = vec![(0, 2), (1, 0), (1, 1), (5, 4)];
    bitext.segments[1].alternatives = vec![
        Alternative { target: "Both sides agreed on a truce of 48 hours.".into(), score: -0.75 },
        Alternative { target: "They <agreed> & \"stopped\".".into(), score: -1.25 },
    ];
    bitext.segments[1].tokens = Some(TokenIds { source: vec![12, 7, 0], target: vec![9, 0] });
    bitext
}

/// Names of all flags in [`report`], that is: all flags.
pub fn flag_names() -> Vec<&'static str> {
    Flag::ALL.iter().map(|flag| flag.name()).collect()
}

fn kind() -> impl Strategy<Value = BlockKind> {
    prop_oneof![
        (1u8..=6).prop_map(BlockKind::Heading),
        Just(BlockKind::Paragraph),
        Just(BlockKind::ListItem),
        Just(BlockKind::Quote),
        Just(BlockKind::Verbatim),
        (0u32..4, 0u32..4).prop_map(|(row, column)| BlockKind::Cell { row, column }),
        (0u64..9_000_000, 0u64..9_000_000).prop_map(|(start, end)| BlockKind::Cue { start, end }),
    ]
}

/// Texts that break writers: markup, quotes, controls, line breaks of every kind, bidi controls, characters that XML forbids.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zء-ي]{1,8}",
        1 => prop::sample::select(vec![
            "<b>", "</seg>", "]]>", "&amp;", "&", "\"", "'", "\t", "\n", "\r\n", "\r", "\u{0}", "\u{1b}", "\u{85}", "\u{2028}", "\u{a0}", "\u{feff}",
            "\u{202e}", "\u{2067}", "\u{fffe}", "\u{ffff}", "=1+1", "|", "\\", "`", "</script>", "<!--", "- ", "1. ", "😀", "\u{e000}", "ـ", "ً",
        ]).prop_map(String::from),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.join(" "))
}

fn score() -> impl Strategy<Value = Option<f32>> {
    prop_oneof![Just(None), (-9.0f32..0.0).prop_map(Some), Just(Some(f32::NAN)), Just(Some(f32::NEG_INFINITY))]
}

fn segment() -> impl Strategy<Value = (String, Segment)> {
    let source = ("[ء-ي]", nasty()).prop_map(|(first, rest)| first + &rest);
    let flags = prop::collection::vec(prop::sample::select(Flag::ALL.to_vec()), 0..3);
    let alternatives = prop::collection::vec((nasty(), score()), 0..3);
    let alignment = prop::collection::vec((0usize..9, 0usize..9), 0..4);
    (source, nasty(), score(), flags, alternatives, alignment).prop_map(
        |(source, target, score, flags, alternatives, alignment)| {
            let alternatives =
                alternatives.into_iter().map(|(target, score)| Alternative { target, score: score.unwrap_or(-1.0) }).collect();
            (source, Segment { target, score, flags, alternatives, alignment, ..Segment::default() })
        },
    )
}

/// Any bitext that the pipeline could give, and worse.
pub fn arbitrary() -> impl Strategy<Value = Bitext> {
    let block = (kind(), prop::collection::vec(segment(), 0..4));
    (prop::collection::vec(block, 0..6), nasty(), nasty()).prop_map(|(blocks, name, model)| {
        let mut bitext = Bitext { model, source_lang: "arb_Arab".into(), target_lang: "eng_Latn".into(), ..Bitext::default() };
        bitext.document.name = name;
        for (kind, sentences) in blocks {
            let text = &mut bitext.document.text;
            text.push('\n');
            let start = text.len();
            for (source, mut segment) in sentences {
                let from = text.len();
                text.push_str(&source);
                segment.range = from..text.len();
                segment.block = bitext.document.blocks.len();
                text.push(' ');
                bitext.segments.push(segment);
            }
            let end = text.trim_end().len().max(start);
            bitext.document.blocks.push(Block { kind, range: start..end });
        }
        bitext
    })
}
