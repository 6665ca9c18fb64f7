//! Tokens of the vendor's own tools, where nothing else signs a command in: `pac` if its profile is
//! for this very organisation, else `az`, else whatever `pac` has. Only for servers that sign in with
//! the vendor's authority, and never anything but an access token for that server: what renews it
//! stays with the tool.
mod az;
mod cache;
mod pac;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connref_store::source::{Clock as _, SystemClock};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::exit::{Exit, Failure};
use crate::render::note;

/// A token must live so many seconds more: a command may take a while.
const LEFT: i64 = 300;
/// Largest file of a tool that is read.
const FILE_MAX: u64 = 8 << 20;

/// The server that a token is wanted for.
pub(super) struct Wanted<'a> {
    /// Scheme, host and port.
    pub(super) origin: String,
    /// Host of the authority.
    pub(super) authority: &'a str,
    /// Tenant, as the server or the user named it.
    pub(super) tenant: &'a str,
}

/// A token of one of the tools, for a server of a tenant of the vendor's cloud.
///
/// # Errors
/// No tool has one: what each lacks.
pub(crate) async fn token(
    address: &str,
    (authority, tenant): (&str, &str),
) -> Result<Option<SecretString>, Failure> {
    let Ok(url) = address.parse::<url::Url>() else { return Ok(None) };
    // A token of the vendor's crosses no network unprotected; loopback is none.
    let here = url.host_str().is_some_and(|host| {
        host == "127.0.0.1" || host == "localhost" || host.ends_with(".localhost")
    });
    if url.scheme() != "https" && !here {
        return Ok(None);
    }
    let wanted = Wanted { origin: url.origin().ascii_serialization(), authority, tenant };
    let now = SystemClock.now() / 1_000_000;
    let found = match pac::token(&wanted, pac::Profiles::OfThis, now) {
        Some(token) => Some(("pac", token)),
        None => match az::token(&wanted, now).await {
            Ok(Some(token)) => Some(("az", token)),
            Ok(None) => pac::token(&wanted, pac::Profiles::Current, now).map(|one| ("pac", one)),
            Err(why) => match pac::token(&wanted, pac::Profiles::Current, now) {
                Some(token) => Some(("pac", token)),
                None => return Err(refused(&wanted, &why)),
            },
        },
    };
    let Some((tool, token)) = found else { return Err(refused(&wanted, "")) };
    // Two tools may be signed in as two people: nobody should have to guess who acted.
    let who = name(&token).map_or_else(String::new, |name| format!(" as {name}"));
    note(&format!("signed in{who}, by {tool}"));
    Ok(Some(token))
}

fn refused(wanted: &Wanted<'_>, why: &str) -> Failure {
    let text = match why.is_empty() {
        true => format!("nobody is signed in to `{}`", wanted.origin),
        false => format!("nobody is signed in to `{}`: {why}", wanted.origin),
    };
    Failure::new(Exit::NotSignedIn, anyhow::anyhow!(text)).fix(format!(
        "az login --tenant {} --allow-no-subscriptions, or set CONNREF_CLIENT_ID and CONNREF_CLIENT_SECRET",
        wanted.tenant
    ))
}

/// Who a token says it is, to be shown: nothing is decided by it.
fn name(token: &SecretString) -> Option<String> {
    let body = token.expose_secret().split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
    let named = ["upn", "unique_name", "preferred_username", "appid"];
    let name = named.iter().find_map(|name| claims[*name].as_str())?;
    Some(name.chars().take(100).collect())
}

/// Reads a file of a tool; none if it is not there, is too large, or is no JSON (it may be encrypted).
fn json(path: &std::path::Path) -> Option<Value> {
    use std::io::Read as _;
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    std::fs::File::open(path).ok()?.take(FILE_MAX + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > FILE_MAX {
        return None;
    }
    // Some of the tools write a byte order mark.
    serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)).ok()
}
