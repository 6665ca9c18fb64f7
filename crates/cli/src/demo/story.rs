//! What happened, told to people as it happens and kept for programs.
use std::io::Write;

use serde_json::{Map, Value, json};

use crate::exit::Failure;
use crate::render::{Column, Format, Output, clean, style};

/// The story so far.
pub(crate) struct Story {
    told: bool,
    chapters: usize,
    facts: Map<String, Value>,
    commands: Vec<String>,
    expectations: Vec<(String, bool)>,
}

impl Story {
    /// An empty story; `told` prints it as it goes.
    pub(super) fn new(told: bool) -> Self {
        Self {
            told,
            chapters: 0,
            facts: Map::new(),
            commands: Vec::new(),
            expectations: Vec::new(),
        }
    }

    /// Whether every expectation held.
    pub(crate) fn held(&self) -> bool {
        self.expectations.iter().all(|(_, held)| *held)
    }

    /// What was expected and did not hold.
    pub(crate) fn broken(&self) -> impl Iterator<Item = &str> {
        self.expectations.iter().filter(|(_, held)| !held).map(|(what, _)| what.as_str())
    }

    /// Number of expectations.
    pub(crate) fn expected(&self) -> usize {
        self.expectations.len()
    }

    /// The facts as one document.
    pub(crate) fn to_json(&self) -> Value {
        let mut document = self.facts.clone();
        let expectations: Vec<Value> = self
            .expectations
            .iter()
            .map(|(what, held)| json!({"what": what, "held": held}))
            .collect();
        document.insert("commands".to_owned(), self.commands.clone().into());
        document.insert("expectations".to_owned(), expectations.into());
        document.insert("ok".to_owned(), self.held().into());
        document.into()
    }

    /// Keeps a fact.
    pub(super) fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// Begins a chapter.
    pub(super) fn chapter(&mut self, title: &str) -> Result<(), Failure> {
        self.chapters += 1;
        let gap = if self.chapters == 1 { "" } else { "\n" };
        self.print(&format!("{gap}{}\n", style::strong(&format!("{}. {title}", self.chapters))))
    }

    /// A sentence.
    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        self.print(&format!("\n{}\n", clean(text)))
    }

    /// The command a person would type.
    pub(super) fn command(&mut self, line: &str) -> Result<(), Failure> {
        self.commands.push(format!("connref {line}"));
        self.print(&format!("  {} {}\n", style::faint("$"), wrapped(&clean(line))))
    }

    /// A table.
    pub(super) fn table(&self, columns: &[Column], rows: &[Value]) -> Result<(), Failure> {
        if !self.told {
            return Ok(());
        }
        self.print("\n")?;
        Output { format: Format::Table }.list(columns, rows)
    }

    /// Text of a file.
    pub(super) fn file(&self, name: &str, text: &str) -> Result<(), Failure> {
        let lines: String = text.lines().map(|line| format!("    {}\n", clean(line))).collect();
        self.print(&format!("\n  {name}\n{}", style::faint(&lines)))
    }

    /// Something that must be so.
    pub(super) fn expect(&mut self, what: impl Into<String>, held: bool) -> Result<(), Failure> {
        let what = what.into();
        let glyph = if held { style::good("✓") } else { style::bad("✕ expected:") };
        let line = format!("{glyph} {}\n", clean(&what));
        self.expectations.push((what, held));
        self.print(&line)
    }

    fn print(&self, text: &str) -> Result<(), Failure> {
        if !self.told {
            return Ok(());
        }
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }
}

/// A command line over several lines, as a shell takes it: broken before options.
fn wrapped(line: &str) -> String {
    const WIDTH: usize = 96;
    let mut text = "connref".to_owned();
    let mut width = text.len();
    for (at, piece) in line.split(" --").enumerate() {
        let piece = if at == 0 { format!(" {piece}") } else { format!(" --{piece}") };
        if width + piece.len() > WIDTH && at > 0 {
            text += " \\\n     ";
            width = 5;
        }
        width += piece.len();
        text += &piece;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_commands_are_broken_before_options() {
        assert_eq!(wrapped("env list --env DEV"), "connref env list --env DEV");
        let long = format!("a --one {} --two {}", "x".repeat(60), "y".repeat(60));
        let text = wrapped(&long);
        assert_eq!(text.lines().count(), 2);
        assert_eq!(text.replace(" \\\n     ", ""), format!("connref {long}"));
    }

    #[test]
    fn one_broken_expectation_breaks_the_story() {
        let mut story = Story::new(false);
        story.fact("home", "/x");
        story.expect("one", true).unwrap();
        assert!(story.held());
        story.expect("two", false).unwrap();
        assert!(!story.held());
        assert_eq!(story.broken().collect::<Vec<_>>(), ["two"]);
        let document = story.to_json();
        assert_eq!(document["ok"], false);
        assert_eq!(document["home"], "/x");
        assert_eq!(document["expectations"][1], json!({"what": "two", "held": false}));
    }
}
