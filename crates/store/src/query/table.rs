//! What is known of a table: the one description behind queries, OData rendering, CSDL and writes.
use super::{Family, table_by_logical_name};
use crate::access::Entity;

/// A table of the Web API.
pub struct TableDef {
    /// Logical name.
    pub name: &'static str,
    /// Entity set name.
    pub set: &'static str,
    /// Display name, for metadata.
    pub display_name: &'static str,
    /// Object type code.
    pub object_type_code: i32,
    /// Table in the database.
    pub physical: &'static str,
    /// Primary key column.
    pub primary_id: &'static str,
    /// Name column, if it has one.
    pub primary_name: Option<&'static str>,
    /// Who owns rows.
    pub ownership: Ownership,
    /// Columns in the order of answers.
    pub columns: &'static [ColumnDef],
    /// Alternate keys.
    pub keys: &'static [AlternateKey],
    /// Collections of rows that point here.
    pub many: &'static [ToMany],
    /// Which rows a member sees.
    pub visibility: Visibility,
    /// A further condition on rows, `{t}` standing for the table.
    pub rows: Option<&'static str>,
    /// The tables a solution brought beside it, if a solution brought it.
    pub family: Option<&'static Family>,
}

impl std::fmt::Debug for TableDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for TableDef {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.physical == other.physical
    }
}

/// Who owns rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// A user.
    User,
    /// A business unit.
    BusinessUnit,
    /// The organisation.
    Organization,
    /// Nobody.
    None,
}

impl Ownership {
    /// As metadata spells it.
    pub fn spelling(self) -> &'static str {
        match self {
            Self::User => "UserOwned",
            Self::BusinessUnit => "BusinessOwned",
            Self::Organization => "OrganizationOwned",
            Self::None => "None",
        }
    }
}

/// Which rows a member sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// All of the environment.
    Members,
    /// Those that its privilege to read rows of this kind reaches (`access::decide`).
    Readable(Entity),
    /// All, for whoever may read rows of this kind at any depth: rows that hang on others.
    WithAny(Entity),
    /// Shares to itself; all for whoever assigns roles.
    Sharing,
    /// Own rows, for whoever makes flows; all for an administrator. Where the organisation owns the
    /// rows, all for whoever makes flows.
    Custom,
}

/// An alternate key. Several may stand for one: what clients use and the full one.
#[derive(Clone, Copy, Debug)]
pub struct AlternateKey {
    /// Name.
    pub name: &'static str,
    /// Columns.
    pub columns: &'static [&'static str],
}

/// A collection of rows that point here.
#[derive(Clone, Copy, Debug)]
pub struct ToMany {
    /// Navigation property.
    pub name: &'static str,
    /// Logical name of the other table.
    pub table: &'static str,
    /// Its lookup column.
    pub column: &'static str,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct ColumnDef {
    /// Logical name.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Where its value comes from.
    pub source: Source,
    /// Column with the folded form, if the table keeps one.
    pub folded: Option<&'static str>,
    /// May be given at create.
    pub creatable: bool,
    /// May be given at update.
    pub updatable: bool,
    /// Must be given at create.
    pub required: bool,
    /// The relationship that makes the table a hierarchy.
    pub hierarchy: bool,
}

/// Where a column's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A column of the same name as the logical one.
    Same,
    /// A column of another name.
    Column(&'static str),
    /// No value in any row.
    Nothing,
    /// The same number in every row.
    Constant(i64),
    /// The same number in every row where a condition holds, `{t}` standing for the table; no value in the
    /// others.
    ConstantWhere(&'static str, i64),
    /// An expression, `{t}` standing for the table.
    Sql(&'static str),
}

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text up to a length.
    Text(u32),
    /// Long text up to a length.
    Memo(u32),
    /// Text with one spelling in the database and another outside: (stored, shown).
    Spelled(&'static [(&'static str, &'static str)]),
    /// GUID.
    Guid,
    /// 32-bit number.
    Int,
    /// 64-bit number.
    BigInt,
    /// Number with a fraction.
    Double,
    /// Number with so many places, kept as a whole number of the smallest step.
    Fixed {
        /// Places after the point.
        places: u8,
        /// Shown as a floating point number.
        double: bool,
    },
    /// Yes or no.
    Flag,
    /// Yes or no with a say in who may change it.
    Managed,
    /// Choice.
    Picklist(&'static [Choice]),
    /// Choice of several: their numbers in order, with commas.
    Choices(&'static [Choice]),
    /// State (`statecode`).
    State(&'static [Choice]),
    /// Reason of the state (`statuscode`).
    Status(&'static [Choice]),
    /// Moment.
    Time,
    /// Reference to a row.
    Lookup {
        /// Logical name of the table it points to.
        target: &'static str,
        /// Single-valued navigation property.
        navigation: &'static str,
    },
}

/// A value of a choice: number and label.
pub type Choice = (i64, &'static str);

/// What compares with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Text,
    Guid,
    Number,
    Flag,
    Time,
}

impl Kind {
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Text(_) | Self::Memo(_) | Self::Spelled(_) | Self::Choices(_) => Class::Text,
            Self::Guid | Self::Lookup { .. } => Class::Guid,
            Self::Int
            | Self::BigInt
            | Self::Double
            | Self::Fixed { .. }
            | Self::Picklist(_)
            | Self::State(_)
            | Self::Status(_) => Class::Number,
            Self::Flag | Self::Managed => Class::Flag,
            Self::Time => Class::Time,
        }
    }

    /// The type as OData names it.
    pub fn edm(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Memo(_) | Self::Spelled(_) | Self::Choices(_) => "Edm.String",
            Self::Guid | Self::Lookup { .. } => "Edm.Guid",
            Self::Int | Self::Picklist(_) | Self::State(_) | Self::Status(_) => "Edm.Int32",
            Self::BigInt => "Edm.Int64",
            Self::Double | Self::Fixed { double: true, .. } => "Edm.Double",
            Self::Fixed { double: false, .. } => "Edm.Decimal",
            Self::Flag => "Edm.Boolean",
            Self::Managed => "mscrm.BooleanManagedProperty",
            Self::Time => "Edm.DateTimeOffset",
        }
    }

    /// Numbers and labels of a choice.
    pub fn choices(&self) -> Option<&'static [Choice]> {
        match self {
            Self::Picklist(choices)
            | Self::Choices(choices)
            | Self::State(choices)
            | Self::Status(choices) => Some(choices),
            _ => None,
        }
    }

    /// Places after the point that are kept in a whole number.
    pub fn places(&self) -> u8 {
        match self {
            Self::Fixed { places, .. } => *places,
            _ => 0,
        }
    }

    /// Target table and navigation property of a lookup.
    pub fn lookup(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Lookup { target, navigation } => Some((target, navigation)),
            _ => None,
        }
    }
}

impl TableDef {
    /// A column by logical name; logical names are lower case and compare without case.
    pub fn column(&self, name: &str) -> Option<&'static ColumnDef> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The lookup that makes the table a hierarchy.
    pub fn hierarchy(&self) -> Option<&'static ColumnDef> {
        self.columns.iter().find(|column| column.hierarchy)
    }

    /// The lookup column behind a single-valued navigation property.
    pub fn navigation(&self, name: &str) -> Option<&'static ColumnDef> {
        self.columns.iter().find(|column| {
            column
                .kind
                .lookup()
                .is_some_and(|(_, navigation)| navigation.eq_ignore_ascii_case(name))
        })
    }

    /// A collection by navigation property.
    pub fn collection(&self, name: &str) -> Option<&'static ToMany> {
        self.many.iter().find(|many| many.name.eq_ignore_ascii_case(name))
    }

    /// A table by logical name that this one can point to.
    pub fn beside(&self, name: &str) -> Option<&'static TableDef> {
        table_by_logical_name(name).or_else(|| self.family?.table(name))
    }

    /// The primary key's column.
    pub fn id_column(&self) -> &'static ColumnDef {
        self.column(self.primary_id).expect("the catalogue test holds every table to this")
    }
}

/// Builders for the catalogue.
impl ColumnDef {
    pub(super) const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            source: Source::Same,
            folded: None,
            creatable: false,
            updatable: false,
            required: false,
            hierarchy: false,
        }
    }

    pub(super) const fn lookup(
        name: &'static str,
        target: &'static str,
        navigation: &'static str,
    ) -> Self {
        Self::new(name, Kind::Lookup { target, navigation })
    }

    pub(super) const fn from(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    pub(super) const fn folded(mut self, column: &'static str) -> Self {
        self.folded = Some(column);
        self
    }

    /// Given at create only.
    pub(super) const fn create(mut self) -> Self {
        self.creatable = true;
        self
    }

    /// Given at create and update.
    pub(super) const fn edit(mut self) -> Self {
        self.creatable = true;
        self.updatable = true;
        self
    }

    /// Given at update only.
    pub(super) const fn update(mut self) -> Self {
        self.updatable = true;
        self
    }

    /// The relationship that makes the table a hierarchy.
    pub(super) const fn hierarchical(mut self) -> Self {
        self.hierarchy = true;
        self
    }

    /// Must be given at create.
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}
