//! A small validator: which children an element may have, in which order and number, and which attributes it has to and may have.
//!
//! The models were written after the TMX 1.4 DTD, `xliff-core-1.2-strict.xsd` and `xliff_core_2.0.xsd` (XLIFF 2.1), as far as we write
//! their elements; anything else is refused.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// What may be in an element.
pub struct Model {
    pub name: &'static str,
    pub required: &'static [&'static str],
    pub optional: &'static [&'static str],
    /// Groups in their order; within a group any of the names, between `min` and `max` in all.
    pub children: &'static [(&'static [&'static str], usize, usize)],
    /// Whether it holds text (white space is always allowed).
    pub text: bool,
}

pub const MANY: usize = usize::MAX;

/// An element of a document, with the text directly in it.
#[derive(Debug, Default, Clone)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    pub text: String,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    /// All elements of that name below this one, in document order.
    pub fn all(&self, name: &str) -> Vec<&Element> {
        let mut found = Vec::new();
        for child in &self.children {
            if child.name == name {
                found.push(child);
            }
            found.extend(child.all(name));
        }
        found
    }
}

/// The root element of a document.
pub fn parse(document: &str) -> Element {
    let mut reader = Reader::from_str(document);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} at {}", reader.buffer_position())) {
            Event::Start(start) => open.push(element(&start)),
            Event::Empty(start) => open.last_mut().unwrap().children.push(element(&start)),
            Event::End(_) => {
                let done = open.pop().unwrap();
                open.last_mut().unwrap().children.push(done);
            }
            Event::Text(text) => open.last_mut().unwrap().text.push_str(&text),
            Event::GeneralRef(entity) => {
                let text = quick_xml::escape::unescape(&format!("&{};", &*entity)).unwrap().into_owned();
                open.last_mut().unwrap().text.push_str(&text);
            }
            Event::Decl(_) => {}
            Event::Eof => break,
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(open.len(), 1, "unclosed elements");
    let mut root = open.pop().unwrap().children;
    assert_eq!(root.len(), 1, "one root element");
    root.pop().unwrap()
}

fn element(start: &BytesStart<'_>) -> Element {
    let attributes = start
        .attributes()
        .map(|attribute| {
            let attribute = attribute.expect("a well-formed attribute");
            let value = quick_xml::escape::unescape(&attribute.value).unwrap().into_owned();
            (name_of(attribute.key.as_ref()), value)
        })
        .collect();
    Element { name: name_of(start.name().as_ref()), attributes, ..Element::default() }
}

fn name_of(name: impl AsRef<str>) -> String {
    name.as_ref().to_string()
}

/// Panics where an element is not as its model says.
pub fn validate(element: &Element, models: &[Model]) {
    let Some(model) = models.iter().find(|model| model.name == element.name) else { panic!("unknown element {}", element.name) };
    for name in model.required {
        assert!(element.attribute(name).is_some(), "{} lacks {name}", model.name);
    }
    for (name, _) in &element.attributes {
        assert!(model.required.iter().chain(model.optional).any(|known| known == name), "{} has {name}", model.name);
    }
    let mut rest = element.children.iter().peekable();
    for (names, min, max) in model.children {
        let mut count = 0;
        while rest.next_if(|child| names.contains(&&*child.name)).is_some() {
            count += 1;
        }
        assert!((*min..=*max).contains(&count), "{}: {count} of {names:?}", model.name);
    }
    assert!(rest.next().is_none(), "{}: a child out of place among {:?}", model.name, element.children);
    assert!(model.text || element.text.trim().is_empty(), "{} holds text {:?}", model.name, element.text);
    element.children.iter().for_each(|child| validate(child, models));
}
