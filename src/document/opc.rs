//! How the parts of an Office Open XML package refer to each other (Open Packaging Conventions, ECMA-376 part 2).

use super::archive::Package;
use super::error::Result;
use super::xml::{Token, Xml};

/// A reference from one part to another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Relation {
    pub id: String,
    /// The last word of the relation's type: `styles`, `slide`, `footnotes`.
    pub kind: String,
    /// Name of the part it leads to.
    pub target: String,
}

/// The part that holds the document itself.
pub(crate) fn main_part(package: &mut Package<'_>) -> Result<Option<String>> {
    Ok(relations(package, "")?.into_iter().find(|relation| relation.kind == "officeDocument").map(|relation| relation.target))
}

/// The references from `part` (`""`: from the package) to parts of the same package.
pub(crate) fn relations(package: &mut Package<'_>, part: &str) -> Result<Vec<Relation>> {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    let name = if folder.is_empty() { format!("_rels/{file}.rels") } else { format!("{folder}/_rels/{file}.rels") };
    let Some(bytes) = package.part(&name)? else { return Ok(Vec::new()) };
    let text = super::decode(&bytes, None).text;
    let mut relations = Vec::new();
    let mut xml = Xml::new(&text, "OOXML");
    while let Some((token, _)) = xml.next()? {
        let Token::Open(element) = token else { continue };
        if element.name() != "Relationship" || element.attribute("TargetMode").as_deref() == Some("External") {
            continue;
        }
        if let (Some(kind), Some(target)) = (element.attribute("Type"), element.attribute("Target")) {
            let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
            relations.push(Relation { id: element.attribute("Id").unwrap_or_default(), kind, target: resolve(folder, &target) });
        }
    }
    Ok(relations)
}

/// A target relative to a folder as a part's name. It can lead nowhere but into the package.
fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> =
        if target.starts_with('/') { Vec::new() } else { folder.split('/').filter(|part| !part.is_empty()).collect() };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_stay_in_the_package() {
        assert_eq!(resolve("word", "styles.xml"), "word/styles.xml");
        assert_eq!(resolve("ppt/slides", "../slideLayouts/a.xml"), "ppt/slideLayouts/a.xml");
        assert_eq!(resolve("word", "/word/document.xml"), "word/document.xml");
        assert_eq!(resolve("word", "../../../../etc/passwd"), "etc/passwd");
    }
}
