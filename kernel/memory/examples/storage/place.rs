//! Where an example keeps what it writes: an SQLite file, or a schema of the PostgreSQL database
//! that MOMENTUM_DATABASE_URL names. The address has a password, so no command line shows it.

use std::path::PathBuf;

use momentum_memory::storage::{
    PostgresConfig, PostgresStorage, SqliteStorage, Storage, StorageError,
};

const SCHEMA: &str = "postgres:";

pub(crate) enum Place {
    File(PathBuf),
    Schema(String),
}

impl Place {
    /// The place from a word of the command line.
    pub(crate) fn from_word(word: &str) -> Self {
        match word.strip_prefix(SCHEMA) {
            Some(schema) => Place::Schema(schema.to_owned()),
            None => Place::File(PathBuf::from(word)),
        }
    }

    /// The place as a word of a command line.
    pub(crate) fn to_word(&self) -> String {
        match self {
            Place::File(path) => path.display().to_string(),
            Place::Schema(schema) => format!("{SCHEMA}{schema}"),
        }
    }

    pub(crate) fn open(&self) -> Result<Box<dyn Storage>, StorageError> {
        Ok(match self {
            Place::File(path) => Box::new(SqliteStorage::open(path)?),
            Place::Schema(schema) => Box::new(postgres(schema)?),
        })
    }

    /// Lets the database look through its own structures, where it can.
    #[allow(dead_code, reason = "one of the two examples has no need of it")]
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        match self {
            Place::File(path) => SqliteStorage::open(path)?.check(),
            Place::Schema(_) => Ok(()),
        }
    }

    /// Removes what was written to a database. A file is its folder's to remove.
    pub(crate) fn remove(&self) -> Result<(), StorageError> {
        match self {
            Place::File(_) => Ok(()),
            Place::Schema(schema) => postgres(schema)?.remove(),
        }
    }
}

fn postgres(schema: &str) -> Result<PostgresStorage, StorageError> {
    let config = PostgresConfig::from_environment()?.with_schema(schema);
    PostgresStorage::open(config.with_connections(1))
}
