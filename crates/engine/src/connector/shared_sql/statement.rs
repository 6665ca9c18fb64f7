//! SQL text with its values apart.

use serde_json::{Map, Value as Json};

use super::filter::{Comparison, Filter, Operand, TextTest};
use super::request::{List, Table};

/// The two kinds of SQL we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// A statement: values only ever travel in `binds`.
#[derive(Debug)]
pub(super) struct Statement {
    dialect: Dialect,
    pub(super) sql: String,
    pub(super) binds: Vec<Json>,
}

/// An identifier in quotes.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's quoted name.
pub(super) fn table(table: &Table) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(&table.name)),
        None => quote(&table.name),
    }
}

impl Statement {
    fn new(dialect: Dialect, sql: impl Into<String>) -> Self {
        Self { dialect, sql: sql.into(), binds: Vec::new() }
    }

    /// Rows of a table, one more than the limit so that a next page shows.
    pub(super) fn list(dialect: Dialect, from: &Table, list: &List, key: &str) -> Self {
        let columns: Vec<_> = list.select.iter().map(|c| quote(c)).collect();
        let columns = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
        let mut statement = Self::new(dialect, format!("select {columns} from {}", table(from)));
        if let Some(filter) = &list.filter {
            statement.sql.push_str(" where ");
            statement.filter(filter);
        }
        let mut order: Vec<_> = list
            .order
            .iter()
            .map(|(c, down)| format!("{}{}", quote(c), if *down { " desc" } else { "" }))
            .collect();
        // Without a total order two pages could overlap.
        order.push(quote(key));
        statement.sql.push_str(&format!(
            " order by {} limit {} offset {}",
            order.join(", "),
            list.limit + 1,
            list.offset
        ));
        statement
    }

    pub(super) fn get(dialect: Dialect, from: &Table, key: &str, id: &str) -> Self {
        let mut statement = Self::new(dialect, format!("select * from {} where ", table(from)));
        statement.key(key, id);
        statement.sql.push_str(" limit 2");
        statement
    }

    pub(super) fn insert(dialect: Dialect, into: &Table, columns: &Map<String, Json>) -> Self {
        let names: Vec<_> = columns.keys().map(|c| quote(c)).collect();
        let mut statement = Self::new(
            dialect,
            format!("insert into {} ({}) values (", table(into), names.join(", ")),
        );
        for (n, value) in columns.values().enumerate() {
            if n > 0 {
                statement.sql.push_str(", ");
            }
            statement.bind(value.clone());
        }
        statement.sql.push_str(") returning *");
        statement
    }

    pub(super) fn update(
        dialect: Dialect,
        target: &Table,
        key: &str,
        id: &str,
        columns: &Map<String, Json>,
    ) -> Self {
        let mut statement = Self::new(dialect, format!("update {} set ", table(target)));
        for (n, (name, value)) in columns.iter().enumerate() {
            let comma = if n > 0 { ", " } else { "" };
            statement.sql.push_str(&format!("{comma}{} = ", quote(name)));
            statement.bind(value.clone());
        }
        statement.sql.push_str(" where ");
        statement.key(key, id);
        statement.sql.push_str(" returning *");
        statement
    }

    pub(super) fn delete(dialect: Dialect, from: &Table, key: &str, id: &str) -> Self {
        let mut statement = Self::new(dialect, format!("delete from {} where ", table(from)));
        statement.key(key, id);
        statement.sql.push_str(&format!(" returning {}", quote(key)));
        statement
    }

    fn key(&mut self, key: &str, id: &str) {
        self.sql.push_str(&format!("{} = ", quote(key)));
        // SQLite compares by type: a number must be bound as one, unless the column is text
        // (then its affinity turns the number back into text).
        let value = match (self.dialect, id.parse::<i64>()) {
            (Dialect::Sqlite, Ok(number)) if number.to_string() == id => Json::from(number),
            _ => Json::from(id),
        };
        self.bind(value);
    }

    fn bind(&mut self, value: Json) {
        self.binds.push(value);
        let sign = match self.dialect {
            Dialect::Sqlite => '?',
            Dialect::Postgres => '$',
        };
        self.sql.push_str(&format!("{sign}{}", self.binds.len()));
    }

    fn filter(&mut self, filter: &Filter) {
        match filter {
            Filter::And(parts) => self.joined(parts, " and "),
            Filter::Or(parts) => self.joined(parts, " or "),
            Filter::Not(inner) => {
                self.sql.push_str("not (");
                self.filter(inner);
                self.sql.push(')');
            }
            Filter::Compare(left, comparison, right) => self.compare(left, *comparison, right),
            Filter::Text(test, column, value) => self.text(*test, column, value),
        }
    }

    fn joined(&mut self, parts: &[Filter], word: &str) {
        self.sql.push('(');
        for (n, part) in parts.iter().enumerate() {
            if n > 0 {
                self.sql.push_str(word);
            }
            self.filter(part);
        }
        self.sql.push(')');
    }

    fn compare(&mut self, left: &Operand, comparison: Comparison, right: &Operand) {
        let null = |o: &Operand| *o == Operand::Literal(Json::Null);
        let sign = match comparison {
            Comparison::Eq if null(left) || null(right) => " is ",
            Comparison::Ne if null(left) || null(right) => " is not ",
            Comparison::Eq => " = ",
            Comparison::Ne => " <> ",
            Comparison::Gt => " > ",
            Comparison::Ge => " >= ",
            Comparison::Lt => " < ",
            Comparison::Le => " <= ",
        };
        // `null is column` is no SQL.
        let (left, right) = if null(left) { (right, left) } else { (left, right) };
        self.operand(left);
        self.sql.push_str(sign);
        self.operand(right);
    }

    fn operand(&mut self, operand: &Operand) {
        match operand {
            Operand::Column(name) => self.sql.push_str(&quote(name)),
            Operand::Literal(Json::Null) => self.sql.push_str("null"),
            Operand::Literal(value) => self.bind(value.clone()),
        }
    }

    fn text(&mut self, test: TextTest, column: &str, value: &Json) {
        let value = super::super::parameters::scalar(value).unwrap_or_default();
        let column = match self.dialect {
            Dialect::Sqlite => quote(column),
            Dialect::Postgres => format!("{}::text", quote(column)),
        };
        let cast = if self.dialect == Dialect::Postgres { "::text" } else { "" };
        let length = value.chars().count();
        match (test, self.dialect) {
            (TextTest::Contains, dialect) => {
                let function = if dialect == Dialect::Sqlite { "instr" } else { "strpos" };
                self.sql.push_str(&format!("{function}({column}, "));
                self.bind(Json::from(value));
                self.sql.push_str(&format!("{cast}) > 0"));
                return;
            }
            (TextTest::StartsWith, _) => {
                self.sql.push_str(&format!("substr({column}, 1, {length}) = "));
            }
            (TextTest::EndsWith, _) if length == 0 => self.sql.push_str("'' = "),
            (TextTest::EndsWith, Dialect::Sqlite) => {
                self.sql.push_str(&format!("substr({column}, -{length}) = "));
            }
            (TextTest::EndsWith, Dialect::Postgres) => {
                self.sql.push_str(&format!("right({column}, {length}) = "));
            }
        }
        self.bind(Json::from(value));
        self.sql.push_str(cast);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quote("a\"; drop table t; --"), "\"a\"\"; drop table t; --\"");
    }

    #[test]
    fn values_never_enter_the_text() {
        let filter =
            super::super::filter::parse("a eq 'canary' and not contains(b, 'canary') or c ne null")
                .expect("parses");
        let list = List {
            select: vec!["a".to_owned()],
            filter: Some(filter),
            order: vec![("b".to_owned(), true)],
            limit: 10,
            limited: false,
            offset: 20,
        };
        let table = Table { schema: None, name: "t".to_owned() };
        let statement = Statement::list(Dialect::Postgres, &table, &list, "id");
        let expected = "select \"a\" from \"t\" where ((\"a\" = $1 and not (strpos(\"b\"::text, $2::text) > 0)) or \"c\" is not null) order by \"b\" desc, \"id\" limit 11 offset 20";
        assert_eq!(statement.sql, expected);
        assert_eq!(statement.binds, [Json::from("canary"), Json::from("canary")]);
    }
}
