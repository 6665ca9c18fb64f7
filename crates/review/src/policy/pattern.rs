//! Patterns with `*`, as endpoint rules and URL rules use them.

/// Whether a text fits a pattern; `*` stands for any characters; case does not matter. The work
/// is bounded by the product of the two lengths.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let (mut p, mut t) = (0, 0);
    // The last star seen, and where the text stood then: the only place to come back to.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            p = at + 1;
            t = from + 1;
            star = Some((at, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Whether an endpoint fits a rule's pattern. Scheme, host and path are held against each other
/// part by part, so that a host's name in somebody else's path fits nothing; a part that the
/// pattern leaves out may be anything.
pub(super) fn endpoint_fits(pattern: &str, endpoint: &str) -> bool {
    let (pattern, endpoint) = (Address::of(pattern), Address::of(endpoint));
    let scheme = match (pattern.scheme, endpoint.scheme) {
        (Some(wanted), Some(found)) => fits(wanted, found),
        // A server's bare name has no scheme to differ by.
        (None, _) | (_, None) => true,
    };
    scheme
        && (fits(pattern.host, endpoint.host) || fits(pattern.host, endpoint.name()))
        && (pattern.path.is_empty() || fits(pattern.path, endpoint.path))
}

struct Address<'t> {
    scheme: Option<&'t str>,
    host: &'t str,
    path: &'t str,
}

impl<'t> Address<'t> {
    fn of(text: &'t str) -> Self {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        // Who stands before `@` is not the host.
        let host = host.rsplit('@').next().unwrap_or(host);
        let path = path.split(['?', '#']).next().unwrap_or(path).trim_end_matches('/');
        Self { scheme, host, path }
    }

    /// The host without its port.
    fn name(&self) -> &'t str {
        self.host.rsplit_once(':').map_or(self.host, |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        assert!(fits("*", ""));
        assert!(fits("*.contoso.com", "API.contoso.com"));
        assert!(fits("a*b*c", "aXbYbZc"));
        assert!(!fits("*.contoso.com", "contoso.com.evil.net"));
        assert!(!fits("", "a"));
    }

    #[test]
    fn endpoints_by_host_and_by_address() {
        assert!(endpoint_fits("*.contoso.com", "https://api.contoso.com/v1?x=1"));
        assert!(endpoint_fits("sql01.contoso.com", "sql01.contoso.com"));
        assert!(endpoint_fits("https://api.contoso.com/v1/*", "https://api.contoso.com/v1/orders"));
        assert!(!endpoint_fits("*.contoso.com", "https://evil.net/a.contoso.com"));
        assert!(!endpoint_fits("*.contoso.com", "https://a.contoso.com@evil.net/"));
    }
}
