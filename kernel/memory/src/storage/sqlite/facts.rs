//! Facts.

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use super::{Cached, integer};
use crate::storage::fact::{Decision, decide, folded};
use crate::storage::{
    AgentId, Fact, FactId, FactOutcome, FactQuery, NewFact, Page, PageRequest, StorageError,
    Timestamp,
};

const COLUMNS: &str = "id, subject, attribute, value, valid_from, valid_until, at, source";

fn read(row: &Row<'_>) -> rusqlite::Result<Fact> {
    Ok(Fact {
        id: FactId(row.get::<_, i64>(0)?.unsigned_abs()),
        subject: row.get(1)?,
        attribute: row.get(2)?,
        value: row.get(3)?,
        from: Timestamp::from_millis(row.get(4)?),
        until: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis),
        at: Timestamp::from_millis(row.get(6)?),
        source: row.get(7)?,
    })
}

impl Cached<'_> {
    pub(super) fn record_fact(
        &mut self,
        agent: &AgentId,
        new: &NewFact,
    ) -> Result<FactOutcome, StorageError> {
        let agent = self.agent(agent)?;
        let doing = "record a fact";
        let sql = format!(
            "SELECT {COLUMNS} FROM fact WHERE agent = ?1 AND subject_key = ?2
             AND attribute_key = ?3 ORDER BY id"
        );
        let about = (agent, folded(&new.subject), folded(&new.attribute));
        let mut known = self.rows(doing, &sql, about, read)?;
        let sql = "SELECT id + 1 FROM fact WHERE agent = ?1 ORDER BY id DESC LIMIT 1";
        let id = self.value(doing, sql, [agent])?.unwrap_or(0_i64).unsigned_abs();
        let new = &new.placed(&known);
        let fact = |until| new.clone().into_fact(FactId(id), until);
        Ok(match decide(&known, new) {
            Decision::Known(i) => FactOutcome::Known(known.swap_remove(i)),
            Decision::Contradiction(i) => FactOutcome::Contradiction(known.swap_remove(i)),
            Decision::Write { until } => {
                self.write_fact(agent, &fact(until))?;
                FactOutcome::New(fact(until))
            }
            Decision::Supersede(i) => {
                let old = Fact { until: Some(new.from), ..known.swap_remove(i) };
                let sql = "UPDATE fact SET valid_until = ?3 WHERE agent = ?1 AND id = ?2";
                self.run(doing, sql, (agent, integer(old.id.0), new.from.millis()))?;
                self.write_fact(agent, &fact(None))?;
                FactOutcome::Superseded { new: fact(None), old }
            }
        })
    }

    fn write_fact(&self, agent: i64, fact: &Fact) -> Result<(), StorageError> {
        let sql = "INSERT INTO fact (agent, id, subject, attribute, value, valid_from,
                   valid_until, at, source, subject_key, attribute_key)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let Fact { id, subject, attribute, value, from, until, at, source } = fact;
        let keys = (folded(subject), folded(attribute));
        let row = rusqlite::params![
            agent,
            integer(id.0),
            subject,
            attribute,
            value,
            from.millis(),
            until.map(Timestamp::millis),
            at.millis(),
            source,
            keys.0,
            keys.1
        ];
        self.run("record a fact", sql, row).map(|_| ())
    }

    pub(super) fn facts(
        &self,
        agent: &AgentId,
        query: &FactQuery,
        page: PageRequest,
    ) -> Result<Page<Fact>, StorageError> {
        let agent = self.agent(agent)?;
        let doing = "read facts";
        let mut conditions = "agent = ?".to_owned();
        let mut values: Vec<Value> = vec![agent.into()];
        for (name, key) in [(&query.subject, "subject_key"), (&query.attribute, "attribute_key")] {
            if let Some(name) = name {
                conditions.push_str(&format!(" AND {key} = ?"));
                values.push(folded(name).into());
            }
        }
        if let Some(time) = query.holding_at {
            conditions
                .push_str(" AND valid_from <= ? AND (valid_until IS NULL OR valid_until > ?)");
            values.extend([Value::from(time.millis()), Value::from(time.millis())]);
        }
        let sql = format!("SELECT count(*) FROM fact WHERE {conditions}");
        let total: Option<i64> = self.value(doing, &sql, params_from_iter(values.iter()))?;
        let sql = format!(
            "SELECT {COLUMNS} FROM fact WHERE {conditions}
             ORDER BY subject_key, attribute_key, valid_from, id LIMIT ? OFFSET ?"
        );
        values.push(integer(page.limit as u64).into());
        values.push(integer(page.offset).into());
        let items = self.rows(doing, &sql, params_from_iter(values.iter()), read)?;
        Ok(Page { items, offset: page.offset, total: total.unwrap_or(0).unsigned_abs() })
    }
}
