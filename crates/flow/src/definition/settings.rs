//! What an action says about how it is run: `runtimeConfiguration`, `operationOptions`, `limit`.

use serde_json::Value as Json;

use super::action::{Limit, RetrySetting, Settings};
use super::duration::parse_duration;
use super::problem::{Place, Problem};
use super::retry::RetryPolicy;
use crate::expression::Template;

/// Reads the settings of one action; what is wrong is added to `problems`.
pub(super) fn read(json: &Json, place: &Place<'_>, problems: &mut Vec<Problem>) -> Settings {
    let runtime = &json["runtimeConfiguration"];
    let options: Vec<&str> =
        json["operationOptions"].as_str().unwrap_or_default().split(',').map(str::trim).collect();
    let has = |name: &str| options.iter().any(|option| option.eq_ignore_ascii_case(name));
    let secure = secure_properties(runtime);
    let mut concurrency = repetitions(runtime, place, problems);
    if has("Sequential") {
        concurrency = Some(1);
    }
    let limit = &json["limit"];
    let limits = place.at("limit");
    Settings {
        concurrency,
        pagination: runtime["paginationPolicy"]["minimumItemCount"].as_u64(),
        secure_inputs: secure.0,
        secure_outputs: secure.1,
        static_result: static_result(runtime),
        timeout: read_limit(&limit["timeout"], &limits.at("timeout"), problems, |text| {
            parse_duration(text).filter(|time| *time > 0)
        }),
        count: read_limit(&limit["count"], &limits.at("count"), problems, |text| {
            text.trim().parse().ok().filter(|count| (1..=5000).contains(count))
        }),
        asynchronous: !has("DisableAsyncPattern"),
        retry: retry(&json["inputs"]["retryPolicy"], place, problems),
        tracked_properties: json.get("trackedProperties").cloned(),
    }
}

/// `runtimeConfiguration.secureData.properties` as (inputs, outputs).
pub(super) fn secure_properties(runtime: &Json) -> (bool, bool) {
    let list = runtime["secureData"]["properties"].as_array();
    let has = |name: &str| {
        list.into_iter()
            .flatten()
            .any(|item| item.as_str().is_some_and(|item| item.eq_ignore_ascii_case(name)))
    };
    (has("inputs"), has("outputs"))
}

fn repetitions(runtime: &Json, place: &Place<'_>, problems: &mut Vec<Problem>) -> Option<u32> {
    let value = runtime["concurrency"].get("repetitions")?;
    let number = value.as_u64().filter(|number| (1..=50).contains(number));
    if number.is_none() {
        let place = place.at("runtimeConfiguration");
        problems.push(place.problem("concurrency repetitions must be between 1 and 50"));
    }
    number.and_then(|number| u32::try_from(number).ok())
}

fn static_result(runtime: &Json) -> Option<String> {
    let canned = runtime.get("staticResult")?;
    let enabled = canned["staticResultOptions"].as_str()?.eq_ignore_ascii_case("Enabled");
    enabled.then(|| canned["name"].as_str().map(str::to_owned))?
}

fn read_limit(
    json: &Json,
    place: &Place<'_>,
    problems: &mut Vec<Problem>,
    parse: impl Fn(&str) -> Option<i64>,
) -> Option<Limit> {
    let text = match json {
        Json::Null => return None,
        Json::String(text) if text.contains('@') => {
            return match Template::compile(json) {
                Ok(template) => Some(Limit::Dynamic(template)),
                Err(error) => {
                    problems.push(place.problem(error.to_string()));
                    None
                }
            };
        }
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let value = parse(&text);
    if value.is_none() {
        problems.push(place.problem(format!("`{text}` is not a valid limit")));
    }
    value.map(Limit::Fixed)
}

fn retry(json: &Json, place: &Place<'_>, problems: &mut Vec<Problem>) -> RetrySetting {
    let standard = RetrySetting::Fixed(RetryPolicy::default());
    if json.is_null() {
        return standard;
    }
    let inputs = place.at("inputs");
    let place = inputs.at("retryPolicy");
    if has_expression(json) {
        return match Template::compile(json) {
            Ok(template) => RetrySetting::Dynamic(template),
            Err(error) => {
                problems.push(place.problem(error.to_string()));
                standard
            }
        };
    }
    match RetryPolicy::from_json(json) {
        Ok(policy) => RetrySetting::Fixed(policy),
        Err(message) => {
            problems.push(place.problem(message));
            standard
        }
    }
}

fn has_expression(json: &Json) -> bool {
    match json {
        Json::String(text) => text.contains('@'),
        Json::Object(map) => map.values().any(has_expression),
        _ => false,
    }
}
