//! The store in which a session's variables lie between cells.
//!
//! evcxr puts the text of such a module into every cell that uses a variable, and the compiler
//! spends half of the cell's time on it. The kernel lets the cell use this one instead, which is
//! compiled already. Its interface, and the lines that it prints, are those of evcxr 0.22.0
//! (`evcxr_internal_runtime.rs`).
//!
//! What is generic here is no more than what must be: all that a cell would have to generate for
//! each type of variable costs it time. It is also never inlined, so that a cell generates nothing
//! at all for the types for which it is compiled already (`crate::precompiled`).

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

/// How the message begins that a variable has another type than a cell expects.
pub const VARIABLE_CHANGED_TYPE: &str = "EVCXR_VARIABLE_CHANGED_TYPE:";
/// The message that a `?` has met an error.
pub const USER_ERROR_OCCURRED: &str = "EVCXR_ERROR_OCCURRED";

/// The variables of a session, by name.
#[derive(Default)]
pub struct VariableStore {
    // Exactly what evcxr's own store holds: a cell with crates of its own uses that one.
    variables: HashMap<String, Box<dyn Any + 'static>>,
}

impl VariableStore {
    /// Keeps a value.
    #[inline(never)]
    pub fn put_variable<T: 'static>(&mut self, name: &str, value: T) {
        self.put(name, Box::new(value));
    }

    /// Keeps the value of a variable that the cell defines. What it returns is the type of that
    /// value, under the variable's number in the cell: the kernel reads it in the compiler's own
    /// listing of the cell.
    #[inline(never)]
    pub fn keep<const NUMBER: usize, T: 'static>(
        &mut self,
        name: &str,
        value: T,
    ) -> Kept<NUMBER, T> {
        self.put(name, Box::new(value));
        Kept(PhantomData)
    }

    /// Whether a variable, if it is there, has this type; says so to evcxr if it has not.
    #[inline(never)]
    pub fn check_variable<T: 'static>(&mut self, name: &str) -> bool {
        self.check(name, TypeId::of::<T>())
    }

    /// Takes a value out.
    ///
    /// # Panics
    ///
    /// When there is no such variable, or one of another type: evcxr checks before.
    #[inline(never)]
    pub fn take_variable<T: 'static>(&mut self, name: &str) -> T {
        let Ok(value) = self.take(name).downcast() else { panic!("Variable changed type") };
        *value
    }

    /// The shared value of this name, made if there is none.
    ///
    /// A value of another type gives way: the runtime of one version of tokio is not that of another,
    /// which a crate may have brought in since.
    pub fn lazy_arc<T: 'static>(&mut self, name: &str, create: impl FnOnce() -> T) -> Arc<T> {
        let known = self.variables.get(name).and_then(|value| value.downcast_ref::<Arc<T>>());
        if let Some(known) = known {
            return Arc::clone(known);
        }
        let value = Arc::new(create());
        self.put(name, Box::new(Arc::clone(&value)));
        value
    }

    #[inline(never)]
    fn check(&self, name: &str, expected: TypeId) -> bool {
        let same = self.variables.get(name).is_none_or(|value| (**value).type_id() == expected);
        if !same {
            changed(name);
        }
        same
    }

    #[inline(never)]
    fn put(&mut self, name: &str, value: Box<dyn Any>) {
        self.variables.insert(name.to_owned(), value);
    }

    #[inline(never)]
    fn take(&mut self, name: &str) -> Box<dyn Any> {
        let Some(value) = self.variables.remove(name) else {
            panic!("Variable '{name}' has gone missing")
        };
        value
    }
}

/// The type of a value that was kept.
pub struct Kept<const NUMBER: usize, T>(PhantomData<T>);

fn changed(name: &str) {
    eprintln!("The type of the variable {name} was redefined, so was lost.");
    println!("{VARIABLE_CHANGED_TYPE}{name}");
}

/// An empty store, which the session never frees.
pub fn create_variable_store() -> *mut VariableStore {
    Box::into_raw(Box::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_comes_out_as_it_went_in() {
        let mut store = VariableStore::default();
        store.put_variable("v", vec![1, 2]);
        assert!(store.check_variable::<Vec<i32>>("v"));
        assert!(store.check_variable::<u8>("unknown"));
        assert_eq!(store.take_variable::<Vec<i32>>("v"), [1, 2]);
        assert!(!store.variables.contains_key("v"));
        let Kept(_) = store.keep::<3, _>("w", 'x');
        assert_eq!(store.take_variable::<char>("w"), 'x');
    }
}
