//! Colours; the stream takes them away where nobody sees them, or `NO_COLOR` is set. Never a
//! colour alone: a glyph or a word goes with it.
use anstyle::{AnsiColor, Style};

fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Good.
pub(crate) fn good(text: &str) -> String {
    paint(AnsiColor::Green.on_default(), text)
}

/// Bad.
pub(crate) fn bad(text: &str) -> String {
    paint(AnsiColor::Red.on_default().bold(), text)
}

/// Deserves a look.
pub(crate) fn warn(text: &str) -> String {
    paint(AnsiColor::Yellow.on_default(), text)
}

/// Less important.
pub(crate) fn faint(text: &str) -> String {
    paint(Style::new().dimmed(), text)
}

/// Heading.
pub(crate) fn strong(text: &str) -> String {
    paint(Style::new().bold(), text)
}

/// The glyph that goes with a state word.
pub(crate) fn glyph(word: &str) -> Option<char> {
    Some(match word.to_ascii_lowercase().as_str() {
        "bound" | "on" | "connected" | "succeeded" | "ok" | "yes" | "enabled" | "would turn on" => {
            '✓'
        }
        "not bound" | "failed" | "error" | "missing" | "timedout" | "refused" => '✕',
        "off" | "suspended" | "skipped" | "disabled" | "cancelled" => '⏸',
        "warning" | "stale" | "expiring" => '!',
        "running" | "waiting" => '●',
        "unknown" => '?',
        _ => return None,
    })
}

/// Colours the glyphs of a text that was laid out already.
pub(crate) fn glyphs(text: &str) -> String {
    let mut painted = String::with_capacity(text.len());
    for letter in text.chars() {
        let mut buffer = [0; 4];
        let glyph = &*letter.encode_utf8(&mut buffer);
        match letter {
            '✓' => painted += &good(glyph),
            '✕' => painted += &bad(glyph),
            '⏸' => painted += &faint(glyph),
            '●' => painted += &paint(AnsiColor::Blue.on_default(), glyph),
            _ => painted.push(letter),
        }
    }
    painted
}
