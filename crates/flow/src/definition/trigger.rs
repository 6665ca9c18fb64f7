//! Triggers: what starts a run.

use serde_json::Value as Json;

use super::compile::plain;
use super::condition::Condition;
use super::problem::{Place, Problem};
use super::settings::secure_properties;
use crate::expression::Template;
use crate::value::Value;

/// A trigger of a definition.
#[derive(Debug)]
pub struct Trigger {
    /// As in the definition.
    pub name: String,
    /// `Request`, `Recurrence`, `OpenApiConnection`, `OpenApiConnectionWebhook` …
    pub type_name: String,
    /// `Http`, `Button`, `PowerAppV2` … where the type has kinds.
    pub kind: Option<String>,
    /// The inputs as written, expressions included.
    pub inputs: Json,
    /// When it recurs or polls.
    pub recurrence: Option<Recurrence>,
    /// Most runs at the same time, where the flow limits them.
    pub concurrency: Option<u32>,
    /// Whether its inputs are hidden in histories.
    pub secure_inputs: bool,
    /// Whether its outputs are hidden in histories.
    pub secure_outputs: bool,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) split_on: Option<Template>,
    pub(crate) schema: Option<Value>,
}

/// How often a trigger fires. Values are as written; the schedule is the host's work.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrence {
    /// `Second`, `Minute`, `Hour`, `Day`, `Week` or `Month`.
    pub frequency: String,
    /// Every so many units, 1 or more.
    pub interval: u32,
    /// First time, as written.
    pub start_time: Option<String>,
    /// Windows name of the zone the schedule is in.
    pub time_zone: Option<String>,
    /// `hours`, `minutes`, `weekDays` as written.
    pub schedule: Option<Json>,
}

impl Trigger {
    /// Whether each item of a list starts a run of its own.
    pub fn splits(&self) -> bool {
        self.split_on.is_some()
    }

    /// Schema of the body that a `Request` trigger expects.
    pub fn schema(&self) -> Option<&Value> {
        self.schema.as_ref()
    }
}

/// Longest interval per unit, as the service bounds it.
const UNITS: [(&str, u32); 7] = [
    ("Second", 9_999_999),
    ("Minute", 72_000),
    ("Hour", 12_000),
    ("Day", 500),
    ("Week", 71),
    ("Month", 16),
    ("Year", 1),
];

pub(super) fn read_all(
    json: &Json,
    place: &Place<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Trigger> {
    let Json::Object(map) = json else {
        if !json.is_null() {
            problems.push(place.problem("triggers are not an object"));
        }
        return Vec::new();
    };
    if map.len() > 10 {
        problems.push(place.problem("more than 10 triggers"));
    }
    map.iter().take(10).map(|(name, json)| read(name, json, &place.at(name), problems)).collect()
}

fn read(name: &str, json: &Json, place: &Place<'_>, problems: &mut Vec<Problem>) -> Trigger {
    let type_name = json["type"].as_str().unwrap_or_default();
    if type_name.is_empty() {
        problems.push(place.problem("the trigger has no type"));
    }
    let split_on = json.get("splitOn").filter(|split| !split.is_null());
    let split_on = split_on.and_then(|split| match Template::compile(split) {
        Ok(template) => Some(template),
        Err(error) => {
            problems.push(place.at("splitOn").problem(error.to_string()));
            None
        }
    });
    let runtime = &json["runtimeConfiguration"];
    let runs = runtime["concurrency"]["runs"].as_u64().and_then(|runs| u32::try_from(runs).ok());
    let options = json["operationOptions"].as_str().unwrap_or_default();
    let single = options.split(',').any(|option| option.trim() == "SingleInstance");
    if single && runs.is_some() {
        problems.push(place.problem("`SingleInstance` and concurrency runs exclude each other"));
    }
    let secure = secure_properties(runtime);
    Trigger {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        kind: json["kind"].as_str().map(str::to_owned),
        inputs: json["inputs"].clone(),
        recurrence: recurrence(&json["recurrence"], &place.at("recurrence"), problems),
        concurrency: if single { Some(1) } else { runs },
        secure_inputs: secure.0,
        secure_outputs: secure.1,
        conditions: conditions(&json["conditions"], &place.at("conditions"), problems),
        split_on,
        schema: json["inputs"].get("schema").map(plain),
    }
}

fn conditions(json: &Json, place: &Place<'_>, problems: &mut Vec<Problem>) -> Vec<Condition> {
    let list = json.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut conditions = Vec::with_capacity(list.len());
    for (index, item) in list.iter().enumerate() {
        let expression = item.get("expression").unwrap_or(item);
        match Condition::compile(expression, &place.at(&index.to_string())) {
            Ok(condition) => conditions.push(condition),
            Err(problem) => problems.push(problem),
        }
    }
    conditions
}

fn recurrence(json: &Json, place: &Place<'_>, problems: &mut Vec<Problem>) -> Option<Recurrence> {
    let Json::Object(map) = json else { return None };
    let text = |name: &str| map.get(name).and_then(Json::as_str).map(str::to_owned);
    let written = text("frequency").unwrap_or_default();
    let unit = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&written));
    let Some((frequency, most)) = unit else {
        problems.push(place.problem(format!("frequency `{written}` is not known")));
        return None;
    };
    let interval = match map.get("interval") {
        Some(Json::String(text)) => text.trim().parse().unwrap_or(0),
        Some(value) => value.as_u64().and_then(|value| u32::try_from(value).ok()).unwrap_or(0),
        None => 1,
    };
    if interval == 0 || interval > *most {
        let text = format!("interval for {frequency} must be between 1 and {most}");
        problems.push(place.problem(text));
    }
    Some(Recurrence {
        frequency: (*frequency).to_owned(),
        interval,
        start_time: text("startTime"),
        time_zone: text("timeZone"),
        schedule: map.get("schedule").cloned(),
    })
}
