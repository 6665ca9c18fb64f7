//! The raw limit of checking packages: inflate every zip below a folder and parse its XML and JSON
//! with the libraries that the checker uses, and nothing else. One thread.
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use quick_xml::Reader;
use quick_xml::events::Event;
use zip::ZipArchive;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[expect(clippy::print_stdout, reason = "the result")]
fn main() -> Result<()> {
    let mut zips = Vec::new();
    for folder in std::env::args_os().skip(1) {
        collect(Path::new(&folder), &mut zips)?;
    }
    let mut total = Total::default();
    for path in &zips {
        total.zip(path)?;
    }
    let Total { xml, json, other, events } = total;
    println!(
        "{} zips: {xml} bytes of XML ({events} events), {json} of JSON, {other} of other parts",
        zips.len()
    );
    Ok(())
}

fn collect(path: &Path, zips: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            collect(&entry?.path(), zips)?;
        }
    } else if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("zip")) {
        zips.push(path.to_owned());
    }
    Ok(())
}

#[derive(Default)]
struct Total {
    xml: usize,
    json: usize,
    other: usize,
    events: usize,
}

impl Total {
    fn zip(&mut self, path: &Path) -> Result<()> {
        let mut bytes = Vec::new();
        File::open(path)?.read_to_end(&mut bytes)?;
        let mut zip = ZipArchive::new(Cursor::new(bytes))?;
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index)?;
            let name = entry.name()?.to_lowercase();
            let mut content = Vec::with_capacity(usize::try_from(entry.size())?);
            entry.read_to_end(&mut content)?;
            let text = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&content);
            if name.ends_with(".xml") {
                self.xml += text.len();
                self.events += xml(std::str::from_utf8(text)?)?;
            } else if name.ends_with(".json") && !text.is_empty() {
                self.json += text.len();
                let value: serde_json::Value = serde_json::from_slice(text)?;
                black_box(value);
            } else {
                self.other += text.len();
            }
        }
        Ok(())
    }
}

/// Every event, every attribute: what any reader of the content needs.
fn xml(text: &str) -> Result<usize> {
    let mut reader = Reader::from_str(text);
    let mut events = 0;
    loop {
        match reader.read_event()? {
            Event::Eof => return Ok(events),
            Event::Start(tag) | Event::Empty(tag) => {
                for attribute in tag.attributes() {
                    black_box(attribute?);
                }
            }
            other => {
                black_box(other);
            }
        }
        events += 1;
    }
}
