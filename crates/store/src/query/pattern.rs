//! Searched texts in the vendor's dialect: `%`, `_`, and sets of characters as `[abc]`, `[a-f]` and
//! `[^abc]`. A set of one character is that character. Patterns with larger sets are a GLOB on SQLite
//! and a regular expression on PostgreSQL; both read the same parts.
use std::fmt::Write as _;

use super::{PATTERN_MAX, QueryError};
use crate::db::Dialect;

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// Any text.
    Any,
    /// Any character.
    One,
    /// This character.
    Plain(char),
    /// One of these ranges, or, negated, a character of none.
    Set { negated: bool, ranges: Vec<(char, char)> },
}

/// Reads a pattern.
///
/// # Errors
/// A pattern that is too long.
pub(super) fn parts(pattern: &str) -> Result<Vec<Part>, QueryError> {
    if pattern.len() > PATTERN_MAX {
        return Err(QueryError::Costly(format!("a searched text has at most {PATTERN_MAX} bytes")));
    }
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        parts.push(match c {
            '%' => Part::Any,
            '_' => Part::One,
            '[' => match rest.split_once(']') {
                Some((inside, after)) => {
                    rest = after;
                    set(inside)
                }
                None => Part::Plain('['),
            },
            other => Part::Plain(other),
        });
    }
    Ok(parts)
}

fn set(inside: &str) -> Part {
    let (negated, inside) = match inside.strip_prefix('^') {
        // Alone it is itself.
        Some("") => return Part::Plain('^'),
        Some(inside) => (true, inside),
        None => (false, inside),
    };
    let characters: Vec<char> = inside.chars().collect();
    if let ([only], false) = (characters.as_slice(), negated) {
        return Part::Plain(*only);
    }
    let mut ranges = Vec::new();
    let mut rest = characters.as_slice();
    loop {
        rest = match rest {
            // A range that ends before it begins holds nothing.
            [from, '-', to, after @ ..] => {
                if from <= to {
                    ranges.push((*from, *to));
                }
                after
            }
            [one, after @ ..] => {
                ranges.push((*one, *one));
                after
            }
            [] => return Part::Set { negated, ranges },
        };
    }
}

/// How a text is compared with a pattern: before and after the placeholder, and the pattern.
pub(super) struct Compared {
    pub(super) operator: &'static str,
    pub(super) end: &'static str,
    pub(super) pattern: String,
}

/// The comparison for an engine; none where no text fits.
pub(super) fn compared(parts: &[Part], dialect: Dialect) -> Option<Compared> {
    let empty =
        |part: &Part| matches!(part, Part::Set { negated: false, ranges } if ranges.is_empty());
    if parts.iter().any(empty) {
        return None;
    }
    let sets = parts.iter().any(|part| matches!(part, Part::Set { .. }));
    Some(match (sets, dialect) {
        (false, _) => Compared { operator: "LIKE", end: " ESCAPE '\\'", pattern: like(parts) },
        (true, Dialect::Sqlite) => Compared { operator: "GLOB", end: "", pattern: glob(parts) },
        (true, Dialect::Postgres) => Compared { operator: "~", end: "", pattern: regex(parts) },
    })
}

fn like(parts: &[Part]) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Any => out.push('%'),
            Part::Plain(c) => {
                if matches!(c, '%' | '_' | '\\') {
                    out.push('\\');
                }
                out.push(*c);
            }
            Part::One | Part::Set { .. } => out.push('_'),
        }
    }
    out
}

fn glob(parts: &[Part]) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Any => out.push('*'),
            Part::One => out.push('?'),
            Part::Plain(c @ ('*' | '?' | '[')) => {
                out.push('[');
                out.push(*c);
                out.push(']');
            }
            Part::Plain(c) => out.push(*c),
            Part::Set { ranges, .. } if ranges.is_empty() => out.push('?'),
            Part::Set { negated, ranges } => {
                out.push_str(if *negated { "[^" } else { "[" });
                for (from, to) in in_order(ranges) {
                    out.push(from);
                    if from != to {
                        out.push('-');
                        out.push(to);
                    }
                }
                out.push(']');
            }
        }
    }
    out
}

/// For a GLOB: `^` not in front, and `-` last, so that they stand for themselves. A `]` is in no set: it
/// ends it.
fn in_order(ranges: &[(char, char)]) -> Vec<(char, char)> {
    let place = |one: &(char, char)| match one {
        ('^', '^') => 1,
        ('-', '-') => 2,
        _ => 0,
    };
    let mut sorted = ranges.to_vec();
    sorted.sort_by_key(place);
    // Only a `^` is left to lead: as a range it leads nothing.
    if let [('^', '^'), ..] = sorted.as_slice() {
        sorted[0] = ('^', '^');
        sorted.insert(0, ('\u{7f}', '\u{7f}'));
    }
    sorted
}

fn regex(parts: &[Part]) -> String {
    let mut out = String::from("^");
    for part in parts {
        match part {
            Part::Any => out.push_str(".*"),
            Part::One => out.push('.'),
            Part::Plain(c) => code(&mut out, *c),
            Part::Set { ranges, .. } if ranges.is_empty() => out.push('.'),
            Part::Set { negated, ranges } => {
                out.push_str(if *negated { "[^" } else { "[" });
                for (from, to) in ranges {
                    code(&mut out, *from);
                    if from != to {
                        out.push('-');
                        code(&mut out, *to);
                    }
                }
                out.push(']');
            }
        }
    }
    out.push('$');
    out
}

/// A character that means nothing but itself, inside of brackets too.
fn code(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() {
        out.push(c);
    } else {
        write!(out, "\\U{:08x}", u32::from(c)).expect("a String takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pattern: &str) -> String {
        let parts = parts(pattern).expect("short enough");
        match (compared(&parts, Dialect::Sqlite), compared(&parts, Dialect::Postgres)) {
            (Some(one), Some(other)) => {
                format!("{} {} | {} {}", one.operator, one.pattern, other.operator, other.pattern)
            }
            _ => "nothing".to_owned(),
        }
    }

    #[test]
    fn patterns_as_each_engine_reads_them() {
        for (pattern, expected) in [
            ("a%b_", "LIKE a%b_ | LIKE a%b_"),
            ("[%][_]\\[[]", "LIKE \\%\\_\\\\[ | LIKE \\%\\_\\\\["),
            ("[abc]x", "GLOB [abc]x | ~ ^[abc]x$"),
            ("[a-f]%*", "GLOB [a-f]*[*] | ~ ^[a-f].*\\U0000002a$"),
            ("[^a]_", "GLOB [^a]? | ~ ^[^a].$"),
            ("[f-a]", "nothing"),
            ("[^f-a]", "GLOB ? | ~ ^.$"),
            ("[]", "nothing"),
            ("[^]", "LIKE ^ | LIKE ^"),
            ("[a-]", "GLOB [a-] | ~ ^[a\\U0000002d]$"),
            ("[a^]", "GLOB [a^] | ~ ^[a\\U0000005e]$"),
            ("[x", "LIKE [x | LIKE [x"),
        ] {
            assert_eq!(shown(pattern), expected, "{pattern}");
        }
    }
}
