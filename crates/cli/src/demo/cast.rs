//! Who plays: two environments, two people, a service principal and a mailbox for each stage.
use connref_store::source::{Ids, hex};

use super::target::Account;

/// Administers both environments, deploys, and owns what is deployed.
pub(super) const BOB: &str = "bob@contoso.test";
/// Made the connection of the production mailbox, and leaves.
pub(super) const ALICE: &str = "alice@contoso.test";

/// Logical names of the example's references.
pub(super) const ORDERS_REFERENCE: &str = "contoso_sharedcontosoordersapi_4b1e7";
pub(super) const SQL_REFERENCE: &str = "contoso_sharedsql_c20d9";
pub(super) const MAIL_REFERENCE: &str = "contoso_sharedoffice365_7fa36";
/// Names of the example's flows.
pub(super) const SYNC: &str = "Sync orders";
pub(super) const REPORT: &str = "Report orders";
/// Code of a flow that is off for want of a binding.
pub(super) const MISSING: &str = "XrmConnectionReferenceMissingConnection";

/// One environment with who acts in it.
pub(super) struct Stage {
    pub(super) name: &'static str,
    /// As the control plane calls it.
    pub(super) sku: &'static str,
    /// As the command line calls it.
    pub(super) kind: &'static str,
    /// Service principal that reads orders, the name under which the order book knows it.
    pub(super) service: &'static str,
    pub(super) application_id: &'static str,
    /// Mailbox that sends the report.
    pub(super) mailbox: &'static str,
    /// Who owns the mailbox's connection.
    pub(super) mailbox_owner: &'static str,
    /// Who gets the report.
    pub(super) recipient: &'static str,
    /// File of the order log.
    pub(super) database: &'static str,
}

pub(super) const DEV: Stage = Stage {
    name: "DEV",
    sku: "Developer",
    kind: "developer",
    service: "svc-orders-dev",
    application_id: "0d3b6a52-4c1e-4f87-a9d0-6b2e81f5c301",
    mailbox: "orders-test@contoso.test",
    mailbox_owner: BOB,
    recipient: "makers@contoso.test",
    database: "orders-dev.db",
};

pub(super) const PROD: Stage = Stage {
    name: "PROD",
    sku: "Production",
    kind: "production",
    service: "svc-orders-prod",
    application_id: "0d3b6a52-4c1e-4f87-a9d0-6b2e81f5c302",
    mailbox: "orders@contoso.test",
    mailbox_owner: ALICE,
    recipient: "sales@contoso.test",
    database: "orders-prod.db",
};

pub(super) const STAGES: [&Stage; 2] = [&DEV, &PROD];

/// An account with a fresh secret.
pub(super) fn account(name: &str, ids: &dyn Ids) -> Account {
    let mut bytes = [0_u8; 16];
    ids.fill(&mut bytes);
    Account { name: name.to_owned(), secret: hex(&bytes) }
}
