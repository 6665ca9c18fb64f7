//! Times as these services write them.
use connref_solution::model::Micros;

/// ISO 8601 in UTC with as many digits as the value has.
pub(crate) fn iso(at: Micros) -> String {
    jiff::Timestamp::from_microsecond(at).map_or_else(|_| String::new(), |t| t.to_string())
}
