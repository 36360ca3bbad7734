//! What every XML and HTML writer needs: text that is legal and escaped.

use std::borrow::Cow;

/// `text` for element content or a double-quoted attribute: markup escaped, and characters that XML 1.0 forbids (§2.2: most controls, U+FFFE,
/// U+FFFF) left out.
pub fn escape(text: &str) -> Cow<'_, str> {
    let plain = |c: char| is_legal(c) && !matches!(c, '&' | '<' | '>' | '"' | '\r' | '\t' | '\n');
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Parsers turn a bare carriage return into a line feed, and white space in attributes into spaces.
            '\r' => escaped.push_str("&#13;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            c if is_legal(c) => escaped.push(c),
            _ => {}
        }
    }
    Cow::Owned(escaped)
}

/// [`super::line::one_line`], then [`escape`]: the text of a segment in formats where line breaks within it mean nothing.
pub fn escape_line(text: &str) -> String {
    escape(&super::line::one_line(text)).into_owned()
}

fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A real XML parser gives back what went in, less what XML can't hold.
        #[test]
        fn escaped_text_survives_a_parser(text in any::<String>()) {
            let document = format!("<a b=\"{0}\">{0}</a>", escape(&text));
            let expected: String = text.chars().filter(|&c| is_legal(c)).collect();
            let mut reader = quick_xml::Reader::from_str(&document);
            let (mut content, mut attribute) = (String::new(), String::new());
            loop {
                match reader.read_event().unwrap() {
                    quick_xml::events::Event::Start(start) => {
                        let value = start.attributes().next().unwrap().unwrap().value.into_owned();
                        attribute = quick_xml::escape::unescape(&value).unwrap().into_owned();
                    }
                    quick_xml::events::Event::Text(part) => content.push_str(&part),
                    quick_xml::events::Event::GeneralRef(entity) => {
                        content.push_str(&quick_xml::escape::unescape(&format!("&{};", &*entity)).unwrap());
                    }
                    quick_xml::events::Event::Eof => break,
                    _ => {}
                }
            }
            prop_assert_eq!(&content, &expected);
            prop_assert_eq!(&attribute, &expected);
        }
    }
}
