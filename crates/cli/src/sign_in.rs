//! The token that goes to a server: one that was given, one that an application's secret or
//! certificate gets, one of a person who signed in before (`connref auth create`), or one that the
//! vendor's own tools hold ([`borrowed`]). What keeps a person signed in lies in a file of the configuration folder that is nobody else's.
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use clap::Args;
use connref_client::transport::{Authority, SignInAs, SignInError, vendor_authority};
use connref_store::source::{Clock as _, Ids as _, SystemClock, SystemIds};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cli::Globals;
use crate::exit::{Exit, Failure};
use crate::{borrowed, home, secret};

/// What we are called where people sign in.
pub(crate) const CLIENT: &str = "connref-cli";
/// A token is renewed so many seconds before its end.
const EARLY: i64 = 300;
/// Largest file that is read.
const FILE_MAX: u64 = 1 << 20;

/// How a command signs in to a server.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Signing in to a server")]
pub(crate) struct ServerArgs {
    /// File that holds the server's token; else CONNREF_TOKEN
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) token_file: Option<PathBuf>,
    /// Application id to sign in as, with --client-secret-file, CONNREF_CLIENT_SECRET or
    /// --client-certificate
    #[arg(
        long,
        global = true,
        value_name = "GUID",
        env = "CONNREF_CLIENT_ID",
        hide_env_values = true
    )]
    pub(crate) client_id: Option<String>,
    /// File that holds the application's secret; else CONNREF_CLIENT_SECRET
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// File with the application's certificate and RSA key (PEM)
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "CONNREF_CLIENT_CERTIFICATE",
        hide_env_values = true
    )]
    pub(crate) client_certificate: Option<PathBuf>,
    /// Where to sign in, as in https://login.microsoftonline.com/TENANT; else the server tells
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "CONNREF_AUTHORITY",
        hide_env_values = true
    )]
    pub(crate) authority: Option<String>,
    /// File with certificates (PEM) to trust besides the system's
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "CONNREF_CA_FILE",
        hide_env_values = true
    )]
    pub(crate) ca_file: Option<PathBuf>,
}

impl ServerArgs {
    /// Certificates to trust.
    pub(crate) fn roots(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let Some(path) = &self.ca_file else { return Ok(Vec::new()) };
        let text = crate::command::read_text(path, "the certificates")?;
        Ok(vec![text.into_bytes()])
    }

    /// The authority of a server.
    pub(crate) async fn authority(&self, address: &str) -> Result<Authority, Failure> {
        let found = Authority::find(address, self.authority.as_deref(), &self.roots()?).await;
        found.map_err(refused)
    }
}

/// The token for a server; none if nobody signed in.
pub(crate) async fn token(
    globals: &Globals,
    address: &str,
) -> Result<Option<SecretString>, Failure> {
    let server = &globals.server;
    if let Some(token) = secret::token(server.token_file.as_ref())? {
        return Ok(Some(token));
    }
    if let Some(client) = &server.client_id {
        let who = application(server, client)?;
        let token = server.authority(address).await?.sign_in(&who).await.map_err(refused)?;
        return Ok(Some(token.access_token));
    }
    if let Some(token) = Kept::token(server, address).await? {
        return Ok(Some(token));
    }
    // A server that does not say where to sign in may want no token; its own word comes next.
    let given = server.authority.as_deref();
    match vendor_authority(address, given, &server.roots()?).await {
        Some((host, tenant)) => borrowed::token(address, (&host, &tenant)).await,
        None => Ok(None),
    }
}

fn application(server: &ServerArgs, client: &str) -> Result<SignInAs, Failure> {
    let client = client.to_owned();
    if let Some(path) = &server.client_certificate {
        let pem = secret::from_file(path)?;
        let now = SystemClock.now();
        let id = SystemIds::default().guid(now);
        return Ok(SignInAs::Certificate { client, pem, now: now / 1_000_000, id });
    }
    let secret = match &server.client_secret_file {
        Some(path) => secret::from_file(path)?,
        None => secret::from_variable("CONNREF_CLIENT_SECRET").map_err(|_| {
            Failure::usage(format!("`{client}` is to sign in, but nothing proves who it is")).fix(
                "set CONNREF_CLIENT_SECRET, or give --client-secret-file or --client-certificate",
            )
        })?,
    };
    Ok(SignInAs::Secret { client, secret })
}

/// A sign-in that failed.
pub(crate) fn refused(error: SignInError) -> Failure {
    let exit = match &error {
        SignInError::OAuth(inner) if inner.retryable() => Exit::Network,
        SignInError::OAuth(_) | SignInError::Over | SignInError::NoAuthority => Exit::NotSignedIn,
        SignInError::Egress(_) => Exit::Network,
        _ => Exit::Usage,
    };
    let fix = match &error {
        SignInError::Foreign(host) => Some(format!("--authority {host}/TENANT, if you trust it")),
        SignInError::NoAuthority => Some("--authority URL".to_owned()),
        _ => None,
    };
    let failure = Failure::new(exit, error);
    match fix {
        Some(fix) => failure.fix(fix),
        None => failure,
    }
}

/// The file with what keeps people signed in: by address of the server.
pub(crate) struct Kept {
    file: File,
    all: BTreeMap<String, Value>,
}

impl Kept {
    /// Opens the file and holds it: a refresh token counts once, so two commands must not show the
    /// same one.
    pub(crate) fn open() -> Result<Self, Failure> {
        let folder = home::config()?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let path = folder.join("sign-ins.json");
        let wrong = |error: std::io::Error| {
            Failure::from(error).context(format!("cannot use `{}`", path.display()))
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(wrong)?;
        file.lock().map_err(wrong)?;
        let mut text = Zeroizing::new(String::new());
        (&mut file).take(FILE_MAX).read_to_string(&mut text).map_err(wrong)?;
        let all = match text.trim() {
            "" => BTreeMap::new(),
            text => serde_json::from_str(text).map_err(|_| {
                Failure::usage(format!("`{}` cannot be read", path.display()))
                    .fix(format!("rm '{}' and sign in again", path.display()))
            })?,
        };
        Ok(Self { file, all })
    }

    /// Addresses with who signed in and where.
    pub(crate) fn list(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.all.iter().map(|(address, one)| (address.as_str(), one))
    }

    /// Keeps what a sign-in brought.
    pub(crate) fn put(
        &mut self,
        address: &str,
        (authority, client): (&str, &str),
        token: &connref_client::transport::Token,
    ) -> Result<(), Failure> {
        let lifetime = i64::try_from(token.expires_in.as_secs()).unwrap_or(0);
        let old = self.all.get(address).and_then(|one| one["refresh"].as_str().map(str::to_owned));
        let new = token.refresh_token.as_ref().map(|token| token.expose_secret().to_owned());
        let one = json!({
            "authority": authority,
            "client": client,
            "access": token.access_token.expose_secret(),
            "ends": SystemClock.now() / 1_000_000 + lifetime,
            "refresh": new.or(old),
        });
        self.all.insert(address.to_owned(), one);
        self.write()
    }

    /// Forgets a server. Whether it was known.
    pub(crate) fn remove(&mut self, address: &str) -> Result<bool, Failure> {
        let known = self.all.remove(address).is_some();
        self.write()?;
        Ok(known)
    }

    fn write(&mut self) -> Result<(), Failure> {
        let text = Zeroizing::new(serde_json::to_string(&self.all).unwrap_or_default());
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.write_all(text.as_bytes())?;
        Ok(self.file.sync_all()?)
    }

    async fn token(server: &ServerArgs, address: &str) -> Result<Option<SecretString>, Failure> {
        let key = key(address);
        let folder = home::config()?;
        if !folder.join("sign-ins.json").exists() {
            return Ok(None);
        }
        let mut kept = Self::open()?;
        let Some(one) = kept.all.get(&key) else { return Ok(None) };
        let text = |name: &str| one[name].as_str().map(str::to_owned);
        let ends = one["ends"].as_i64().unwrap_or_default();
        if ends - EARLY > SystemClock.now() / 1_000_000
            && let Some(access) = text("access")
        {
            return Ok(Some(access.into()));
        }
        let (Some(refresh), Some(authority)) = (text("refresh"), text("authority")) else {
            return Ok(None);
        };
        let given = server.authority.clone().unwrap_or(authority);
        let found = Authority::find(address, Some(&given), &server.roots()?).await;
        let found = found.map_err(refused)?;
        let client = text("client").unwrap_or_else(|| CLIENT.to_owned());
        let who = SignInAs::Refresh { client: client.clone(), token: refresh.into() };
        let token = found.sign_in(&who).await.map_err(|error| {
            refused(error).fix(format!("connref auth create --environment {address}"))
        })?;
        kept.put(&key, (found.address(), &client), &token)?;
        Ok(Some(token.access_token))
    }
}

/// An address as it is kept.
pub(crate) fn key(address: &str) -> String {
    url::Url::parse(address)
        .map_or_else(|_| address.to_owned(), |url| url.origin().ascii_serialization())
}
