//! Packages with as many flows as wanted, made from the own one, in versions.
use crate::package::{fixture, folder_parts, part_text, zip};

/// A package to make of `harbour_notices`.
#[derive(Clone, Copy, Debug)]
pub struct Generated<'a> {
    /// Unique name.
    pub name: &'a str,
    /// Version.
    pub version: &'a str,
    /// Managed.
    pub managed: bool,
    /// How many flows.
    pub flows: usize,
    /// Words that are replaced everywhere, in order.
    pub words: &'a [(&'a str, &'a str)],
}

impl Default for Generated<'_> {
    fn default() -> Self {
        Self { name: "HarbourNotices", version: "1.0.0.0", managed: true, flows: 3, words: &[] }
    }
}

const ID: &str = "3c1f7a52-0d44-4c1e-9a61-7b5f20c8e101";
const TITLE: &str = "Notice of arrivals";

impl Generated<'_> {
    /// The zip. Flows are named `Notice 0`, `Notice 1`, … and keep their ids from version to version.
    ///
    /// # Panics
    /// If the fixture is not as expected.
    #[must_use]
    pub fn zip(&self) -> Vec<u8> {
        let mut parts = folder_parts(&fixture("harbour_notices"));
        let body_name = parts.iter().find(|(name, _)| name.starts_with("Workflows/"));
        let body_name = body_name.expect("the fixture has a flow").0.clone();
        let body = part_text(&parts, &body_name);
        let customizations = part_text(&parts, "customizations.xml");
        let solution = part_text(&parts, "solution.xml");
        let start = customizations.find("    <Workflow ").expect("the fixture has a flow");
        let end = customizations.find("  </Workflows>").expect("the fixture has a flow");
        let element = &customizations[start..end];
        let old_file = body_name.trim_start_matches("Workflows/");
        let (mut elements, mut roots) = (String::new(), String::new());
        parts.retain(|(name, _)| !name.starts_with("Workflows/"));
        for at in 0..self.flows {
            let own = format!("3c1f7a52-0d44-4c1e-9a61-7b5f20c8{at:04x}");
            let title = format!("Notice {at}");
            let file = format!("Notice{at}-{}.json", own.to_uppercase());
            elements += &element.replace(old_file, &file).replace(TITLE, &title).replace(ID, &own);
            roots += &format!("<RootComponent type=\"29\" id=\"{{{own}}}\" behavior=\"0\" />\n");
            let body =
                body.replace("For the pilot", &format!("For pilot {at} of {}", self.version));
            parts.push((format!("Workflows/{file}"), self.words(&body).into_bytes()));
        }
        let customizations =
            format!("{}{elements}{}", &customizations[..start], &customizations[end..]);
        let root = format!("<RootComponent type=\"29\" id=\"{{{ID}}}\" behavior=\"0\" />");
        let managed = u8::from(self.managed);
        let solution = solution
            .replace(&root, &roots)
            .replace("<UniqueName>HarbourNotices<", &format!("<UniqueName>{}<", self.name))
            .replace("<Version>1.0.0.0<", &format!("<Version>{}<", self.version))
            .replace("<Managed>0<", &format!("<Managed>{managed}<"));
        for (name, text) in [("customizations.xml", customizations), ("solution.xml", solution)] {
            parts.retain(|(known, _)| known != name);
            parts.push((name.to_owned(), self.words(&text).into_bytes()));
        }
        zip(&parts)
    }

    fn words(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
    }
}
