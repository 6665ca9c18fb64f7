//! From the JSON of a definition to its compiled form, collecting problems on the way.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value as Json};

use super::action::{Action, ActionId, Block, BlockId, Kind};
use super::order::{self, slot_number};
use super::problem::{Place, Problem};
use super::status::ActionStatus;
use super::{
    Definition, MAX_ACTIONS, MAX_JSON_DEPTH, MAX_NESTING, MAX_VARIABLES, Parameter, StaticResult,
    kind, settings, trigger,
};
use crate::expression::Template;
use crate::value::Value;

/// Longest name of an action or trigger, in characters.
const MAX_NAME: usize = 80;

pub(super) fn compile(definition: &Json) -> Result<Definition, Vec<Problem>> {
    let root = Place::ROOT;
    let Json::Object(map) = definition else {
        return Err(vec![root.problem("definition is not an object")]);
    };
    if too_deep(definition, MAX_JSON_DEPTH) {
        let text = format!("definition is nested deeper than {MAX_JSON_DEPTH} levels");
        return Err(vec![root.problem(text)]);
    }
    let mut compiler = Compiler::default();
    compiler.find_variables(&definition["actions"]);
    let parameters = compiler.parameters(&definition["parameters"], &root.at("parameters"));
    let static_results =
        compiler.static_results(&definition["staticResults"], &root.at("staticResults"));
    let place = root.at("triggers");
    let triggers = trigger::read_all(&definition["triggers"], &place, &mut compiler.problems);
    let block = match map.get("actions") {
        Some(actions) => compiler.block(actions, None, 0, &root.at("actions")),
        None => compiler.push_block(None),
    };
    let outputs = compiler.outputs(&definition["outputs"], &root.at("outputs"));
    compiler.check_static_results(&static_results);
    compiler.check_references(&parameters);
    if compiler.problems.is_empty() {
        let Compiler { actions, blocks, names, .. } = compiler;
        Ok(Definition {
            actions,
            blocks,
            root: block,
            names,
            parameters,
            triggers,
            static_results,
            outputs,
        })
    } else {
        Err(compiler.problems)
    }
}

fn too_deep(json: &Json, left: usize) -> bool {
    match json {
        Json::Array(list) => left == 0 || list.iter().any(|item| too_deep(item, left - 1)),
        Json::Object(map) => left == 0 || map.values().any(|item| too_deep(item, left - 1)),
        _ => false,
    }
}

/// State while compiling.
#[derive(Default)]
pub(super) struct Compiler {
    pub(super) problems: Vec<Problem>,
    /// Lower-case names of every variable that is initialised somewhere.
    pub(super) variables: BTreeSet<String>,
    actions: Vec<Action>,
    blocks: Vec<Block>,
    names: HashMap<String, ActionId>,
    /// How many loops are around the current place.
    pub(super) loops: usize,
    /// What expressions name, with the place; checked when everything is known.
    references: Vec<Reference>,
}

/// A name in an expression.
struct Reference {
    pointer: String,
    function: String,
    name: String,
}

impl Compiler {
    /// A template, or a problem and a template of null.
    pub(super) fn template(&mut self, json: &Json, place: &Place<'_>) -> Template {
        match Template::compile(json) {
            Ok(template) => {
                self.note_references(&template, place);
                template
            }
            Err(error) => {
                self.problems.push(place.problem(error.to_string()));
                Template::compile(&Json::Null).expect("null holds no expression")
            }
        }
    }

    /// Remembers what the expressions of a template name.
    pub(super) fn note_references(&mut self, template: &Template, place: &Place<'_>) {
        for call in template.calls() {
            if let Some(name) = call.argument {
                self.references.push(Reference {
                    pointer: place.pointer(),
                    function: call.function.to_ascii_lowercase(),
                    name: name.to_owned(),
                });
            }
        }
    }

    /// The service refuses to save what names an action, variable or parameter that is not there.
    fn check_references(&mut self, parameters: &[Parameter]) {
        for Reference { pointer, function, name } in std::mem::take(&mut self.references) {
            let lower = name.to_lowercase();
            let (what, known) = match function.as_str() {
                "outputs" | "body" | "actions" | "actionoutputs" | "actionbody" | "result" => {
                    ("action", self.names.contains_key(&lower))
                }
                "items" | "iterationindexes" => ("loop", self.names.contains_key(&lower)),
                "variables" => ("variable", self.variables.contains(&lower)),
                "parameters" => {
                    let declared = |one: &Parameter| one.name.to_lowercase() == lower;
                    ("parameter", lower.starts_with('$') || parameters.iter().any(declared))
                }
                _ => continue,
            };
            if !known {
                let message = format!("the expression names {what} `{name}`, which is not there");
                self.problems.push(Problem { pointer, message });
            }
        }
    }

    fn push_block(&mut self, owner: Option<ActionId>) -> BlockId {
        self.blocks.push(Block { owner, ..Block::default() });
        BlockId(slot_number(self.blocks.len() - 1))
    }

    /// Compiles sibling actions; `null` and absent mean none.
    pub(super) fn block(
        &mut self,
        json: &Json,
        owner: Option<ActionId>,
        nesting: usize,
        place: &Place<'_>,
    ) -> BlockId {
        let id = self.push_block(owner);
        let empty = Map::new();
        let map = match json {
            Json::Object(map) => map,
            Json::Null => &empty,
            _ => {
                self.problems.push(place.problem("actions are not an object"));
                &empty
            }
        };
        if nesting > MAX_NESTING {
            let text = format!("actions are nested deeper than {MAX_NESTING} levels");
            self.problems.push(place.problem(text));
            return id;
        }
        let members = self.reserve(map, id, place);
        for (action, json, name) in &members {
            self.action(*action, json, &place.at(name), nesting);
        }
        let mut block = std::mem::take(&mut self.blocks[id.0 as usize]);
        if let Err(names) = order::link(&mut block, &mut self.actions) {
            let text = format!("runAfter goes in a circle: `{}`", names.join("`, `"));
            self.problems.push(place.problem(text));
        }
        self.blocks[id.0 as usize] = block;
        id
    }

    /// Gives every member of a block its id first, so that `runAfter` can name later ones.
    fn reserve<'j>(
        &mut self,
        map: &'j Map<String, Json>,
        block: BlockId,
        place: &Place<'_>,
    ) -> Vec<(ActionId, &'j Json, &'j str)> {
        let mut members = Vec::with_capacity(map.len());
        for (name, json) in map {
            let place = place.at(name);
            if self.actions.len() == MAX_ACTIONS {
                self.problems.push(place.problem(format!("more than {MAX_ACTIONS} actions")));
                break;
            }
            if name.is_empty() || name.chars().count() > MAX_NAME {
                let text = format!("an action name has 1 to {MAX_NAME} characters");
                self.problems.push(place.problem(text));
            }
            let id = ActionId(slot_number(self.actions.len()));
            if self.names.insert(name.to_lowercase(), id).is_some() {
                let text = format!("`{name}` is the name of another action too");
                self.problems.push(place.problem(text));
            }
            let slot = slot_number(self.blocks[block.0 as usize].actions.len());
            self.blocks[block.0 as usize].actions.push(id);
            self.actions.push(Action {
                name: name.clone(),
                type_name: json["type"].as_str().unwrap_or_default().to_owned(),
                block,
                slot,
                run_after: Vec::new(),
                dependents: Vec::new(),
                kind: Kind::Unsupported,
                settings: settings::read(json, &place, &mut self.problems),
                name_hash: hash_name(name),
            });
            members.push((id, json, name.as_str()));
        }
        members
    }

    fn action(&mut self, id: ActionId, json: &Json, place: &Place<'_>, nesting: usize) {
        let Json::Object(_) = json else {
            self.problems.push(place.problem("action is not an object"));
            return;
        };
        let Self { problems, actions, blocks, .. } = self;
        let siblings = &blocks[actions[id.0 as usize].block.0 as usize].actions;
        let run_after = order::read(&json["runAfter"], place, problems, |name| {
            let same = |other: &ActionId| {
                let known = &actions[other.0 as usize].name;
                *other != id && (known == name || known.to_lowercase() == name.to_lowercase())
            };
            siblings.iter().position(same).map(slot_number)
        });
        self.actions[id.0 as usize].run_after = run_after;
        let kind = kind::compile(self, id, json, place, nesting);
        self.actions[id.0 as usize].kind = kind;
    }

    /// Variables may be used in the file before the action that brings them.
    fn find_variables(&mut self, actions: &Json) {
        let Json::Object(map) = actions else { return };
        for action in map.values() {
            let is = action["type"].as_str() == Some("InitializeVariable");
            let list = action["inputs"]["variables"].as_array().filter(|_| is);
            for variable in list.into_iter().flatten() {
                let name = variable["name"].as_str().unwrap_or_default();
                if !self.variables.insert(name.to_lowercase()) {
                    let root = Place::ROOT;
                    let text = format!("variable `{name}` is initialized twice");
                    self.problems.push(root.at("actions").problem(text));
                }
            }
        }
        if self.variables.len() > MAX_VARIABLES {
            let root = Place::ROOT;
            let text = format!("more than {MAX_VARIABLES} variables");
            self.problems.push(root.at("actions").problem(text));
        }
    }

    fn members<'j>(&mut self, json: &'j Json, place: &Place<'_>) -> Option<&'j Map<String, Json>> {
        match json {
            Json::Null => None,
            Json::Object(map) => Some(map),
            _ => {
                self.problems.push(place.problem("this is not an object"));
                None
            }
        }
    }

    fn parameters(&mut self, json: &Json, place: &Place<'_>) -> Vec<Parameter> {
        let members = self.members(json, place).into_iter().flatten();
        let read = |(name, json): (&String, &Json)| Parameter {
            name: name.clone(),
            type_name: json["type"].as_str().unwrap_or_default().to_owned(),
            default: json.get("defaultValue").map(Value::from_json),
            environment_variable: json["metadata"]["schemaName"].as_str().map(str::to_owned),
        };
        members.map(read).collect()
    }

    fn static_results(&mut self, json: &Json, place: &Place<'_>) -> BTreeMap<String, StaticResult> {
        let mut results = BTreeMap::new();
        for (name, json) in self.members(json, place).into_iter().flatten() {
            let status = json["status"].as_str().unwrap_or("Succeeded");
            let Some(status) = ActionStatus::parse(status) else {
                self.problems
                    .push(place.at(name).problem(format!("status `{status}` is not known")));
                continue;
            };
            let text = |key: &str| json["error"][key].as_str().unwrap_or_default().to_owned();
            let error = json.get("error").map(|_| (text("code"), text("message")));
            let outputs = json.get("outputs").map(plain);
            results.insert(name.clone(), StaticResult { status, outputs, error });
        }
        results
    }

    fn outputs(&mut self, json: &Json, place: &Place<'_>) -> Vec<(String, Template)> {
        let members = self.members(json, place).into_iter().flatten();
        members
            .map(|(name, json)| {
                (name.clone(), self.template(&json["value"], &place.at(name).at("value")))
            })
            .collect()
    }

    fn check_static_results(&mut self, results: &BTreeMap<String, StaticResult>) {
        for action in &self.actions {
            if let Some(name) = &action.settings.static_result
                && !results.contains_key(name)
            {
                let text = format!(
                    "action `{}` names static result `{name}`, which is not defined",
                    action.name
                );
                self.problems.push(Place::ROOT.at("staticResults").problem(text));
            }
        }
    }
}

/// A value that is written like a template but holds no expression: `@@` stands for `@`.
pub(super) fn plain(json: &Json) -> Value {
    let template = Template::compile(json).ok();
    let constant = template.as_ref().and_then(Template::constant).cloned();
    constant.unwrap_or_else(|| Value::from_json(json))
}

/// FNV-1a of the lower-case name: stable over versions of this program, because the random
/// stream of a run that is continued after an upgrade must not change.
fn hash_name(name: &str) -> u64 {
    name.to_lowercase().bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
