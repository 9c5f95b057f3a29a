//! Facts.

use tokio_postgres::Row;

use super::text::{Found, Given};
use super::transaction::Transaction;
use super::{integer, limit};
use crate::storage::fact::{Decision, decide, folded};
use crate::storage::{
    AgentId, Fact, FactId, FactOutcome, FactQuery, NewFact, Page, PageRequest, StorageError,
    Timestamp,
};

const COLUMNS: &str = "id, subject, attribute, value, valid_from, valid_until, at, source";

fn read(row: &Row) -> Fact {
    Fact {
        id: FactId(row.get::<_, i64>(0).unsigned_abs()),
        subject: row.get::<_, Found>(1).0,
        attribute: row.get::<_, Found>(2).0,
        value: row.get::<_, Found>(3).0,
        from: Timestamp::from_millis(row.get(4)),
        until: row.get::<_, Option<i64>>(5).map(Timestamp::from_millis),
        at: Timestamp::from_millis(row.get(6)),
        source: row.get::<_, Option<Found>>(7).map(|source| source.0),
    }
}

impl Transaction<'_> {
    pub(super) fn record_fact(
        &self,
        agent: &AgentId,
        new: &NewFact,
    ) -> Result<FactOutcome, StorageError> {
        // No one else writes between what is read here and what is decided.
        let agent = self.agent_alone(agent)?;
        let doing = "record a fact";
        let sql = format!(
            "SELECT {COLUMNS} FROM fact WHERE agent = $1 AND subject_key = $2
             AND attribute_key = $3 ORDER BY id"
        );
        let (subject, attribute) = (folded(&new.subject), folded(&new.attribute));
        let rows = self.rows(doing, &sql, &[&agent, &Given(&subject), &Given(&attribute)])?;
        let mut known: Vec<Fact> = rows.iter().map(read).collect();
        let sql = "SELECT coalesce(max(id) + 1, 0) FROM fact WHERE agent = $1";
        let id = self.row(doing, sql, &[&agent])?.map_or(0, |row| row.get::<_, i64>(0));
        let new = &new.placed(&known);
        let fact = |until| new.clone().into_fact(FactId(id.unsigned_abs()), until);
        Ok(match decide(&known, new) {
            Decision::Known(i) => FactOutcome::Known(known.swap_remove(i)),
            Decision::Contradiction(i) => FactOutcome::Contradiction(known.swap_remove(i)),
            Decision::Write { until } => {
                self.write_fact(agent, &fact(until))?;
                FactOutcome::New(fact(until))
            }
            Decision::Supersede(i) => {
                let old = Fact { until: Some(new.from), ..known.swap_remove(i) };
                let sql = "UPDATE fact SET valid_until = $3 WHERE agent = $1 AND id = $2";
                self.run(doing, sql, &[&agent, &integer(old.id.0), &new.from.millis()])?;
                self.write_fact(agent, &fact(None))?;
                FactOutcome::Superseded { new: fact(None), old }
            }
        })
    }

    fn write_fact(&self, agent: i64, fact: &Fact) -> Result<(), StorageError> {
        let sql = "INSERT INTO fact (agent, id, subject, attribute, value, valid_from,
                   valid_until, at, source, subject_key, attribute_key)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        self.run(
            "record a fact",
            sql,
            &[
                &agent,
                &integer(fact.id.0),
                &Given(&fact.subject),
                &Given(&fact.attribute),
                &Given(&fact.value),
                &fact.from.millis(),
                &fact.until.map(Timestamp::millis),
                &fact.at.millis(),
                &fact.source.as_deref().map(Given),
                &Given(&folded(&fact.subject)),
                &Given(&folded(&fact.attribute)),
            ],
        )
        .map(|_| ())
    }

    pub(super) fn facts(
        &self,
        agent: &AgentId,
        query: &FactQuery,
        page: PageRequest,
    ) -> Result<Page<Fact>, StorageError> {
        let agent = self.agent(agent)?;
        let doing = "read facts";
        let conditions = "agent = $1
            AND ($2::text IS NULL OR subject_key = $2)
            AND ($3::text IS NULL OR attribute_key = $3)
            AND ($4::bigint IS NULL
                 OR (valid_from <= $4 AND (valid_until IS NULL OR valid_until > $4)))";
        let key = |name: &Option<String>| name.as_deref().map(folded);
        let (subject, attribute) = (key(&query.subject), key(&query.attribute));
        let (subject, attribute) = (subject.as_deref().map(Given), attribute.as_deref().map(Given));
        let time = query.holding_at.map(Timestamp::millis);
        let sql = format!("SELECT count(*) FROM fact WHERE {conditions}");
        let row = self.row(doing, &sql, &[&agent, &subject, &attribute, &time])?;
        let total = row.map_or(0, |row| row.get::<_, i64>(0)).unsigned_abs();
        let sql = format!(
            "SELECT {COLUMNS} FROM fact WHERE {conditions}
             ORDER BY subject_key, attribute_key, valid_from, id LIMIT $5 OFFSET $6"
        );
        let (limit, offset) = (limit(page), integer(page.offset));
        let rows =
            self.rows(doing, &sql, &[&agent, &subject, &attribute, &time, &limit, &offset])?;
        Ok(Page { items: rows.iter().map(read).collect(), offset: page.offset, total })
    }
}
