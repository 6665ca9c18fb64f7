//! Numbered SQL files with checksums, applied forward only, each in one transaction.
use sha2::{Digest, Sha256};

use super::{DbError, Dialect, Sql};

/// The migrations in order. One folder serves both engines.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "initial", include_str!("../../migrations/0001_initial.sql")),
    (2, "people", include_str!("../../migrations/0002_people.sql")),
    (3, "key_change", include_str!("../../migrations/0003_key_change.sql")),
    (4, "connection_token", include_str!("../../migrations/0004_connection_token.sql")),
    (5, "journal_secrets", include_str!("../../migrations/0005_journal_secrets.sql")),
    (6, "connector_properties", include_str!("../../migrations/0006_connector_properties.sql")),
    (7, "deployment", include_str!("../../migrations/0007_deployment.sql")),
    (8, "tenant_policy", include_str!("../../migrations/0008_tenant_policy.sql")),
    (9, "pipeline", include_str!("../../migrations/0009_pipeline.sql")),
    (10, "custom_table", include_str!("../../migrations/0010_custom_table.sql")),
    (11, "identity", include_str!("../../migrations/0011_identity.sql")),
    (12, "wire", include_str!("../../migrations/0012_wire.sql")),
    (13, "binding_return", include_str!("../../migrations/0013_binding_return.sql")),
    (14, "outside_identity", include_str!("../../migrations/0014_outside_identity.sql")),
];

impl Dialect {
    /// How the column types of the one text are spelled on an engine.
    fn spell(self, text: &str) -> String {
        match self {
            Self::Sqlite => text.replace(" BYTEA", " BLOB"),
            Self::Postgres => text.replace(" TEXT", " TEXT COLLATE \"C\""),
        }
    }
}

/// The table that says what was applied.
pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (\
     version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)";

/// Applies what is missing. The caller holds the transaction and the lock.
pub(super) fn apply(sql: &mut Sql<'_>, dialect: Dialect) -> Result<(), DbError> {
    let applied =
        sql.query("SELECT version, checksum FROM schema_migration ORDER BY version", &[])?;
    let known = MIGRATIONS.iter().map(|m| m.0).max().unwrap_or(0);
    for row in &applied {
        let version = row.int(0)?;
        let Some((_, _, text)) = MIGRATIONS.iter().find(|m| m.0 == version) else {
            return Err(DbError::Newer { found: version, known });
        };
        if row.text(1)? != checksum(text) {
            return Err(DbError::Migration { version });
        }
    }
    for (version, name, text) in MIGRATIONS {
        if applied.iter().any(|row| row.int(0).ok() == Some(*version)) {
            continue;
        }
        for statement in statements(text) {
            sql.execute(&dialect.spell(&statement), &[])?;
        }
        sql.execute(
            "INSERT INTO schema_migration (version, name, checksum) VALUES ($1, $2, $3)",
            &[(*version).into(), (*name).into(), checksum(text).into()],
        )?;
    }
    Ok(())
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The statements of a file: comments dropped, split at semicolons (none stands inside a literal).
fn statements(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .collect::<Vec<_>>()
        .join("\n");
    code.split(';').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
}
