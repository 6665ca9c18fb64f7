//! `connref server trust`: how clients come to trust the certificates that the server makes.
use connref_server::listen::Authority;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::home;

/// Shows the file of the authority and what each kind of client wants.
pub(super) fn trust(context: &Context) -> Outcome {
    let file = Authority::file_in(&home::config()?.join("tls"));
    if !file.exists() {
        return Err(Failure::missing("there is no authority yet: a server makes it at its start")
            .fix("connref server run --tls self"));
    }
    let path = file.display().to_string();
    let shell = format!("'{}'", path.replace('\'', r"'\''"));
    // A process that is told trusts it alone; a whole system that trusts it trusts whoever has its key.
    let ways = [
        ("connref", format!("export CONNREF_CA_FILE={shell}")),
        ("curl", format!("curl --cacert {shell} …, or export CURL_CA_BUNDLE={shell}")),
        ("Node", format!("export NODE_EXTRA_CA_CERTS={shell}")),
        ("Python", format!("export REQUESTS_CA_BUNDLE={shell} SSL_CERT_FILE={shell}")),
        (".NET, Go on Linux", format!("export SSL_CERT_FILE={shell}")),
        (
            "Debian, Ubuntu",
            format!(
                "sudo cp {shell} /usr/local/share/ca-certificates/connref.crt && sudo update-ca-certificates"
            ),
        ),
        (
            "Windows (.NET, PowerShell)",
            format!(
                "Import-Certificate -FilePath {shell} -CertStoreLocation Cert:\\CurrentUser\\Root"
            ),
        ),
        (
            "macOS",
            format!("security add-trusted-cert -k ~/Library/Keychains/login.keychain-db {shell}"),
        ),
    ];
    if !context.output.is_table() {
        let ways: Vec<_> =
            ways.iter().map(|(client, how)| json!({"client": client, "how": how})).collect();
        context.output.one(&json!({"file": path, "clients": ways}))?;
        return Ok(Exit::Clean);
    }
    let mut text = format!("the server's certificates are signed by {path}\n");
    for (client, how) in &ways {
        text += &format!("  {client:<26}  {how}\n");
    }
    text += "Keep ca.key beside it to yourself: whoever has it can pose as any host to who trusts the file.\n";
    context.output.text(&text)?;
    Ok(Exit::Clean)
}
