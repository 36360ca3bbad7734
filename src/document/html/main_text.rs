//! Which part of a page is its main text.
//!
//! Text that people read comes in paragraphs: long, and with few links. The smallest element that holds nearly all of such text is the
//! article; navigation, lists of links, sharing buttons and the like inside it are left out, by what they are (`nav`, `aside`), by their
//! names (`class="related"`), and by being made of links. A heading of the first level that stands outside is put in front.
//! The idea is that of boilerplate removal by shallow text features (Kohlschütter et al. 2010) and of the Readability bookmarklet.

use super::blocks::is_block;
use super::is_hidden;
use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use scraper::{Html, Node};
use std::collections::{HashMap, HashSet};

/// The main text of a page.
pub(super) struct Main<'a> {
    /// Its parts, in order: a heading from elsewhere, the element that holds the text.
    pub parts: Vec<NodeRef<'a, Node>>,
    /// Elements inside the parts that are not of it.
    pub boilerplate: HashSet<NodeId>,
}

/// Characters of running text from which a stretch counts as a paragraph.
const PARAGRAPH: usize = 40;
/// A page with less running text than this has no article: all of it is taken.
const LEAST: usize = 140;

#[derive(Default, Clone, Copy)]
struct Amount {
    /// Characters, white space not counted.
    text: usize,
    /// Those inside links.
    linked: usize,
    /// Those of paragraphs.
    running: usize,
}

pub(super) fn find(page: &Html) -> Main<'_> {
    let root = page.tree.root();
    let amounts = measure(root, &HashSet::new());
    let all = amounts.get(&root.id()).copied().unwrap_or_default();
    if all.running < LEAST {
        return Main { parts: vec![root], boilerplate: HashSet::new() };
    }
    // What is called a sidebar or comments is none of the text, unless it holds most of what there is.
    let aside: HashSet<NodeId> = root
        .descendants()
        .filter(|node| amounts.get(&node.id()).is_some_and(|amount| amount.running * 2 < all.running) && has_telling_name(node))
        .map(|node| node.id())
        .collect();
    let amounts = measure(root, &aside);
    let running = |node: &NodeRef<'_, Node>| amounts.get(&node.id()).map_or(0, |amount| amount.running);
    let main = declared(root, &running).unwrap_or_else(|| {
        let mut main = root;
        // Down to the smallest element that still holds nearly all running text.
        while let Some(child) = main.children().filter(|child| child.value().is_element()).max_by_key(running)
            && running(&child) * 100 >= running(&root) * 92
            && child.children().any(|node| node.value().is_element())
        {
            main = child;
        }
        main
    });
    let boilerplate = boilerplate(main, &amounts);
    let mut parts = Vec::new();
    let shown = |node: &NodeRef<'_, Node>| amounts.get(&node.id()).is_some_and(|amount| amount.text > 0);
    let title = title(page);
    let names_the_page = |node: &NodeRef<'_, Node>| match &title {
        Some(title) => shared_words(title, node) > 0,
        None => is_element(node, "h1"),
    };
    let in_main =
        main.descendants().any(|node| is_heading(&node) && shown(&node) && !inside(&node, &boilerplate) && names_the_page(&node));
    if !in_main {
        parts.extend(
            root.descendants().find(|node| is_heading(node) && shown(node) && !hidden_above(node) && names_the_page(node)),
        );
    }
    parts.push(main);
    Main { parts, boilerplate }
}

/// The element that the page itself says is its text, if it holds most of what there is to read.
fn declared<'a>(root: NodeRef<'a, Node>, running: &dyn Fn(&NodeRef<'_, Node>) -> usize) -> Option<NodeRef<'a, Node>> {
    let rank = |node: &NodeRef<'_, Node>| -> Option<u8> {
        let Node::Element(element) = node.value() else { return None };
        match element.name() {
            "article" => Some(2),
            "main" => Some(1),
            _ if element.attr("itemprop").is_some_and(|name| name.eq_ignore_ascii_case("articleBody")) => Some(0),
            _ => match element.attr("role") {
                Some("article") => Some(2),
                Some("main") => Some(1),
                _ => None,
            },
        }
    };
    let candidates = root.descendants().filter(|node| running(node) * 100 >= running(&root) * 60);
    candidates.filter_map(|node| rank(&node).map(|rank| (rank, node))).max_by_key(|(rank, _)| *rank).map(|(_, node)| node)
}

/// Amounts of text in every element but those that are hidden, frame the page, or are in `aside`.
fn measure(root: NodeRef<'_, Node>, aside: &HashSet<NodeId>) -> HashMap<NodeId, Amount> {
    let mut amounts: HashMap<NodeId, Amount> = HashMap::new();
    let mut open: Vec<(NodeId, Amount)> = Vec::new();
    let (mut links, mut skipping) = (0usize, None);
    // The stretch of text between two block boundaries: characters, those linked, and the element it began in.
    let mut stretch: Option<(usize, usize, usize)> = None;
    let end_stretch = |open: &mut Vec<(NodeId, Amount)>, stretch: &mut Option<(usize, usize, usize)>| {
        if let Some((characters, linked, depth)) = stretch.take()
            && characters >= PARAGRAPH
            && linked * 3 < characters
            && let Some((_, amount)) = open.get_mut(depth)
        {
            amount.running += characters;
        }
    };
    for edge in root.traverse() {
        match edge {
            Edge::Open(node) if skipping.is_none() => match node.value() {
                Node::Text(text) => {
                    let characters = text.text.chars().filter(|c| !c.is_whitespace()).count();
                    let linked = if links > 0 { characters } else { 0 };
                    let depth = open.len().saturating_sub(1);
                    if let Some((_, amount)) = open.last_mut() {
                        amount.text += characters;
                        amount.linked += linked;
                    }
                    if characters > 0 {
                        let (all, of_links, first) = stretch.get_or_insert((0, 0, depth));
                        *all += characters;
                        *of_links += linked;
                        *first = (*first).min(depth);
                    }
                }
                Node::Element(element) => {
                    if is_block(element.name()) {
                        end_stretch(&mut open, &mut stretch);
                    }
                    if is_hidden(&node) || is_furniture(&node) || aside.contains(&node.id()) {
                        skipping = Some(node.id());
                        continue;
                    }
                    links += usize::from(element.name() == "a");
                    open.push((node.id(), Amount::default()));
                }
                _ => open.push((node.id(), Amount::default())),
            },
            Edge::Close(node) if skipping == Some(node.id()) => skipping = None,
            Edge::Close(node) if skipping.is_none() && !node.value().is_text() => {
                if let Node::Element(element) = node.value() {
                    if is_block(element.name()) {
                        end_stretch(&mut open, &mut stretch);
                    }
                    links -= usize::from(element.name() == "a");
                }
                if let Some((id, amount)) = open.pop() {
                    // A stretch goes on in the element around the one that ends.
                    if let Some((_, _, depth)) = &mut stretch {
                        *depth = (*depth).min(open.len().saturating_sub(1));
                    }
                    if let Some((_, around)) = open.last_mut() {
                        around.text += amount.text;
                        around.linked += amount.linked;
                        around.running += amount.running;
                    }
                    amounts.insert(id, amount);
                }
            }
            _ => {}
        }
    }
    amounts
}

/// Elements in `main` that are not of the main text.
fn boilerplate(main: NodeRef<'_, Node>, amounts: &HashMap<NodeId, Amount>) -> HashSet<NodeId> {
    let total = amounts.get(&main.id()).copied().unwrap_or_default();
    let mut found = HashSet::new();
    for node in main.descendants().skip(1) {
        let Node::Element(element) = node.value() else { continue };
        let Some(amount) = amounts.get(&node.id()) else {
            // Not measured: hidden, furniture, or called something that is not text.
            found.insert(node.id());
            continue;
        };
        // What holds a good part of the running text is main text, whatever it is called.
        if amount.running * 4 >= total.running {
            continue;
        }
        let of_links = amount.linked * 10 >= amount.text * 6 && amount.text > 0;
        let link_list = match element.name() {
            "ul" | "ol" | "dl" | "table" => of_links,
            // A line that is nothing but a link leads elsewhere: to a category, to what else to read.
            "p" | "div" | "section" => {
                let links = node.descendants().filter(|node| is_element(node, "a")).take(3).count();
                of_links && links > 2 || amount.linked == amount.text && amount.text > 0 && links > 0
            }
            _ => false,
        };
        if link_list {
            found.insert(node.id());
        }
    }
    found
}

/// Elements that frame a page, by their kind. A header inside an article is the article's own.
fn is_furniture(node: &NodeRef<'_, Node>) -> bool {
    let Node::Element(element) = node.value() else { return false };
    let role = element.attr("role").unwrap_or_default();
    match element.name() {
        "nav" | "aside" | "dialog" | "button" | "menu" => true,
        "header" | "footer" => !node.ancestors().any(|above| is_element(&above, "article") || is_element(&above, "main")),
        _ => matches!(role, "navigation" | "banner" | "contentinfo" | "complementary" | "search" | "dialog" | "alert"),
    }
}

/// Words in class names and identifiers of what surrounds articles.
#[rustfmt::skip]
const TELLING: [&str; 58] = [
    "ad", "ads", "advert", "advertisement", "author", "authors", "banner", "breadcrumb", "breadcrumbs", "byline", "comment",
    "comments", "cookie", "cookies", "copyright", "credit", "date", "disqus", "feedback", "footer", "latest", "login",
    "masthead", "menu", "meta", "modal", "mostread", "nav", "navbar", "navigation", "newsletter", "outbrain", "pager",
    "pagination", "popular", "popup", "promo", "promoted", "pubdate", "readmore", "recommended", "related", "share",
    "shares", "sharing", "sidebar", "skip", "social", "sponsor", "sponsored", "subscribe", "subscription", "taboola", "tags",
    "timestamp", "toolbar", "trending", "widget",
];

fn has_telling_name(node: &NodeRef<'_, Node>) -> bool {
    let Node::Element(element) = node.value() else { return false };
    let names = [element.attr("class").unwrap_or_default(), element.attr("id").unwrap_or_default()];
    names.iter().flat_map(|names| names.split(|c: char| !c.is_ascii_alphanumeric())).any(|word| {
        // `relatedPosts` is two words.
        let hump = word.char_indices().skip(1).find(|(_, c)| c.is_ascii_uppercase()).map_or(word.len(), |(at, _)| at);
        let [whole, first] = [word, &word[..hump]].map(str::to_ascii_lowercase);
        TELLING.contains(&whole.as_str()) || TELLING.contains(&first.as_str())
    })
}

fn is_element(node: &NodeRef<'_, Node>, name: &str) -> bool {
    matches!(node.value(), Node::Element(element) if element.name() == name)
}

fn inside(node: &NodeRef<'_, Node>, set: &HashSet<NodeId>) -> bool {
    set.contains(&node.id()) || node.ancestors().any(|above| set.contains(&above.id()))
}

fn hidden_above(node: &NodeRef<'_, Node>) -> bool {
    is_hidden(node) || node.ancestors().any(|above| is_hidden(&above))
}

fn is_heading(node: &NodeRef<'_, Node>) -> bool {
    ["h1", "h2", "h3"].iter().any(|name| is_element(node, name))
}

fn text_of(node: NodeRef<'_, Node>) -> String {
    node.descendants().filter_map(|node| node.value().as_text().map(|text| text.text.to_string())).collect::<Vec<_>>().join(" ")
}

/// The page's title without the site's name: its longest part.
fn title(page: &Html) -> Option<String> {
    let title = text_of(page.tree.root().descendants().find(|node| is_element(node, "title"))?);
    let parts = [" | ", " - ", " – ", " — ", " :: ", " » "]
        .iter()
        .fold(vec![title.as_str()], |parts, separator| parts.into_iter().flat_map(|part| part.split(separator)).collect());
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).max_by_key(|part| part.chars().count()).map(str::to_owned)
}

/// Above zero where at least half of a heading's words stand in the title.
fn shared_words(title: &str, heading: &NodeRef<'_, Node>) -> usize {
    let words: HashSet<&str> = title.split_whitespace().collect();
    let text = text_of(*heading);
    let count = text.split_whitespace().count();
    let shared = text.split_whitespace().filter(|word| words.contains(word)).count();
    (shared * 2).checked_div(count).unwrap_or(0)
}
