//! Custom formats: placeholders, sections for negative numbers and zero, literals.

use super::Digits;
use crate::expression::culture::Culture;

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Zero,
    Hash,
    Point,
    Literal(char),
    Exponent { letter: char, plus: bool, width: usize },
}

/// One section of a custom format.
#[derive(Default)]
struct Section {
    marks: Vec<Mark>,
    /// Placeholders before and after the point.
    whole: usize,
    fraction: usize,
    grouped: bool,
    /// Powers of ten that the number is multiplied with.
    shift: i32,
    exponent: bool,
}

/// Splits a custom format at its semicolons and reads each part.
fn sections(format: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut chars = format.chars().peekable();
    let mut commas = 0;
    let mut point = false;
    while let Some(c) = chars.next() {
        let section = sections.last_mut().expect("there is always a section");
        if c == ',' && section.whole > 0 && !point {
            commas += 1;
            continue;
        }
        if matches!(c, '0' | '#') {
            if !point {
                section.grouped |= commas > 0;
                section.whole += 1;
            } else {
                section.fraction += 1;
            }
            commas = 0;
            section.marks.push(if c == '0' { Mark::Zero } else { Mark::Hash });
            continue;
        }
        if matches!(c, '.' | ';') {
            section.shift -= 3 * commas;
            commas = 0;
        }
        match c {
            '.' if !point => {
                point = true;
                section.marks.push(Mark::Point);
            }
            '.' | ',' => {}
            ';' => {
                point = false;
                sections.push(Section::default());
            }
            '%' | '‰' => {
                section.shift += if c == '%' { 2 } else { 3 };
                section.marks.push(Mark::Literal(c));
            }
            '\\' => section.marks.extend(chars.next().map(Mark::Literal)),
            '\'' | '"' => {
                section.marks.extend(chars.by_ref().take_while(|end| *end != c).map(Mark::Literal));
            }
            'E' | 'e' => match exponent(c, &mut chars) {
                Some(mark) => {
                    section.exponent = true;
                    section.marks.push(mark);
                }
                None => section.marks.push(Mark::Literal(c)),
            },
            c => section.marks.push(Mark::Literal(c)),
        }
    }
    if let Some(section) = sections.last_mut() {
        section.shift -= 3 * commas;
    }
    sections
}

/// What follows an `E` in a custom format, if it is an exponent.
fn exponent(letter: char, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Mark> {
    let mut ahead = chars.clone();
    let plus = match ahead.peek() {
        Some('+') => true,
        Some('-' | '0') => false,
        _ => return None,
    };
    if matches!(ahead.peek(), Some('+' | '-')) {
        ahead.next();
    }
    let mut width = 0;
    while ahead.peek() == Some(&'0') {
        ahead.next();
        width += 1;
    }
    if width == 0 {
        return None;
    }
    *chars = ahead;
    Some(Mark::Exponent { letter, plus, width })
}

/// Formats by a custom format.
pub(super) fn custom(digits: &Digits, format: &str, culture: &Culture) -> String {
    let sections = sections(format);
    let usable = |index: usize| sections.get(index).filter(|section| !section.marks.is_empty());
    let fitted = |section: &Section| {
        let digits = digits.clone().shifted(section.shift);
        if section.exponent { digits } else { digits.rounded(section.fraction) }
    };
    let mut section = &sections[0];
    let mut sign = digits.negative;
    if digits.negative
        && let Some(negative) = usable(1)
    {
        section = negative;
        sign = false;
    }
    let mut shown = fitted(section);
    if shown.is_zero() {
        section = usable(2).unwrap_or(&sections[0]);
        shown = fitted(section);
        sign = false;
    }
    let text = fill(section, shown, culture);
    if sign { format!("-{text}") } else { text }
}

/// Writes the digits into the placeholders of a section.
fn fill(section: &Section, mut digits: Digits, culture: &Culture) -> String {
    let mut power = 0;
    if section.exponent {
        power = digits.exponent() + 1 - i32::try_from(section.whole).unwrap_or(0);
        digits = digits.shifted(-power).rounded(section.fraction);
    }
    let point =
        section.marks.iter().position(|mark| *mark == Mark::Point).unwrap_or(section.marks.len());
    let is_place = |mark: &Mark| matches!(mark, Mark::Zero | Mark::Hash);
    let places = || section.marks.iter().take(point).filter(|mark| is_place(mark));
    let forced =
        places().position(|mark| *mark == Mark::Zero).map_or(0, |first| section.whole - first);
    let width = digits.whole.len().max(forced);
    let whole = format!("{:0>width$}", digits.whole);
    let after = section.marks.iter().skip(point).filter(|mark| is_place(mark));
    let keep = after
        .collect::<Vec<_>>()
        .iter()
        .rposition(|mark| **mark == Mark::Zero)
        .map_or(0, |last| last + 1);
    let fraction = digits.fraction.trim_end_matches('0').len().max(keep);

    let mut out = String::new();
    let (mut place, mut written, mut decimals) = (0, 0, 0);
    for (index, mark) in section.marks.iter().enumerate() {
        match mark {
            Mark::Zero | Mark::Hash if index < point => {
                place += 1;
                // How many digits stand to the right of this place.
                let right = section.whole - place;
                while written < whole.len() && whole.len() - written > right {
                    if section.grouped && written > 0 && (whole.len() - written).is_multiple_of(3) {
                        out.push_str(culture.group);
                    }
                    out.push_str(&whole[written..=written]);
                    written += 1;
                }
            }
            Mark::Zero | Mark::Hash => {
                if decimals < fraction {
                    out.push_str(digits.fraction.get(decimals..=decimals).unwrap_or("0"));
                }
                decimals += 1;
            }
            Mark::Point => {
                if section.whole == 0 {
                    out.push_str(&digits.whole);
                }
                if fraction > 0 {
                    out.push_str(culture.decimal);
                }
            }
            Mark::Literal(c) => out.push(*c),
            Mark::Exponent { letter, plus, width } => {
                out.push(*letter);
                if power < 0 {
                    out.push('-');
                } else if *plus {
                    out.push('+');
                }
                out.push_str(&format!("{:0width$}", power.unsigned_abs(), width = *width));
            }
        }
    }
    out
}
