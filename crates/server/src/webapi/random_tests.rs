//! Random queries in both languages, each held against an evaluator in memory that knows neither: it
//! has the rows, and a tree of conditions that the test writes out as `$filter` and as FetchXML.
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering as Atomic};

use connref_store::source::Clock;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

use super::tests::{Service, at};

/// Thursday 29 February 2024, 10:30.
const NOW: i64 = 1_709_202_600_000_000;
const DAY: i64 = 86_400_000_000;

/// A clock that is set.
#[derive(Default)]
pub(super) struct Set(pub(super) AtomicI64);

impl Clock for Set {
    fn now(&self) -> i64 {
        self.0.load(Atomic::SeqCst)
    }
}

pub(super) struct Random(u64);

impl Random {
    pub(super) fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(below).unwrap()).unwrap()
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.next(from.len())].clone()
    }

    pub(super) fn chance(&mut self, one_in: usize) -> bool {
        self.next(one_in) == 0
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Plain {
    Null,
    Text(String),
    Number(i64),
    Time(i64),
}

type Row = BTreeMap<&'static str, Plain>;

/// (set, logical name, id, texts, numbers, the other table's link here and there)
struct Table {
    set: &'static str,
    name: &'static str,
    id: &'static str,
    texts: &'static [&'static str],
    numbers: &'static [&'static str],
}

const PUBLISHER: Table = Table {
    set: "publishers",
    name: "publisher",
    id: "publisherid",
    texts: &["uniquename", "friendlyname", "customizationprefix"],
    numbers: &["customizationoptionvalueprefix"],
};
const SOLUTION: Table = Table {
    set: "solutions",
    name: "solution",
    id: "solutionid",
    texts: &["uniquename", "friendlyname", "description", "version"],
    numbers: &["solutiontype"],
};
const WORDS: [&str; 9] =
    ["alpha", "Alpha", "BETA", "a_b", "a%b", "axb", "[x]", "o'neil & <co>", "zé"];
const PATTERNS: [&str; 18] = [
    "a",
    "A_B",
    "a%",
    "[_]",
    "[%]",
    "é",
    "%b",
    "'",
    "&",
    "%",
    "[ab]",
    "[^a]",
    "[A-c]%[^_]",
    "[x-a]",
    "[^x-a]t",
    "[é-]",
    "[a^]_",
    "[%_]",
];

struct World {
    service: Service,
    publishers: Vec<Row>,
    solutions: Vec<Row>,
}

impl World {
    async fn new(random: &mut Random) -> Self {
        let clock = Arc::new(Set(AtomicI64::new(NOW)));
        let service = Service::with(clock.clone()).await;
        for number in 0..8 {
            clock.0.store(NOW - i64::try_from(random.next(800)).unwrap() * DAY / 2, Atomic::SeqCst);
            let body = json!({
                "uniquename": format!("p{number}{}", random.pick(&["", "x", "Y"])),
                "friendlyname": random.pick(&WORDS), "customizationprefix": random.pick(&["abc", "ABC", "xyz"]),
                "customizationoptionvalueprefix": 10_000 + random.next(4),
            });
            assert_eq!(service.post("publishers", body).await.status, 204);
        }
        let publishers = service.get("publishers?$select=uniquename").await.json();
        for number in 0..40 {
            clock.0.store(NOW - i64::try_from(random.next(800)).unwrap() * DAY / 2, Atomic::SeqCst);
            // The last publisher has none.
            let publisher = &publishers["value"][random.next(7)]["publisherid"];
            let mut body = json!({
                "uniquename": format!("s{number}"), "friendlyname": random.pick(&WORDS),
                "version": random.pick(&["1.0", "1.0.0.1", "2.0"]),
                "publisherid@odata.bind": format!("publishers({})", publisher.as_str().unwrap()),
            });
            if random.chance(2) {
                body["description"] = json!(random.pick(&WORDS));
            }
            assert_eq!(service.post("solutions", body).await.status, 204);
        }
        clock.0.store(NOW, Atomic::SeqCst);
        let publishers = rows(&service, &PUBLISHER).await;
        let solutions = rows(&service, &SOLUTION).await;
        Self { service, publishers, solutions }
    }

    fn rows(&self, table: &Table) -> &[Row] {
        if table.name == PUBLISHER.name { &self.publishers } else { &self.solutions }
    }
}

async fn rows(service: &Service, table: &'static Table) -> Vec<Row> {
    let found = service.get(table.set).await.json();
    let columns = [table.texts, table.numbers, &["createdon", "publisherid", table.id]].concat();
    let one = |row: &Value| {
        let value = |name: &str| match row.get(name).or_else(|| row.get(format!("_{name}_value"))) {
            Some(Value::String(text)) if name == "createdon" => {
                Plain::Time(text.parse::<Timestamp>().unwrap().as_microsecond())
            }
            Some(Value::String(text)) => Plain::Text(text.clone()),
            Some(Value::Number(number)) => Plain::Number(number.as_i64().unwrap()),
            _ => Plain::Null,
        };
        columns.iter().map(|name| (*name, value(name))).collect()
    };
    found["value"].as_array().unwrap().iter().map(one).collect()
}

#[derive(Clone, Debug)]
enum Cond {
    Compare(&'static str, &'static str, Plain),
    Columns(&'static str, &'static str, &'static str),
    Null(&'static str, bool),
    Match(&'static str, &'static str, String, bool),
    In(&'static str, Vec<Plain>, bool),
    Between(&'static str, Plain, Plain, bool),
    Date(&'static str, i64),
    /// Some row of the other table that belongs to this one fits; negated: none.
    Related(Option<Box<Cond>>, bool),
    And(Vec<Cond>),
    Or(Vec<Cond>),
    /// `$filter` only.
    Not(Box<Cond>),
}

const COMPARISONS: [&str; 6] = ["eq", "ne", "gt", "ge", "lt", "le"];
const DATES: [&str; 24] = [
    "today",
    "yesterday",
    "this-month",
    "last-month",
    "this-year",
    "last-year",
    "this-week",
    "last-week",
    "last-x-days",
    "last-x-months",
    "last-x-years",
    "olderthan-x-days",
    "olderthan-x-months",
    "on",
    "on-or-after",
    "on-or-before",
    "this-fiscal-year",
    "last-fiscal-year",
    "this-fiscal-period",
    "last-fiscal-period",
    "last-x-fiscal-periods",
    "last-x-fiscal-years",
    "in-fiscal-year",
    "in-fiscal-period",
];

/// The number of an operator: a fiscal period and a year are of the calendar.
fn number_of(operator: &str, number: i64) -> i64 {
    match operator {
        "in-fiscal-year" => 2022 + number % 4,
        "in-fiscal-period" => 1 + number % 4,
        "last-x-fiscal-periods" | "last-x-fiscal-years" => 1 + number % 6,
        _ => number,
    }
}

fn counts(operator: &str) -> bool {
    operator.contains("-x-") || operator.starts_with("in-")
}

fn value(random: &mut Random, table: &Table) -> (&'static str, Plain) {
    match random.next(4) {
        0 => (
            random.pick(table.numbers),
            Plain::Number(10_000 + i64::try_from(random.next(4)).unwrap()),
        ),
        1 => ("createdon", Plain::Time(NOW - i64::try_from(random.next(800)).unwrap() * DAY / 2)),
        _ => (random.pick(table.texts), Plain::Text(random.pick(&WORDS).to_owned())),
    }
}

fn leaf(random: &mut Random, table: &Table) -> Cond {
    let negated = random.chance(2);
    let text = random.pick(table.texts);
    match random.next(7) {
        0 => Cond::Null(random.pick(table.texts), negated),
        1 => {
            let kind = random.pick(&["contains", "startswith", "endswith"]);
            Cond::Match(text, kind, random.pick(&PATTERNS).to_owned(), negated)
        }
        2 => {
            let count = 1 + random.next(3);
            let words = (0..count).map(|_| Plain::Text(random.pick(&WORDS).to_owned()));
            Cond::In(text, words.collect(), negated)
        }
        3 => {
            let (column, low) = value(random, table);
            let high = match &low {
                Plain::Number(n) => Plain::Number(n + 1),
                Plain::Time(at) => Plain::Time(at + 90 * DAY),
                _ => Plain::Text(random.pick(&WORDS).to_owned()),
            };
            Cond::Between(column, low, high, negated)
        }
        4 => Cond::Columns(text, random.pick(&COMPARISONS), random.pick(table.texts)),
        5 => {
            let operator = random.pick(&DATES);
            Cond::Date(operator, number_of(operator, 1 + i64::try_from(random.next(300)).unwrap()))
        }
        _ => {
            let (column, value) = value(random, table);
            Cond::Compare(column, random.pick(&COMPARISONS), value)
        }
    }
}

fn cond(random: &mut Random, table: &Table, depth: usize, fetch: bool) -> Cond {
    if depth == 0 {
        return leaf(random, table);
    }
    let many = |random: &mut Random| {
        (0..1 + random.next(3)).map(|_| cond(random, table, depth - 1, fetch)).collect::<Vec<_>>()
    };
    match random.next(6) {
        0 | 1 => Cond::And(many(random)),
        2 => Cond::Or(many(random)),
        3 if !fetch => Cond::Not(Box::new(cond(random, table, depth - 1, fetch))),
        // The way from a solution to its publisher is a path in `$filter`, written below.
        4 if fetch || table.name == PUBLISHER.name => {
            let other = other(table);
            let filter =
                (!random.chance(4)).then(|| Box::new(cond(random, other, depth - 1, fetch)));
            Cond::Related(filter, random.chance(2))
        }
        _ => leaf(random, table),
    }
}

fn other(table: &Table) -> &'static Table {
    if table.name == PUBLISHER.name { &SOLUTION } else { &PUBLISHER }
}

fn folded(value: &Plain) -> Plain {
    match value {
        Plain::Text(text) => Plain::Text(text.to_ascii_lowercase()),
        other => other.clone(),
    }
}

fn compare(left: &Plain, by: &str, right: &Plain) -> bool {
    let (left, right) = (folded(left), folded(right));
    if left == Plain::Null || right == Plain::Null {
        return match by {
            "eq" => left == right,
            "ne" => left != right,
            _ => false,
        };
    }
    let order = left.cmp(&right);
    match by {
        "eq" => order == Ordering::Equal,
        "ne" => order != Ordering::Equal,
        "gt" => order == Ordering::Greater,
        "ge" => order != Ordering::Less,
        "lt" => order == Ordering::Less,
        _ => order != Ordering::Greater,
    }
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| like(&text[skip..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        ['[', rest @ ..] if rest.contains(&']') => {
            let end = rest.iter().position(|c| *c == ']').unwrap();
            text.first().is_some_and(|c| in_set(*c, &rest[..end]))
                && like(&text[1..], &rest[end + 1..])
        }
        [first, rest @ ..] => text.first() == Some(first) && like(&text[1..], rest),
    }
}

/// Whether a character is one of a set, as the vendor's service writes sets.
fn in_set(c: char, set: &[char]) -> bool {
    match set {
        ['^', rest @ ..] if !rest.is_empty() => !in_set_of(c, rest),
        set => in_set_of(c, set),
    }
}

fn in_set_of(c: char, set: &[char]) -> bool {
    match set {
        [from, '-', to, rest @ ..] => (*from..=*to).contains(&c) || in_set_of(c, rest),
        [one, rest @ ..] => *one == c || in_set_of(c, rest),
        [] => false,
    }
}

fn civil(at: i64) -> DateTime {
    Timestamp::from_microsecond(at).unwrap().to_zoned_datetime(TimeZone::UTC).datetime()
}

/// The date in an operator `on…`, from its number.
fn on(number: i64) -> i64 {
    NOW - number * DAY
}

fn dated(at: i64, operator: &str, number: i64) -> bool {
    let (there, now) = (civil(at), civil(NOW));
    let (day, today) = (there.date(), now.date());
    let days = (today.to_datetime(jiff::civil::Time::midnight())
        - day.to_datetime(jiff::civil::Time::midnight()))
    .get_days();
    let months = |date: jiff::civil::Date| i64::from(date.year()) * 12 + i64::from(date.month());
    let back = |span: jiff::Span| today.checked_sub(span).unwrap();
    // Thursday is the fifth day of its week.
    let week = (i64::from(days) - 5).div_euclid(7);
    let quarter =
        |date: jiff::civil::Date| i64::from(date.year()) * 4 + (i64::from(date.month()) - 1) / 3;
    match operator {
        "this-fiscal-year" => day.year() == today.year(),
        "last-fiscal-year" => day.year() == today.year() - 1,
        "this-fiscal-period" => quarter(day) == quarter(today),
        "last-fiscal-period" => quarter(day) == quarter(today) - 1,
        "last-x-fiscal-periods" => day >= back(jiff::Span::new().months(number * 3)) && at <= NOW,
        "last-x-fiscal-years" => day >= back(jiff::Span::new().years(number)) && at <= NOW,
        "in-fiscal-year" => i64::from(day.year()) == number,
        "in-fiscal-period" => quarter(day).rem_euclid(4) + 1 == number,
        "today" => days == 0,
        "yesterday" => days == 1,
        "this-month" => months(day) == months(today),
        "last-month" => months(day) == months(today) - 1,
        "this-year" => day.year() == today.year(),
        "last-year" => day.year() == today.year() - 1,
        "this-week" => week == -1,
        "last-week" => week == 0,
        "last-x-days" => i64::from(days) <= number && at <= NOW,
        "last-x-months" => day >= back(jiff::Span::new().months(number)) && at <= NOW,
        "last-x-years" => day >= back(jiff::Span::new().years(number)) && at <= NOW,
        "olderthan-x-days" => i64::from(days) > number,
        "olderthan-x-months" => day < back(jiff::Span::new().months(number)),
        "on" => day == civil(on(number)).date(),
        "on-or-after" => day >= civil(on(number)).date(),
        _ => day <= civil(on(number)).date(),
    }
}

impl World {
    fn related<'w>(&'w self, table: &Table, row: &Row) -> impl Iterator<Item = &'w Row> {
        let key = row["publisherid"].clone();
        self.rows(other(table)).iter().filter(move |there| there["publisherid"] == key)
    }

    fn holds(&self, table: &Table, row: &Row, cond: &Cond) -> bool {
        match cond {
            Cond::Compare(column, by, value) => compare(&row[column], by, value),
            Cond::Columns(left, by, right) => compare(&row[left], by, &row[right]),
            Cond::Null(column, negated) => (row[column] == Plain::Null) != *negated,
            Cond::Match(column, kind, pattern, negated) => {
                let Plain::Text(text) = folded(&row[column]) else { return *negated };
                let pattern = pattern.to_ascii_lowercase();
                let pattern = match *kind {
                    "contains" => format!("%{pattern}%"),
                    "startswith" => format!("{pattern}%"),
                    _ => format!("%{pattern}"),
                };
                let (text, pattern): (Vec<_>, Vec<_>) =
                    (text.chars().collect(), pattern.chars().collect());
                like(&text, &pattern) != *negated
            }
            Cond::In(column, values, negated) => {
                values.iter().any(|value| compare(&row[column], "eq", value)) != *negated
            }
            Cond::Between(column, low, high, negated) => {
                (compare(&row[column], "ge", low) && compare(&row[column], "le", high)) != *negated
            }
            Cond::Date(operator, number) => match row["createdon"] {
                Plain::Time(at) => dated(at, operator, *number),
                _ => false,
            },
            Cond::Related(filter, negated) => {
                let fits = |there: &Row| {
                    filter.as_ref().is_none_or(|f| self.holds(other(table), there, f))
                };
                self.related(table, row).any(fits) != *negated
            }
            Cond::And(parts) => parts.iter().all(|part| self.holds(table, row, part)),
            Cond::Or(parts) => parts.iter().any(|part| self.holds(table, row, part)),
            Cond::Not(inner) => !self.holds(table, row, inner),
        }
    }
}

fn moment(at: i64) -> String {
    civil(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn bare(value: &Plain) -> String {
    match value {
        Plain::Null => "null".to_owned(),
        Plain::Text(text) => text.clone(),
        Plain::Number(number) => number.to_string(),
        Plain::Time(at) => moment(*at),
    }
}

fn quoted(value: &Plain) -> String {
    match value {
        Plain::Text(text) => format!("'{}'", text.replace('\'', "''")),
        other => bare(other),
    }
}

/// `$filter`. Inside `any` every property begins with its variable.
fn odata(cond: &Cond, prefix: &str) -> String {
    let name = |column: &str| format!("{prefix}{column}");
    let not = |negated: &bool| if *negated { "not " } else { "" };
    let function = |kind: &str, column: &str, values: &[Plain]| {
        let values: Vec<_> = values.iter().map(|v| quoted(&Plain::Text(bare(v)))).collect();
        format!(
            "Microsoft.Dynamics.CRM.{kind}(PropertyName='{}',PropertyValues=[{}])",
            name(column),
            values.join(",")
        )
    };
    let joined = |parts: &[Cond], word: &str| {
        let parts: Vec<_> = parts.iter().map(|part| odata(part, prefix)).collect();
        format!("({})", parts.join(word))
    };
    match cond {
        Cond::Compare(column, by, value) => format!("{} {by} {}", name(column), quoted(value)),
        Cond::Columns(left, by, right) => format!("{} {by} {}", name(left), name(right)),
        Cond::Null(column, negated) => {
            format!("{} {} null", name(column), if *negated { "ne" } else { "eq" })
        }
        Cond::Match(column, kind, pattern, negated) => {
            let pattern = quoted(&Plain::Text(pattern.clone()));
            format!("{}{kind}({},{pattern})", not(negated), name(column))
        }
        Cond::In(column, values, negated) => {
            function(if *negated { "NotIn" } else { "In" }, column, values)
        }
        Cond::Between(column, low, high, negated) => {
            let kind = if *negated { "NotBetween" } else { "Between" };
            function(kind, column, &[low.clone(), high.clone()])
        }
        Cond::Date(operator, number) => {
            let words = operator.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
            let kind = words.collect::<String>().replace("Olderthan", "OlderThan");
            let value = match *operator {
                on_ if on_.starts_with("on") => {
                    format!(",PropertyValue='{}'", &moment(on(*number))[..10])
                }
                counted if counts(counted) => format!(",PropertyValue={number}"),
                _ => String::new(),
            };
            format!("Microsoft.Dynamics.CRM.{kind}(PropertyName='{}'{value})", name("createdon"))
        }
        Cond::Related(filter, negated) => {
            let inner = filter.as_ref().map(|f| format!("o:{}", odata(f, "o/")));
            format!(
                "{}{}({})",
                not(negated),
                name("publisher_solution/any"),
                inner.unwrap_or_default()
            )
        }
        Cond::And(parts) => joined(parts, " and "),
        Cond::Or(parts) => joined(parts, " or "),
        Cond::Not(inner) => format!("not ({})", odata(inner, prefix)),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// A condition inside a `<filter>`.
fn xml(cond: &Cond, table: &Table) -> String {
    let one = |column: &str, operator: &str, value: Option<String>| {
        let value = value.map_or(String::new(), |v| format!(" value=\"{}\"", escaped(&v)));
        format!("<condition attribute='{column}' operator='{operator}'{value}/>")
    };
    let several = |column: &str, operator: &str, values: &[Plain]| {
        let values: String =
            values.iter().map(|v| format!("<value>{}</value>", escaped(&bare(v)))).collect();
        format!("<condition attribute='{column}' operator='{operator}'>{values}</condition>")
    };
    let joined = |parts: &[Cond], kind: &str| {
        let parts: String = parts.iter().map(|part| xml(part, table)).collect();
        format!("<filter type='{kind}'>{parts}</filter>")
    };
    match cond {
        Cond::Compare(column, by, value) => one(column, by, Some(bare(value))),
        Cond::Columns(left, by, right) => {
            format!("<condition attribute='{left}' operator='{by}' valueof='{right}'/>")
        }
        Cond::Null(column, negated) => {
            one(column, if *negated { "not-null" } else { "null" }, None)
        }
        Cond::Match(column, kind, pattern, negated) => {
            let operator = match (*kind, negated) {
                ("contains", false) => "like",
                ("contains", true) => "not-like",
                ("startswith", false) => "begins-with",
                ("startswith", true) => "not-begin-with",
                (_, false) => "ends-with",
                (_, true) => "not-end-with",
            };
            let pattern =
                if *kind == "contains" { format!("%{pattern}%") } else { pattern.clone() };
            one(column, operator, Some(pattern))
        }
        Cond::In(column, values, negated) => {
            several(column, if *negated { "not-in" } else { "in" }, values)
        }
        Cond::Between(column, low, high, negated) => {
            let operator = if *negated { "not-between" } else { "between" };
            several(column, operator, &[low.clone(), high.clone()])
        }
        Cond::Date(operator, number) => {
            let value = match *operator {
                on_ if on_.starts_with("on") => Some(moment(on(*number))[..10].to_owned()),
                counted if counts(counted) => Some(number.to_string()),
                _ => None,
            };
            one("createdon", operator, value)
        }
        Cond::Related(filter, negated) => {
            let (there, kind) = (other(table), if *negated { "not any" } else { "any" });
            let inner = filter.as_ref().map_or(String::new(), |f| xml(f, there));
            format!(
                "<link-entity name='{}' from='publisherid' to='publisherid' link-type='{kind}'>\
                 <filter>{inner}</filter></link-entity>",
                there.name
            )
        }
        Cond::And(parts) => joined(parts, "and"),
        Cond::Or(parts) => joined(parts, "or"),
        Cond::Not(_) => unreachable!("not made for FetchXML"),
    }
}

type Order = Vec<(&'static str, bool)>;

fn order(random: &mut Random, table: &Table) -> Order {
    (0..random.next(3))
        .map(|_| {
            let columns = [table.texts, table.numbers, &["createdon"]].concat();
            (random.pick(&columns), random.chance(2))
        })
        .fold(Vec::new(), |mut order: Order, key| {
            if !order.iter().any(|(there, _)| *there == key.0) {
                order.push(key);
            }
            order
        })
}

/// Rows and what is joined to them, in the order asked for, then by ids.
fn sorted<'r>(
    mut pairs: Vec<(&'r Row, Option<&'r Row>)>,
    order: &Order,
    (table, there): (&Table, &Table),
) -> Vec<(&'r Row, Option<&'r Row>)> {
    pairs.sort_by(|(a, linked_a), (b, linked_b)| {
        let keys = order.iter().map(|(column, descending)| {
            let order = folded(&a[column]).cmp(&folded(&b[column]));
            if *descending { order.reverse() } else { order }
        });
        let link = |row: &Option<&Row>| row.map(|row| row[there.id].clone());
        keys.chain([a[table.id].cmp(&b[table.id]), link(linked_a).cmp(&link(linked_b))])
            .find(|order| *order != Ordering::Equal)
            .unwrap_or(Ordering::Equal)
    });
    pairs
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl World {
    async fn rows_of(&self, path: &str, page: Option<usize>) -> Value {
        let mut prefer = "odata.include-annotations=\"Microsoft.Dynamics.CRM.*\"".to_owned();
        if let Some(page) = page {
            write!(prefer, ",odata.maxpagesize={page}").unwrap();
        }
        let answer =
            self.service.send(None, at("GET", path).header("prefer", prefer), &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}\n{}", answer.body);
        answer.json()
    }

    /// `$filter` and `$orderby`, page by page.
    async fn odata_case(&self, random: &mut Random) {
        let table = random.pick(&[&PUBLISHER, &SOLUTION]);
        let mut filter = cond(random, table, 3, false);
        let mut written = odata(&filter, "");
        if table.name == SOLUTION.name && random.chance(3) {
            // Along a lookup.
            let there = cond(random, &PUBLISHER, 1, true);
            written = format!("{written} and {}", odata(&there, "publisherid/"));
            filter = Cond::And(vec![filter, Cond::Related(Some(Box::new(there)), false)]);
        }
        let order = order(random, table);
        let fits = self.rows(table).iter().filter(|row| self.holds(table, row, &filter));
        let expected = sorted(fits.map(|row| (row, None)).collect(), &order, (table, table));
        let expected: Vec<_> = expected.iter().map(|(row, _)| bare(&row[table.id])).collect();
        let mut path = format!(
            "{}?$select={}&$count=true&$filter={}",
            table.set,
            table.id,
            utf8_percent_encode(&written, NON_ALPHANUMERIC)
        );
        let keys: Vec<_> =
            order.iter().map(|(c, d)| format!("{c}{}", if *d { " desc" } else { "" })).collect();
        if !keys.is_empty() {
            write!(path, "&$orderby={}", keys.join(",")).unwrap();
        }
        let page = random.chance(3).then(|| 1 + random.next(9));
        let mut found = Vec::new();
        loop {
            let json = self.rows_of(&path, page).await;
            assert_eq!(json["@odata.count"], json!(expected.len()), "{written}");
            found.extend(json["value"].as_array().unwrap().iter().map(|row| text(&row[table.id])));
            let Some(next) = json["@odata.nextLink"].as_str() else { break };
            path = next.split("/v9.2/").nth(1).unwrap().to_owned();
        }
        assert_eq!(found, expected, "{written}\n{keys:?}");
    }

    fn linked<'w>(
        &'w self,
        table: &Table,
        row: &'w Row,
        link: Option<(&Cond, bool)>,
    ) -> Vec<(&'w Row, Option<&'w Row>)> {
        let Some((filter, outer)) = link else { return vec![(row, None)] };
        let there = other(table);
        let found: Vec<_> = self
            .related(table, row)
            .filter(|other| self.holds(there, other, filter))
            .map(|other| (row, Some(other)))
            .collect();
        if found.is_empty() && outer { vec![(row, None)] } else { found }
    }

    /// FetchXML with or without a link, page by page with cookies.
    async fn fetch_case(&self, random: &mut Random) {
        let table = random.pick(&[&PUBLISHER, &SOLUTION]);
        let there = other(table);
        let filter = cond(random, table, 2, true);
        let link = random.chance(2).then(|| (cond(random, there, 1, true), random.chance(2)));
        let order = order(random, table);
        let fits = self.rows(table).iter().filter(|row| self.holds(table, row, &filter));
        let of = link.as_ref().map(|(filter, outer)| (filter, *outer));
        let pairs = fits.flat_map(|row| self.linked(table, row, of)).collect();
        let pairs = sorted(pairs, &order, (table, there));
        let mut entity = format!(
            "<attribute name='{}' alias='a'/><filter>{}</filter>",
            table.id,
            xml(&filter, table)
        );
        for (column, descending) in &order {
            write!(entity, "<order attribute='{column}' descending='{descending}'/>").unwrap();
        }
        if let Some((filter, outer)) = &link {
            write!(
                entity,
                "{}",
                link_xml(
                    there,
                    filter,
                    *outer,
                    &format!("<attribute name='{}' alias='b'/>", there.id)
                )
            )
            .unwrap();
        }
        let expected: Vec<_> = pairs
            .iter()
            .map(|(row, link)| {
                let link = link.map_or("null".to_owned(), |link| bare(&link[there.id]));
                format!("{} {link}", bare(&row[table.id]))
            })
            .collect();
        let count = random.chance(3).then(|| 1 + random.next(9));
        let (mut found, mut more) = (Vec::new(), String::new());
        for page in 2.. {
            let count = count.map_or(String::new(), |count| format!(" count='{count}'"));
            let query = format!(
                "<fetch{count}{more}><entity name='{}'>{entity}</entity></fetch>",
                table.name
            );
            let encoded = utf8_percent_encode(&query, NON_ALPHANUMERIC);
            let json = self.rows_of(&format!("{}?fetchXml={encoded}", table.set), None).await;
            found.extend(
                json["value"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| format!("{} {}", text(&row["a"]), text(&row["b"]))),
            );
            let Some(cookie) = json["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"].as_str() else {
                break;
            };
            let cookie = cookie.split("pagingcookie=\"").nth(1).unwrap().split('"').next().unwrap();
            let once = percent_decode_str(cookie).decode_utf8().unwrap();
            let twice = percent_decode_str(&once).decode_utf8().unwrap();
            more = format!(" page='{page}' paging-cookie=\"{}\"", escaped(&twice));
            assert!(found.len() <= expected.len(), "{query}");
        }
        assert_eq!(found, expected, "{entity}");
    }

    /// Groups, in FetchXML with a link, or in `$apply`.
    async fn group_case(&self, random: &mut Random) {
        let apply = random.chance(2);
        let filter = cond(random, &SOLUTION, 1, !apply);
        let publisher = cond(random, &PUBLISHER, 1, true);
        let fits = self.solutions.iter().filter(|row| self.holds(&SOLUTION, row, &filter));
        let link = (!apply).then_some((&publisher, false));
        let pairs: Vec<_> = fits.flat_map(|row| self.linked(&SOLUTION, row, link)).collect();
        let by = random.pick(&["friendlyname", "description", "version", "publisherid"]);
        let mut groups: BTreeMap<Plain, Vec<&(&Row, Option<&Row>)>> = BTreeMap::new();
        for pair in &pairs {
            groups.entry(folded(&pair.0[by])).or_default().push(pair);
        }
        let expected: Vec<String> = groups
            .values()
            .map(|group| {
                let shown = group.iter().map(|(row, _)| row[by].clone()).min().unwrap();
                let mut names: Vec<_> =
                    group.iter().map(|(row, _)| folded(&row["version"])).collect();
                names.sort();
                names.dedup();
                let last = group.iter().map(|(row, _)| row["createdon"].clone()).max().unwrap();
                let sum: Option<i64> = (!apply).then(|| {
                    group
                        .iter()
                        .map(|(_, link)| match link.unwrap()["customizationoptionvalueprefix"] {
                            Plain::Number(number) => number,
                            _ => 0,
                        })
                        .sum()
                });
                format!("{} {} {} {} {sum:?}", bare(&shown), group.len(), names.len(), bare(&last))
            })
            .collect();
        let path = if apply {
            let name = if by == "publisherid" { "_publisherid_value" } else { by };
            let apply = format!(
                "filter({})/groupby(({name}),aggregate($count as n,version with countdistinct as d,createdon with max as last))",
                odata(&filter, "")
            );
            format!("solutions?$apply={}", utf8_percent_encode(&apply, NON_ALPHANUMERIC))
        } else {
            let link = link_xml(
                &PUBLISHER,
                &publisher,
                false,
                "<attribute name='customizationoptionvalueprefix' aggregate='sum' alias='sum'/>",
            );
            let query = format!(
                "<fetch aggregate='true'><entity name='solution'><attribute name='{by}' groupby='true' alias='by'/>\
                 <attribute name='solutionid' aggregate='count' alias='n'/>\
                 <attribute name='version' aggregate='countcolumn' distinct='true' alias='d'/>\
                 <attribute name='createdon' aggregate='max' alias='last'/><filter>{}</filter>{link}</entity></fetch>",
                xml(&filter, &SOLUTION)
            );
            format!("solutions?fetchXml={}", utf8_percent_encode(&query, NON_ALPHANUMERIC))
        };
        let json = self.rows_of(&path, None).await;
        let name = match (apply, by) {
            (false, _) => "by",
            (true, "publisherid") => "_publisherid_value",
            (true, by) => by,
        };
        let found: Vec<String> = json["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let sum = row["sum"].as_i64();
                format!(
                    "{} {} {} {} {sum:?}",
                    text(&row[name]),
                    row["n"],
                    row["d"],
                    text(&row["last"])
                )
            })
            .collect();
        assert_eq!(found, expected, "{}", percent_decode_str(&path).decode_utf8().unwrap());
    }
}

fn link_xml(there: &Table, filter: &Cond, outer: bool, inside: &str) -> String {
    format!(
        "<link-entity name='{}' from='publisherid' to='publisherid' alias='l' link-type='{}'>{inside}<filter>{}</filter></link-entity>",
        there.name,
        if outer { "outer" } else { "inner" },
        xml(filter, there)
    )
}

/// Choices that `SEED` repeats.
pub(super) fn seed(test: &str) -> Random {
    let given = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::try_from(since.as_nanos() % u128::from(u64::MAX)).unwrap() | 1
    });
    eprintln!("SEED={seed} cargo nextest run -p connref-server {test}");
    Random(seed)
}

/// `CONNREF_LONG` makes 20 000 of 600; a seed from `SEED` repeats a run.
#[tokio::test]
async fn random_queries_mean_what_an_evaluator_in_memory_says() {
    let mut random = seed("random_queries_mean_what_an_evaluator_in_memory_says");
    let cases = if std::env::var_os("CONNREF_LONG").is_some() { 20_000 } else { 600 };
    let world = World::new(&mut random).await;
    for _ in 0..cases {
        match random.next(5) {
            0 | 1 => world.odata_case(&mut random).await,
            2 | 3 => world.fetch_case(&mut random).await,
            _ => world.group_case(&mut random).await,
        }
    }
}
