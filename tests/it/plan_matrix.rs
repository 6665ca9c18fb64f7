//! For every package, principal and state of an environment: what the plan says over a facts file
//! that was written before is what the import then does, flow by flow and code by code. The import
//! goes through the client and the server's router in this process; the plan is the judgement over
//! the text of the file, and for a part of the cases the program itself.
use std::collections::BTreeMap;
use std::path::Path;

use connref_client::solution::Import;
use connref_client::transport::InProcess;
use connref_client::{Client, ClientError, Place, Shared};
use connref_egress::{Egress, EgressConfig};
use connref_review::audit::{AuditOptions, audit, solution_verify};
use connref_review::catalogue::code;
use connref_review::{ImportMode, ImportOptions, Severity, connection_for_call, import_outcome};
use connref_server::identity::LocalCaller;
use connref_server::{App, router};
use connref_solution::archive::{Archive, Limits};
use connref_solution::artefact::facts_json::{facts_read, facts_write};
use connref_solution::artefact::settings_json::settings_write;
use connref_solution::model::facts::{
    ConnectionKind, EnvironmentKind, Fidelity, FlowState, PrincipalKind, Role, ShareLevel,
};
use connref_solution::model::package::{FlowBody, RuntimeSource};
use connref_solution::model::settings::SettingsReference;
use connref_solution::model::{
    ApiName, ConnectionId, DeploymentSettings, EnvironmentId, Facts, FlowId, Package,
};
use connref_solution::{flow_bodies, package_read};
use connref_store::Store;
use connref_store::access::Caller;
use connref_store::connection::ConnectionNew;
use connref_store::environment::EnvironmentNew;
use connref_store::source::{Clock, Ids, SystemClock, SystemIds};
use connref_store::user::UserNew;
use connref_tests::Home;
use connref_tests::generated::Generated;
use connref_tests::home::OPERATOR;
use connref_tests::package::{fixture_zip, part_text, unzip, zip};
use connref_tests::samples::{samples, zips};
use serde_json::{Value, json};

use crate::key::opened;

/// Who imports. The last one makes things and may not import.
const PEOPLE: [&str; 7] = [
    OPERATOR,
    "maker-own@harbour.test",
    "maker@harbour.test",
    "svc-shared",
    "svc-bare",
    "deployer@harbour.test",
    "plain@harbour.test",
];
const GONE: &str = "gone@harbour.test";

/// What the environment is like before.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Principals, nothing else.
    Empty,
    /// Connections, and settings that bind to them.
    Connections,
    /// The same package, bound.
    Bound,
    /// The same package, not bound; settings bind.
    Unbound,
    /// The same package, bound to connections whose owner has left since.
    Departed,
    /// Connections and settings, and a policy that blocks one of the connectors.
    Policy,
    /// A newer version of the package.
    Newer,
    /// An older version of the package, to be upgraded.
    Upgrade,
}

const STATES: [State; 8] = [
    State::Empty,
    State::Connections,
    State::Bound,
    State::Unbound,
    State::Departed,
    State::Policy,
    State::Newer,
    State::Upgrade,
];

/// A package as the test reads it.
struct Pack {
    name: String,
    zip: Vec<u8>,
    package: Package,
    bodies: BTreeMap<FlowId, FlowBody>,
}

impl Pack {
    fn read(name: &str, zip: Vec<u8>) -> Self {
        let archive = Archive::from_zip(&zip, &Limits::default()).expect("it is a package");
        let package = package_read(&archive).expect("it is a package");
        let bodies = flow_bodies(&package).expect("its flows are read");
        Self { name: name.to_owned(), zip, package, bodies }
    }

    /// The same package in another version.
    fn version(&self, version: &str) -> Vec<u8> {
        let mut parts = unzip(&self.zip);
        let text = part_text(&parts, "solution.xml");
        let (start, end) = (
            text.find("<Version>").expect("it has one") + 9,
            text.find("</Version>").expect("an end"),
        );
        let text = format!("{}{version}{}", &text[..start], &text[end..]);
        for (name, content) in &mut parts {
            if name.eq_ignore_ascii_case("solution.xml") {
                *content = text.clone().into_bytes();
            }
        }
        zip(&parts)
    }
}

/// A store with the server over it, and as many environments as are wanted.
pub(crate) struct World {
    pub(crate) home: Home,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) store: Store,
    router: axum::Router,
    made: std::cell::Cell<usize>,
}

/// One environment.
struct Site {
    name: String,
    id: EnvironmentId,
    /// Owner and connector → connection.
    connections: BTreeMap<(&'static str, String), ConnectionId>,
}

impl World {
    pub(crate) fn new() -> Self {
        let home = Home::new();
        std::fs::create_dir_all(home.path().join("data")).expect("a folder can be made");
        std::fs::create_dir_all(home.path().join("config")).expect("a folder can be made");
        let (runtime, store) = opened(&home);
        let egress = Egress::new(EgressConfig::default());
        let router = {
            let _inside = runtime.enter();
            router(App::new(store.clone(), egress, OPERATOR.to_owned(), "matrix".to_owned()))
        };
        Self { home, runtime, store, router, made: 0.into() }
    }

    /// A fresh id of an import job.
    pub(crate) fn job(&self) -> String {
        SystemIds::default().guid(SystemClock.now())
    }

    /// A client of an environment, as somebody.
    pub(crate) fn client(&self, place: &str, who: &str) -> Client {
        let name = (who != OPERATOR).then(|| who.to_owned());
        let at = Place {
            environment: format!("http://{place}.connref.internal"),
            control: "http://control.connref.internal".to_owned(),
            name: place.to_owned(),
            extended: true,
        };
        Client::new(Shared::new(InProcess::new(self.router.clone(), LocalCaller { name })), at)
    }

    /// Makes an environment in a state.
    async fn place(&self, pack: &Pack, fidelity: Fidelity, state: State) -> Site {
        let operator = Caller::Operator(OPERATOR.to_owned());
        let name = format!("e{}", self.made.replace(self.made.get() + 1));
        let new = EnvironmentNew {
            name: name.clone(),
            kind: EnvironmentKind::Test,
            fidelity,
            allowed: Vec::new(),
        };
        let id = self.store.environment_create(&operator, new).await.expect("it is made").id;
        let mut place = Site { name, id, connections: BTreeMap::new() };
        self.people(&place).await;
        if state != State::Empty {
            self.connections(&mut place, pack).await;
        }
        let admin = self.client(&place.name, OPERATOR);
        let here = match state {
            State::Bound | State::Unbound | State::Departed => Some(pack.zip.clone()),
            State::Newer => Some(pack.version("99.0.0.0")),
            State::Upgrade => Some(pack.version("0.0.0.1")),
            State::Empty | State::Connections | State::Policy => None,
        };
        if let Some(zip) = here {
            let settings = match state {
                State::Unbound => None,
                State::Departed => Some(place.settings(pack, GONE)),
                _ => Some(place.settings(pack, OPERATOR)),
            };
            // What dataverse fidelity does not take at all is judged all the same.
            let job = self.job();
            let _ = admin.solution_import(&asked(&zip, settings.as_ref(), &job)).await;
        }
        match state {
            State::Departed => {
                let users = admin.users().await.expect("they are listed");
                let gone = users.iter().find(|user| user.name == GONE).expect("it is there");
                admin.user_disable(gone, true).await.expect("it is disabled");
            }
            State::Policy => self.policy(&admin, &place, pack).await,
            _ => {}
        }
        place
    }

    async fn people(&self, place: &Site) {
        let admin = self.client(&place.name, OPERATOR);
        let member = self.store.caller_find(&place.id, OPERATOR).await.expect("it is there");
        for name in PEOPLE.into_iter().skip(1).chain([GONE]) {
            let service = name.starts_with("svc-");
            let new = UserNew {
                name: name.to_owned(),
                display_name: name.to_owned(),
                kind: if service { PrincipalKind::ServicePrincipal } else { PrincipalKind::User },
                application_id: None,
                role: match name {
                    _ if service => Role::Deployer,
                    "deployer@harbour.test" => Role::Deployer,
                    _ => Role::EnvironmentMaker,
                },
                business_unit: None,
                manager: None,
            };
            self.store.user_add(&member, &place.id, new).await.expect("it is added");
        }
        // One maker may import by a role of its own, the other by that of a team.
        let roles = admin.roles().await.expect("they are listed");
        let customizer =
            roles.iter().find(|role| role.name == "System Customizer").expect("it is built in");
        let users = admin.users().await.expect("they are listed");
        let id = |name: &str| {
            users.iter().find(|user| user.name == name).expect("it is there").id.clone()
        };
        admin.role_assign(customizer, &id(PEOPLE[1]), false, true).await.expect("it is given");
        let team = admin.team_create("Makers", 0, None, None).await.expect("it is made");
        admin.role_assign(customizer, &team, true, true).await.expect("it is given");
        let teams = admin.teams().await.expect("they are listed");
        let makers = teams.iter().find(|one| one.id == team).expect("it is there");
        admin.team_member_set(makers, &id(PEOPLE[2]), true).await.expect("it joins");
    }

    async fn connections(&self, place: &mut Site, pack: &Pack) {
        let operator = Caller::Operator(OPERATOR.to_owned());
        let member = self.store.caller_find(&place.id, OPERATOR).await.expect("it is there");
        let facts = self.store.facts(&operator, &place.id).await.expect("they are read");
        let principal = |name: &str| {
            facts.principals.iter().find(|p| p.name == name).expect("it is there").id.clone()
        };
        let known: Vec<ApiName> = facts.connectors.iter().map(|c| c.api_name.clone()).collect();
        let mut wanted: Vec<&ApiName> =
            pack.package.references.iter().map(|r| &r.api_name).collect();
        wanted.sort();
        wanted.dedup();
        for api in wanted.into_iter().filter(|api| known.contains(api)) {
            for owner in [OPERATOR, PEOPLE[1], GONE] {
                let new = ConnectionNew {
                    id: None,
                    api_name: api.clone(),
                    display_name: format!("{api} of {owner}"),
                    owner: principal(owner),
                    kind: ConnectionKind::User,
                    endpoint: None,
                    account: None,
                    parameters: BTreeMap::new(),
                    secrets: BTreeMap::new(),
                    ends_on: None,
                };
                let made = self.store.connection_create(&member, &place.id, new).await;
                let id = made.expect("it is made").facts.id;
                let shares: &[(&str, ShareLevel)] = match owner {
                    OPERATOR => &[
                        ("svc-shared", ShareLevel::CanViewWithShare),
                        ("deployer@harbour.test", ShareLevel::CanView),
                    ],
                    GONE => &[(OPERATOR, ShareLevel::CanView)],
                    _ => &[],
                };
                for (to, level) in shares {
                    let to = principal(to);
                    self.store
                        .connection_share(&operator, &place.id, &id, &to, Some(*level))
                        .await
                        .expect("it is shared");
                }
                place.connections.insert((owner, api.key()), id);
            }
        }
    }

    async fn policy(&self, admin: &Client, place: &Site, pack: &Pack) {
        let Some(blocked) = pack.package.references.first() else { return };
        let document = json!({
            "defaultConnectorsClassification": "General",
            "environmentType": "OnlyEnvironments", "environments": [{"name": place.name}],
            "connectorGroups": [{"classification": "Blocked", "connectors": [
                {"id": blocked.api_name.connector_id()}]}],
        });
        admin.policy_set("Matrix", document).await.expect("it is set");
    }

    /// Plans over the file, imports, compares. Answers how many flows were compared, and whether the
    /// import was refused.
    async fn case(
        &self,
        pack: &Pack,
        fidelity: Fidelity,
        state: State,
        who: usize,
    ) -> (usize, bool) {
        let place = self.place(pack, fidelity, state).await;
        let at = format!("{} {fidelity:?} {state:?} {}", pack.name, PEOPLE[who]);
        let client = self.client(&place.name, PEOPLE[who]);
        // Who plans for a deployment hands out the file: the facts of everybody are not everybody's.
        let seen = self.client(&place.name, OPERATOR);
        let before = seen.facts(0).await.unwrap_or_else(|e| panic!("{at}: {e:?}"));
        let file = facts_write(&before);
        let settings = match (state, who) {
            (State::Empty | State::Departed | State::Upgrade, _) => None,
            (_, 1) => Some(place.settings(pack, PEOPLE[1])),
            (State::Bound, _) => None,
            _ => Some(place.settings(pack, OPERATOR)),
        };
        let job = self.job();
        let mut import = asked(&pack.zip, settings.as_ref(), &job);
        import.allow_older = state == State::Newer && who.is_multiple_of(2);
        import.upgrade = state == State::Upgrade;
        let facts = facts_read(file.as_bytes()).expect("the file reads back");
        let planned = planned(&facts, pack, &import, PEOPLE[who]);
        if (self.made.get() + who).is_multiple_of(7) {
            self.program_agrees(&at, &file, pack, &import, PEOPLE[who], &planned);
        }
        let done = client.solution_import(&import).await;
        let after = seen.facts(0).await.unwrap_or_else(|e| panic!("{at}: {e:?}"));
        let refused = match planned {
            Err(codes) => {
                let error = done.expect_err(&format!("{at}: planned as refused ({codes:?})"));
                assert_eq!(told(&error), codes, "{at}: {error:?}");
                let rows = |facts: &Facts| {
                    (facts.solutions.clone(), facts.references.clone(), facts.flows.clone())
                };
                assert_eq!(rows(&before), rows(&after), "{at}: a refused import wrote");
                (0, true)
            }
            Ok(plan) => {
                done.unwrap_or_else(|e| panic!("{at}: planned as going through: {e:?}"));
                assert_eq!(plan.references, references(&after), "{at}");
                assert_eq!(plan.variables, variables(&after), "{at}");
                assert_eq!(plan.everything, states(&after), "{at}");
                let happened = happened(&client, pack).await;
                assert_eq!(plan.flows, happened, "{at}");
                gate_agrees(&at, &after, &pack.package.manifest.unique_name);
                (happened.len(), false)
            }
        };
        if state == State::Policy {
            for policy in seen.policies().await.expect("they are listed") {
                seen.policy_delete(&policy).await.expect("it goes");
            }
        }
        refused
    }

    /// The program says of the same file what the judgement says.
    fn program_agrees(
        &self,
        at: &str,
        file: &str,
        pack: &Pack,
        import: &Import<'_>,
        who: &str,
        planned: &Result<Planned, Vec<String>>,
    ) {
        let facts = self.home.file("facts.json", file);
        let package = self.home.file("package.zip", &pack.zip);
        let mut words = vec!["solution", "plan", &package, "--facts", &facts, "--as", who];
        let settings = import
            .settings
            .map(|settings| self.home.file("settings.json", settings_write(settings)));
        if let Some(settings) = &settings {
            words.extend(["--settings-file", settings]);
        }
        for (given, word) in
            [(import.allow_older, "--allow-older"), (import.upgrade, "--stage-and-upgrade")]
        {
            if given {
                words.push(word);
            }
        }
        let ran = self.home.run_json(words);
        match planned {
            Err(codes) => {
                let plan = ran.expect(4).json();
                assert_eq!(&codes_of(&plan["refusals"]), codes, "{at}: the program");
            }
            Ok(planned) => {
                let plan = ran.expect(0).json();
                let mut flows: Vec<FlowLine> = plan["flows"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .map(|flow| {
                        let word = |name: &str| flow[name].as_str().expect("a text").to_owned();
                        let mut codes = codes_of(&flow["refusals"]);
                        codes.sort();
                        (word("id"), word("state"), codes)
                    })
                    .collect();
                flows.sort();
                assert_eq!(flows, planned.flows, "{at}: the program");
            }
        }
    }
}

impl Site {
    /// Settings that bind every reference for which the owner has a connection.
    fn settings(&self, pack: &Pack, owner: &'static str) -> DeploymentSettings {
        let references = pack.package.references.iter().filter_map(|reference| {
            let connection = self.connections.get(&(owner, reference.api_name.key()))?;
            Some(SettingsReference {
                logical_name: reference.logical_name.clone(),
                connection_id: connection.to_string(),
                api_name: Some(reference.api_name.clone()),
                owner: None,
            })
        });
        DeploymentSettings { references: references.collect(), variables: Vec::new() }
    }
}

/// An import without options.
pub(crate) fn asked<'a>(
    zip: &'a [u8],
    settings: Option<&'a DeploymentSettings>,
    job_id: &'a str,
) -> Import<'a> {
    Import {
        file: zip,
        job_id,
        settings: settings.filter(|settings| !settings.references.is_empty()),
        publish_workflows: true,
        overwrite: false,
        convert_to_managed: false,
        holding: false,
        skip_dependencies: false,
        upgrade: false,
        allow_older: false,
    }
}

/// Id, state and sorted codes of a flow.
type FlowLine = (String, String, Vec<String>);

/// What a plan says, as far as it can be looked up afterwards.
struct Planned {
    flows: Vec<FlowLine>,
    references: Vec<String>,
    variables: Vec<String>,
    everything: Vec<String>,
}

fn planned(
    facts: &Facts,
    pack: &Pack,
    import: &Import<'_>,
    who: &str,
) -> Result<Planned, Vec<String>> {
    let caller = facts.principals.iter().find(|p| p.name == who).expect("it is there").id.clone();
    let options = ImportOptions {
        allow_older: import.allow_older,
        mode: if import.upgrade { ImportMode::Upgrade } else { ImportMode::Update },
        ..ImportOptions::default()
    };
    let asked = connref_review::Import {
        package: &pack.package,
        bodies: &pack.bodies,
        parts: Vec::new(),
        tables: &[],
        settings: import.settings,
        caller: &caller,
        options,
    };
    let outcome = import_outcome(facts, asked)
        .map_err(|refusals| refusals.iter().map(|r| r.code.to_owned()).collect::<Vec<_>>())?;
    let mut flows: Vec<FlowLine> = outcome
        .flows
        .iter()
        .map(|flow| {
            let mut codes: Vec<String> = flow.refusals.iter().map(|r| r.code.to_owned()).collect();
            codes.sort();
            (flow.flow.to_string(), word(flow.state).to_owned(), codes)
        })
        .collect();
    flows.sort();
    Ok(Planned {
        flows,
        references: references(&outcome.future),
        variables: variables(&outcome.future),
        everything: states(&outcome.future),
    })
}

fn word(state: FlowState) -> &'static str {
    match state {
        FlowState::On => "on",
        FlowState::Off => "off",
        FlowState::Suspended => "suspended",
    }
}

fn references(facts: &Facts) -> Vec<String> {
    let mut all: Vec<String> = facts
        .references
        .iter()
        .map(|r| {
            let names = (&r.display_name, &r.description, r.managed);
            format!("{} {:?} {} {names:?}", r.logical_name.key(), r.connection, r.owner)
        })
        .collect();
    all.sort();
    all
}

fn variables(facts: &Facts) -> Vec<String> {
    let line = |v: &connref_solution::model::facts::VariableFacts| {
        format!("{} {:?} {:?} {}", v.schema_name.key(), v.default_value, v.value, v.managed)
    };
    let mut all: Vec<String> = facts.variables.iter().map(line).collect();
    all.sort();
    all
}

/// Every flow and solution of the environment.
fn states(facts: &Facts) -> Vec<String> {
    let flows = facts.flows.iter().map(|f| {
        let entries: Vec<_> = f.references.iter().map(|e| (&e.key, &e.logical_name)).collect();
        let of = (&f.name, f.wanted_on, &f.owner, f.managed, f.solutions.len());
        format!("{} {} {of:?} {entries:?}", f.id, word(f.state))
    });
    let solutions =
        facts.solutions.iter().map(|s| format!("{} {} {}", s.unique_name, s.version, s.managed));
    let mut all: Vec<String> = flows.chain(solutions).collect();
    all.sort();
    all
}

fn codes_of(reasons: &Value) -> Vec<String> {
    let all = reasons.as_array().into_iter().flatten();
    all.map(|one| one["code"].as_str().expect("a code").to_owned()).collect()
}

/// The codes with which an import was refused.
fn told(error: &ClientError) -> Vec<String> {
    let reasons: Vec<String> = error.reasons().iter().map(|one| one.code.clone()).collect();
    match reasons.is_empty() {
        true => error.code().map(str::to_owned).into_iter().collect(),
        false => reasons,
    }
}

/// The package's flows as they are in the environment, each asked why.
async fn happened(client: &Client, pack: &Pack) -> Vec<FlowLine> {
    let mut lines = Vec::new();
    for flow in client.flows().await.expect("they are listed") {
        let of_package = pack
            .package
            .workflows
            .iter()
            .any(|one| one.is_cloud_flow() && one.id.as_str().eq_ignore_ascii_case(&flow.id));
        if !of_package {
            continue;
        }
        let why = client.flow_why(&flow).await.expect("it says why");
        let mut codes: Vec<String> = match flow.state {
            "on" => Vec::new(),
            _ => why.refusals.into_iter().map(|one| one.code).collect(),
        };
        codes.sort();
        lines.push((flow.id, flow.state.to_owned(), codes));
    }
    lines.sort();
    lines
}

/// The gate of the solution agrees with the audit, and with what its flows then do: where it passes,
/// every flow that should be on is, and every call of one that is on finds its connection; where one
/// does not, it fails. Calls are judged as a run judges them, for whoever turned the flow on.
fn gate_agrees(at: &str, facts: &Facts, name: &str) {
    let Some(solution) = facts.solutions.iter().find(|one| one.unique_name == name) else {
        return;
    };
    let options = AuditOptions::default();
    let gate = solution_verify(facts, solution, &options, None).findings;
    let all = audit(facts, &options).findings;
    for one in gate.iter().filter(|one| one.code.starts_with("CA")) {
        let told = all.iter().any(|two| (one.code, &one.subject) == (two.code, &two.subject));
        assert!(told, "{at}: the audit does not know {one:?}");
    }
    let errors: Vec<_> = gate.iter().filter(|one| one.severity == Severity::Error).collect();
    let mut wrong = Vec::new();
    for flow in facts.flows.iter().filter(|flow| flow.solutions.contains(&solution.id)) {
        if flow.wanted_on && flow.state != FlowState::On {
            wrong.push(format!("`{}` is {}", flow.name, word(flow.state)));
        }
        let embedded = flow.references.iter().filter(|e| e.source == RuntimeSource::Embedded);
        for entry in embedded.filter(|_| flow.state == FlowState::On) {
            let caller = flow.activated_by.as_ref().unwrap_or(&flow.owner);
            let called = connection_for_call(facts, &flow.id, &entry.key, caller, &[]);
            if let Err(refusal) = called {
                wrong.push(format!("`{}` calls `{}`: {}", flow.name, entry.key, refusal.code));
            }
        }
    }
    match (wrong.is_empty(), errors.is_empty()) {
        (false, true) => panic!("{at}: the gate passes, but {wrong:?}"),
        // What is unbound, or empty, may concern no flow that should be on; nothing else may.
        (true, false) => {
            let idle = [code::CA101, code::CA117, code::CA116];
            let odd: Vec<_> = errors.iter().filter(|one| !idle.contains(&one.code)).collect();
            assert!(odd.is_empty(), "{at}: everything works, but the gate says {odd:?}");
        }
        _ => {}
    }
}

/// Every case of some packages.
fn matrix(fidelity: Fidelity, packs: &[Pack]) -> String {
    let (mut cases, mut flows, mut refused) = (0, 0, 0);
    for pack in packs {
        // One each: a policy is held against every environment of its tenant.
        let world = World::new();
        for (state, who) in STATES.iter().flat_map(|s| (0..PEOPLE.len()).map(move |w| (*s, w))) {
            let case = world.case(pack, fidelity, state, who);
            let (compared, no) = world.runtime.block_on(case);
            cases += 1;
            flows += compared;
            refused += usize::from(no);
        }
    }
    assert!(flows >= packs.len() && refused >= packs.len(), "{flows} flows, {refused} refused");
    format!("{fidelity:?}: {cases} cases, {flows} flows compared, {refused} imports refused")
}

fn own() -> Vec<Pack> {
    let generated = Generated { flows: 3, ..Generated::default() };
    vec![
        Pack::read("harbour_sites", fixture_zip("harbour_sites")),
        Pack::read("generated", generated.zip()),
    ]
}

fn real() -> Option<Vec<Pack>> {
    let folder = samples("plan_matrix")?;
    let all: Vec<_> = zips(&folder.join("zip"));
    let read = |path: &Path| {
        let bytes = std::fs::read(path).expect("a sample can be read");
        Pack::read(&path.file_name().expect("a name").to_string_lossy(), bytes)
    };
    Some(all.iter().map(|path| read(path)).collect())
}

#[test]
fn the_plan_of_a_file_is_what_the_import_does_in_extended_fidelity() {
    println!("{}", matrix(Fidelity::Extended, &own()));
}

#[test]
fn the_plan_of_a_file_is_what_the_import_does_in_dataverse_fidelity() {
    println!("{}", matrix(Fidelity::Dataverse, &own()));
}

#[test]
fn real_packages_do_as_planned_in_extended_fidelity() {
    let Some(packs) = real() else { return };
    println!("{}", matrix(Fidelity::Extended, &packs));
}

#[test]
fn real_packages_do_as_planned_in_dataverse_fidelity() {
    let Some(packs) = real() else { return };
    println!("{}", matrix(Fidelity::Dataverse, &packs));
}
