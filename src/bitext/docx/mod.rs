//! Bilingual Word document: a table with number, source, translation and flags, as a person would lay it out.
//!
//! Landscape A4; the header row repeats on every page and no row breaks over two; headings, lists and quotes keep their styles in both columns;
//! source paragraphs run from right to left (`w:bidi`, `w:rtl`, `w:lang w:bidi`) where their language does. Core and custom properties say what
//! the text is: source file, model, languages, date. The format is Office Open XML, ECMA-376 part 1 (transitional).
//!
//! This file packs the parts; [`body`] writes the table.

mod body;

use super::calendar::Moment;
use super::language::language_tag;
use super::xml::escape_line;
use super::{Bitext, ExportContext, Exporter};
use std::io::{self, Cursor, Write};
use zip::write::SimpleFileOptions;

pub struct Docx;

const STYLES: &str = include_str!("styles.xml");
const NUMBERING: &str = include_str!("numbering.xml");

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";

const CONTENT_TYPES: &str = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>
<Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/>
<Override PartName="/word/numbering.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.numbering+xml"/>
<Override PartName="/word/footer1.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.footer+xml"/>
<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>
<Override PartName="/docProps/app.xml" ContentType="application/vnd.openxmlformats-officedocument.extended-properties+xml"/>
<Override PartName="/docProps/custom.xml" ContentType="application/vnd.openxmlformats-officedocument.custom-properties+xml"/>
</Types>"#;

const PACKAGE_RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>
<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/>
<Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/extended-properties" Target="docProps/app.xml"/>
<Relationship Id="rId4" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties" Target="docProps/custom.xml"/>
</Relationships>"#;

const DOCUMENT_RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/>
<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/numbering" Target="numbering.xml"/>
<Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/footer" Target="footer1.xml"/>
</Relationships>"#;

impl Exporter for Docx {
    fn extension(&self, _: &str, _: &str) -> String {
        "docx".into()
    }

    fn write(&self, bitext: &Bitext, context: &ExportContext, out: &mut dyn Write) -> io::Result<()> {
        let moment = Moment::from_system(context.written);
        let mut package = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let mut options = SimpleFileOptions::default();
        // Zip archives know no dates before 1980.
        if let Ok(date) = zip::DateTime::from_date_and_time(
            moment.year.clamp(0, 9999) as u16,
            moment.month,
            moment.day,
            moment.hour,
            moment.minute,
            moment.second,
        ) {
            options = options.last_modified_time(date);
        }
        let parts: [(&str, &str); 6] = [
            ("[Content_Types].xml", CONTENT_TYPES),
            ("_rels/.rels", PACKAGE_RELATIONS),
            ("word/_rels/document.xml.rels", DOCUMENT_RELATIONS),
            ("word/styles.xml", STYLES),
            ("word/numbering.xml", NUMBERING),
            ("word/footer1.xml", &footer(bitext)),
        ];
        for (name, content) in parts {
            package.start_file(name, options)?;
            package.write_all(DECLARATION.as_bytes())?;
            package.write_all(content.as_bytes())?;
        }
        let properties = [
            ("docProps/core.xml", core_properties(bitext, moment)),
            ("docProps/app.xml", application()),
            ("docProps/custom.xml", custom_properties(bitext)),
        ];
        for (name, content) in properties {
            package.start_file(name, options)?;
            package.write_all(DECLARATION.as_bytes())?;
            package.write_all(content.as_bytes())?;
        }
        package.start_file("word/document.xml", options)?;
        package.write_all(DECLARATION.as_bytes())?;
        body::write(bitext, moment, &mut package)?;
        out.write_all(package.finish()?.get_ref())
    }
}

fn core_properties(bitext: &Bitext, moment: Moment) -> String {
    let date = moment.extended();
    format!(
        "<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n<dc:title>{name}</dc:title>\n\
         <dc:subject>Machine translation from {source} to {target}</dc:subject>\n<dc:creator>jisr {version}</dc:creator>\n\
         <cp:keywords>machine translation, {model}</cp:keywords>\n\
         <dc:description>Source file: {name}. Model: {model}. Not reviewed by a person.</dc:description>\n\
         <cp:lastModifiedBy>jisr {version}</cp:lastModifiedBy>\n\
         <dcterms:created xsi:type=\"dcterms:W3CDTF\">{date}</dcterms:created>\n\
         <dcterms:modified xsi:type=\"dcterms:W3CDTF\">{date}</dcterms:modified>\n<dc:language>{target}</dc:language>\n</cp:coreProperties>",
        name = escape_line(bitext.title()),
        source = escape_line(&language_tag(&bitext.source_lang)),
        target = escape_line(&language_tag(&bitext.target_lang)),
        version = env!("CARGO_PKG_VERSION"),
        model = escape_line(&bitext.model),
    )
}

fn application() -> String {
    "<Properties xmlns=\"http://schemas.openxmlformats.org/officeDocument/2006/extended-properties\"><Application>jisr</Application></Properties>"
        .into()
}

fn custom_properties(bitext: &Bitext) -> String {
    let values = [
        ("Model", bitext.model.clone()),
        ("Source file", bitext.document.name.clone()),
        ("Source language", language_tag(&bitext.source_lang)),
        ("Target language", language_tag(&bitext.target_lang)),
        ("Segments", bitext.segments.len().to_string()),
        ("Flagged segments", bitext.flagged().count().to_string()),
    ];
    let mut xml = String::from(
        "<Properties xmlns=\"http://schemas.openxmlformats.org/officeDocument/2006/custom-properties\" \
         xmlns:vt=\"http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes\">",
    );
    for (index, (name, value)) in values.iter().enumerate() {
        // The format id is the one that ECMA-376 gives for custom properties; ids start at 2.
        xml.push_str(&format!(
            "\n<property fmtid=\"{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}\" pid=\"{}\" name=\"{name}\"><vt:lpwstr>{}</vt:lpwstr></property>",
            index + 2,
            escape_line(value)
        ));
    }
    xml.push_str("\n</Properties>");
    xml
}

fn footer(bitext: &Bitext) -> String {
    let field = |name: &str| {
        format!(
            "<w:r><w:fldChar w:fldCharType=\"begin\"/></w:r><w:r><w:instrText xml:space=\"preserve\"> {name} </w:instrText></w:r>\
             <w:r><w:fldChar w:fldCharType=\"separate\"/></w:r><w:r><w:t>1</w:t></w:r><w:r><w:fldChar w:fldCharType=\"end\"/></w:r>"
        )
    };
    format!(
        "<w:ftr xmlns:w=\"{MAIN}\"><w:p><w:pPr><w:pStyle w:val=\"Footer\"/></w:pPr><w:r><w:t xml:space=\"preserve\">Machine translation by {}, not \
         reviewed by a person</w:t></w:r><w:r><w:tab/></w:r>{}<w:r><w:t xml:space=\"preserve\"> / </w:t></w:r>{}</w:p></w:ftr>",
        escape_line(&bitext.model),
        field("PAGE"),
        field("NUMPAGES"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitext::sample;
    use std::io::Read;

    fn part(bytes: &[u8], name: &str) -> String {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut content = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut content).unwrap();
        content
    }

    #[test]
    fn every_part_is_well_formed_and_every_named_part_is_there() {
        let mut bitext = sample::small();
        bitext.document.name = "a & <b> \"c\"\u{1}.txt".into();
        bitext.segments[2].target = "x < y & \u{0}z\u{ffff}".into();
        let bytes = sample::bytes(&Docx, &bitext);
        let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
        let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        for name in &names {
            let mut content = String::new();
            archive.by_name(name).unwrap().read_to_string(&mut content).unwrap();
            let mut reader = quick_xml::Reader::from_str(&content);
            while !matches!(reader.read_event().unwrap_or_else(|error| panic!("{name}: {error}")), quick_xml::events::Event::Eof)
            {
            }
        }
        for declared in CONTENT_TYPES.split("PartName=\"/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(names.iter().any(|name| name == declared), "{declared}");
        }
        assert!(part(&bytes, "word/document.xml").contains("x &lt; y &amp; z</w:t>"));
    }

    #[test]
    fn the_table_says_what_it_is() {
        let bitext = sample::small();
        let bytes = sample::bytes(&Docx, &bitext);
        let document = part(&bytes, "word/document.xml");
        assert_eq!(document.matches("<w:tblHeader/>").count(), 1);
        assert_eq!(
            document.matches("<w:tr>").count(),
            bitext.segments.len() + 2,
            "header and a row of code besides the segments"
        );
        assert_eq!(document.matches("<w:bidi/>").count(), bitext.segments.len());
        assert_eq!(document.matches("<w:lang w:bidi=\"ar\"/>").count(), bitext.segments.len());
        assert_eq!(document.matches("<w:pStyle w:val=\"Heading1\"/>").count(), 2, "a heading in both columns");
        assert!(document.contains("w:orient=\"landscape\"") && document.contains(">numbers<") && document.contains(">split<"));
        let core = part(&bytes, "docProps/core.xml");
        assert!(
            core.contains("reports/babanusa.txt") && core.contains("opus-mt-ar-en") && core.contains("1970-01-01T00:00:00Z"),
            "{core}"
        );
        assert_eq!(bytes, sample::bytes(&Docx, &bitext), "the same bitext gives the same bytes");
    }
}
