//! XML as the office formats use it: a stream of elements and text, each with its place in the file.
//!
//! The place is what a translated copy needs: it replaces the text of a paragraph and leaves every other byte alone. Nothing is recursive,
//! no entity but the five of XML itself is known, and a document type declaration (where entities would be defined) is refused.

use super::error::{ReadErrorKind, Result};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::ops::Range;

/// One thing in an XML file.
pub(crate) enum Token<'a> {
    Open(Element<'a>),
    /// The element's name, without its prefix.
    Close(String),
    Text(String),
}

/// An element's start.
pub(crate) struct Element<'a> {
    start: BytesStart<'a>,
    /// Whether it has no content (`<a/>`); no [`Token::Close`] follows then.
    pub empty: bool,
}

impl Element<'_> {
    /// The name without its prefix.
    pub fn name(&self) -> &str {
        local(self.start.name().into_inner())
    }

    /// The value of an attribute, by its name without prefix.
    pub fn attribute(&self, name: &str) -> Option<String> {
        self.attributes_named(name).into_iter().next()
    }

    /// The values of all attributes of this name, whatever their prefix.
    pub fn attributes_named(&self, name: &str) -> Vec<String> {
        let mut attributes = self.start.attributes();
        attributes
            .with_checks(false)
            .flatten()
            .filter(|attribute| local(attribute.key.into_inner()) == name)
            .map(|attribute| unescape(&attribute.value))
            .collect()
    }

    /// An on/off property: absent value means on.
    pub fn is_on(&self) -> bool {
        !matches!(self.attribute("val").as_deref(), Some("0" | "false" | "off" | "none"))
    }
}

/// Walks through an XML file.
pub(crate) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    format: &'static str,
}

impl<'a> Xml<'a> {
    /// `format` is what error messages call the file.
    pub fn new(text: &'a str, format: &'static str) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = true;
        config.allow_unmatched_ends = false;
        config.allow_dangling_amp = true;
        Xml { reader, format }
    }

    /// The next element or text and its byte range.
    pub fn next(&mut self) -> Result<Option<(Token<'a>, Range<usize>)>> {
        loop {
            let start = self.reader.buffer_position() as usize;
            let event = self.reader.read_event().map_err(|error| ReadErrorKind::malformed(self.format, error))?;
            let range = start..self.reader.buffer_position() as usize;
            let token = match event {
                Event::Start(start) => Token::Open(Element { start, empty: false }),
                Event::Empty(start) => Token::Open(Element { start, empty: true }),
                Event::End(end) => Token::Close(local(end.name().into_inner()).to_owned()),
                Event::Text(text) => Token::Text(text.to_string()),
                Event::CData(text) => Token::Text(text.to_string()),
                Event::GeneralRef(reference) => Token::Text(unescape(&format!("&{};", &*reference))),
                Event::DocType(_) => {
                    return Err(ReadErrorKind::Refused(format!(
                        "this {} file has a document type declaration, which can define entities",
                        self.format
                    )));
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
                Event::Eof => return Ok(None),
            };
            return Ok(Some((token, range)));
        }
    }

    /// Passes over the content of an element whose start was just read, its end included. Gives the end's position.
    pub fn skip(&mut self, element: &Element<'_>) -> Result<usize> {
        let mut depth = usize::from(!element.empty);
        let mut end = self.reader.buffer_position() as usize;
        while depth > 0 {
            match self.next()? {
                Some((Token::Open(inner), range)) => {
                    depth += usize::from(!inner.empty);
                    end = range.end;
                }
                Some((Token::Close(_), range)) => {
                    depth -= 1;
                    end = range.end;
                }
                Some(_) => {}
                None => break,
            }
        }
        Ok(end)
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Resolves the five entities of XML and character references; anything else stays as it is written.
fn unescape(text: &str) -> String {
    quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), |text| text.into_owned())
}

/// Text as XML content, without the characters that XML 1.0 cannot hold.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' | '\r' => out.push(c),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}

/// Changes to a text: byte ranges and what takes their place.
#[derive(Default)]
pub(crate) struct Patches(Vec<(Range<usize>, String)>);

impl Patches {
    pub fn replace(&mut self, range: Range<usize>, with: impl Into<String>) {
        self.0.push((range, with.into()));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text with all changes made; of changes that overlap the first one in the text wins.
    pub fn apply(mut self, text: &str) -> String {
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (range, with) in self.0 {
            if range.start >= done {
                out.push_str(&text[done..range.start]);
                out.push_str(&with);
                done = range.end;
            }
        }
        out.push_str(&text[done..]);
        out
    }
}
