//! A part of a page's tree as blocks, each with the text nodes that it came from.

use crate::document::builder::{TextBuilder, collapse_into};
use crate::document::{Block, BlockKind, Document};
use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use scraper::Node;
use std::ops::Range;

/// A block and the nodes that hold its text.
pub(super) struct PlacedNodes {
    pub block: usize,
    pub nodes: Vec<PlacedNode>,
}

#[derive(Clone)]
pub(super) struct PlacedNode {
    pub id: NodeId,
    /// Byte range in the text that was collected for the block.
    pub text: Range<usize>,
    /// Whether it is a text node, and not a line break.
    pub holds_text: bool,
}

/// A table that is being walked through.
struct Table {
    row: Option<u32>,
    column: u32,
    /// Whether it holds data; others only arrange the page.
    data: bool,
}

#[derive(Default)]
struct Collector {
    builder: TextBuilder,
    placed: Vec<PlacedNodes>,
    text: String,
    nodes: Vec<PlacedNode>,
    /// Kinds of the blocks that are open, innermost last.
    kinds: Vec<BlockKind>,
    tables: Vec<Table>,
    /// `<pre>` elements open.
    preformatted: usize,
}

/// Collects the blocks of `parts`, in order, leaving out the subtrees that `skip` names.
pub(super) fn collect(parts: &[NodeRef<'_, Node>], skip: &dyn Fn(NodeRef<'_, Node>) -> bool) -> (Document, Vec<PlacedNodes>) {
    let mut collector = Collector::default();
    for part in parts {
        let mut skipping: Option<NodeId> = None;
        for edge in part.traverse() {
            match edge {
                Edge::Open(node) if skipping.is_none() => {
                    if skip(node) {
                        // What is left out still parts the text before it from the text after it, unless it stands inside a line.
                        if matches!(node.value(), Node::Element(element) if is_block(element.name())) {
                            collector.flush();
                        }
                        skipping = Some(node.id());
                    } else {
                        collector.open(node);
                    }
                }
                Edge::Close(node) if skipping == Some(node.id()) => skipping = None,
                Edge::Close(node) if skipping.is_none() => collector.close(node),
                _ => {}
            }
        }
        collector.flush();
    }
    (collector.builder.finish(), collector.placed)
}

/// The nodes of an element whose text a heading of the document repeats, placed in that heading's block: one translation serves both.
pub(super) fn place_again(element: NodeRef<'_, Node>, document: &Document) -> Option<PlacedNodes> {
    let (mut text, mut nodes) = (String::new(), Vec::new());
    for node in element.descendants() {
        if let Node::Text(piece) = node.value() {
            let start = text.len();
            text.push_str(&piece.text);
            nodes.push(PlacedNode { id: node.id(), text: start..text.len(), holds_text: true });
        }
    }
    let mut collapsed = String::new();
    collapse_into(&text, &mut collapsed);
    let repeats = |block: &Block| matches!(block.kind, BlockKind::Heading(_)) && document.text[block.range.clone()] == collapsed;
    document.blocks.iter().position(repeats).map(|block| PlacedNodes { block, nodes })
}

impl Collector {
    fn open(&mut self, node: NodeRef<'_, Node>) {
        match node.value() {
            Node::Text(text) => {
                let start = self.text.len();
                if self.preformatted > 0 {
                    self.text.push_str(&text.text);
                } else {
                    // Line ends in the source are spaces; only `<br>` breaks a line.
                    self.text.extend(text.text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }));
                }
                self.nodes.push(PlacedNode { id: node.id(), text: start..self.text.len(), holds_text: true });
            }
            Node::Element(element) => {
                let name = element.name();
                if name == "br" {
                    let start = self.text.len();
                    self.text.push('\n');
                    self.nodes.push(PlacedNode { id: node.id(), text: start..start + 1, holds_text: false });
                    return;
                }
                if !is_block(name) {
                    return;
                }
                self.flush();
                match name {
                    "table" => self.tables.push(Table { row: None, column: 0, data: is_data_table(node) }),
                    "tr" => {
                        if let Some(table) = self.tables.last_mut() {
                            table.row = Some(table.row.map_or(0, |row| row + 1));
                            table.column = 0;
                        }
                    }
                    "pre" => self.preformatted += 1,
                    _ => {}
                }
                let inherited = self.kinds.last().copied().unwrap_or_default();
                self.kinds.push(self.kind(name, inherited));
                if matches!(name, "td" | "th")
                    && let Some(table) = self.tables.last_mut()
                {
                    let span = element.attr("colspan").and_then(|span| span.parse::<u32>().ok()).unwrap_or(1);
                    table.column = table.column.saturating_add(span.clamp(1, 1000));
                }
            }
            _ => {}
        }
    }

    fn kind(&self, name: &str, inherited: BlockKind) -> BlockKind {
        match name {
            "h1" | "title" => BlockKind::Heading(1),
            "h2" => BlockKind::Heading(2),
            "h3" => BlockKind::Heading(3),
            "h4" => BlockKind::Heading(4),
            "h5" => BlockKind::Heading(5),
            "h6" => BlockKind::Heading(6),
            "li" | "dt" | "dd" => BlockKind::ListItem,
            "blockquote" => BlockKind::Quote,
            "td" | "th" => match self.tables.last() {
                Some(Table { row: Some(row), column, data: true }) => BlockKind::Cell { row: *row, column: *column },
                _ => inherited,
            },
            _ => inherited,
        }
    }

    fn close(&mut self, node: NodeRef<'_, Node>) {
        let Node::Element(element) = node.value() else { return };
        let name = element.name();
        if !is_block(name) || name == "br" {
            return;
        }
        self.flush();
        self.kinds.pop();
        match name {
            "table" => {
                self.tables.pop();
            }
            "pre" => self.preformatted = self.preformatted.saturating_sub(1),
            _ => {}
        }
    }

    /// Ends the block that is being collected.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        let nodes = std::mem::take(&mut self.nodes);
        let mut kind = self.kinds.last().copied().unwrap_or_default();
        if self.preformatted > 0 && !text.chars().any(crate::document::is_arabic_letter) {
            kind = BlockKind::Verbatim;
        }
        let blocks = self.builder.push_lines(kind, &text);
        for (index, (block, range)) in blocks.iter().enumerate() {
            let first = if index == 0 { 0 } else { range.start };
            let next = blocks.get(index + 1).map_or(usize::MAX, |(_, next)| next.start);
            // Line breaks between two blocks stay.
            let own = |node: &&PlacedNode| {
                (first..next).contains(&node.text.start) && (node.holds_text || range.contains(&node.text.start))
            };
            let nodes = nodes.iter().filter(own).cloned().collect();
            self.placed.push(PlacedNodes { block: *block, nodes });
        }
    }
}

/// Elements that begin on a line of their own.
pub(super) fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "body"
            | "button"
            | "caption"
            | "center"
            | "dd"
            | "details"
            | "dialog"
            | "dir"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hgroup"
            | "hr"
            | "html"
            | "iframe"
            | "legend"
            | "li"
            | "main"
            | "menu"
            | "nav"
            | "ol"
            | "option"
            | "p"
            | "pre"
            | "search"
            | "section"
            | "summary"
            | "table"
            | "tbody"
            | "td"
            | "tfoot"
            | "th"
            | "thead"
            | "title"
            | "tr"
            | "ul"
    )
}

/// Rows and columns of short cells; a table around a whole page has few and long ones, or other tables inside.
fn is_data_table(table: NodeRef<'_, Node>) -> bool {
    let (mut rows, mut cells, mut headers, mut nested, mut length) = (0usize, 0usize, 0usize, false, 0usize);
    for node in table.descendants().skip(1).take(20_000) {
        match node.value() {
            Node::Element(element) => match element.name() {
                "tr" => rows += 1,
                "th" => headers += 1,
                "td" => cells += 1,
                "table" => nested = true,
                _ => {}
            },
            Node::Text(text) => length += text.text.trim().len(),
            _ => {}
        }
    }
    let cells = cells + headers;
    !nested && cells > 1 && (headers > 0 || (rows > 1 && cells > rows)) && length / cells < 600
}
