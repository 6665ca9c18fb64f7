//! What an operation answers instead of its value. The edges turn it into their statuses.
use connref_engine::runner::RunError;
use connref_engine::secret::VariableError;
use connref_review::Refusal;
use connref_store::StoreError;
use connref_store::query::QueryError;
use connref_store::vault::VaultError;

/// A refusal or failure.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// Judgement refused it; nothing was written.
    #[error("{}", refusals.first().map_or("refused", |r| r.text.as_str()))]
    Refused {
        /// Why, in the words clients know.
        refusals: Vec<Refusal>,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A run was not started.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A variable gave no value or no secret.
    #[error(transparent)]
    Variable(VariableError),
    /// A query was refused or failed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The input cannot be used.
    #[error("{message}")]
    Invalid {
        /// What, where, why.
        message: String,
        /// What fixes it.
        fix: Option<String>,
    },
    /// The connected system failed or refused.
    #[error("{message}")]
    Remote {
        /// What happened.
        message: String,
    },
    /// A person has to sign in to the connection first.
    #[error("{message}")]
    SignIn {
        /// To which, and why.
        message: String,
        /// How.
        fix: String,
    },
    /// There is something in the way.
    #[error("{message}")]
    Conflict {
        /// What.
        message: String,
        /// What fixes it.
        fix: Option<String>,
    },
}

/// What happened outside, down to its cause: whoever asked can do something about it.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

impl OperationError {
    /// An input that cannot be used, with what fixes it (or nothing).
    pub fn invalid(message: impl Into<String>, fix: &str) -> Self {
        Self::Invalid {
            message: message.into(),
            fix: Some(fix.to_owned()).filter(|f| !f.is_empty()),
        }
    }

    /// Something in the way, with what fixes it.
    pub fn conflict(message: impl Into<String>, fix: &str) -> Self {
        Self::Conflict { message: message.into(), fix: Some(fix.to_owned()) }
    }

    /// The command or change that fixes it, as far as it is known here.
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::Refused { refusals } => refusals.iter().find_map(|r| r.fix.clone()),
            Self::Invalid { fix, .. } | Self::Conflict { fix, .. } => fix.clone(),
            Self::SignIn { fix, .. } => Some(fix.clone()),
            Self::Run(RunError::NotOn { flow, .. }) => Some(format!(
                "see why with `connref flow why \"{flow}\"`, then `connref flow on \"{flow}\"`"
            )),
            Self::Store(StoreError::InUse { kind: "connection", .. }) => Some(
                "bind references elsewhere and turn flows off first, or delete with --force"
                    .to_owned(),
            ),
            Self::Store(StoreError::InUse { kind: "key", .. }) => {
                Some("let it end first: connref key rotate".to_owned())
            }
            Self::Store(StoreError::Vault(error)) => error.fix(),
            _ => None,
        }
    }

    /// Whether a failure of the store is none that whoever asked can do something about.
    pub(crate) fn is_inside(error: &StoreError) -> bool {
        store_status(error) >= 500
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Refused { refusals } => refusals.first().map_or(400, |r| r.status),
            Self::Store(error) | Self::Run(RunError::Store(error)) => store_status(error),
            Self::Run(RunError::NoTrigger { .. }) => 404,
            Self::Run(_) | Self::Invalid { .. } => 400,
            Self::Query(error) => query_status(error),
            Self::Variable(error) => error.status(),
            Self::Remote { .. } => 502,
            Self::Conflict { .. } | Self::SignIn { .. } => 409,
        }
    }
}

fn store_status(error: &StoreError) -> u16 {
    match error {
        StoreError::NotFound { .. } => 404,
        StoreError::Exists { .. } | StoreError::InUse { .. } | StoreError::Stale { .. } => 409,
        StoreError::Modified { .. } => 412,
        StoreError::Denied { .. } => 403,
        StoreError::Invalid(_) => 400,
        // The row's own fault, and no secret in its words: an administrator must be told.
        StoreError::Vault(VaultError::Integrity { .. }) => 422,
        StoreError::Vault(VaultError::TooLarge { .. }) => 413,
        StoreError::Vault(VaultError::KeyChanged) => 409,
        StoreError::LeaseLost(_)
        | StoreError::Vault(_)
        | StoreError::Database(_)
        | StoreError::Document { .. } => 500,
    }
}

fn query_status(error: &QueryError) -> u16 {
    match error {
        QueryError::Store(error) => store_status(error),
        QueryError::Database(_) => 500,
        _ => 400,
    }
}

impl From<VariableError> for OperationError {
    fn from(error: VariableError) -> Self {
        match error {
            VariableError::Store(error) => Self::Store(error),
            other => Self::Variable(other),
        }
    }
}

impl From<Refusal> for OperationError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { refusals: vec![refusal] }
    }
}

impl From<Vec<Refusal>> for OperationError {
    fn from(refusals: Vec<Refusal>) -> Self {
        Self::Refused { refusals }
    }
}
