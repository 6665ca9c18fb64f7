//! SQL on a real PostgreSQL server, if its programs are installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use connref_engine::connector::{CallError, Connector, Sql};
use serde_json::{Value as Json, json};

use crate::server::{Setup, basic, skipped};

/// A server of its own in a temporary folder; it ends with the test.
struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Cluster {
    /// `None` if there is nothing to start, or nobody to start it as.
    fn start() -> Option<Self> {
        let programs = std::fs::read_dir("/usr/lib/postgresql")
            .ok()?
            .filter_map(Result::ok)
            .map(|e| e.path().join("bin"))
            .find(|p| p.join("initdb").exists())?;
        let folder = tempfile::tempdir().ok()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let cluster = Self { folder, programs, port };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(cluster.folder.path()))?;
        }
        std::fs::write(cluster.folder.path().join("password"), "canary-password").ok()?;
        let data = cluster.data();
        run(cluster
            .program("initdb")
            .args([
                "-D",
                &data,
                "-U",
                "ada",
                "-A",
                "scram-sha-256",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
            ])
            .arg(format!("--pwfile={}/password", cluster.folder.path().display())))?;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories={}",
            cluster.folder.path().display()
        );
        run(cluster.program("pg_ctl").args([
            "-D",
            &data,
            "-w",
            "-o",
            &options,
            "-l",
            &format!("{data}.log"),
            "start",
        ]))?;
        Some(cluster)
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    /// As root, PostgreSQL's programs only run as another user.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        if !is_root() {
            return Command::new(path);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(path);
        command
    }

    fn setup(&self) -> Setup {
        let address = format!("127.0.0.1:{}", self.port);
        Setup::new(&address, Some(format!("postgres://{address}/postgres")))
            .parameter("tls", "none")
            .credential(basic("ada"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.data();
        // Nothing more can be done about a server that does not stop.
        let _stopped = run(self.program("pg_ctl").args(["-D", &data, "-m", "immediate", "stop"]));
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0)
        && Path::new("/usr/sbin/runuser").exists()
}

fn run(command: &mut Command) -> Option<()> {
    let status = command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    status.success().then_some(())
}

async fn native(setup: &Setup, query: &str, values: Json) -> Json {
    let answer = setup
        .ok(
            &Sql,
            "ExecutePassThroughNativeQuery_V2",
            json!({"query/query": query, "query/actualParameters": values}),
        )
        .await;
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    answer.body.to_json()["resultsets"].clone()
}

#[tokio::test]
async fn tables_of_a_real_server() {
    let Some(cluster) = Cluster::start() else {
        skipped("no PostgreSQL programs here");
        return;
    };
    let setup = cluster.setup();
    let probe = Sql.probe(&setup.context()).await.expect("a probe");
    assert_eq!(probe.identity.as_deref(), Some("ada"));
    let refused = setup
        .call(
            &Sql,
            "ExecutePassThroughNativeQuery_V2",
            json!({"query/query": "create table t(a int)"}),
        )
        .await
        .expect_err("not about data");
    assert!(matches!(refused, CallError::Unsupported { .. }), "{refused:?}");
    make_tables(&cluster).await;
    let made = setup.ok(&Sql, "PostItem_V2", json!({"table": "[dbo].[people]", "item/name": "O'Ada", "item/age": 36, "item/born": "1990-02-03", "item/ok": true, "item/pay": 12.50, "item/doc": {"k": [1]}})).await;
    assert_eq!(
        made.body.to_json(),
        json!({"id": 1, "name": "O'Ada", "age": 36, "born": "1990-02-03", "ok": true, "pay": 12.5, "doc": {"k": [1]}}),
        "{made:?}"
    );
    for (name, age) in [("Bob", Json::Null), ("Cy", json!(20))] {
        setup
            .ok(&Sql, "PostItem_V2", json!({"table": "people", "item/name": name, "item/age": age}))
            .await;
    }
    let names = async |filter: &str| {
        let answer = setup.ok(&Sql, "GetItems_V2", json!({"table": "people", "$filter": filter, "$orderby": "name desc", "$select": "name"})).await;
        assert_eq!(answer.status, 200, "{filter}: {answer:?}");
        let rows = answer.body.to_json()["value"].as_array().cloned().unwrap_or_default();
        rows.iter()
            .filter_map(|r| r["name"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!(names("age ge 20").await, "O'Ada,Cy");
    assert_eq!(names("age eq null").await, "Bob");
    assert_eq!(
        names("contains(name,'''A') or endswith(name,'y') and startswith(name,'C')").await,
        "O'Ada,Cy"
    );
    assert_eq!(names("born lt 2000-01-01 and ok eq true").await, "O'Ada");
    assert_eq!(names("name eq '''; drop table people; --'").await, "");
    let changed = setup
        .ok(&Sql, "PatchItem_V2", json!({"table": "public.people", "id": "2", "item/age": 40}))
        .await;
    assert_eq!(changed.body.to_json()["age"], 40);
    assert_eq!(
        setup.ok(&Sql, "GetItem_V2", json!({"table": "people", "id": "99"})).await.status,
        404
    );
    assert_eq!(
        setup
            .ok(&Sql, "PostItem_V2", json!({"table": "people", "item/id": 1, "item/name": "x"}))
            .await
            .status,
        409
    );
    assert_eq!(setup.ok(&Sql, "GetItems_V2", json!({"table": "missing"})).await.status, 404);
    assert_eq!(
        setup.ok(&Sql, "DeleteItem_V2", json!({"table": "people", "id": "3"})).await.status,
        200
    );
    assert_eq!(
        native(
            &setup,
            "select name from people where age > @min and name <> '@min' order by 1;",
            json!({"min": 30})
        )
        .await,
        json!({"Table1": [{"name": "Bob"}, {"name": "O'Ada"}]})
    );
    assert_eq!(
        native(&setup, "update people set age = @a where id = 2 returning age", json!({"a": 41}))
            .await,
        json!({"Table1": [{"age": 41}]})
    );
    assert_eq!(native(&setup, "delete from people where id = 2", json!({})).await, json!({}));
    let wrong = cluster.setup().credential(basic("mallory"));
    let error =
        wrong.call(&Sql, "GetItems_V2", json!({"table": "people"})).await.expect_err("wrong login");
    assert!(
        matches!(error, CallError::Connection { .. }) && !format!("{error:?}").contains("canary"),
        "{error:?}"
    );
    let mut slow = cluster.setup();
    slow.timeout = std::time::Duration::from_millis(500);
    let outcome = slow
        .call(
            &Sql,
            "ExecutePassThroughNativeQuery_V2",
            json!({"query/query": "select pg_sleep(30)"}),
        )
        .await;
    assert!(
        matches!(&outcome, Err(CallError::TimedOut { .. }))
            || outcome.as_ref().is_ok_and(|a| a.status == 503),
        "{outcome:?}"
    );
}

/// Tables cannot be made through the connector, so the server's own client makes them.
async fn make_tables(cluster: &Cluster) {
    let mut config = tokio_postgres::Config::new();
    config
        .host("127.0.0.1")
        .port(cluster.port)
        .user("ada")
        .password("canary-password")
        .dbname("postgres");
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("a session");
    tokio::spawn(connection);
    client.batch_execute("create table people(id serial primary key, name text not null, age int, born date, ok boolean, pay numeric(10,2), doc jsonb)").await.expect("a table");
}

#[tokio::test]
async fn a_server_is_never_reached_plainly_by_accident() {
    let endpoint = Some("postgres://127.0.0.1:1/x".to_owned());
    let setup = Setup::new("127.0.0.1:1", endpoint.clone()).credential(basic("ada"));
    let error = setup
        .call(&Sql, "GetItems_V2", json!({"table": "t"}))
        .await
        .expect_err("TLS is not offered");
    assert!(matches!(error, CallError::Unsupported { .. }), "{error:?}");
    let setup = Setup::new("", endpoint).credential(basic("ada")).parameter("tls", "none");
    let error =
        setup.call(&Sql, "GetItems_V2", json!({"table": "t"})).await.expect_err("not allowed");
    assert!(matches!(error, CallError::Egress(_)) && !error.retryable(), "{error:?}");
    for bad in ["postgres://u:canary@h/x", "postgres://", "mysql://h/x", "postgres://h:99999/x"] {
        let setup = Setup::new("", Some(bad.to_owned())).credential(basic("ada"));
        let error = setup.call(&Sql, "GetItems_V2", json!({"table": "t"})).await.expect_err(bad);
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}
