//! Databases of their own on the PostgreSQL server of the tests.
use tokio_postgres::NoTls;

/// A database that is dropped with this.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
}

/// The server that `CONNREF_TEST_POSTGRES` names.
#[must_use]
#[expect(clippy::print_stderr, reason = "who runs the tests must see what was not run")]
pub fn server(test: &str) -> Option<String> {
    let server = std::env::var("CONNREF_TEST_POSTGRES").ok();
    if server.is_none() {
        eprintln!("not run on PostgreSQL: {test}: CONNREF_TEST_POSTGRES is not set");
    }
    server
}

impl Database {
    /// A database, empty or a copy of another that nobody uses.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    #[track_caller]
    pub fn new(server: &str, of: Option<&Self>) -> Self {
        let begun = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let at = begun.expect("the clock is after 1970").as_nanos();
        let name = format!("connref_it_{}_{at}", std::process::id());
        let template = of.map_or_else(String::new, |of| format!(" TEMPLATE {}", of.name));
        run(server, &format!("CREATE DATABASE {name}{template}"));
        Self { server: server.to_owned(), name }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        let end = self.server.rfind('/').unwrap_or(self.server.len());
        format!("{}/{}", &self.server[..end], self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        run(&self.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

#[track_caller]
fn run(server: &str, statement: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(async {
        let (client, connection) =
            tokio_postgres::connect(server, NoTls).await.expect("the server can be reached");
        tokio::spawn(connection);
        // A session of a killed process lingers for a moment; a template must have none.
        for attempt in 0.. {
            match client.batch_execute(statement).await {
                Ok(()) => return,
                Err(error) if attempt > 100 => panic!("`{statement}`: {error:?}"),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
    });
}
