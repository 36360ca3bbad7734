//! Mail (RFC 5322, MIME): subject, correspondents, and the best text that the message offers; quoted mail is marked as such.
//!
//! Of alternatives the plain text is taken unless the HTML says more in Arabic. Texts are decoded here and not by the mail parser, as the
//! charset that Arabic mail declares is often not the one it is in.

use super::builder::TextBuilder;
use super::error::{ReadErrorKind, Result};
use super::{BlockKind, Document, Raw, ReadOptions, Reader, Translations, decode, html, is_arabic_letter, plain};
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders, PartType};

pub(crate) struct Email;

/// Messages forwarded as attachments, in each other.
const MAX_FORWARDED: usize = 5;

impl Reader for Email {
    fn read(&self, raw: &Raw<'_>, _: &ReadOptions) -> Result<Document> {
        let message =
            MessageParser::default().parse(raw.bytes).ok_or_else(|| ReadErrorKind::malformed("EML", "no header lines"))?;
        let mut builder = TextBuilder::default();
        read_message(&message, raw.bytes, &mut builder, 0)?;
        Ok(builder.finish())
    }

    fn write_translated(&self, _: &Raw<'_>, _: &ReadOptions, _: &Translations<'_>) -> Result<Vec<u8>> {
        Err(ReadErrorKind::NoCopy { format: "EML" })
    }
}

fn read_message(message: &Message<'_>, raw: &[u8], builder: &mut TextBuilder, depth: usize) -> Result<()> {
    let charset = message.parts.iter().find_map(|part| charset_of(part));
    if let Some(subject) = header(message, "Subject", message.subject(), charset) {
        builder.push(BlockKind::Heading(1), &subject);
    }
    // Who wrote to whom and when is kept, but not translated.
    let people = |addresses: Option<&mail_parser::Address<'_>>| {
        let list: Vec<String> = addresses.into_iter().flat_map(|list| list.iter()).filter_map(person).collect();
        (!list.is_empty()).then(|| list.join(", "))
    };
    let date = message.date().map(mail_parser::DateTime::to_rfc3339);
    for (name, value) in
        [("From", people(message.from())), ("To", people(message.to())), ("Cc", people(message.cc())), ("Date", date)]
    {
        if let Some(value) = value {
            builder.push(BlockKind::Verbatim, &format!("{name}: {}", value.replace(['\r', '\n'], " ")));
        }
    }
    let mut seen: Vec<u32> = Vec::new();
    for (position, id) in message.text_body.iter().enumerate() {
        let other = message.html_body.get(position).filter(|_| message.html_body.len() == message.text_body.len());
        let texts: Vec<Body> =
            std::iter::once(id).chain(other.filter(|other| *other != id)).filter_map(|id| body(message, *id, raw)).collect();
        seen.extend(std::iter::once(*id).chain(other.copied()));
        let arabic = |body: &&Body| body.text().chars().filter(|c| is_arabic_letter(*c)).count();
        // The plain text comes first; HTML must offer a good deal more to be taken instead.
        let best = match &texts[..] {
            [plain, html] if arabic(&html) > arabic(&plain) * 5 / 4 + 20 || plain.text().trim().is_empty() => html,
            [first, ..] => first,
            [] => continue,
        };
        best.add_to(builder)?;
    }
    for id in message.html_body.iter().filter(|id| !seen.contains(id)) {
        if let Some(body) = body(message, *id, raw) {
            body.add_to(builder)?;
        }
    }
    for id in &message.attachments {
        let Some(part) = message.parts.get(*id as usize) else { continue };
        match &part.body {
            PartType::Message(inner) if depth < MAX_FORWARDED => {
                read_message(inner, inner.raw_message.as_ref(), builder, depth + 1)?
            }
            _ => builder.warn(format!("attachment not read: {}", part.attachment_name().unwrap_or("without a name"))),
        }
    }
    Ok(())
}

/// A text of a message, decoded.
enum Body {
    Plain { text: String, flowed: bool, warnings: Vec<String> },
    Html { text: String, warnings: Vec<String> },
}

impl Body {
    fn text(&self) -> &str {
        match self {
            Body::Plain { text, .. } | Body::Html { text, .. } => text,
        }
    }

    fn add_to(&self, builder: &mut TextBuilder) -> Result<()> {
        match self {
            Body::Plain { text, flowed, warnings } => {
                warnings.iter().for_each(|warning| builder.warn(warning));
                add_plain(text, *flowed, builder);
            }
            Body::Html { text, warnings } => {
                warnings.iter().for_each(|warning| builder.warn(warning));
                let document = html::read_fragment(text)?;
                for block in &document.blocks {
                    builder.push(block.kind, &document.text[block.range.clone()]);
                }
            }
        }
        Ok(())
    }
}

fn body(message: &Message<'_>, id: u32, raw: &[u8]) -> Option<Body> {
    let part = message.parts.get(id as usize)?;
    let is_html = match &part.body {
        PartType::Text(_) => false,
        PartType::Html(_) => true,
        _ => return None,
    };
    let encoded = raw.get(part.offset_body as usize..part.offset_end as usize)?;
    let bytes = match part.encoding {
        Encoding::None => encoded.to_vec(),
        Encoding::QuotedPrintable => quoted_printable_decode(encoded)?,
        Encoding::Base64 => base64_decode(encoded)?,
    };
    let decoded = decode(&bytes, charset_of(part));
    Some(if is_html {
        Body::Html { text: decoded.text, warnings: decoded.warnings }
    } else {
        let flowed =
            part.content_type().is_some_and(|kind| kind.attribute("format").is_some_and(|f| f.eq_ignore_ascii_case("flowed")));
        Body::Plain { text: decoded.text, flowed, warnings: decoded.warnings }
    })
}

fn charset_of<'a>(part: &'a MessagePart<'_>) -> Option<&'a str> {
    part.content_type()?.attribute("charset")
}

/// A header's text: as the parser decoded it, or, where its bytes are not ASCII, as the bytes say.
fn header(message: &Message<'_>, name: &str, parsed: Option<&str>, charset: Option<&str>) -> Option<String> {
    let part = message.parts.first()?;
    let header = part.headers.iter().find(|header| header.name.as_str().eq_ignore_ascii_case(name))?;
    let raw = message.raw_message.get(header.offset_start as usize..header.offset_end as usize)?;
    if raw.is_ascii() { parsed.map(str::to_owned) } else { Some(decode(raw, charset).text.trim().to_owned()) }
}

fn person(address: &mail_parser::Addr<'_>) -> Option<String> {
    match (address.name.as_deref(), address.address.as_deref()) {
        (Some(name), Some(address)) => Some(format!("{name} <{address}>")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

/// Adds plain text: runs of lines quoted alike are laid out together.
fn add_plain(text: &str, flowed: bool, builder: &mut TextBuilder) {
    let mut run = String::new();
    let mut quoted = false;
    let flush = |run: &mut String, quoted: bool, builder: &mut TextBuilder| {
        for block in plain::layout(run) {
            let kind = if quoted { BlockKind::Quote } else { block.kind };
            builder.push(kind, &run[block.range]);
        }
        run.clear();
    };
    for line in text.lines() {
        // What follows is the sender's signature (RFC 3676, 4.3): still text, but a block of its own.
        let content = line.trim_start_matches(['>', ' ']);
        let is_quoted = line.starts_with('>');
        if is_quoted != quoted {
            flush(&mut run, quoted, builder);
            quoted = is_quoted;
        }
        let content = if is_quoted { content } else { line };
        if content.trim_end() == "--" {
            flush(&mut run, quoted, builder);
            continue;
        }
        // A flowed line that ends in a space goes on in the next (RFC 3676).
        run.push_str(content.trim_end_matches('\r'));
        if !(flowed && content.ends_with(' ')) {
            run.push('\n');
        }
    }
    flush(&mut run, quoted, builder);
}
