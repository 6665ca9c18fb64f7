//! Statements that a flow writes itself.

use super::super::CallError;

const OPERATION: &str = "ExecutePassThroughNativeQuery_V2";
/// Longest statement that is sent.
const MAX_TEXT: usize = 1024 * 1024;
/// First words of statements about data. `attach`, `pragma`, `vacuum`, `copy`, `set` and their
/// like reach beyond the tables of the connection.
const ALLOWED: [&str; 8] =
    ["select", "with", "values", "insert", "update", "delete", "replace", "merge"];

/// What kind of answer a statement gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// It can stand inside a select.
    Query,
    /// It changes rows and may return them.
    Change,
}

/// Checks a statement and gives it without its closing semicolon.
pub(super) fn check(query: &str) -> Result<(Shape, String), CallError> {
    let bad = |reason: &str| CallError::parameters(OPERATION, reason);
    if query.len() > MAX_TEXT || query.contains('\0') {
        return Err(bad("the query is too long or holds a zero byte"));
    }
    let mut first = None;
    let mut end = query.len();
    let mut ended = false;
    let mut returning = false;
    for piece in pieces(query) {
        match piece {
            Piece::Semicolon(at) => {
                if !ended {
                    end = at;
                }
                ended = true;
            }
            Piece::Other if !ended => first = first.or(Some(String::new())),
            Piece::Word(word) if !ended => {
                let word = word.to_ascii_lowercase();
                returning |= word == "returning";
                first = first.or(Some(word));
            }
            Piece::Other | Piece::Word(_) => return Err(bad("the query must be one statement")),
            Piece::Parameter(_) if ended => return Err(bad("the query must be one statement")),
            Piece::Parameter(_) | Piece::Gap => {}
        }
    }
    let first = first.unwrap_or_default();
    if !ALLOWED.contains(&first.as_str()) {
        return Err(CallError::unsupported(
            OPERATION,
            format!("a query must begin with one of {}", ALLOWED.join(", ")),
        ));
    }
    let shape = if matches!(first.as_str(), "select" | "with" | "values") || returning {
        Shape::Query
    } else {
        Shape::Change
    };
    let shape = if returning && !matches!(first.as_str(), "select" | "values") {
        Shape::Change
    } else {
        shape
    };
    Ok((shape, query[..end].trim().to_owned()))
}

/// Puts `$1, $2 …` in the place of `@name`; gives the names in order.
pub(super) fn number_parameters(
    query: &str,
    known: &dyn Fn(&str) -> bool,
) -> (String, Vec<String>) {
    let mut names: Vec<String> = Vec::new();
    let mut sql = String::with_capacity(query.len());
    let mut copied = 0;
    for piece in pieces(query) {
        if let Piece::Parameter((start, end)) = piece
            && known(&query[start + 1..end])
        {
            let name = &query[start + 1..end];
            let index = names.iter().position(|n| n == name).unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
            sql.push_str(&query[copied..start]);
            sql.push_str(&format!("${}", index + 1));
            copied = end;
        }
    }
    sql.push_str(&query[copied..]);
    (sql, names)
}

/// A piece of a statement, as far as we have to understand it.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Word(&'a str),
    /// `@name` with its place.
    Parameter((usize, usize)),
    Semicolon(usize),
    /// A comment or white space.
    Gap,
    /// A quoted text, a number, an operator.
    Other,
}

/// Cuts a statement, so that quotes and comments hide what is inside of them. Never fails: an
/// unclosed quote reaches to the end, and the database refuses it.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let word = |from: &str| {
            from.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(from.len())
        };
        let (length, piece) = match c {
            ';' => (1, Piece::Semicolon(at)),
            '\'' | '"' | '`' => (quoted(rest, c), Piece::Other),
            '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), Piece::Gap),
            '/' if rest.starts_with("/*") => {
                (rest.find("*/").map_or(rest.len(), |n| n + 2), Piece::Gap)
            }
            '$' => dollar(rest),
            '@' => {
                let length = 1 + word(&rest[1..]);
                (
                    length,
                    if length > 1 { Piece::Parameter((at, at + length)) } else { Piece::Other },
                )
            }
            c if c.is_whitespace() => (c.len_utf8(), Piece::Gap),
            c if c.is_alphabetic() || c == '_' => {
                let length = word(rest);
                (length, Piece::Word(&rest[..length]))
            }
            c => (c.len_utf8(), Piece::Other),
        };
        pieces.push(piece);
        at += length.max(1);
    }
    pieces
}

fn quoted(rest: &str, quote: char) -> usize {
    rest[1..].find(quote).map_or(rest.len(), |n| n + 2)
}

/// PostgreSQL's `$tag$ … $tag$`, or just a sign.
fn dollar(rest: &str) -> (usize, Piece<'static>) {
    let Some(end) = rest[1..].find('$') else { return (1, Piece::Other) };
    let tag = &rest[..end + 2];
    if !tag[1..=end].chars().all(|c| c.is_alphanumeric() || c == '_')
        || tag[1..].starts_with(|c: char| c.is_ascii_digit())
    {
        return (1, Piece::Other);
    }
    let body = &rest[tag.len()..];
    (body.find(tag).map_or(rest.len(), |n| tag.len() * 2 + n), Piece::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_about_data() {
        for (good, shape) in [
            ("select 1", Shape::Query),
            (" /* x */ Select ';' from \"a;b\" ; -- end", Shape::Query),
            ("with x as (select 1) select * from x", Shape::Query),
            ("insert into t values ('a;b')", Shape::Change),
            ("delete from t returning id", Shape::Change),
            ("select $$;$$", Shape::Query),
        ] {
            assert_eq!(check(good).expect(good).0, shape, "{good}");
        }
        for bad in [
            "",
            ";",
            "select 1; select 2",
            "select 1;drop table t",
            "attach '/etc/passwd' as x",
            "pragma writable_schema=1",
            "vacuum into '/tmp/x'",
            "/**/attach 'x' as y",
            "--\nattach 'x' as y",
            "drop table t",
            "copy t to program 'id'",
            "set role x",
            "explain select 1",
            "(select 1); delete from t",
            "@x",
            "'select' 1",
            "select 1; 'x'",
            "select 1;@p",
        ] {
            check(bad).expect_err(bad);
        }
    }

    #[test]
    fn parameters_get_numbers_outside_of_quotes() {
        let known = |n: &str| n == "a" || n == "b";
        let (sql, names) =
            number_parameters("select @a, '@a', \"@b\", @b, @a -- @b\n, @c, $$@a$$", &known);
        assert_eq!(sql, "select $1, '@a', \"@b\", $2, $1 -- @b\n, @c, $$@a$$");
        assert_eq!(names, ["a", "b"]);
    }
}
