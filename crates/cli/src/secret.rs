//! Secrets come by file, environment variable or stdin; never by prompt, and from the command line
//! only with a warning: others on the machine can read it there.
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::exit::Failure;

/// No secret is longer: certificates and keys fit many times over.
const SECRET_MAX: u64 = 1 << 20;

/// Where the secrets of a connection come from.
#[derive(Args, Debug, Default)]
pub(crate) struct SecretArgs {
    /// Secret field read from a file (FIELD=PATH)
    #[arg(long, value_name = "FIELD=PATH", value_parser = pair)]
    pub(crate) secret_file: Vec<(String, String)>,
    /// Secret field read from an environment variable (FIELD=VARIABLE)
    #[arg(long, value_name = "FIELD=VARIABLE", value_parser = pair)]
    pub(crate) secret_env: Vec<(String, String)>,
    /// Secret field read from standard input
    #[arg(long, value_name = "FIELD")]
    pub(crate) secret_stdin: Option<String>,
}

impl SecretArgs {
    /// Reads them all. A field given twice is refused.
    pub(crate) fn read(&self) -> Result<BTreeMap<String, SecretString>, Failure> {
        let mut secrets = BTreeMap::new();
        for (field, path) in &self.secret_file {
            add(&mut secrets, field, from_file(Path::new(path))?)?;
        }
        for (field, variable) in &self.secret_env {
            add(&mut secrets, field, from_variable(variable)?)?;
        }
        if let Some(field) = &self.secret_stdin {
            add(&mut secrets, field, bounded(std::io::stdin().lock(), "standard input")?)?;
        }
        Ok(secrets)
    }
}

/// Adds a secret unless its field has one.
pub(crate) fn add(
    secrets: &mut BTreeMap<String, SecretString>,
    field: &str,
    secret: SecretString,
) -> Result<(), Failure> {
    if secrets.insert(field.to_owned(), secret).is_some() {
        return Err(Failure::usage(format!("the secret `{field}` is given twice")));
    }
    Ok(())
}

/// Reads a secret from a file; the line end at its end is not part of it.
pub(crate) fn from_file(path: &Path) -> Result<SecretString, Failure> {
    let file = std::fs::File::open(path).map_err(|error| {
        Failure::from(error).context(format!("cannot read the secret in `{}`", path.display()))
    })?;
    bounded(file, &path.display().to_string())
}

/// Reads a secret from an environment variable.
pub(crate) fn from_variable(name: &str) -> Result<SecretString, Failure> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => Ok(text.into()),
        Ok(_) => Err(Failure::usage(format!("the environment variable `{name}` is empty"))),
        Err(_) => Err(Failure::usage(format!("the environment variable `{name}` is not set"))),
    }
}

fn bounded(reader: impl Read, place: &str) -> Result<SecretString, Failure> {
    let mut text = Zeroizing::new(String::new());
    let size = reader.take(SECRET_MAX + 1).read_to_string(&mut text).map_err(|error| {
        Failure::from(error).context(format!("cannot read the secret in `{place}`"))
    })?;
    let secret =
        text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    if size as u64 > SECRET_MAX {
        return Err(Failure::usage(format!("the secret in `{place}` is larger than 1 MiB")));
    }
    if secret.is_empty() {
        return Err(Failure::usage(format!("the secret in `{place}` is empty")));
    }
    Ok(secret.into())
}

/// The token for a server: a file, else the environment variable `CONNREF_TOKEN`.
pub(crate) fn token(file: Option<&PathBuf>) -> Result<Option<SecretString>, Failure> {
    match file {
        Some(path) => from_file(path).map(Some),
        None if std::env::var_os("CONNREF_TOKEN").is_some() => {
            from_variable("CONNREF_TOKEN").map(Some)
        }
        None => Ok(None),
    }
}

/// Parses `NAME=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn one_line_end_is_not_part_of_a_secret() {
        for (text, secret) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a ")] {
            assert_eq!(bounded(text.as_bytes(), "x").unwrap().expose_secret(), secret);
        }
    }

    #[test]
    fn empty_endless_and_doubled_secrets_are_refused() {
        assert!(bounded(&b"\n"[..], "x").is_err());
        assert!(bounded(std::io::repeat(b'a'), "x").is_err());
        let mut secrets = BTreeMap::new();
        add(&mut secrets, "key", "1".into()).unwrap();
        assert!(add(&mut secrets, "key", "2".into()).is_err());
    }

    #[test]
    fn pairs_split_at_the_first_equals_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(pair("=b").is_err());
        assert!(pair("a").is_err());
    }
}
