//! Web pages: parsed as browsers do (html5ever), reduced to their main text unless everything is wanted.
//!
//! [`main_text`] finds the part of the page that is the article, [`blocks`] turns a part of the tree into blocks. The page's title is a block of
//! its own, or is that of the heading that repeats it. A translated copy changes the text nodes of the tree and writes the whole page out again.

mod blocks;
mod main_text;

use super::error::{ReadErrorKind, Result};
use super::paragraph::longest;
use super::{Decoded, Document, Raw, ReadOptions, Reader, Translations};
use blocks::PlacedNodes;
use ego_tree::{NodeId, NodeRef};
use scraper::node::Element;
use scraper::{Html, Node};
use std::collections::HashSet;

pub(crate) struct HtmlPage;

/// Elements open at once, as far as the tags tell. Browsers stop at 512; beyond this limit parsing would take quadratic time.
const MAX_DEPTH: usize = 4_000;

/// Bytes of a page. Its tree takes about ten times as much.
const MAX_PAGE: usize = 40_000_000;

impl Reader for HtmlPage {
    fn read(&self, raw: &Raw<'_>, options: &ReadOptions) -> Result<Document> {
        let decoded = decode_page(raw, options);
        let page = parse(&decoded.text)?;
        Ok(extract(&page, &decoded, options.html_all).0)
    }

    fn write_translated(&self, raw: &Raw<'_>, options: &ReadOptions, translations: &Translations<'_>) -> Result<Vec<u8>> {
        let decoded = decode_page(raw, options);
        let mut page = parse(&decoded.text)?;
        let (document, placed) = extract(&page, &decoded, options.html_all);
        translations.check(&document)?;
        for place in placed {
            let Some(translation) = &translations.blocks[place.block] else { continue };
            let Some(longest) = longest(place.nodes.iter().map(|node| (node.text.len(), node.holds_text))) else { continue };
            for (index, node) in place.nodes.iter().enumerate() {
                let Some(mut target) = page.tree.get_mut(node.id) else { continue };
                if !node.holds_text {
                    target.detach();
                } else if let Node::Text(text) = target.value() {
                    text.text = if index == longest { translation.as_str().into() } else { "".into() };
                }
            }
        }
        left_to_right(&mut page);
        Ok(page.html().into_bytes())
    }
}

fn decode_page(raw: &Raw<'_>, options: &ReadOptions) -> Decoded {
    raw.decode_labelled(options, declared_charset(raw.bytes).as_deref())
}

/// The text of an HTML source as blocks, for other readers that carry HTML (mail).
pub(crate) fn read_fragment(text: &str) -> Result<Document> {
    let page = parse(text)?;
    Ok(blocks::collect(&[page.tree.root()], &|node| is_hidden(&node)).0)
}

fn parse(text: &str) -> Result<Html> {
    if text.len() > MAX_PAGE {
        return Err(ReadErrorKind::Refused(format!("a web page of more than {} MB", MAX_PAGE / 1_000_000)));
    }
    if depth(text) > MAX_DEPTH {
        return Err(ReadErrorKind::Refused(format!("its elements are nested more than {MAX_DEPTH} deep")));
    }
    Ok(Html::parse_document(text))
}

fn extract(page: &Html, decoded: &Decoded, all: bool) -> (Document, Vec<PlacedNodes>) {
    let root = page.tree.root();
    let main = match all {
        true => main_text::Main { parts: vec![root], boilerplate: HashSet::new() },
        false => main_text::find(page),
    };
    let skip = |node: NodeRef<'_, Node>| is_hidden(&node) || main.boilerplate.contains(&node.id());
    let (mut document, mut placed) = blocks::collect(&main.parts, &skip);
    // A page without text has nothing that its title could be the title of.
    if let Some(title) = page_title(root).filter(|_| !document.blocks.is_empty()) {
        match blocks::place_again(title, &document) {
            Some(again) => placed.push(again),
            None => {
                let parts: Vec<_> = std::iter::once(title).chain(main.parts.iter().copied()).collect();
                (document, placed) = blocks::collect(&parts, &skip);
            }
        }
    }
    document.warnings.splice(0..0, decoded.warnings.iter().cloned());
    (document, placed)
}

/// The `<title>` in the page's head; that of a drawing is another one.
fn page_title(root: NodeRef<'_, Node>) -> Option<NodeRef<'_, Node>> {
    let is = |node: &NodeRef<'_, Node>, name: &str| matches!(node.value(), Node::Element(element) if element.name() == name);
    let head = root.children().find(|node| is(node, "html"))?.children().find(|node| is(node, "head"))?;
    head.children().find(|node| is(node, "title"))
}

/// Elements that a reader of the page does not see as text.
fn is_hidden(node: &NodeRef<'_, Node>) -> bool {
    let Node::Element(element) = node.value() else { return false };
    if matches!(
        element.name(),
        "script"
            | "style"
            | "noscript"
            | "template"
            | "svg"
            | "iframe"
            | "object"
            | "embed"
            | "canvas"
            | "audio"
            | "video"
            | "head"
            | "select"
            | "datalist"
            | "textarea"
            | "rt"
            | "rp"
    ) {
        return true;
    }
    let style = element.attr("style").map(|style| style.replace(char::is_whitespace, "").to_lowercase()).unwrap_or_default();
    element.attr("hidden").is_some() || style.contains("display:none") || style.contains("visibility:hidden")
}

/// What `<meta charset>` or `<meta http-equiv=content-type>` say, in the first 4 KiB.
fn declared_charset(bytes: &[u8]) -> Option<String> {
    let head: String =
        bytes.iter().take(4096).map(|byte| if byte.is_ascii() { byte.to_ascii_lowercase() as char } else { ' ' }).collect();
    let at = head.match_indices("charset").map(|(at, _)| at).find(|at| {
        let tag = head[..*at].rfind('<').unwrap_or(0);
        head[tag..].starts_with("<meta") || head[tag..].starts_with("<?xml")
    });
    let value = match at {
        Some(at) => head[at + "charset".len()..].trim_start().strip_prefix('=')?,
        None => {
            let declaration = head.trim_start().strip_prefix("<?xml")?;
            let declaration = &declaration[..declaration.find("?>")?];
            declaration[declaration.find("encoding")? + "encoding".len()..].trim_start().strip_prefix('=')?
        }
    };
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    let label: String = value.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.')).collect();
    Some(label).filter(|label| !label.is_empty())
}

/// How deep elements nest, by their tags; those that close by themselves are not counted.
fn depth(text: &str) -> usize {
    const OPEN_ENDED: [&str; 30] = [
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr", "p", "li",
        "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup", "colgroup", "rt", "rp", "html",
    ];
    let (mut depth, mut deepest) = (0usize, 0usize);
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let closing = rest.starts_with('/');
        let name = rest.trim_start_matches('/');
        let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
        if length == 0 {
            continue;
        }
        let name = name[..length].to_ascii_lowercase();
        if OPEN_ENDED.contains(&name.as_str()) {
            continue;
        }
        if closing {
            depth = depth.saturating_sub(1);
        } else {
            depth += 1;
            deepest = deepest.max(depth);
        }
    }
    deepest
}

/// Turns the page's direction round: `dir` and `lang` attributes, styles in the page, and the declared charset.
fn left_to_right(page: &mut Html) {
    let ids: Vec<NodeId> = page.tree.nodes().map(|node| node.id()).collect();
    let mut declared = false;
    let mut head = None;
    for id in ids {
        let Some(mut node) = page.tree.get_mut(id) else { continue };
        let in_style =
            node.parent().is_some_and(|mut parent| matches!(parent.value(), Node::Element(element) if element.name() == "style"));
        match node.value() {
            Node::Element(element) => {
                match element.name() {
                    "html" => {
                        set(element, "dir", "ltr");
                        set(element, "lang", "en");
                    }
                    "head" => head = Some(id),
                    "meta" if element.attr("charset").is_some() => {
                        set(element, "charset", "utf-8");
                        declared = true;
                    }
                    "meta" if element.attr("http-equiv").is_some_and(|name| name.eq_ignore_ascii_case("content-type")) => {
                        set(element, "content", "text/html; charset=utf-8");
                        declared = true;
                    }
                    _ => {}
                }
                if element.attr("dir").is_some_and(|dir| dir.eq_ignore_ascii_case("rtl")) {
                    set(element, "dir", "ltr");
                }
                if element.attr("align").is_some_and(|align| align.eq_ignore_ascii_case("right")) {
                    set(element, "align", "left");
                }
                if let Some(style) = element.attr("style").map(turned) {
                    set(element, "style", &style);
                }
            }
            Node::Text(text) if in_style => text.text = turned(&text.text).as_str().into(),
            _ => {}
        }
    }
    if let Some(mut head) = head.filter(|_| !declared).and_then(|head| page.tree.get_mut(head)) {
        let meta = Html::parse_document("<meta charset=\"utf-8\">");
        let element = meta.tree.nodes().find_map(|node| match node.value() {
            Node::Element(element) if element.name() == "meta" => Some(element.clone()),
            _ => None,
        });
        if let Some(element) = element {
            head.prepend(Node::Element(element));
        }
    }
}

/// CSS with its right-to-left declarations turned round.
fn turned(css: &str) -> String {
    let mut css = css.to_owned();
    for space in ["", " "] {
        css = css.replace(&format!("direction:{space}rtl"), &format!("direction:{space}ltr"));
        css = css.replace(&format!("text-align:{space}right"), &format!("text-align:{space}left"));
    }
    css
}

/// Sets an attribute, adding it where it is missing.
fn set(element: &mut Element, name: &str, value: &str) {
    match element.attrs.iter_mut().find(|(key, _)| &*key.local == name) {
        Some((_, old)) => *old = value.into(),
        None => {
            let mut key = element.name.clone();
            (key.prefix, key.ns, key.local) = (None, "".into(), name.into());
            // Attributes are kept sorted by name: the tree looks them up so.
            let at = element.attrs.partition_point(|(other, _)| *other < key);
            element.attrs.insert(at, (key, value.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declared_charset_is_found() {
        for (html, expected) in [
            ("<meta charset=windows-1256>", Some("windows-1256")),
            ("<meta http-equiv='Content-Type' content=\"text/html; charset=ISO-8859-6\">", Some("iso-8859-6")),
            ("<?xml version=\"1.0\" encoding='utf-16'?><html>", Some("utf-16")),
            ("<p>charset=x</p>", None),
        ] {
            assert_eq!(declared_charset(html.as_bytes()).as_deref(), expected, "{html}");
        }
    }

    #[test]
    fn depth_counts_what_nests() {
        assert_eq!(depth(&"<p><br><li>".repeat(10_000)), 0);
        assert_eq!(depth(&"<div><b>x</b></div>".repeat(100)), 2);
        assert!(parse(&"<div>".repeat(100_000)).is_err());
    }
}
