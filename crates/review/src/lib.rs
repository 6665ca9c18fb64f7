//! Judgement over facts: checks, audits, outcomes, activation.
