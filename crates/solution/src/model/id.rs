//! Row identifiers: lower-case GUID text (connections: 32 hex digits), each kind its own type.
use std::fmt;
use std::sync::Arc;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes an identifier as it is written, braces and case folded away.
            pub fn new(text: &str) -> Self {
                Self(text.trim_matches(['{', '}']).to_ascii_lowercase().into())
            }

            /// The identifier as stored: lower case, no braces.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(&text)
            }
        }
    )*};
}

ids! {
    /// A tenant.
    TenantId;
    /// An environment.
    EnvironmentId;
    /// A user or a service principal (row of `systemusers`).
    PrincipalId;
    /// A row of `connectors` (built-in connectors have one too).
    ConnectorId;
    /// A connection: 32 hex digits.
    ConnectionId;
    /// A connection reference.
    ReferenceId;
    /// A flow (row of `workflows`).
    FlowId;
    /// A solution.
    SolutionId;
    /// A publisher.
    PublisherId;
    /// An environment variable definition.
    VariableId;
    /// A run, in the vendor's shape.
    RunId;
    /// A job: import job or asynchronous operation.
    JobId;
}

/// Whether a text is a GUID: 8-4-4-4-12 hex digits, optionally in braces.
pub fn is_guid(text: &str) -> bool {
    let text = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    let mut groups = text.split('-');
    [8, 4, 4, 4, 12].iter().all(|&length| {
        groups.next().is_some_and(|g| g.len() == length && g.bytes().all(|b| b.is_ascii_hexdigit()))
    }) && groups.next().is_none()
}
