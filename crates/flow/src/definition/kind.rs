//! What each type of action needs from its JSON.

use serde_json::{Map, Value as Json, json};

use super::MAX_CASES;
use super::action::{ActionId, Change, Column, Host, Kind, VariableKind, VariableStart};
use super::compile::Compiler;
use super::condition::Condition;
use super::problem::Place;
use crate::expression::Template;
use crate::value::Value;

/// Types of the language that compile and then fail when they are reached.
const UNSUPPORTED: &[&str] = &[
    "ApiConnectionWebhook",
    "ApiManagement",
    "As2Decode",
    "As2Encode",
    "Batch",
    "Changeset",
    "CSharpScriptCode",
    "EdifactDecode",
    "EdifactEncode",
    "FlatFileDecoding",
    "FlatFileEncoding",
    "Function",
    "HttpWebhook",
    "IntegrationAccountArtifactLookup",
    "InvokeFunction",
    "JavaScriptCode",
    "Liquid",
    "PowerShellCode",
    "SendToBatch",
    "ServiceProvider",
    "SwiftDecode",
    "SwiftEncode",
    "X12Decode",
    "X12Encode",
    "XmlCompose",
    "XmlParse",
    "XmlValidation",
    "Xslt",
];

/// Compiles the type-specific part of one action.
pub(super) fn compile(
    compiler: &mut Compiler,
    id: ActionId,
    json: &Json,
    place: &Place<'_>,
    nesting: usize,
) -> Kind {
    let mut reader = Reader { compiler, id, json, place, nesting };
    match json["type"].as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
        "compose" => Kind::Compose(reader.template(&["inputs"])),
        "parsejson" => Kind::ParseJson {
            content: reader.template(&["inputs", "content"]),
            // A template too: names such as `@odata.type` are written with two `@`.
            schema: json["inputs"].get("schema").map(|_| reader.template(&["inputs", "schema"])),
        },
        "query" => Kind::Query {
            from: reader.required(&["inputs", "from"]),
            condition: reader.condition(&["inputs", "where"]),
        },
        "select" => Kind::Select {
            from: reader.required(&["inputs", "from"]),
            select: reader.required(&["inputs", "select"]),
        },
        "join" => Kind::Join {
            from: reader.required(&["inputs", "from"]),
            with: reader.template(&["inputs", "joinWith"]),
        },
        "table" => reader.table(),
        "expression" => reader.function(),
        "initializevariable" => reader.initialize(),
        "setvariable" => reader.change(Change::Set),
        "incrementvariable" => reader.change(Change::Increment),
        "decrementvariable" => reader.change(Change::Decrement),
        "appendtoarrayvariable" => reader.change(Change::AppendToArray),
        "appendtostringvariable" => reader.change(Change::AppendToString),
        "if" => reader.branch(),
        "switch" => reader.switch(),
        "foreach" => reader.foreach(),
        "scope" => Kind::Scope { block: reader.block(&["actions"]) },
        "until" => reader.until(),
        "terminate" => reader.terminate(),
        "response" => reader.response(),
        "wait" => reader.wait(),
        "workflow" => reader.child(),
        "openapiconnection" => reader.connection(false),
        "openapiconnectionwebhook" => reader.connection(true),
        "apiconnection" => reader.old_connection(),
        "http" => Kind::Http(reader.inputs_without(&["retryPolicy"])),
        _ => reader.other(),
    }
}

struct Reader<'a, 'p> {
    compiler: &'a mut Compiler,
    id: ActionId,
    json: &'a Json,
    place: &'a Place<'p>,
    nesting: usize,
}

/// The value at a path of property names; null where there is none.
fn walk<'j>(json: &'j Json, path: &[&str]) -> &'j Json {
    path.iter().fold(json, |json, name| &json[*name])
}

fn with_place<R>(place: &Place<'_>, path: &[&str], run: impl FnOnce(&Place<'_>) -> R) -> R {
    match path {
        [] => run(place),
        [first, rest @ ..] => with_place(&place.at(first), rest, run),
    }
}

impl Reader<'_, '_> {
    fn problem(&mut self, path: &[&str], message: impl Into<String>) {
        let problem = with_place(self.place, path, |place| place.problem(message));
        self.compiler.problems.push(problem);
    }

    fn template(&mut self, path: &[&str]) -> Template {
        let json = walk(self.json, path);
        with_place(self.place, path, |place| self.compiler.template(json, place))
    }

    fn required(&mut self, path: &[&str]) -> Template {
        if walk(self.json, path).is_null() {
            self.problem(path, format!("`{}` is missing", path.join(".")));
        }
        self.template(path)
    }

    fn condition(&mut self, path: &[&str]) -> Condition {
        let json = walk(self.json, path);
        if json.is_null() {
            self.problem(path, format!("`{}` is missing", path.join(".")));
        }
        match with_place(self.place, path, |place| Condition::compile(json, place)) {
            Ok(condition) => {
                with_place(self.place, path, |place| {
                    condition.templates(&mut |template| {
                        self.compiler.note_references(template, place);
                    });
                });
                condition
            }
            Err(problem) => {
                self.compiler.problems.push(problem);
                Condition::Array
            }
        }
    }

    /// The inputs without the properties that the host supplies or that are read elsewhere.
    fn inputs_without(&mut self, names: &[&str]) -> Template {
        let json = match &self.json["inputs"] {
            Json::Object(map) => {
                let keep = |name: &String| !names.contains(&name.as_str());
                let kept = map.iter().filter(|(name, _)| keep(name));
                Json::Object(kept.map(|(name, json)| (name.clone(), json.clone())).collect())
            }
            Json::Null => json!({}),
            other => other.clone(),
        };
        if !json.is_object() {
            self.problem(&["inputs"], "inputs are not an object");
        }
        with_place(self.place, &["inputs"], |place| self.compiler.template(&json, place))
    }

    fn block(&mut self, path: &[&str]) -> super::BlockId {
        let json = walk(self.json, path);
        with_place(self.place, path, |place| {
            self.compiler.block(json, Some(self.id), self.nesting + 1, place)
        })
    }

    fn branch(&mut self) -> Kind {
        let condition = self.condition(&["expression"]);
        let then = self.block(&["actions"]);
        let otherwise = self.block(&["else", "actions"]);
        Kind::If { condition, then, otherwise }
    }

    fn switch(&mut self) -> Kind {
        let on = self.required(&["expression"]);
        let empty = Map::new();
        let map = self.json["cases"].as_object().unwrap_or(&empty);
        if map.len() > MAX_CASES {
            self.problem(&["cases"], format!("more than {MAX_CASES} cases"));
        }
        let mut cases = Vec::with_capacity(map.len());
        for (name, case) in map.iter().take(MAX_CASES) {
            let value = Value::from_json(&case["case"]);
            if cases.iter().any(|(known, _)| *known == value) {
                self.problem(&["cases", name, "case"], "this case stands twice");
            }
            cases.push((value, self.block(&["cases", name, "actions"])));
        }
        let default = self.block(&["default", "actions"]);
        Kind::Switch { on, cases, default }
    }

    fn foreach(&mut self) -> Kind {
        let items = self.required(&["foreach"]);
        self.compiler.loops += 1;
        let block = self.block(&["actions"]);
        self.compiler.loops -= 1;
        Kind::Foreach { items, block }
    }

    fn until(&mut self) -> Kind {
        let condition = self.condition(&["expression"]);
        self.compiler.loops += 1;
        let block = self.block(&["actions"]);
        self.compiler.loops -= 1;
        Kind::Until { condition, block }
    }

    fn table(&mut self) -> Kind {
        let from = self.required(&["inputs", "from"]);
        let format = self.json["inputs"]["format"].as_str().unwrap_or_default();
        let html = format.eq_ignore_ascii_case("HTML");
        if !html && !format.eq_ignore_ascii_case("CSV") {
            self.problem(&["inputs", "format"], format!("table format `{format}` is not known"));
        }
        let list = self.json["inputs"]["columns"].as_array().map(Vec::as_slice);
        let columns = list.filter(|list| !list.is_empty()).map(|list| {
            let read = |(index, column): (usize, &Json)| {
                let index = index.to_string();
                with_place(self.place, &["inputs", "columns", &index], |place| Column {
                    header: self.compiler.template(&column["header"], &place.at("header")),
                    value: self.compiler.template(&column["value"], &place.at("value")),
                })
            };
            list.iter().enumerate().map(read).collect()
        });
        Kind::Table { from, html, columns }
    }

    /// The built-in date, number and text actions are calls of functions with named arguments.
    fn function(&mut self) -> Kind {
        let kind = self.json["kind"].as_str().unwrap_or_default().to_ascii_lowercase();
        let (function, required, optional): (_, &[&str], &[&str]) = match kind.as_str() {
            "currenttime" => ("utcNow", &[], &["formatString"]),
            "addtotime" => ("addToTime", &["baseTime", "interval", "timeUnit"], &["formatString"]),
            "subtractfromtime" => {
                ("subtractFromTime", &["baseTime", "interval", "timeUnit"], &["formatString"])
            }
            "getfuturetime" => ("getFutureTime", &["interval", "timeUnit"], &["formatString"]),
            "getpasttime" => ("getPastTime", &["interval", "timeUnit"], &["formatString"]),
            "converttimezone" => (
                "convertTimeZone",
                &["baseTime", "sourceTimeZone", "destinationTimeZone"],
                &["formatString"],
            ),
            "formatnumber" => ("formatNumber", &["number", "format"], &["locale"]),
            "indexof" => ("indexOf", &["text", "searchText"], &[]),
            "substring" => ("substring", &["text", "startIndex"], &["length"]),
            _ => {
                self.problem(&["kind"], format!("expression kind `{kind}` is not known"));
                ("utcNow", &[], &[])
            }
        };
        let inputs = &self.json["inputs"];
        for name in required {
            if inputs[*name].is_null() {
                self.problem(&["inputs"], format!("`inputs.{name}` is missing"));
            }
        }
        let present = optional.iter().filter(|name| !inputs[**name].is_null());
        let names: Vec<String> =
            required.iter().chain(present).map(|name| format!("parameters('{name}')")).collect();
        let call = Template::compile(&json!(format!("@{function}({})", names.join(","))))
            .expect("the call is put together from names of functions");
        Kind::Function { inputs: self.template(&["inputs"]), call }
    }

    fn initialize(&mut self) -> Kind {
        if self.nesting > 0 {
            self.problem(&["type"], "variables are initialized at the top level only");
        }
        let empty = Vec::new();
        let list = self.json["inputs"]["variables"].as_array().unwrap_or(&empty);
        if list.is_empty() {
            self.problem(&["inputs", "variables"], "no variable is named");
        }
        let mut variables = Vec::with_capacity(list.len());
        for (index, variable) in list.iter().enumerate() {
            let index = index.to_string();
            let path = ["inputs", "variables", index.as_str()];
            let name = variable["name"].as_str().unwrap_or_default();
            if name.is_empty() {
                self.problem(&path, "the variable has no name");
            }
            let type_name = variable["type"].as_str().unwrap_or_default();
            let kind = VariableKind::parse(type_name).unwrap_or_else(|| {
                self.problem(&path, format!("variable type `{type_name}` is not known"));
                VariableKind::String
            });
            let value = variable.get("value").map(|json| {
                with_place(self.place, &path, |place| self.compiler.template(json, place))
            });
            variables.push(VariableStart { name: name.to_owned(), kind, value });
        }
        Kind::InitializeVariable(variables)
    }

    fn change(&mut self, change: Change) -> Kind {
        let name = self.json["inputs"]["name"].as_str().unwrap_or_default().to_owned();
        if !self.compiler.variables.contains(&name.to_lowercase()) {
            self.problem(&["inputs", "name"], format!("variable `{name}` is never initialized"));
        }
        let value = match self.json["inputs"].get("value") {
            Some(_) => Some(self.template(&["inputs", "value"])),
            None if matches!(change, Change::Increment | Change::Decrement) => None,
            None => Some(self.template(&["inputs", "value"])),
        };
        Kind::ChangeVariable { change, name, value }
    }

    fn terminate(&mut self) -> Kind {
        if self.compiler.loops > 0 {
            self.problem(&["type"], "a run can not be terminated inside a loop");
        }
        Kind::Terminate(self.template(&["inputs"]))
    }

    fn response(&mut self) -> Kind {
        if self.compiler.loops > 0 {
            self.problem(&["type"], "a response can not stand inside a loop");
        }
        Kind::Response(self.inputs_without(&["schema"]))
    }

    fn wait(&mut self) -> Kind {
        let inputs = &self.json["inputs"];
        let call = if !inputs["until"].is_null() {
            "@ticks(parameters('until')?['timestamp'])"
        } else if !inputs["interval"].is_null() {
            "@ticks(addToTime(utcNow(),parameters('interval')?['count'],parameters('interval')?['unit']))"
        } else {
            self.problem(&["inputs"], "a wait needs `interval` or `until`");
            "@null"
        };
        let until = Template::compile(&json!(call)).expect("the call is a constant");
        Kind::Wait { inputs: self.template(&["inputs"]), until }
    }

    fn child(&mut self) -> Kind {
        let host = &self.json["inputs"]["host"];
        let id = host["workflowReferenceName"].as_str().or_else(|| host["workflow"]["id"].as_str());
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            self.problem(&["inputs", "host"], "the called flow is not named");
            return Kind::Unsupported;
        };
        let workflow_id = id.to_lowercase();
        Kind::ChildFlow {
            workflow_id,
            inputs: self.inputs_without(&["retryPolicy", "authentication"]),
        }
    }

    fn connection(&mut self, webhook: bool) -> Kind {
        let host = &self.json["inputs"]["host"];
        let text = |name: &str| host[name].as_str().unwrap_or_default().to_owned();
        let connection_key = text("connectionName");
        let operation_id = text("operationId");
        for (name, value) in [("connectionName", &connection_key), ("operationId", &operation_id)] {
            if value.is_empty() {
                self.problem(&["inputs", "host"], format!("`inputs.host.{name}` is missing"));
            }
        }
        let api_id = text("apiId");
        let parameters = self.template(&["inputs", "parameters"]);
        Kind::Connection(Box::new(Host {
            connection_key,
            api_id,
            operation_id,
            parameters,
            webhook,
        }))
    }

    fn old_connection(&mut self) -> Kind {
        let name = self.json["inputs"]["host"]["connection"]["name"].as_str().unwrap_or_default();
        let Some(connection_key) = old_connection_key(name) else {
            let path = ["inputs", "host", "connection", "name"];
            self.problem(&path, format!("`{name}` does not name a connection"));
            return Kind::Unsupported;
        };
        let operation_id = self.json["metadata"]["flowSystemMetadata"]["swaggerOperationId"]
            .as_str()
            .map(str::to_owned);
        let inputs = self.inputs_without(&["host", "retryPolicy", "authentication"]);
        Kind::OldConnection { connection_key, operation_id, inputs }
    }

    fn other(&mut self) -> Kind {
        let name = self.json["type"].as_str().unwrap_or_default();
        if name.is_empty() {
            self.problem(&["type"], "the action has no type");
        } else if !UNSUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            self.problem(&["type"], format!("action type `{name}` is not known"));
        }
        Kind::Unsupported
    }
}

/// `shared_x` of `@parameters('$connections')['shared_x']['connectionId']`, and of the form that
/// reads the caller's own connections: `@json(…)['$connections']['shared_x']['connectionId']`.
fn old_connection_key(text: &str) -> Option<String> {
    let rest = text.split_once("'$connections'")?.1.trim_start();
    let rest = rest.strip_prefix([')', ']'])?.trim_start();
    let rest = rest.strip_prefix('?').unwrap_or(rest).strip_prefix("['")?;
    let key = rest.split_once("']")?.0;
    (!key.is_empty()).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_key_of_an_old_connection() {
        let name = "@parameters('$connections')['shared_sql_1']['connectionId']";
        assert_eq!(old_connection_key(name).as_deref(), Some("shared_sql_1"));
        let own = "@json(decodeBase64('x'))['$connections']['shared_sql']['connectionId']";
        assert_eq!(old_connection_key(own).as_deref(), Some("shared_sql"));
        assert_eq!(old_connection_key("@parameters('x')['y']"), None);
    }
}
