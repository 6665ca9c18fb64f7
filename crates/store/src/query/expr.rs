//! The condition tree. Columns are logical names; the types are checked when it is turned into SQL.

use super::TableDef;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// All of them; true when empty.
    And(Vec<Expr>),
    /// One of them; false when empty.
    Or(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// A comparison. At least one side is a column.
    Compare {
        /// Left side.
        left: Operand,
        /// How.
        by: Compare,
        /// Right side.
        right: Operand,
    },
    /// A search in text. `%` and `_` in the pattern stand for any text and any character, `[abc]`,
    /// `[a-c]` and `[^abc]` for one of those characters or of the others, as in the vendor's service.
    Match {
        /// Lookups to follow, then the column.
        path: Vec<String>,
        /// Where.
        by: Match,
        /// What for.
        pattern: String,
    },
    /// The column holds one of the values.
    In {
        /// Lookups to follow, then the column.
        path: Vec<String>,
        /// Values; none is null.
        values: Vec<Literal>,
    },
    /// The row, or the one a lookup points to, stands in the line of a row of its hierarchy.
    Line {
        /// Lookups to follow, then the key or a lookup.
        path: Vec<String>,
        /// Where in the line.
        line: Line,
        /// Id of the row that the line is of.
        row: String,
    },
    /// A choice of several holds one of the values.
    Holds {
        /// Lookups to follow, then the column.
        path: Vec<String>,
        /// Values.
        values: Vec<i64>,
    },
    /// A moment lies in a quarter, whatever the year.
    Quarter {
        /// Lookups to follow, then the column.
        path: Vec<String>,
        /// 1 to 4.
        quarter: i64,
    },
    /// Some row of a table, whose column holds the same as one here, fits.
    Exists {
        /// The table.
        table: &'static TableDef,
        /// Its column.
        column: String,
        /// Lookups to follow from here, then the column.
        to: Vec<String>,
        /// Condition on its rows.
        filter: Option<Box<Expr>>,
    },
    /// A condition on a joined table.
    At {
        /// Alias of the join.
        alias: String,
        /// Condition; its columns are those of that table.
        expr: Box<Expr>,
    },
}

/// A side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// Lookups to follow, then the column.
    Path(Vec<String>),
    /// A value.
    Literal(Literal),
    /// The column of a joined table.
    Of {
        /// Alias of the join.
        alias: String,
        /// Logical name of the column.
        column: String,
    },
}

/// A value as written in a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// null
    Null,
    /// Text.
    Text(String),
    /// Whole number.
    Int(i64),
    /// Number with a fraction.
    Float(f64),
    /// true or false.
    Flag(bool),
    /// GUID.
    Guid(String),
    /// Microseconds since the Unix epoch, UTC.
    Time(i64),
}

/// Comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Equal.
    Eq,
    /// Not equal; true when exactly one side is null.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}

impl Compare {
    /// The comparison with its sides exchanged.
    pub fn flipped(self) -> Self {
        match self {
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            same => same,
        }
    }

    /// The comparison that holds when this one does not, nulls aside.
    pub fn negated(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
        }
    }
}

/// Where in a hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Above the row, and not the row.
    Above,
    /// Above the row, or the row.
    AboveOrEqual,
    /// Below the row, and not the row.
    Under,
    /// Below the row, or the row.
    UnderOrEqual,
}

/// Where a text is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// Anywhere.
    Contains,
    /// At the start.
    StartsWith,
    /// At the end.
    EndsWith,
    /// The pattern is the whole text.
    Whole,
}

impl Expr {
    /// A column equals a value.
    pub fn equal(column: &str, value: Literal) -> Self {
        Self::Compare {
            left: Operand::Path(vec![column.to_owned()]),
            by: Compare::Eq,
            right: Operand::Literal(value),
        }
    }

    /// Both conditions, where there may be none yet.
    pub fn and(first: Option<Self>, second: Self) -> Self {
        match first {
            Some(first) => Self::And(vec![first, second]),
            None => second,
        }
    }
}
