//! A page to be read and ticked off, built once and written as Markdown or as HTML. Texts are
//! data here: whatever a solution calls its things cannot become markup.
mod html;
mod md;

/// A page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Title.
    pub(crate) title: String,
    blocks: Vec<Block>,
}

/// A part of a page.
#[derive(Debug)]
enum Block {
    Heading(u8, Line),
    Text(Line),
    List(Vec<Line>),
    Checks(Vec<Check>),
    Table(Vec<&'static str>, Vec<Vec<Line>>),
    Code(&'static str, String),
}

/// A box to tick, with remarks below it.
#[derive(Debug)]
pub(crate) struct Check {
    line: Line,
    below: Vec<Line>,
}

impl From<Line> for Check {
    fn from(line: Line) -> Self {
        Self { line, below: Vec::new() }
    }
}

impl Check {
    /// Adds a remark.
    pub(crate) fn below(mut self, line: Line) -> Self {
        self.below.push(line);
        self
    }
}

/// Words in a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Vec<Span>);

#[derive(Clone, Debug)]
enum Span {
    Text(String),
    Strong(String),
    Code(String),
    Link(String),
}

/// A line that begins with these words.
pub(crate) fn line(text: impl Into<String>) -> Line {
    Line(Vec::new()).text(text)
}

/// A line that begins with something literal.
pub(crate) fn code(text: impl Into<String>) -> Line {
    Line(Vec::new()).code(text)
}

impl Line {
    /// Adds words.
    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Text(text.into()));
        self
    }

    /// Adds something literal: a name, a command.
    pub(crate) fn code(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Code(text.into()));
        self
    }

    /// Adds words that stand out.
    pub(crate) fn strong(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Strong(text.into()));
        self
    }

    /// Adds an address; it must be one of ours or begin with `https://`.
    pub(crate) fn link(mut self, address: impl Into<String>) -> Self {
        self.0.push(Span::Link(address.into()));
        self
    }

    /// Adds another line's words.
    pub(crate) fn append(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Adds literals with commas between them.
    pub(crate) fn codes<T: AsRef<str>>(mut self, list: impl IntoIterator<Item = T>) -> Self {
        for (index, text) in list.into_iter().enumerate() {
            if index > 0 {
                self = self.text(", ");
            }
            self = self.code(text.as_ref());
        }
        self
    }
}

impl Page {
    /// An empty page.
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), blocks: Vec::new() }
    }

    /// A heading of level 2 or below.
    pub(crate) fn heading(&mut self, level: u8, line: Line) {
        self.blocks.push(Block::Heading(level, line));
    }

    /// A paragraph.
    pub(crate) fn text(&mut self, line: Line) {
        self.blocks.push(Block::Text(line));
    }

    /// A list; an empty one is left out.
    pub(crate) fn list(&mut self, lines: Vec<Line>) {
        if !lines.is_empty() {
            self.blocks.push(Block::List(lines));
        }
    }

    /// Boxes to tick; none are left out.
    pub(crate) fn checks(&mut self, checks: Vec<Check>) {
        if !checks.is_empty() {
            self.blocks.push(Block::Checks(checks));
        }
    }

    /// A table; one without rows is left out.
    pub(crate) fn table(&mut self, titles: Vec<&'static str>, rows: Vec<Vec<Line>>) {
        if !rows.is_empty() {
            self.blocks.push(Block::Table(titles, rows));
        }
    }

    /// Lines to copy.
    pub(crate) fn code(&mut self, language: &'static str, text: impl Into<String>) {
        self.blocks.push(Block::Code(language, text.into()));
    }

    /// As Markdown, with the task lists that forges and editors tick.
    pub(crate) fn md(&self) -> String {
        md::page(self)
    }

    /// As one HTML page that needs nothing beside it.
    pub(crate) fn html(&self) -> String {
        html::page(self)
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn hostile() -> Page {
        let mut page = Page::new("Plan <b> `x` | *y*");
        page.heading(2, line("1. ").code("a`b|c").text(" # [l](x)"));
        page.text(line("Say <script>alert(1)</script> & \u{1b}[31m\n- [x] done").strong("**now**"));
        page.list(vec![code("``"), line("see ").link("https://contoso.test/a?b=1&c=2")]);
        page.checks(vec![
            Check::from(line("first ")).below(line("because of ").codes(["a", "b"])),
            line("second").into(),
        ]);
        page.table(vec!["NAME", "WHAT"], vec![vec![code("a|b`c"), line("x | y\nz")]]);
        page.code("json", "{\n  \"a\": \"```</code>\"\n}");
        page.checks(Vec::new());
        page
    }

    #[test]
    fn markdown_keeps_texts_texts() {
        assert_snapshot!(hostile().md());
    }

    #[test]
    fn html_keeps_texts_texts() {
        assert_snapshot!(hostile().html());
    }
}
