//! Why a connection is broken, from the code and the words that its last test or sign-in left.
use connref_solution::model::Facts;
use connref_solution::model::facts::ConnectionFacts;

use crate::fix;

/// A cause of a broken connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nobody signed in yet.
    NeverSignedIn,
    /// The grant was taken back, or ended because nobody used it.
    GrantEnded,
    /// The password changed or ended.
    Password,
    /// A second factor is asked for.
    SecondFactor,
    /// A rule of the directory forbids the sign-in from there.
    ConditionalAccess,
    /// Nobody consented, or consent was taken back.
    Consent,
    /// The account is disabled or deleted.
    Account,
    /// The application is disabled or unknown.
    Application,
    /// The client secret or the certificate is wrong or ended.
    Credential,
    /// A policy forbids it.
    Policy,
    /// The target does not exist any more.
    TargetGone,
    /// The target refuses this identity.
    Rights,
    /// The target did not answer.
    Network,
    /// None of these.
    Unknown,
}

/// Error numbers of Entra ID, with what they mean for a connection.
const NUMBERS: &[(u32, Cause)] = &[
    (16_000, Cause::SecondFactor),
    (50_034, Cause::Account),
    (50_053, Cause::Account),
    (50_055, Cause::Password),
    (50_057, Cause::Account),
    (50_058, Cause::GrantEnded),
    (50_074, Cause::SecondFactor),
    (50_076, Cause::SecondFactor),
    (50_079, Cause::SecondFactor),
    (50_089, Cause::GrantEnded),
    (50_097, Cause::ConditionalAccess),
    (50_105, Cause::Rights),
    (50_126, Cause::Password),
    (50_131, Cause::ConditionalAccess),
    (50_133, Cause::Password),
    (50_158, Cause::ConditionalAccess),
    (50_173, Cause::Password),
    (53_000, Cause::ConditionalAccess),
    (53_001, Cause::ConditionalAccess),
    (53_002, Cause::ConditionalAccess),
    (53_003, Cause::ConditionalAccess),
    (53_004, Cause::SecondFactor),
    (65_001, Cause::Consent),
    (65_004, Cause::Consent),
    (70_000, Cause::GrantEnded),
    (70_008, Cause::GrantEnded),
    (70_043, Cause::ConditionalAccess),
    (90_094, Cause::Consent),
    (135_011, Cause::Account),
    (500_011, Cause::TargetGone),
    (500_133, Cause::GrantEnded),
    (500_341, Cause::Account),
    (530_031, Cause::ConditionalAccess),
    (530_032, Cause::ConditionalAccess),
    (700_003, Cause::Account),
    (700_016, Cause::Application),
    (700_024, Cause::Credential),
    (700_027, Cause::Credential),
    (700_081, Cause::GrantEnded),
    (700_082, Cause::GrantEnded),
    (700_084, Cause::GrantEnded),
    (7_000_112, Cause::Application),
    (7_000_215, Cause::Credential),
    (7_000_222, Cause::Credential),
];

/// Words that a code or a message may hold, the telling ones first.
const WORDS: &[(&str, Cause)] = &[
    ("unauthenticated", Cause::NeverSignedIn),
    ("dlpviolation", Cause::Policy),
    ("conditional access", Cause::ConditionalAccess),
    ("cannot resolve", Cause::TargetGone),
    ("dns", Cause::TargetGone),
    ("no such host", Cause::TargetGone),
    ("name or service not known", Cause::TargetGone),
    ("password", Cause::Password),
    ("invalid_client", Cause::Credential),
    ("unauthorized_client", Cause::Application),
    ("consent_required", Cause::Consent),
    ("interaction_required", Cause::SecondFactor),
    ("invalid_grant", Cause::GrantEnded),
    ("access_denied", Cause::Rights),
    ("forbidden", Cause::Rights),
    ("unauthorized", Cause::Credential),
    ("did not answer", Cause::Network),
    ("cannot connect", Cause::Network),
    ("lost the connection", Cause::Network),
    ("did not finish", Cause::Network),
    ("timed out", Cause::Network),
];

/// Statuses of HTTP that say it, where they stand as a word of their own.
const STATUSES: &[(&str, Cause)] = &[
    ("404", Cause::TargetGone),
    ("410", Cause::TargetGone),
    ("403", Cause::Rights),
    ("401", Cause::Credential),
    ("407", Cause::Network),
    ("502", Cause::Network),
    ("503", Cause::Network),
    ("504", Cause::Network),
];

/// The cause behind a code and a message.
pub fn cause_of(code: &str, message: &str) -> Cause {
    let text = format!("{code} {message}").to_lowercase();
    if let Some(cause) = numbered(&text) {
        return cause;
    }
    if let Some((_, cause)) = WORDS.iter().find(|(word, _)| contains(&text, word)) {
        return *cause;
    }
    let words = || text.split(|c: char| !c.is_ascii_alphanumeric());
    let status = STATUSES.iter().find(|(status, _)| words().any(|word| word == *status));
    status.map_or(Cause::Unknown, |(_, cause)| *cause)
}

fn numbered(text: &str) -> Option<Cause> {
    text.match_indices("aadsts").find_map(|(at, prefix)| {
        let digits = &text[at + prefix.len()..];
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let number: u32 = digits[..end].parse().ok()?;
        NUMBERS.iter().find(|(known, _)| *known == number).map(|(_, cause)| *cause)
    })
}

/// Whether a word stands in a text as one, not as part of another.
fn contains(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

impl Cause {
    /// What happened, and what helps.
    pub fn words(self) -> &'static str {
        match self {
            Self::NeverSignedIn => "nobody signed in to it yet: its owner has to",
            Self::GrantEnded => "the sign-in ended or was taken back: its owner signs in again",
            Self::Password => "the password changed or ended: its owner signs in again",
            Self::SecondFactor => "a second factor is asked for: its owner signs in again",
            Self::ConditionalAccess => {
                "a rule of the directory forbids this sign-in: ask its administrators, or use a service principal"
            }
            Self::Consent => "consent is missing: its owner or an administrator consents",
            Self::Account => "the account is disabled, locked or deleted: use another owner's",
            Self::Application => "the application is disabled or unknown in that tenant",
            Self::Credential => "the credential is wrong or ended: rotate it",
            Self::Policy => "a data policy forbids this connector here",
            Self::TargetGone => "the target does not exist any more",
            Self::Rights => "the target refuses this identity: give it the rights it needs",
            Self::Network => "the target did not answer: try again later",
            Self::Unknown => "the cause is not known: test it again",
        }
    }

    /// The command that helps with this cause.
    pub fn fix(self, facts: &Facts, connection: &ConnectionFacts) -> String {
        match self {
            Self::NeverSignedIn
            | Self::GrantEnded
            | Self::Password
            | Self::SecondFactor
            | Self::Consent => fix::connection(facts, "sign-in", connection),
            Self::Credential => fix::connection(facts, "rotate", connection),
            _ => fix::probe(facts, connection),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_words_tell_the_cause() {
        for (code, message, cause) in [
            ("Unauthorized", "refused (`invalid_grant, AADSTS70008`)", Cause::GrantEnded),
            ("Unauthorized", "AADSTS50173: the password was changed", Cause::Password),
            ("x", "AADSTS7000222", Cause::Credential),
            ("x", "AADSTS53003 blocked", Cause::ConditionalAccess),
            ("Unauthenticated", "This connection is not authenticated.", Cause::NeverSignedIn),
            ("ProbeFailed", "cannot call: cannot resolve `old.contoso.test`", Cause::TargetGone),
            ("ProbeFailed", "the target answered 410", Cause::TargetGone),
            ("ProbeFailed", "`db` did not answer within 30 s", Cause::Network),
            ("ProbeFailed", "something about 14041 rows", Cause::Unknown),
            ("AADSTS1", "invalid_client", Cause::Credential),
            ("", "", Cause::Unknown),
        ] {
            assert_eq!(cause_of(code, message), cause, "{code} {message}");
        }
    }
}
