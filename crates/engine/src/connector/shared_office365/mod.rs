//! Office 365 Outlook: sending mail, through SMTP or Microsoft Graph.
//!
//! The connection's endpoint decides: `host:port` is an SMTP server, an `https://` address is Graph.

mod graph;
mod mail;
mod smtp;

use futures::future::BoxFuture;

use super::metadata::{connection_parameter, operation};
use super::parameters::Parameters;
use super::{
    Authentication, CallContext, CallError, Connector, ConnectorMetadata, OperationCall,
    OperationResponse, ParameterKind, Probe, ServicePrincipal, Support, Tier,
};
use mail::Mail;

const API: &str = "shared_office365";
/// Graph's public address.
const GRAPH: &str = "https://graph.microsoft.com";
const FIELDS: [&str; 9] = [
    "emailMessage/To!",
    "emailMessage/Subject!",
    "emailMessage/Body!",
    "emailMessage/From",
    "emailMessage/Cc",
    "emailMessage/Bcc",
    "emailMessage/ReplyTo",
    "emailMessage/Importance",
    "emailMessage/Attachments",
];

/// The connector.
#[derive(Clone, Copy, Debug)]
pub struct Office365;

/// How a connection sends.
enum Route<'a> {
    Smtp(smtp::Server<'a>),
    Graph(String),
}

impl<'a> Route<'a> {
    fn of(cx: &CallContext<'a>) -> Result<Self, CallError> {
        match cx.target.endpoint.as_deref().map(str::trim) {
            None => Ok(Self::Graph(GRAPH.to_owned())),
            Some(e) if e.starts_with("https://") || e.starts_with("http://") => {
                Ok(Self::Graph(e.to_owned()))
            }
            Some(e) => Ok(Self::Smtp(smtp::Server::read(cx, e)?)),
        }
    }
}

impl Connector for Office365 {
    fn api_name(&self) -> &str {
        API
    }

    fn metadata(&self) -> ConnectorMetadata {
        let shared: Vec<&str> =
            FIELDS.into_iter().chain(["emailMessage/MailboxAddress!"]).collect();
        ConnectorMetadata {
            api_name: API.to_owned(),
            display_name: "Office 365 Outlook".to_owned(),
            tier: Tier::Standard,
            operations: vec![
                operation("SendEmailV2", "Send an email", &FIELDS),
                operation(
                    "SharedMailboxSendEmailV2",
                    "Send an email from a shared mailbox",
                    &shared,
                ),
            ],
            connection_parameters: vec![
                connection_parameter("username", ParameterKind::String, "SMTP: the account"),
                connection_parameter("password", ParameterKind::Secret, "SMTP: its password"),
                connection_parameter(
                    "tls",
                    ParameterKind::String,
                    "SMTP: `starttls` (default), `tls` (default on port 465) or `none`",
                ),
                connection_parameter(
                    "from",
                    ParameterKind::String,
                    "SMTP: the sender's address if it is not the account",
                ),
                connection_parameter(
                    "mailbox",
                    ParameterKind::String,
                    "Graph: the mailbox to send from when an application signs in",
                ),
                connection_parameter(
                    "token",
                    ParameterKind::Oauth,
                    "Graph: consent of the user, or the application's own grant",
                ),
            ],
            authentication: vec![Authentication::Basic, Authentication::OauthUser],
            service_principal: ServicePrincipal {
                support: Support::No,
                reason: "the vendor's connector offers only a user's consent".to_owned(),
            },
        }
    }

    fn call<'a>(
        &'a self,
        cx: &'a CallContext<'a>,
        call: OperationCall<'a>,
    ) -> BoxFuture<'a, Result<OperationResponse, CallError>> {
        Box::pin(async move {
            let shared = match call.operation_id {
                "SendEmailV2" => false,
                "SharedMailboxSendEmailV2" => true,
                other => {
                    return Err(CallError::unsupported(
                        other,
                        "this Outlook operation is not offered here",
                    ));
                }
            };
            let mail = Mail::read(&Parameters::new(call.operation_id, call.parameters), shared)?;
            match Route::of(cx)? {
                Route::Smtp(server) => smtp::send(cx, &server, &mail).await,
                Route::Graph(base) => graph::send(cx, &base, &mail).await,
            }
        })
    }

    fn probe<'a>(&'a self, cx: &'a CallContext<'a>) -> BoxFuture<'a, Result<Probe, CallError>> {
        Box::pin(async move {
            match Route::of(cx)? {
                Route::Smtp(server) => smtp::probe(cx, &server).await,
                Route::Graph(base) => graph::probe(cx, &base).await,
            }
        })
    }
}
