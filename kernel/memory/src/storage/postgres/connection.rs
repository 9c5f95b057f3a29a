//! Connections: opened on the crate's own runtime, waited for from any thread, kept for the next
//! call.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::encryption::Encryption;
use super::{failed, schema};
use crate::retrieval::index::Index;
use crate::runtime;
use crate::storage::{Collection, StorageError};

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 200;

/// Waits on this thread for what the runtime's threads bring about. It works inside another
/// runtime too, where `block_on` would panic.
pub(super) fn wait<F: Future>(work: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A connection with what was learned on it.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) statements: RefCell<HashMap<String, Statement>>,
    pub(super) indexes: HashMap<(i64, Collection), Index>,
}

impl Session {
    /// The prepared statement of this text.
    pub(super) fn statement(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let new = wait(self.client.prepare(sql))?;
        let mut statements = self.statements.borrow_mut();
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.to_owned(), new.clone());
        Ok(new)
    }
}

/// Where the database is: host, port, name and schema, without user and password.
pub(super) fn place(config: &Config, schema: &str) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let ports = config.get_ports().iter().map(u16::to_string);
    let (hosts, ports) = (hosts.collect::<Vec<_>>(), ports.collect::<Vec<_>>());
    let port = if ports.is_empty() { "5432".to_owned() } else { ports.join(",") };
    let database = config.get_dbname().unwrap_or("its user's database");
    format!("PostgreSQL at {}:{port}, {database}, schema {schema}", hosts.join(","))
}

/// Opens a connection, and makes or migrates the schema.
fn connect(
    config: &Config,
    encryption: Option<&Encryption>,
    schema: &str,
    place: &str,
) -> Result<Session, StorageError> {
    let doing = "connect to PostgreSQL";
    let broken = |source| StorageError::Backend { doing, source };
    let (config, encryption) = (config.clone(), encryption.cloned());
    // A connection ends with its client. What goes wrong on it is told to the calls that wait for it.
    let connected = runtime::wait(async move {
        match encryption {
            Some(encryption) => {
                let (client, connection) = config.connect(encryption).await?;
                tokio::spawn(async move { drop(connection.await) });
                Ok::<_, tokio_postgres::Error>(client)
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(async move { drop(connection.await) });
                Ok(client)
            }
        }
    });
    let client = connected.map_err(|lost| broken(lost.into()))?.map_err(failed(doing))?;
    prepare(&client, schema, place)?;
    Ok(Session { client, statements: RefCell::default(), indexes: HashMap::new() })
}

/// Looks whether the database will do, and sets the connection up.
fn prepare(client: &Client, schema: &str, place: &str) -> Result<(), StorageError> {
    let wrong = failed("set up the connection");
    let refuse =
        |why: &str| StorageError::Backend { doing: "use the database", source: why.into() };
    let sql = "SELECT current_setting('server_encoding'), (
                   SELECT nspname::text FROM pg_extension
                   JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'vector'
               )";
    let row = wait(client.query_one(sql, &[])).map_err(&wrong)?;
    let (encoding, mut home): (String, Option<String>) = (row.get(0), row.get(1));
    if encoding != "UTF8" {
        let why = format!("its encoding is {encoding}; create one with ENCODING 'UTF8'");
        return Err(refuse(&why));
    }
    if home.is_none() {
        let sql = "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'";
        if wait(client.query_opt(sql, &[])).map_err(&wrong)?.is_none() {
            let why = "the server has no pgvector; install it (Debian: postgresql-NN-pgvector)";
            return Err(refuse(why));
        }
        // Two that create it at once: one of them fails, and finds it there.
        let made = wait(client.batch_execute("CREATE EXTENSION IF NOT EXISTS vector"));
        home = wait(client.query_one(sql_of_home(), &[])).map_err(&wrong)?.get(0);
        if home.is_none() {
            made.map_err(failed("create the extension pgvector in the database"))?;
        }
    }
    let home = home.unwrap_or_else(|| "public".to_owned());
    // A lock is waited for as long as SQLite waits; a process that was stopped in the middle of a
    // transaction holds its locks for a minute at most.
    let sql = "SELECT set_config('search_path', $1::text || ', ' || quote_ident($2::text), false),
                      set_config('lock_timeout', '30s', false),
                      set_config('idle_in_transaction_session_timeout', '60s', false),
                      set_config('client_min_messages', 'warning', false)";
    wait(client.query_one(sql, &[&schema, &home])).map_err(&wrong)?;
    schema::migrate(client, schema, place)
}

/// The schema in which pgvector's types are.
fn sql_of_home() -> &'static str {
    "SELECT (SELECT nspname::text FROM pg_extension
             JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'vector')"
}

/// Connections for the calls of all threads of this process.
pub(super) struct Pool {
    config: Config,
    encryption: Option<Encryption>,
    schema: String,
    place: String,
    most: usize,
    state: Mutex<PoolState>,
    returned: Condvar,
}

#[derive(Default)]
struct PoolState {
    process: u32,
    idle: Vec<Session>,
    n_open: usize,
}

impl Pool {
    pub(super) fn new(
        config: Config,
        encryption: Option<Encryption>,
        schema: String,
        most: usize,
    ) -> Self {
        let (place, most) = (place(&config, &schema), most.max(1));
        let (state, returned) = (Mutex::default(), Condvar::new());
        Pool { config, encryption, schema, place, most, state, returned }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    // Nothing in here panics while the lock is held.
    fn state(&self) -> MutexGuard<'_, PoolState> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A notebook's process may be the copy of another, whose connections are not its own.
        if state.process != std::process::id() {
            let old = std::mem::take(&mut *state);
            std::mem::forget(old);
            state.process = std::process::id();
        }
        state
    }

    fn connect(&self) -> Result<Session, StorageError> {
        connect(&self.config, self.encryption.as_ref(), &self.schema, &self.place)
    }

    /// A connection for one call: one that lies idle, a new one, or the next that is returned.
    pub(super) fn session(&self) -> Result<Lease<'_>, StorageError> {
        let mut state = self.state();
        loop {
            if let Some(session) = state.idle.pop() {
                if !session.client.is_closed() {
                    return Ok(Lease { pool: self, session: Some(session) });
                }
                state.n_open -= 1;
                continue;
            }
            if state.n_open < self.most {
                state.n_open += 1;
                drop(state);
                let mut lease = Lease { pool: self, session: None };
                lease.session = Some(self.connect()?);
                return Ok(lease);
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A connection that is in use. Dropped with its session, it goes back to the pool; without, its
/// place becomes free.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    session: Option<Session>,
}

impl Lease<'_> {
    pub(super) fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    /// Gives the connection up: the server ends what was begun on it.
    pub(super) fn close(mut self) {
        self.session = None;
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let session = self.session.take().filter(|_| !std::thread::panicking());
        let mut state = self.pool.state();
        match session {
            Some(session) => state.idle.push(session),
            None => state.n_open = state.n_open.saturating_sub(1),
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}
