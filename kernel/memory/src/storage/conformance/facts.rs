//! Facts: new, known, superseded, contradicted.

use super::{Open, minute, with_agent};
use crate::storage::{FactOutcome, FactQuery, NewFact, PageRequest, Timestamp};

pub(super) fn check_all(open: Open<'_>) {
    a_move_ends_the_old_address(open);
    contradictions_and_late_news_are_found(open);
    a_day_is_enough_to_supersede_what_began_on_it(open);
    several_values_stand_beside_each_other(open);
}

fn home(value: &str, at: Timestamp) -> NewFact {
    NewFact::new("Sara", "home", value, at)
}

fn a_move_ends_the_old_address(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let record = |fact: &NewFact| storage.record_fact(&sara, fact).unwrap();
    assert!(matches!(record(&home("Paris", minute(1))), FactOutcome::New(_)));
    match record(&NewFact::new("sara ", "Home", " paris", minute(2))) {
        FactOutcome::Known(fact) => {
            assert_eq!((fact.value.as_str(), fact.from), ("Paris", minute(1)))
        }
        other => panic!("{other:?}"),
    }
    match record(&home("Lyon", minute(5))) {
        FactOutcome::Superseded { new, old } => {
            assert_eq!((new.value.as_str(), new.from, new.until), ("Lyon", minute(5), None));
            assert_eq!((old.value.as_str(), old.until), ("Paris", Some(minute(5))));
        }
        other => panic!("{other:?}"),
    }
    let check = |holding_at: Option<Timestamp>, expected: &[&str]| {
        let query = FactQuery {
            subject: Some("SARA".to_owned()),
            attribute: Some("home".to_owned()),
            holding_at,
        };
        let page = storage.facts(&sara, &query, PageRequest::all()).unwrap();
        let found: Vec<_> = page.items.iter().map(|fact| fact.value.as_str()).collect();
        assert_eq!(found, expected, "{holding_at:?}");
    };
    check(None, &["Paris", "Lyon"]);
    check(Some(minute(0)), &[]);
    check(Some(minute(4)), &["Paris"]);
    check(Some(minute(5)), &["Lyon"]);
    // Moving back is a new fact, not the old one.
    assert!(matches!(record(&home("Paris", minute(9))), FactOutcome::Superseded { .. }));
    check(None, &["Paris", "Lyon", "Paris"]);
}

fn contradictions_and_late_news_are_found(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let record = |fact: &NewFact| storage.record_fact(&sara, fact).unwrap();
    record(&home("Paris", minute(3)));
    assert!(
        matches!(record(&home("Rome", minute(3))), FactOutcome::Contradiction(f) if f.value == "Paris")
    );
    record(&home("Lyon", minute(6)));
    // Written down at minute 7, of a time in which Paris is known to have been home.
    let late = home("Rome", minute(7)).holding_from(minute(4));
    assert!(matches!(record(&late), FactOutcome::Contradiction(f) if f.value == "Paris"));
    // Of a time before anything is known.
    match record(&home("Nice", minute(8)).holding_from(minute(1))) {
        FactOutcome::New(fact) => assert_eq!((fact.until, fact.at), (Some(minute(3)), minute(8))),
        other => panic!("{other:?}"),
    }
    let page = storage.facts(&sara, &FactQuery::default(), PageRequest::first(2)).unwrap();
    let found: Vec<_> = page.items.iter().map(|fact| fact.value.as_str()).collect();
    assert_eq!((found.as_slice(), page.total), (["Nice", "Paris"].as_slice(), 3));
}

fn a_day_is_enough_to_supersede_what_began_on_it(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let record = |fact: &NewFact| storage.record_fact(&sara, fact).unwrap();
    let at = |text: &str| Timestamp::parse(text).unwrap();
    let noon = at("2026-11-23T12:00:00Z");
    record(&home("Rome", at("2019-05-01T00:00:00Z")));
    record(&home("Paris", noon));
    let told =
        |value: &str, day: &str| home(value, at("2026-11-25T09:00:00Z")).holding_from_day(at(day));
    let outcome = record(&told("Paris", "2026-11-23T00:00:00Z"));
    assert!(matches!(outcome, FactOutcome::Known(fact) if fact.from == noon));
    match record(&told("Lyon", "2026-11-23T00:00:00Z")) {
        FactOutcome::Superseded { new, old } => {
            assert_eq!((old.value.as_str(), old.until), ("Paris", Some(new.from)));
            assert_eq!((new.from.millis() - noon.millis(), new.until), (1, None));
        }
        other => panic!("{other:?}"),
    }
    // On a day before, another value is known to have been home.
    let outcome = record(&told("Nice", "2026-11-22T00:00:00Z"));
    assert!(matches!(outcome, FactOutcome::Contradiction(fact) if fact.value == "Rome"));
    let now = FactQuery { holding_at: Some(at("2026-11-25T09:00:00Z")), ..FactQuery::default() };
    let page = storage.facts(&sara, &now, PageRequest::all()).unwrap();
    assert_eq!(page.items.iter().map(|fact| fact.value.as_str()).collect::<Vec<_>>(), ["Lyon"]);
}

fn several_values_stand_beside_each_other(open: Open<'_>) {
    let (storage, sara) = with_agent(open);
    let hobby = |value: &str| NewFact::new("Sara", "hobby", value, minute(1)).one_of_many();
    for value in ["chess", "judo"] {
        let outcome = storage.record_fact(&sara, &hobby(value)).unwrap();
        assert!(matches!(outcome, FactOutcome::New(_)));
    }
    let outcome = storage.record_fact(&sara, &hobby("Chess")).unwrap();
    assert!(matches!(outcome, FactOutcome::Known(_)));
    let page = storage.facts(&sara, &FactQuery::default(), PageRequest::all()).unwrap();
    assert_eq!(page.total, 2);
}
