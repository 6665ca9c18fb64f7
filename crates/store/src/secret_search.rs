//! Searches bytes for every secret that the vault holds, in every form in which one could leave. What
//! is answered names fields and places, never a secret.
use std::collections::HashSet;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use connref_solution::model::{ConnectionId, EnvironmentId};
use secrecy::{ExposeSecret, SecretString};

use crate::access::{Action, Caller};
use crate::db::Sql;
use crate::vault::SecretPlace;
use crate::{Result, Store, StoreError};

/// A shorter secret is in every text by chance; it is counted and not searched for.
pub const SHORTEST: usize = 6;
/// A shorter form of a longer secret would be found by chance.
const FORM_SHORTEST: usize = 8;
/// Lines of a secret with several (a key file) are searched one by one from this length on.
const LINE_SHORTEST: usize = 24;

/// The forms, as they are called.
pub const FORMS: [&str; 9] = [
    "raw",
    "JSON-escaped",
    "XML-escaped",
    "UTF-16",
    "hex",
    "percent",
    "base64",
    "base64url",
    "base64 in lines",
];

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretSearch {
    /// Secrets that were searched for.
    pub secrets: usize,
    /// Secrets too short to be searched for.
    pub short: usize,
    /// What was found; one entry for each secret and place.
    pub found: Vec<SecretFound>,
}

/// A secret that is where it must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFound {
    /// Place: the name that was given to the bytes.
    pub place: String,
    /// Form it was found in.
    pub form: &'static str,
    /// Connection whose secret it is.
    pub connection: ConnectionId,
    /// Field.
    pub field: String,
}

/// A row of the vault: environment, connection, field, version, envelope, connector.
type Sealed = (String, String, String, i64, Vec<u8>, String);

impl Store {
    /// Searches every place for every secret of connections that the vault holds: the operator's
    /// search is over all environments, an administrator's over this one.
    pub async fn secrets_search(
        &self,
        caller: &Caller,
        environment: &EnvironmentId,
        places: Vec<(String, Vec<u8>)>,
    ) -> Result<SecretSearch> {
        let attempt = "search a package for secrets";
        caller.authorize(environment, Action::Administer, attempt)?;
        let only = caller.authorize_operator(attempt).is_err().then(|| environment.clone());
        self.vault.refresh(&self.db).await?;
        let tenant = self.vault.tenant().to_owned();
        let rows = self.db.snapshot(move |sql| sealed(sql, &tenant, only.as_ref())).await?;
        let mut search = SecretSearch::default();
        let (mut forms, mut owners) = (Vec::new(), Vec::new());
        for (environment, connection, field, version, envelope, connector) in rows {
            let place = SecretPlace {
                environment: &environment,
                connection: &connection,
                connector: &connector,
                field: &field,
                version,
            };
            let secret = self.vault.unseal(&place, &envelope)?;
            if secret.expose_secret().len() < SHORTEST {
                search.short += 1;
                continue;
            }
            search.secrets += 1;
            for (form, bytes) in forms_of(&secret) {
                forms.push(bytes);
                owners.push((form, connection.clone(), field.clone()));
            }
        }
        if forms.is_empty() {
            return Ok(search);
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&forms)
            .map_err(|e| StoreError::Invalid(format!("too many secrets to search for: {e}")))?;
        let mut seen = HashSet::new();
        for (place, bytes) in &places {
            let joined: Vec<u8> =
                bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            for (bytes, in_lines) in [(bytes, false), (&joined, true)] {
                for hit in automaton.find_overlapping_iter(bytes) {
                    let (form, connection, field) = &owners[hit.pattern().as_usize()];
                    if !seen.insert((place.clone(), connection.clone(), field.clone())) {
                        continue;
                    }
                    let form = if in_lines { "base64 in lines" } else { form };
                    search.found.push(SecretFound {
                        place: place.clone(),
                        form,
                        connection: ConnectionId::new(connection),
                        field: field.clone(),
                    });
                }
            }
        }
        Ok(search)
    }
}

fn sealed(sql: &mut Sql<'_>, tenant: &str, only: Option<&EnvironmentId>) -> Result<Vec<Sealed>> {
    // What runs hide lies there too, under ids that are no connection's.
    sql.query(
        "SELECT s.environmentid, s.connectionid, s.field, s.version, s.envelope, c.api_key \
         FROM connection_secret s JOIN environment e ON e.environmentid = s.environmentid \
         JOIN connection c ON c.environmentid = s.environmentid AND c.connectionid = s.connectionid \
         WHERE e.tenantid = $1 AND ($2 = '' OR s.environmentid = $2) \
         ORDER BY s.environmentid, s.connectionid, s.field",
        &[tenant.into(), only.map_or("", EnvironmentId::as_str).into()],
    )?
    .iter()
    .map(|row| {
        Ok((row.text(0)?, row.text(1)?, row.text(2)?, row.int(3)?, row.bytes(4)?, row.text(5)?))
    })
    .collect()
}

/// Every form in which a secret could stand somewhere.
fn forms_of(secret: &SecretString) -> Vec<(&'static str, Vec<u8>)> {
    let text = secret.expose_secret();
    let mut all = text_forms(text);
    if text.contains('\n') {
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|l| l.len() >= LINE_SHORTEST && !l.starts_with("-----")) {
            all.extend(text_forms(line));
        }
    }
    let raw = text.as_bytes();
    let mut known = HashSet::new();
    all.retain(|(_, form)| form.len() >= FORM_SHORTEST || form.as_slice() == raw);
    all.retain(|(_, form)| known.insert(form.clone()));
    all
}

fn text_forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = vec![("raw", text.as_bytes().to_vec())];
    let escaped = serde_json::Value::from(text).to_string();
    forms.push(("JSON-escaped", escaped.trim_matches('"').as_bytes().to_vec()));
    let ascii: String = text
        .encode_utf16()
        .map(|unit| match char::from_u32(unit.into()).filter(char::is_ascii) {
            Some('"') => "\\\"".to_owned(),
            Some('\\') => "\\\\".to_owned(),
            Some(c) => c.to_string(),
            None => format!("\\u{unit:04x}"),
        })
        .collect();
    forms.push(("JSON-escaped", ascii.into_bytes()));
    let xml = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    forms.push(("XML-escaped", xml.clone().into_bytes()));
    let quoted = xml.replace('"', "&quot;").replace('\'', "&apos;");
    forms.push(("XML-escaped", quoted.into_bytes()));
    forms.push(("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
    forms.push(("UTF-16", text.encode_utf16().flat_map(u16::to_be_bytes).collect()));
    forms.push(("hex", crate::source::hex(text.as_bytes()).into_bytes()));
    let percent = |keep: fn(&u8) -> bool| -> Vec<u8> {
        let letters = text.bytes().map(|b| match keep(&b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        });
        letters.collect::<String>().into_bytes()
    };
    forms.push(("percent", percent(u8::is_ascii_alphanumeric)));
    forms.push(("percent", percent(|b| b.is_ascii_alphanumeric() || b"-._~".contains(b))));
    forms.push(("percent", percent(|_| false)));
    // In base64 a text looks different at each of three offsets; the ends depend on neighbours.
    for offset in 0..3_usize {
        let mut padded = vec![0; offset];
        padded.extend_from_slice(text.as_bytes());
        let (start, end) = ((offset * 8).div_ceil(6), padded.len() / 3 * 4);
        for (name, engine) in [("base64", STANDARD_NO_PAD), ("base64url", URL_SAFE_NO_PAD)] {
            let encoded = engine.encode(&padded);
            forms.push((name, encoded.as_bytes().get(start..end).unwrap_or_default().to_vec()));
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_made() {
        // The question marks make a slash in base64, and an underscore in base64url.
        let forms = forms_of(&SecretString::from("hawser \"knot\" & ünker ??? 55"));
        let names: HashSet<&str> = forms.iter().map(|(name, _)| *name).collect();
        for name in FORMS.iter().filter(|name| **name != "base64 in lines") {
            assert!(names.contains(name), "{name}");
        }
    }

    #[test]
    fn lines_of_a_key_are_searched_one_by_one() {
        let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
        let key = format!("-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----");
        let forms = forms_of(&SecretString::from(key));
        assert!(forms.iter().any(|(_, form)| form == line.as_bytes()));
        assert!(!forms.iter().any(|(_, form)| form.starts_with(b"-----BEGIN") && form.len() < 40));
    }
}
