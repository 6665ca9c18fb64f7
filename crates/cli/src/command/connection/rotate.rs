//! `connref connection rotate`
use clap::Args;
use connref_client::connection::Rotation;

use super::proof::ProofArgs;
use super::{Which, row};
use crate::context::Context;
use crate::exit::{Exit, Outcome};
use crate::secret::{SecretArgs, pair};

/// Arguments of `connection rotate`.
#[derive(Args, Debug)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    secrets: SecretArgs,
    /// Connection parameter that is no secret
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    parameters: Vec<(String, String)>,
    #[command(flatten)]
    proof: ProofArgs,
    /// How long the old credential comes back by itself when the new one is not accepted (90s, 30m,
    /// 24h, 7d; 0s keeps nothing of it)
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = seconds)]
    window: u64,
    /// Do not ask the target first
    #[arg(long)]
    no_test: bool,
    /// Take the last rotation back
    #[arg(long, conflicts_with_all = ["secret_file", "secret_env", "secret_stdin", "parameters", "no_test"])]
    back: bool,
}

/// Reads a number with its unit.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let unit = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    unit.iter()
        .find_map(|(unit, factor)| {
            text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(*factor)
        })
        .ok_or_else(|| "expected a number with its unit, as in 24h".to_owned())
}

impl RotateArgs {
    pub(super) async fn run(self, context: &Context) -> Outcome {
        let client = context.client().await?;
        let (rotated, word) = if self.back {
            let connection = self.which.find(&client).await?;
            (client.connection_return(&connection).await?, "rotated back")
        } else {
            let mut secrets = self.secrets.read()?;
            let ends = self.proof.secret_ends.clone();
            let mut parameters = self.parameters;
            self.proof.add(&mut parameters, &mut secrets)?;
            let connection = self.which.find(&client).await?;
            let to = Rotation {
                parameters: parameters.into_iter().collect(),
                secrets,
                secret_ends: ends.as_deref(),
                window: self.window,
                test: !self.no_test,
            };
            (client.connection_rotate(&connection, &to).await?, "rotated")
        };
        let sentence = format!("connection {} {word}", rotated.display_name);
        context.output.done(&sentence, &row(&rotated))?;
        Ok(Exit::Clean)
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(
            ["90s", "30m", "24h", "7d", "0s"].map(seconds),
            [90, 1800, 86_400, 604_800, 0].map(Ok)
        );
        for bad in ["", "24", "h", "-1h", "1w", "99999999999999999d"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
