//! `connref server token`
use clap::Args;
use connref_store::StoreError;
use connref_store::access::Caller;
use connref_store::source::{Clock, SystemClock};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::render::note;

/// Arguments of `server token`.
#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    /// Name of the user or service principal
    principal: String,
    /// How long it is valid
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
}

impl TokenArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        if context.globals.acting.is_some() {
            return Err(Failure::refused("only the operator makes tokens; leave --as away"));
        }
        let app = context.embedded().await?.app();
        let until = SystemClock.now() + i64::from(self.days) * 86_400_000_000;
        let operator = Caller::Operator(app.operator().to_owned());
        let made = app.store().token_create_for(&operator, &self.principal, until).await;
        let token = made.map_err(|error| match error {
            StoreError::NotFound { .. } => {
                Failure::new(Exit::NotFound, error).fix("connref user add NAME --service-principal")
            }
            error => Failure::new(Exit::Usage, error),
        })?;
        let until =
            Timestamp::from_microsecond(until).map_or_else(|_| String::new(), |t| t.to_string());
        if context.output.is_table() {
            context.output.text(&format!("{}\n", token.expose_secret()))?;
            note(&format!("token of {} until {until}; it is shown once", self.principal));
        } else {
            let token = token.expose_secret();
            let item = json!({"principal": self.principal, "token": token, "until": until});
            context.output.one(&item)?;
        }
        Ok(Exit::Clean)
    }
}
