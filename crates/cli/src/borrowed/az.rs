//! `az`: its cache where that is readable and has a token of whoever is signed in, else the program.
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use super::cache::{Owner, find};
use super::{Wanted, json};

/// Longest the program may take: it starts slowly, and may renew its sign-in.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Most of its output that is read.
const OUTPUT_MAX: u64 = 1 << 20;

/// A token; none if `az` is not there.
///
/// # Errors
/// The program is there and gives none.
pub(super) async fn token(wanted: &Wanted<'_>, now: i64) -> Result<Option<SecretString>, String> {
    if let Some(token) = cached(wanted, now) {
        return Ok(Some(token));
    }
    let Some(program) = std::env::var_os("PATH").and_then(|path| program("az", &path)) else {
        return Ok(None);
    };
    ask(&program, wanted).await.map(Some)
}

/// The folder of `az`.
fn folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("AZURE_CONFIG_DIR")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(set("HOME")?).join(".azure")))
}

/// From the cache, as whoever `az` itself would be: the account of its default subscription.
fn cached(wanted: &Wanted<'_>, now: i64) -> Option<SecretString> {
    let folder = folder()?;
    let profile = json(&folder.join("azureProfile.json"))?;
    let subscriptions = profile["subscriptions"].as_array()?;
    let chosen = subscriptions.iter().find(|one| one["isDefault"] == true)?;
    let name = chosen["user"]["name"].as_str()?.to_owned();
    let owner = match chosen["user"]["type"].as_str() {
        Some("user") => Owner::User(name),
        Some("servicePrincipal") => Owner::Application(name),
        _ => return None,
    };
    find(&json(&folder.join("msal_token_cache.json"))?, wanted, &owner, now)
}

/// A program on the search path; folders relative to wherever we are do not count.
fn program(name: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |file: &PathBuf| {
        std::fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    let mut all = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    all.find_map(|folder| Some(folder.join(name)).filter(runs))
}

/// A tenant as it stands on a command line: nothing that could be an option.
fn tenant_fits(tenant: &str) -> bool {
    let letters = tenant.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    (1..=200).contains(&tenant.len()) && letters && !tenant.starts_with('-')
}

async fn ask(program: &Path, wanted: &Wanted<'_>) -> Result<SecretString, String> {
    let mut command = tokio::process::Command::new(program);
    command.args(["account", "get-access-token", "--output", "json", "--resource"]);
    command.arg(&wanted.origin);
    if tenant_fits(wanted.tenant) && !["common", "organizations"].contains(&wanted.tenant) {
        command.args(["--tenant", wanted.tenant]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.current_dir("/").kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("`az` cannot be started ({error})"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut told, mut words) = (Zeroizing::new(Vec::new()), Zeroizing::new(Vec::new()));
    let work = async {
        let read = async {
            if let Some(pipe) = stdout {
                pipe.take(OUTPUT_MAX).read_to_end(&mut told).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        let listen = async {
            if let Some(pipe) = stderr {
                pipe.take(OUTPUT_MAX).read_to_end(&mut words).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        tokio::try_join!(read, listen)?;
        child.wait().await
    };
    let ended = tokio::time::timeout(TIMEOUT, work).await;
    let status = ended
        .map_err(|_| format!("`az` gave no token within {} seconds", TIMEOUT.as_secs()))?
        .map_err(|error| format!("`az` broke off ({error})"))?;
    if !status.success() {
        return Err(complaint(&String::from_utf8_lossy(&words)));
    }
    let answer: Value = serde_json::from_slice(&told).unwrap_or_default();
    let token = answer["accessToken"].as_str().filter(|text| !text.is_empty());
    token.map(|text| text.to_owned().into()).ok_or_else(|| "`az` answers with no token".to_owned())
}

/// What `az` complains of, without its own words: they may repeat what it holds.
fn complaint(words: &str) -> String {
    let number = words
        .split("AADSTS")
        .nth(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).take(12).collect::<String>());
    match number.filter(|digits| !digits.is_empty()) {
        Some(digits) => format!("`az` gives no token (AADSTS{digits})"),
        None if words.contains("az login") => "`az` is not signed in".to_owned(),
        None => "`az` gives no token".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_puts_no_options_on_the_command_line() {
        for good in ["contoso.onmicrosoft.com", "6d1c3b5e-0000-4000-8000-000000000001"] {
            assert!(tenant_fits(good), "{good}");
        }
        for bad in ["", "--debug", "-x", "a b", "a/b", "a\n", "é"] {
            assert!(!tenant_fits(bad), "{bad}");
        }
    }

    #[test]
    fn only_whole_folders_of_the_path_count() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("az");
        std::fs::write(&at, "").unwrap();
        let path = format!(".:relative:{}", folder.path().display());
        assert_eq!(program("az", path.as_ref()), None, "it cannot be run");
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(program("az", path.as_ref()), Some(at));
    }

    #[test]
    fn nothing_that_az_holds_is_repeated() {
        assert_eq!(
            complaint("ERROR: AADSTS50076: eyJ0eXAi secret"),
            "`az` gives no token (AADSTS50076)"
        );
        assert_eq!(complaint("Please run 'az login' to setup account."), "`az` is not signed in");
        assert_eq!(complaint("eyJ0eXAi"), "`az` gives no token");
    }
}
