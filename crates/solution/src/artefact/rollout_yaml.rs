//! A rollout file: one package, many customers, each with environments. It names where a token lies and
//! never holds one.
use std::collections::BTreeSet;

use serde::Deserialize;

/// Bytes at most.
const MAX_BYTES: usize = 4 << 20;
/// Environments at most.
const MAX_TARGETS: usize = 10_000;

/// Why a rollout file could not be read. A word that is not known is an error: a rollout read by halves
/// would leave customers out.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// Not YAML, or a word or value that does not belong there.
    #[error("cannot read the rollout: {reason}")]
    Shape {
        /// What and where.
        reason: String,
    },
    /// Too large.
    #[error("refused the rollout: {bytes} bytes, the limit is {MAX_BYTES}")]
    Large {
        /// Its size.
        bytes: usize,
    },
}

/// A rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Solution zip, relative to the file.
    pub package: String,
    /// Imported as an upgrade, which removes what the new version lacks.
    pub upgrade: bool,
    /// Flows of the package are turned on afterwards.
    pub activate: bool,
    /// An environment where a reference would not be bound is not imported into.
    pub hold: bool,
    /// Environments of a wave that may fail before the next wave does not begin.
    pub max_failed: usize,
    /// Waves, in order.
    pub waves: Vec<String>,
    /// Environments, in the order of the file.
    pub targets: Vec<Target>,
}

/// One environment of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Customer.
    pub customer: String,
    /// Environment, as the publisher calls it.
    pub environment: String,
    /// Which wave, an index into the waves.
    pub wave: usize,
    /// Deployment settings, relative to the file.
    pub settings: Option<String>,
    /// How it is reached.
    pub access: Access,
}

/// How an environment is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// On a server, with a token of the customer.
    Server {
        /// Address of the environment.
        url: String,
        /// Where the token lies.
        token: TokenPlace,
    },
    /// An environment of the local installation.
    Local,
    /// Not at all: the customer imports, and sends results signed with this key (base64).
    Kit {
        /// Public key.
        key: String,
    },
}

/// Where a token lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// A file, relative to the rollout file.
    File(String),
    /// An environment variable of this name.
    Variable(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    version: u32,
    package: String,
    #[serde(default)]
    upgrade: bool,
    #[serde(default)]
    activate: bool,
    #[serde(default)]
    when_missing: WhenMissing,
    #[serde(default)]
    max_failed: usize,
    #[serde(default)]
    waves: Vec<String>,
    customers: Vec<Customer>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum WhenMissing {
    #[default]
    Deploy,
    Hold,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Customer {
    name: String,
    token_file: Option<String>,
    token_env: Option<String>,
    result_key: Option<String>,
    environments: Vec<Environment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Environment {
    name: String,
    url: Option<String>,
    settings: Option<String>,
    wave: Option<String>,
}

/// Reads a rollout file.
///
/// # Errors
/// What is not YAML of this shape, names that are there twice, waves that are not listed.
pub fn rollout_read(text: &str) -> Result<Rollout, RolloutError> {
    if text.len() > MAX_BYTES {
        return Err(RolloutError::Large { bytes: text.len() });
    }
    let file: File = serde_saphyr::from_str(text).map_err(|error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        shape(line.trim_start_matches("error: "))
    })?;
    if file.version != 1 {
        return Err(shape(format!("version {} is not known, only 1", file.version)));
    }
    let waves = if file.waves.is_empty() { vec!["all".to_owned()] } else { file.waves };
    let mut targets = Vec::new();
    for customer in &file.customers {
        for environment in &customer.environments {
            targets.push(target(customer, environment, &waves)?);
        }
    }
    unique(&waves, &targets)?;
    Ok(Rollout {
        package: file.package,
        upgrade: file.upgrade,
        activate: file.activate,
        hold: matches!(file.when_missing, WhenMissing::Hold),
        max_failed: file.max_failed,
        waves,
        targets,
    })
}

fn shape(reason: impl Into<String>) -> RolloutError {
    RolloutError::Shape { reason: reason.into() }
}

fn target(
    customer: &Customer,
    environment: &Environment,
    waves: &[String],
) -> Result<Target, RolloutError> {
    let what = format!("`{}` of `{}`", environment.name, customer.name);
    let wave = match &environment.wave {
        // What is not said comes last: new customers do not become pilots by oversight.
        None => waves.len() - 1,
        Some(name) => waves
            .iter()
            .position(|one| one == name)
            .ok_or_else(|| shape(format!("{what}: there is no wave `{name}` in `waves`")))?,
    };
    let token = match (&customer.token_file, &customer.token_env) {
        (Some(_), Some(_)) => {
            return Err(shape(format!(
                "`{}` has both `tokenFile` and `tokenEnv`; leave one out",
                customer.name
            )));
        }
        (Some(path), None) => Some(TokenPlace::File(path.clone())),
        (None, Some(name)) => Some(TokenPlace::Variable(name.clone())),
        (None, None) => None,
    };
    let access = match (&environment.url, token, &customer.result_key) {
        (Some(url), Some(token), _) => Access::Server { url: url.clone(), token },
        (Some(_), None, _) => {
            return Err(shape(format!(
                "{what} has a `url`, so `tokenFile` or `tokenEnv` is needed"
            )));
        }
        (None, _, Some(key)) => Access::Kit { key: key.trim().to_owned() },
        (None, Some(_), None) => {
            return Err(shape(format!("{what} has a token and no `url` to use it at")));
        }
        (None, None, None) => Access::Local,
    };
    Ok(Target {
        customer: customer.name.clone(),
        environment: environment.name.clone(),
        wave,
        settings: environment.settings.clone(),
        access,
    })
}

fn unique(waves: &[String], targets: &[Target]) -> Result<(), RolloutError> {
    if targets.is_empty() || targets.len() > MAX_TARGETS {
        let count = targets.len();
        return Err(shape(format!("{count} environments; there are 1 to {MAX_TARGETS}")));
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = waves.iter().find(|wave| !seen.insert(wave.to_lowercase())) {
        return Err(shape(format!("the wave `{twice}` is there twice")));
    }
    let (mut names, mut places) = (BTreeSet::new(), BTreeSet::new());
    for one in targets {
        let what = format!("`{}` of `{}`", one.environment, one.customer);
        if one.customer.trim().is_empty() || one.environment.trim().is_empty() {
            return Err(shape(format!("{what}: a name is empty")));
        }
        let name = (one.customer.to_lowercase(), one.environment.to_lowercase());
        if !names.insert(name) {
            return Err(shape(format!("{what} is there twice")));
        }
        let place = match &one.access {
            Access::Server { url, .. } => url.trim_end_matches('/').to_lowercase(),
            Access::Local => one.environment.to_lowercase(),
            Access::Kit { .. } => continue,
        };
        // Two customers in one place would be one of them deployed into the other's.
        if !places.insert(place) {
            return Err(shape(format!("{what} is at the address of another environment")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "version: 1
package: harbour.zip
waves: [pilot, rest]
customers:
  - name: Contoso
    tokenEnv: CONTOSO_TOKEN
    environments:
      - {name: prod, url: 'https://prod.contoso.example', wave: pilot, settings: contoso.json}
      - {name: spare, url: 'https://spare.contoso.example'}
  - name: Fabrikam
    resultKey: QUJD
    environments: [{name: prod}]
  - name: Here
    environments: [{name: dev}]
";

    #[test]
    fn customers_are_reached_by_server_kit_or_here() {
        let rollout = rollout_read(GOOD).expect("it is well formed");
        let told: Vec<_> = rollout.targets.iter().map(|t| (t.wave, t.access.clone())).collect();
        let server = |host: &str| Access::Server {
            url: format!("https://{host}.contoso.example"),
            token: TokenPlace::Variable("CONTOSO_TOKEN".into()),
        };
        let kit = Access::Kit { key: "QUJD".into() };
        assert_eq!(told, [(0, server("prod")), (1, server("spare")), (1, kit), (1, Access::Local)]);
        assert!(!rollout.hold && !rollout.upgrade && rollout.max_failed == 0);
    }

    #[test]
    fn what_would_reach_the_wrong_customer_is_refused() {
        let wrong = [
            ("tokenEnv: CONTOSO_TOKEN", "tokenEnv: A\n    tokenFile: b", "both"),
            ("    tokenEnv: CONTOSO_TOKEN\n", "", "needed"),
            ("spare.contoso", "PROD.contoso", "another environment"),
            ("name: spare", "name: PROD", "twice"),
            ("wave: pilot", "wave: pilots", "`pilots`"),
            ("[pilot, rest]", "[pilot, Pilot]", "twice"),
            ("version: 1", "version: 2", "version 2"),
            ("package:", "packages:", "packages"),
            ("environments: [{name: dev}]", "environments: [{name: ' '}]", "empty"),
        ];
        for (from, to, told) in wrong {
            let error = rollout_read(&GOOD.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.contains(told), "{to}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_example_of_the_how_to_is_one() {
        let page = include_str!("../../../../docs/howto/rollouts.md");
        let fenced = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
        // In a list the page indents it.
        let fenced = fenced.expect("the page has an example");
        let indent = fenced.len() - fenced.trim_start().len();
        let plain: String =
            fenced.lines().map(|l| format!("{}\n", l.get(indent..).unwrap_or(""))).collect();
        rollout_read(&plain).expect("it is one");
    }
}
