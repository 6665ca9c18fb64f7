//! The query of an address, before any option is understood.
use percent_encoding::percent_decode_str;

use super::fault::Fault;

/// Longest query, in bytes.
const LENGTH_MAX: usize = 32 * 1024;
/// Most parameters.
const PARAMETERS_MAX: usize = 100;

/// Names and values, decoded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct QueryString(Vec<(String, String)>);

impl QueryString {
    /// Reads a query as it came: `%xx` and `+` for a space.
    ///
    /// # Errors
    /// A query that is too long, not UTF-8, or gives one `$` option twice.
    pub(super) fn parse(raw: &str) -> Result<Self, Fault> {
        if raw.len() > LENGTH_MAX {
            return Err(Fault::syntax(format!("a query has at most {LENGTH_MAX} bytes")));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in raw.split('&').filter(|part| !part.is_empty()) {
            if pairs.len() == PARAMETERS_MAX {
                let why = format!("a query has at most {PARAMETERS_MAX} parameters");
                return Err(Fault::syntax(why));
            }
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if name.starts_with('$')
                && pairs.iter().any(|(there, _)| there.eq_ignore_ascii_case(&name))
            {
                return Err(Fault::syntax(format!(
                    "Query option '{name}' was specified more than once."
                )));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The names that begin with `$`, with their values.
    pub(super) fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(|(name, _)| name.starts_with('$'))
            .map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// A parameter, compared without case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(there, _)| there.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The value of a parameter alias, without its `@`.
    ///
    /// # Errors
    /// An alias that the query does not define.
    pub(super) fn alias(&self, name: &str) -> Result<&str, Fault> {
        self.get(&format!("@{name}"))
            .ok_or_else(|| Fault::syntax(format!("the parameter alias `@{name}` has no value")))
    }
}

fn decode(text: &str) -> Result<String, Fault> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced)
        .decode_utf8()
        .map_err(|_| Fault::syntax("the query is not UTF-8"))?;
    Ok(decoded.into_owned())
}

/// The query without one option, still encoded: what a link to the next page is made from.
pub(super) fn without(raw: &str, option: &str) -> String {
    let kept: Vec<_> = raw
        .split('&')
        .filter(|part| {
            let name = part.split_once('=').map_or(*part, |(name, _)| name);
            !part.is_empty() && !decode(name).is_ok_and(|name| name.eq_ignore_ascii_case(option))
        })
        .collect();
    kept.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_of_real_clients() {
        let query =
            QueryString::parse("%24select=a%2Cb&$filter=name+eq%20'x'&api-version=9.1&@p1={}")
                .unwrap();
        assert_eq!(query.get("$select"), Some("a,b"));
        assert_eq!(query.get("$filter"), Some("name eq 'x'"));
        assert_eq!(query.alias("p1"), Ok("{}"));
        assert!(query.alias("p2").is_err());
        assert_eq!(query.options().count(), 2);
    }

    #[test]
    fn an_option_given_twice_is_refused() {
        assert!(QueryString::parse("$top=1&%24top=2").is_err());
        assert!(QueryString::parse("x=1&x=2").is_ok());
    }

    #[test]
    fn a_link_loses_its_old_token_only() {
        assert_eq!(without("$top=1&%24skiptoken=x&a=b%26c", "$skiptoken"), "$top=1&a=b%26c");
    }
}
