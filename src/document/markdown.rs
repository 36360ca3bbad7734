//! Markdown (CommonMark with tables and footnotes): what a reader sees, block by block, without its markup.
//!
//! A translated copy replaces the text of each block. Markup around all of it (a link that is the whole list item, bold print) stays; of
//! markup inside, links and pictures are set behind the translation, and the rest goes.

use super::builder::TextBuilder;
use super::error::Result;
use super::xml::Patches;
use super::{BlockKind, Document, Raw, ReadOptions, Reader, Translations};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::ops::Range;

pub(crate) struct Markdown;

/// A block's place in the file.
struct Placed {
    block: usize,
    range: Range<usize>,
    /// Links and pictures inside the range, as they are to stand behind the translation.
    kept: Vec<String>,
    in_table: bool,
}

impl Reader for Markdown {
    fn read(&self, raw: &Raw<'_>, options: &ReadOptions) -> Result<Document> {
        let decoded = raw.decode(options);
        let mut document = extract(&decoded.text).0;
        document.warnings = decoded.warnings;
        Ok(document)
    }

    fn write_translated(&self, raw: &Raw<'_>, options: &ReadOptions, translations: &Translations<'_>) -> Result<Vec<u8>> {
        let text = raw.decode(options).text;
        let (document, placed) = extract(&text);
        translations.check(&document)?;
        let mut patches = Patches::default();
        for place in placed {
            if let Some(translation) = &translations.blocks[place.block] {
                let mut english = escape(translation, place.in_table);
                for kept in &place.kept {
                    english.push(' ');
                    english.push_str(kept);
                }
                patches.replace(place.range, english);
            }
        }
        Ok(patches.apply(&text).replace("dir=\"rtl\"", "dir=\"ltr\"").into_bytes())
    }
}

/// Text of a block that is being collected.
#[derive(Default)]
struct Inline {
    text: String,
    /// For the first and the last piece of text: its range and those of the inline markup around it, outermost first.
    first: Option<Vec<Range<usize>>>,
    last: Vec<Range<usize>>,
    /// Links and pictures with their ranges.
    kept: Vec<(Range<usize>, String)>,
}

struct Collector<'a> {
    source: &'a str,
    builder: TextBuilder,
    placed: Vec<Placed>,
    inline: Inline,
    /// Ranges of the inline markup that is open.
    markup: Vec<Range<usize>>,
    kinds: Vec<BlockKind>,
}

fn extract(source: &str) -> (Document, Vec<Placed>) {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut collector = Collector {
        source,
        builder: TextBuilder::default(),
        placed: Vec::new(),
        inline: Inline::default(),
        markup: Vec::new(),
        kinds: Vec::new(),
    };
    let (mut row, mut column) = (0u32, 0u32);
    let mut pictures = 0usize;
    for (event, range) in Parser::new_ext(source, options).into_offset_iter() {
        match event {
            Event::Start(tag) => match tag {
                Tag::Link { ref dest_url, .. } | Tag::Image { ref dest_url, .. } => {
                    let picture = matches!(tag, Tag::Image { .. });
                    pictures += usize::from(picture);
                    let kept = if picture { source[range.clone()].to_owned() } else { format!("[↗](<{dest_url}>)") };
                    collector.inline.kept.push((range.clone(), kept));
                    collector.markup.push(range);
                }
                Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Superscript | Tag::Subscript => {
                    collector.markup.push(range)
                }
                tag => {
                    collector.flush();
                    match tag {
                        Tag::Table(_) => row = 0,
                        Tag::TableHead | Tag::TableRow => column = 0,
                        _ => {}
                    }
                    let inherited = collector.kinds.last().copied().unwrap_or_default();
                    collector.kinds.push(match tag {
                        Tag::Heading { level, .. } => BlockKind::Heading(level as u8),
                        Tag::Item => BlockKind::ListItem,
                        Tag::BlockQuote(_) => BlockKind::Quote,
                        Tag::CodeBlock(_) | Tag::MetadataBlock(_) => BlockKind::Verbatim,
                        Tag::TableCell => BlockKind::Cell { row, column },
                        _ => inherited,
                    });
                }
            },
            Event::End(tag) => match tag {
                TagEnd::Link
                | TagEnd::Emphasis
                | TagEnd::Strong
                | TagEnd::Strikethrough
                | TagEnd::Superscript
                | TagEnd::Subscript => {
                    collector.markup.pop();
                }
                TagEnd::Image => {
                    pictures = pictures.saturating_sub(1);
                    collector.markup.pop();
                }
                tag => {
                    collector.flush();
                    collector.kinds.pop();
                    match tag {
                        TagEnd::TableCell => column += 1,
                        TagEnd::TableHead | TagEnd::TableRow => row += 1,
                        _ => {}
                    }
                }
            },
            // A picture's description is not seen.
            Event::Text(text) | Event::Code(text) if pictures == 0 => collector.text(&text, range),
            Event::SoftBreak => collector.space(" "),
            Event::HardBreak => collector.space("\n"),
            Event::InlineHtml(tag) if tag.to_ascii_lowercase().starts_with("<br") => collector.space("\n"),
            Event::Html(_) => collector.html(range),
            _ => {}
        }
    }
    collector.flush();
    (collector.builder.finish(), collector.placed)
}

impl Collector<'_> {
    fn text(&mut self, text: &str, range: Range<usize>) {
        self.inline.text.push_str(text);
        if text.trim().is_empty() {
            return;
        }
        let written = &self.source[range.clone()];
        let start = range.start + (written.len() - written.trim_start().len());
        let mut path = self.markup.clone();
        path.push(start..start + written.trim().len());
        self.inline.first.get_or_insert_with(|| path.clone());
        self.inline.last = path;
    }

    fn space(&mut self, space: &str) {
        self.inline.text.push_str(space);
    }

    /// Ends the block that is being collected.
    fn flush(&mut self) {
        let inline = std::mem::take(&mut self.inline);
        let Some(first) = inline.first else { return };
        let kind = self.kinds.last().copied().unwrap_or_default();
        let Some(block) = self.builder.push(kind, &inline.text) else { return };
        // Down through the markup that is around all of the text; what stands below is replaced.
        let mut shared = 0;
        while shared + 1 < first.len() && shared + 1 < inline.last.len() && first[shared] == inline.last[shared] {
            shared += 1;
        }
        let range = first[shared].start..inline.last[shared].end.max(first[shared].end);
        let inside = |at: &Range<usize>| at.start >= range.start && at.end <= range.end;
        let kept = inline.kept.into_iter().filter(|(at, _)| inside(at)).map(|(_, kept)| kept).collect();
        let in_table = matches!(kind, BlockKind::Cell { .. });
        self.placed.push(Placed { block, range, kept, in_table });
    }

    /// Text between the tags of a stretch of HTML.
    fn html(&mut self, range: Range<usize>) {
        let source = self.source;
        let mut at = range.start;
        while at < range.end {
            let rest = &source[at..range.end];
            let (length, is_tag) = if rest.starts_with('<') {
                (rest.find('>').map_or(rest.len(), |end| end + 1), true)
            } else {
                (rest.find('<').unwrap_or(rest.len()), false)
            };
            let piece = &rest[..length];
            if !is_tag && !piece.trim().is_empty() {
                let start = at + (piece.len() - piece.trim_start().len());
                self.flush();
                self.text(piece.trim(), start..start + piece.trim().len());
                self.flush();
            }
            at += length;
        }
    }
}

/// Text so that Markdown shows it as it is.
fn escape(text: &str, in_table: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let starts_block = at == 0 && matches!(c, '#' | '>' | '-' | '+' | '=' | '~');
        let marks = matches!(c, '*' | '_' | '`' | '[' | ']' | '<' | '\\');
        if starts_block || marks || (c == '|' && in_table) {
            out.push('\\');
        }
        out.push(if c == '\n' { ' ' } else { c });
    }
    // `1.` would begin a list.
    let digits = out.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && matches!(out.as_bytes().get(digits), Some(b'.' | b')')) {
        out.insert(digits, '\\');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_what_a_reader_sees() {
        let source = "# عنوان\n\nفقرة **غليظة** و[رابط](http://x.org)\nفي سطرين.\n\n- بند\n- [بند رابط](u)\n\n> اقتباس\n\n```\nرمز\n```\n\n| أ | ب |\n|---|---|\n| ج | د |\n\n<div dir=\"rtl\">\nنص داخلي\n</div>\n";
        let (document, placed) = extract(source);
        let texts: Vec<(BlockKind, &str)> =
            document.blocks.iter().map(|block| (block.kind, &document.text[block.range.clone()])).collect();
        let cell = |row, column| BlockKind::Cell { row, column };
        assert_eq!(
            texts,
            [
                (BlockKind::Heading(1), "عنوان"),
                (BlockKind::Paragraph, "فقرة غليظة ورابط في سطرين."),
                (BlockKind::ListItem, "بند"),
                (BlockKind::ListItem, "بند رابط"),
                (BlockKind::Quote, "اقتباس"),
                (BlockKind::Verbatim, "رمز"),
                (cell(0, 0), "أ"),
                (cell(0, 1), "ب"),
                (cell(1, 0), "ج"),
                (cell(1, 1), "د"),
                (BlockKind::Paragraph, "نص داخلي"),
            ]
        );
        assert_eq!(&source[placed[3].range.clone()], "بند رابط");
        assert_eq!(placed[1].kept, ["[↗](<http://x.org>)"]);
    }

    #[test]
    fn translations_are_escaped() {
        assert_eq!(escape("1. a *b* | c", true), "1\\. a \\*b\\* \\| c");
        assert_eq!(escape("# x", false), "\\# x");
    }
}
