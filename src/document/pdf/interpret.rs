//! A page's content stream run for its text: which letters stand where (ISO 32000-1, 8.3 and 9.4).

use super::content::{Content, Operand};
use super::font::Font;
use super::stream_content;
use lopdf::{Dictionary, Document, Object, ObjectId};
use std::collections::HashMap;
use std::rc::Rc;

/// Letters at a place of the page. Coordinates are in points, `y` up, the page as it lies before the reader.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Glyph {
    /// Empty where the font does not say which letters they are: a stretched connection, or unreadable text.
    pub text: String,
    /// Left edge, right edge, baseline.
    pub left: f32,
    pub right: f32,
    pub baseline: f32,
    /// Font size.
    pub size: f32,
    /// Quarter turns of the writing direction, counter-clockwise: 0 for upright text.
    pub turn: u8,
}

impl Glyph {
    /// White space that the font shows as such.
    pub fn is_blank(&self) -> bool {
        !self.text.is_empty() && self.text.trim().is_empty()
    }
}

/// What a page showed.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub glyphs: Vec<Glyph>,
    /// Characters of fonts that do not say which letters they are.
    pub unknown: usize,
    /// Pictures drawn.
    pub images: usize,
    /// Whether the page was given up for its length.
    pub incomplete: bool,
}

/// Operators run for one document, forms included: beyond it the rest is left out, and said to be.
pub(super) const BUDGET: usize = 20_000_000;
/// Forms in forms.
const MAX_FORMS: usize = 12;
/// Glyphs of one page.
const MAX_GLYPHS: usize = 500_000;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Matrix([f32; 6]);

impl Matrix {
    const IDENTITY: Matrix = Matrix([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    /// `self`, then `next`.
    fn then(self, next: Matrix) -> Matrix {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.0, next.0);
        Matrix([a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + l])
    }

    fn from_operands(operands: &[Operand]) -> Option<Matrix> {
        let mut values = [0.0; 6];
        for (index, value) in values.iter_mut().enumerate() {
            *value = operands.get(index)?.number()?;
        }
        Some(Matrix(values))
    }
}

/// Fonts by where they are defined: many pages share a few.
pub(super) type Fonts = HashMap<ObjectId, Rc<Font>>;

#[derive(Clone)]
struct State {
    matrix: Matrix,
    font: Option<Rc<Font>>,
    size: f32,
    character_spacing: f32,
    word_spacing: f32,
    horizontal: f32,
    leading: f32,
    rise: f32,
}

/// Runs content streams.
pub(super) struct Interpreter<'a> {
    document: &'a Document,
    fonts: &'a mut Fonts,
    budget: &'a mut usize,
    shown: Shown,
    text_matrix: Matrix,
    line_matrix: Matrix,
    /// `ActualText` of marked content: the text, and the glyph that it begins at; `None` for marked content without.
    marked: Vec<Option<(String, usize)>>,
}

/// Runs a page.
pub(super) fn page(document: &Document, id: ObjectId, fonts: &mut Fonts, budget: &mut usize) -> Shown {
    let mut interpreter = Interpreter {
        document,
        fonts,
        budget,
        shown: Shown::default(),
        text_matrix: Matrix::IDENTITY,
        line_matrix: Matrix::IDENTITY,
        marked: Vec::new(),
    };
    let Ok(dictionary) = document.get_dictionary(id) else { return interpreter.shown };
    let mut content = Vec::new();
    for part in document.get_page_contents(id) {
        if let Ok(stream) = document.get_object(part).and_then(Object::as_stream) {
            content.extend(stream_content(stream).unwrap_or_default());
            content.push(b'\n');
        }
    }
    let rotation =
        inherited(document, dictionary, b"Rotate").and_then(|object| object.as_i64().ok()).unwrap_or(0).rem_euclid(360);
    let matrix = match rotation {
        90 => Matrix([0.0, -1.0, 1.0, 0.0, 0.0, 0.0]),
        180 => Matrix([-1.0, 0.0, 0.0, -1.0, 0.0, 0.0]),
        270 => Matrix([0.0, 1.0, -1.0, 0.0, 0.0, 0.0]),
        _ => Matrix::IDENTITY,
    };
    let resources = inherited(document, dictionary, b"Resources").and_then(|object| object.as_dict().ok());
    interpreter.run(&content, resources, matrix, 0);
    interpreter.shown
}

/// A page attribute that may stand in a parent node.
fn inherited<'a>(document: &'a Document, page: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    let mut node = page;
    for _ in 0..32 {
        if let Ok(object) = node.get_deref(key, document) {
            return Some(object);
        }
        node = node.get_deref(b"Parent", document).ok()?.as_dict().ok()?;
    }
    None
}

impl Interpreter<'_> {
    fn run(&mut self, content: &[u8], resources: Option<&Dictionary>, matrix: Matrix, depth: usize) {
        let mut state = State {
            matrix,
            font: None,
            size: 0.0,
            character_spacing: 0.0,
            word_spacing: 0.0,
            horizontal: 1.0,
            leading: 0.0,
            rise: 0.0,
        };
        let mut saved: Vec<State> = Vec::new();
        let mut operands = Vec::new();
        let mut content = Content::new(content);
        let marks = self.marked.len();
        while let Some(operator) = content.next(&mut operands) {
            if *self.budget == 0 || self.shown.glyphs.len() >= MAX_GLYPHS {
                self.shown.incomplete = true;
                return;
            }
            *self.budget -= 1;
            let number = |index: usize| operands.get(index).and_then(Operand::number).unwrap_or(0.0);
            match operator {
                b"q" if saved.len() < 512 => saved.push(state.clone()),
                b"Q" => state = saved.pop().unwrap_or(state),
                b"cm" => {
                    if let Some(matrix) = Matrix::from_operands(&operands) {
                        state.matrix = matrix.then(state.matrix);
                    }
                }
                b"BT" => (self.text_matrix, self.line_matrix) = (Matrix::IDENTITY, Matrix::IDENTITY),
                b"Tf" => {
                    if let Some(Operand::Name(name)) = operands.first() {
                        state.font = self.font(resources, name);
                    }
                    state.size = number(1);
                }
                b"Tc" => state.character_spacing = number(0),
                b"Tw" => state.word_spacing = number(0),
                b"Tz" => state.horizontal = number(0) / 100.0,
                b"TL" => state.leading = number(0),
                b"Ts" => state.rise = number(0),
                b"Td" => self.next_line(number(0), number(1)),
                b"TD" => {
                    state.leading = -number(1);
                    self.next_line(number(0), number(1));
                }
                b"Tm" => {
                    if let Some(matrix) = Matrix::from_operands(&operands) {
                        (self.text_matrix, self.line_matrix) = (matrix, matrix);
                    }
                }
                b"T*" => self.next_line(0.0, -state.leading),
                b"Tj" => self.show_operand(&state, operands.first()),
                b"'" => {
                    self.next_line(0.0, -state.leading);
                    self.show_operand(&state, operands.first());
                }
                b"\"" => {
                    state.word_spacing = number(0);
                    state.character_spacing = number(1);
                    self.next_line(0.0, -state.leading);
                    self.show_operand(&state, operands.get(2));
                }
                b"TJ" => {
                    if let Some(Operand::Array(items)) = operands.first() {
                        for item in items {
                            match item {
                                Operand::Number(shift) => self.advance(-shift / 1000.0 * state.size * state.horizontal),
                                item => self.show_operand(&state, Some(item)),
                            }
                        }
                    }
                }
                b"Do" => {
                    if let Some(Operand::Name(name)) = operands.first() {
                        self.draw(resources, name, state.matrix, depth);
                    }
                }
                b"EI" => self.shown.images += 1,
                b"BMC" => self.marked.push(None),
                b"BDC" => {
                    let text = self.actual_text(resources, operands.get(1));
                    self.marked.push(text.map(|text| (text, self.shown.glyphs.len())));
                }
                b"EMC" if self.marked.len() > marks => self.end_marked(),
                _ => {}
            }
        }
        while self.marked.len() > marks {
            self.end_marked();
        }
    }

    fn next_line(&mut self, x: f32, y: f32) {
        self.line_matrix = Matrix([1.0, 0.0, 0.0, 1.0, x, y]).then(self.line_matrix);
        self.text_matrix = self.line_matrix;
    }

    fn advance(&mut self, x: f32) {
        self.text_matrix = Matrix([1.0, 0.0, 0.0, 1.0, x, 0.0]).then(self.text_matrix);
    }

    fn show_operand(&mut self, state: &State, operand: Option<&Operand>) {
        let (Some(Operand::Text(string)), Some(font)) = (operand, state.font.clone()) else { return };
        for shown in font.shown(string) {
            let matrix = Matrix([state.size * state.horizontal, 0.0, 0.0, state.size, 0.0, state.rise]);
            let Matrix([a, b, c, d, x, y]) = matrix.then(self.text_matrix).then(state.matrix);
            let spacing = state.character_spacing + if shown.is_space { state.word_spacing } else { 0.0 };
            self.shown.unknown += usize::from(shown.text.is_none());
            if self.shown.glyphs.len() < MAX_GLYPHS {
                // Turned so that the baseline runs to the right.
                let turn = if a.abs() >= b.abs() {
                    if a >= 0.0 { 0 } else { 2 }
                } else if b > 0.0 {
                    1
                } else {
                    3
                };
                let size = (c * c + d * d).sqrt();
                let length = (a * a + b * b).sqrt() * shown.width;
                let (left, baseline) = match turn {
                    0 => (x, y),
                    1 => (y, -x),
                    2 => (-x, -y),
                    _ => (-y, x),
                };
                if [left, baseline, size, length].iter().all(|value| value.is_finite()) && size > 0.0 {
                    let text = shown.text.unwrap_or_default();
                    self.shown.glyphs.push(Glyph { text, left, right: left + length, baseline, size, turn });
                }
            } else {
                self.shown.incomplete = true;
            }
            self.advance((shown.width * state.size + spacing) * state.horizontal);
        }
    }

    fn font(&mut self, resources: Option<&Dictionary>, name: &[u8]) -> Option<Rc<Font>> {
        let entry = resources?.get_deref(b"Font", self.document).ok()?.as_dict().ok()?.get(name).ok()?;
        let (id, object) = self.document.dereference(entry).ok()?;
        let dictionary = object.as_dict().ok()?;
        let Some(id) = id else { return Some(Rc::new(Font::load(self.document, dictionary))) };
        if let Some(font) = self.fonts.get(&id) {
            return Some(font.clone());
        }
        let font = Rc::new(Font::load(self.document, dictionary));
        self.fonts.insert(id, font.clone());
        Some(font)
    }

    fn draw(&mut self, resources: Option<&Dictionary>, name: &[u8], matrix: Matrix, depth: usize) {
        let object = resources
            .and_then(|resources| resources.get_deref(b"XObject", self.document).ok()?.as_dict().ok())
            .and_then(|objects| objects.get_deref(name, self.document).ok()?.as_stream().ok());
        let Some(stream) = object else { return };
        match stream.dict.get(b"Subtype").and_then(Object::as_name) {
            Ok(b"Image") => self.shown.images += 1,
            Ok(b"Form") if depth < MAX_FORMS => {
                let document = self.document;
                let values: Vec<f32> = stream
                    .dict
                    .get_deref(b"Matrix", document)
                    .and_then(Object::as_array)
                    .map(|values| values.iter().filter_map(|value| value.as_float().ok()).collect())
                    .unwrap_or_default();
                let own = <[f32; 6]>::try_from(values).map_or(Matrix::IDENTITY, Matrix);
                let own_resources = stream.dict.get_deref(b"Resources", document).and_then(Object::as_dict).ok();
                let saved = (self.text_matrix, self.line_matrix);
                // A form unpacked again and again costs as much as it is long.
                let content = stream_content(stream).unwrap_or_default();
                *self.budget = self.budget.saturating_sub(content.len() / 16);
                self.run(&content, own_resources.or(resources), own.then(matrix), depth + 1);
                (self.text_matrix, self.line_matrix) = saved;
            }
            _ => {}
        }
    }

    /// The text that marked content stands for, where its properties say so.
    fn actual_text(&self, resources: Option<&Dictionary>, properties: Option<&Operand>) -> Option<String> {
        let bytes = match properties? {
            Operand::Dictionary(entries) => entries.iter().find_map(|(key, value)| match value {
                Operand::Text(bytes) if key == b"ActualText" => Some(bytes.clone()),
                _ => None,
            })?,
            Operand::Name(name) => {
                let list = resources?.get_deref(b"Properties", self.document).ok()?.as_dict().ok()?;
                let properties = list.get_deref(name, self.document).ok()?.as_dict().ok()?;
                properties.get_deref(b"ActualText", self.document).ok()?.as_str().ok()?.to_vec()
            }
            _ => return None,
        };
        Some(text_string(&bytes))
    }

    /// Replaces the glyphs of marked content by the text that it stands for.
    fn end_marked(&mut self) {
        let Some(Some((text, first))) = self.marked.pop() else { return };
        let covered = &self.shown.glyphs[first.min(self.shown.glyphs.len())..];
        let Some(start) = covered.first().cloned() else { return };
        // Across lines the glyphs know better where they stand.
        if covered.iter().any(|glyph| (glyph.baseline - start.baseline).abs() > start.size || glyph.turn != start.turn) {
            return;
        }
        let left = covered.iter().map(|glyph| glyph.left).fold(f32::MAX, f32::min);
        let right = covered.iter().map(|glyph| glyph.right).fold(f32::MIN, f32::max);
        self.shown.glyphs.truncate(first);
        if !text.is_empty() {
            self.shown.glyphs.push(Glyph { text, left, right, ..start });
        }
    }
}

/// A text string (ISO 32000-1, 7.9.2): UTF-16 or UTF-8 with a mark, else near enough Latin-1.
fn text_string(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, rest @ ..] => encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0.into_owned(),
        [0xff, 0xfe, rest @ ..] => encoding_rs::UTF_16LE.decode_without_bom_handling(rest).0.into_owned(),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}
