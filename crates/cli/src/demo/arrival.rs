//! What the targets wrote down since the last look. An arrival is laid to an environment by the
//! run that was going on, never by the identity it came under: a wrong identity is seen as such.
use serde_json::{Value, json};

use super::Demo;
use super::cast::{STAGES, Stage};
use crate::exit::Failure;

/// How much of the targets' records was seen already.
#[derive(Clone, Debug, Default)]
pub(super) struct Mark {
    visits: usize,
    letters: usize,
    rows: [usize; STAGES.len()],
}

/// One arrival as a target saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Environment whose run was going on.
    pub(super) environment: &'static str,
    pub(super) target: String,
    pub(super) identity: String,
    pub(super) what: String,
}

impl Arrival {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "target": self.target,
            "environment": self.environment,
            "identity": self.identity,
            "what": self.what,
        })
    }
}

impl Demo {
    /// What arrived since the last look, while a run of `stage` was the only thing going on.
    pub(super) fn arrivals(&mut self, stage: &Stage) -> Result<Vec<Arrival>, Failure> {
        let arrival = |target: &str, identity: &str, what: String| Arrival {
            environment: stage.name,
            target: target.to_owned(),
            identity: identity.to_owned(),
            what,
        };
        let mut found = Vec::new();
        let visits = self.targets.orders.visits();
        found.extend(visits.iter().skip(self.mark.visits).map(|visit| {
            let identity = visit.identity.as_deref().unwrap_or("nobody it knows");
            arrival("order book", identity, format!("{} {}", visit.method, visit.path))
        }));
        self.mark.visits = visits.len();
        for ((database, stage), seen) in self.databases.iter().zip(STAGES).zip(&mut self.mark.rows)
        {
            let rows = database.rows()?;
            found.extend(rows.iter().skip(*seen).map(|row| {
                let what = format!("{} {}", row.order, row.customer);
                arrival(stage.database, &row.written_by, what)
            }));
            *seen = rows.len();
        }
        let letters = self.targets.mail.letters();
        found.extend(letters.iter().skip(self.mark.letters).map(|letter| {
            let what = format!("to {}: {}", letter.recipients.join(", "), letter.subject);
            arrival("mail server", &letter.account, what)
        }));
        self.mark.letters = letters.len();
        Ok(found)
    }
}
