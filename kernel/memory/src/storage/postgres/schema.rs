//! The tables, and the steps from each version of them to the next.

use tokio_postgres::Client;

use super::connection::wait;
use super::{corrupt, failed};
use crate::storage::StorageError;

/// Each step leads from the version of its index to the next. Never edit one that was released:
/// add another.
///
/// Times are milliseconds after 1970: all that a `Timestamp` can be, to the digit. Names that are
/// compared are in the collation "C", which orders as Rust does and does not change with the
/// operating system's locale.
const STEPS: [&str; 1] = ["
    CREATE TABLE agent (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name TEXT COLLATE \"C\" NOT NULL UNIQUE,
        created BIGINT NOT NULL,
        n_passages BIGINT NOT NULL DEFAULT 0,
        n_passages_ever BIGINT NOT NULL DEFAULT 0
    );
    CREATE TABLE state (
        agent BIGINT NOT NULL REFERENCES agent ON DELETE CASCADE,
        key TEXT COLLATE \"C\" NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (agent, key)
    );
    CREATE TABLE message (
        agent BIGINT NOT NULL REFERENCES agent ON DELETE CASCADE,
        place BIGINT NOT NULL,
        at BIGINT NOT NULL,
        session BIGINT NOT NULL,
        role TEXT NOT NULL,
        text TEXT COLLATE \"C\" NOT NULL,
        calls TEXT,
        answers TEXT,
        PRIMARY KEY (agent, place)
    );
    CREATE TABLE passage (
        agent BIGINT NOT NULL REFERENCES agent ON DELETE CASCADE,
        place BIGINT NOT NULL,
        at BIGINT NOT NULL,
        session BIGINT NOT NULL,
        source TEXT COLLATE \"C\",
        tags JSONB NOT NULL,
        text TEXT COLLATE \"C\" NOT NULL,
        PRIMARY KEY (agent, place)
    );
    CREATE TABLE gone (
        agent BIGINT NOT NULL REFERENCES agent ON DELETE CASCADE,
        place BIGINT NOT NULL,
        PRIMARY KEY (agent, place)
    );
    CREATE TABLE block (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        label TEXT COLLATE \"C\" NOT NULL,
        description TEXT NOT NULL,
        value TEXT NOT NULL,
        char_limit BIGINT NOT NULL,
        read_only BOOLEAN NOT NULL,
        version BIGINT NOT NULL
    );
    CREATE TABLE block_edit (
        block BIGINT NOT NULL REFERENCES block ON DELETE CASCADE,
        version BIGINT NOT NULL,
        author TEXT NOT NULL,
        at BIGINT NOT NULL,
        before TEXT,
        after TEXT NOT NULL,
        restores BIGINT,
        PRIMARY KEY (block, version)
    );
    CREATE TABLE attachment (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        agent BIGINT NOT NULL REFERENCES agent ON DELETE CASCADE,
        block BIGINT NOT NULL REFERENCES block ON DELETE CASCADE,
        can_write BOOLEAN NOT NULL,
        UNIQUE (agent, block)
    );
    CREATE INDEX attachment_of_block ON attachment (block);
    CREATE TABLE fact (
        agent BIGINT NOT NULL REFERENCES agent ON DELETE CASCADE,
        id BIGINT NOT NULL,
        subject TEXT NOT NULL,
        attribute TEXT NOT NULL,
        value TEXT NOT NULL,
        valid_from BIGINT NOT NULL,
        valid_until BIGINT,
        at BIGINT NOT NULL,
        source TEXT,
        subject_key TEXT COLLATE \"C\" NOT NULL,
        attribute_key TEXT COLLATE \"C\" NOT NULL,
        PRIMARY KEY (agent, id)
    );
    CREATE TABLE segment (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        agent BIGINT NOT NULL REFERENCES agent ON DELETE CASCADE,
        collection SMALLINT NOT NULL,
        first BIGINT NOT NULL,
        n BIGINT NOT NULL,
        total_length BIGINT NOT NULL,
        traits BYTEA NOT NULL
    );
    CREATE INDEX segment_of_agent ON segment (agent, collection, first);
    CREATE TABLE block_of_terms (
        segment BIGINT NOT NULL REFERENCES segment ON DELETE CASCADE,
        first_term BIGINT NOT NULL,
        postings BYTEA NOT NULL,
        PRIMARY KEY (segment, first_term)
    );
    ALTER TABLE segment ALTER traits SET STORAGE EXTERNAL;
    ALTER TABLE block_of_terms ALTER postings SET STORAGE EXTERNAL;
    CREATE TABLE space (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        agent BIGINT NOT NULL REFERENCES agent ON DELETE CASCADE,
        collection SMALLINT NOT NULL,
        model TEXT COLLATE \"C\" NOT NULL,
        dimension BIGINT NOT NULL,
        is_indexed BOOLEAN NOT NULL DEFAULT false,
        UNIQUE (agent, collection, model)
    );
    CREATE TABLE embedding (
        space BIGINT NOT NULL REFERENCES space ON DELETE CASCADE,
        place BIGINT NOT NULL,
        numbers vector NOT NULL,
        PRIMARY KEY (space, place)
    );
"];

/// The newest version.
#[cfg(test)]
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// Makes the schema if it is not there, and brings it to the newest version, all in one
/// transaction. The search path names the schema first.
pub(super) fn migrate(client: &Client, schema: &str, place: &str) -> Result<(), StorageError> {
    migrate_by(&STEPS, client, schema, place)
}

/// As [`migrate`], by these steps.
pub(super) fn migrate_by(
    steps: &[&str],
    client: &Client,
    schema: &str,
    place: &str,
) -> Result<(), StorageError> {
    // Without a lock first: all but the first connection ever find it up to date.
    let known = steps.len() as i64;
    if version(client, schema)? == Some(known) {
        return Ok(());
    }
    let wrong = failed("bring the schema up to date");
    wait(client.batch_execute("BEGIN")).map_err(&wrong)?;
    match migrate_locked(steps, client, schema, place) {
        Ok(()) => wait(client.batch_execute("COMMIT")).map_err(&wrong),
        Err(error) => {
            // What is to be said is the first error; the connection is given up with it.
            let _ = wait(client.batch_execute("ROLLBACK"));
            Err(error)
        }
    }
}

fn migrate_locked(
    steps: &[&str],
    client: &Client,
    schema: &str,
    place: &str,
) -> Result<(), StorageError> {
    let wrong = failed("bring the schema up to date");
    // One process at a time; the others find it done.
    let sql = "SELECT pg_advisory_xact_lock(hashtextextended('momentum-memory ' || $1::text, 0))";
    wait(client.execute(sql, &[&schema])).map_err(&wrong)?;
    // The schema's name is checked where it comes in: letters, digits and underscores.
    let sql = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
    wait(client.batch_execute(&sql)).map_err(&wrong)?;
    let known = steps.len() as i64;
    let found = version(client, schema)?;
    if let Some(found) = found.filter(|found| *found > known) {
        return Err(StorageError::NewerSchema { place: place.to_owned(), found, known });
    }
    if found.is_none() {
        let sql = "SELECT count(*) FROM pg_tables WHERE schemaname = $1";
        let n: i64 = wait(client.query_one(sql, &[&schema])).map_err(&wrong)?.get(0);
        if n > 0 {
            let why = "there are tables of another program in this schema; choose another schema";
            return Err(corrupt(place, why));
        }
        let sql = "CREATE TABLE schema_version (version BIGINT NOT NULL);
                   INSERT INTO schema_version VALUES (0)";
        wait(client.batch_execute(sql)).map_err(&wrong)?;
    }
    for sql in steps.iter().skip(usize::try_from(found.unwrap_or(0)).unwrap_or(0)) {
        wait(client.batch_execute(sql)).map_err(&wrong)?;
    }
    wait(client.execute("UPDATE schema_version SET version = $1", &[&known])).map_err(&wrong)?;
    Ok(())
}

/// The schema's version; [`None`] where there is none yet.
fn version(client: &Client, schema: &str) -> Result<Option<i64>, StorageError> {
    let wrong = failed("read the version of the schema");
    let sql = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'schema_version'";
    if wait(client.query_opt(sql, &[&schema])).map_err(&wrong)?.is_none() {
        return Ok(None);
    }
    let row = wait(client.query_one("SELECT version FROM schema_version", &[])).map_err(&wrong)?;
    Ok(Some(row.get(0)))
}
