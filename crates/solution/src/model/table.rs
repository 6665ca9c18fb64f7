//! Tables that a solution brings.
use serde::{Deserialize, Serialize};

/// A table, as far as rows can be kept in it. The store keeps this as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageTable {
    /// Logical name.
    pub name: String,
    /// Schema name.
    pub schema_name: String,
    /// Name of the entity set.
    pub set: String,
    /// Display name.
    pub display_name: String,
    /// Rows belong to users and teams, not to the organisation.
    pub owned: bool,
    /// Columns.
    pub columns: Vec<PackageColumn>,
    /// Alternate keys.
    pub keys: Vec<PackageKey>,
    /// Relationships of other tables that point here: (name, table, its lookup column).
    pub many: Vec<(String, String, String)>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageColumn {
    /// Logical name.
    pub name: String,
    /// Type.
    pub kind: ColumnKind,
    /// It is the name of a row.
    pub primary_name: bool,
    /// Must be given.
    pub required: bool,
    /// May be given for a new row.
    pub creatable: bool,
    /// May be changed.
    pub updatable: bool,
    /// It is the relationship that makes the table a hierarchy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hierarchy: bool,
}

/// A value of a choice: number and label.
pub type PackageChoice = (i64, String);

/// Type of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnKind {
    /// The row's id.
    Id,
    /// Text up to a length.
    Text(u32),
    /// Long text up to a length.
    Memo(u32),
    /// 32-bit number.
    Int,
    /// 64-bit number.
    BigInt,
    /// Yes or no.
    Flag,
    /// Choice.
    Choice(Vec<PackageChoice>),
    /// Choice of several.
    Choices(Vec<PackageChoice>),
    /// State.
    State(Vec<PackageChoice>),
    /// Reason of the state.
    Status(Vec<PackageChoice>),
    /// Moment.
    Time,
    /// Number with so many places after the point.
    Decimal(u8),
    /// Sum of money, with four places.
    Money,
    /// Floating point number, kept with so many places.
    Float(u8),
    /// Reference to a row.
    Lookup {
        /// Logical name of the table it points to.
        target: String,
        /// Navigation property.
        navigation: String,
    },
    /// Who owns the row.
    Owner,
}

/// An alternate key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageKey {
    /// Name.
    pub name: String,
    /// Columns.
    pub columns: Vec<String>,
}
