//! The `Prefer` header.
use http::HeaderMap;

/// What the client prefers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Prefer {
    /// `return=representation`.
    pub representation: bool,
    /// `odata.maxpagesize`.
    pub page: Option<usize>,
    /// `odata.include-annotations`.
    pub annotations: Annotations,
    /// `odata.continue-on-error`.
    pub continue_on_error: bool,
}

/// Which annotations the client wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Annotations(Vec<String>);

impl Annotations {
    /// Whether an annotation is wanted: `*`, its name, or a prefix that ends in `*`. A pattern that
    /// begins with `-` takes away what those before it gave.
    pub(super) fn wants(&self, name: &str) -> bool {
        let mut wanted = false;
        for pattern in &self.0 {
            let (pattern, gives) = match pattern.strip_prefix('-') {
                Some(rest) => (rest, false),
                None => (pattern.as_str(), true),
            };
            let fits = match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == pattern,
            };
            if fits {
                wanted = gives;
            }
        }
        wanted
    }
}

impl Prefer {
    /// Reads every `Prefer` header. Preferences that are not known are ignored, as the header is
    /// meant.
    pub(super) fn parse(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        for value in headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()) {
            for part in parts(value) {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                let value = value.trim().trim_matches('"');
                match name.trim().to_ascii_lowercase().as_str() {
                    "return" => prefer.representation = value == "representation",
                    "odata.continue-on-error" | "continue-on-error" => {
                        prefer.continue_on_error = value != "false";
                    }
                    "odata.maxpagesize" => {
                        prefer.page = value.parse().ok().filter(|rows| *rows > 0);
                    }
                    "odata.include-annotations" => {
                        let patterns = value.split(',').map(|p| p.trim().to_owned());
                        prefer.annotations = Annotations(patterns.collect());
                    }
                    _ => {}
                }
            }
        }
        prefer
    }

    /// The preferences that an answer followed, for `Preference-Applied`.
    pub(super) fn applied(&self, rows: bool) -> Option<String> {
        let mut applied = Vec::new();
        if self.representation && !rows {
            applied.push("return=representation".to_owned());
        }
        if let Some(page) = self.page.filter(|_| rows) {
            applied.push(format!("odata.maxpagesize={page}"));
        }
        if !self.annotations.0.is_empty() {
            let patterns = self.annotations.0.join(",");
            if patterns.bytes().all(|b| b.is_ascii_graphic() && b != b'"') {
                applied.push(format!("odata.include-annotations=\"{patterns}\""));
            }
        }
        (!applied.is_empty()).then(|| applied.join(", "))
    }
}

/// The parts between commas and semicolons that stand outside quotes.
fn parts(value: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, c) in value.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' | ';' if !quoted => {
                parts.push(value[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(value[start..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefer(values: &[&str]) -> Prefer {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", value.parse().unwrap());
        }
        Prefer::parse(&headers)
    }

    #[test]
    fn preferences_in_one_header_or_several() {
        let one = prefer(&[
            r#"odata.maxpagesize=3, return=representation,odata.include-annotations="a.*,b""#,
        ]);
        let several = prefer(&[
            "return=representation; odata.maxpagesize=3",
            r#"odata.include-annotations="a.*,b""#,
        ]);
        assert_eq!(one, several);
        assert!(one.representation);
        assert_eq!(one.page, Some(3));
        assert!(
            one.annotations.wants("a.x")
                && one.annotations.wants("b")
                && !one.annotations.wants("c")
        );
        assert_eq!(
            one.applied(true).as_deref(),
            Some(r#"odata.maxpagesize=3, odata.include-annotations="a.*,b""#)
        );
    }

    #[test]
    fn patterns_take_away_and_nonsense_is_ignored() {
        let all_but = prefer(&[r#"odata.include-annotations="*,-x.*""#]);
        assert!(all_but.annotations.wants("y") && !all_but.annotations.wants("x.y"));
        assert_eq!(prefer(&["odata.maxpagesize=0,odata.maxpagesize=x,,;="]), Prefer::default());
        assert_eq!(Prefer::default().applied(true), None);
    }
}
