//! What cells need for the types that variables and last expressions mostly have, compiled once with
//! the helpers.
//!
//! The compiler finds an instance of a generic function in another crate if that function is never
//! inlined and the crate has generated it. A cell that shows a number then generates nothing for it.
//! To know how a type is shown, it would have to read through the `Debug` of thousands of types:
//! that alone was a third of the time of a small cell.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;

use momentum_memory::prelude::{
    Agent, Client, Context, CoreMemory, DictionaryAgent, MemoryDiff, Reply, Trace,
};
use momentum_vision::prelude::{
    Cnn, ConfusionMatrix, Dataset, FitConfig, History, Picture, Splits, Summary, Table,
};

use crate::Bundle;
use crate::last::LastExpression;
use crate::variables::{Kept, VariableStore};

/// Has the compiler generate what is done with a variable of each type.
macro_rules! variables {
    ($($of:ty),* $(,)?) => {
        $(
            black_box(VariableStore::put_variable::<$of> as fn(&mut VariableStore, &str, $of));
            black_box(VariableStore::check_variable::<$of> as fn(&mut VariableStore, &str) -> bool);
            black_box(VariableStore::take_variable::<$of> as fn(&mut VariableStore, &str) -> $of);
            variables!(keep $of: 0 1 2);
        )*
    };
    (keep $of:ty: $($number:literal)*) => {
        $(black_box(
            VariableStore::keep::<$number, $of>
                as fn(&mut VariableStore, &str, $of) -> Kept<$number, $of>,
        );)*
    };
}

/// Has the compiler generate how a last expression of each type is shown.
macro_rules! shown {
    ($($of:ty),* $(,)?) => {
        $(black_box(<$of as LastExpression>::evcxr_display as fn(&$of));)*
    };
}

/// Both for each type, and for lists of it, options of it, and pairs.
macro_rules! plain {
    ($($of:ty),* $(,)?) => {
        $(
            variables!($of, Vec<$of>, Option<$of>, ($of, $of));
            shown!($of, Vec<$of>, Option<$of>, ($of, $of), &'static $of, &'static [$of]);
        )*
    };
}

/// Never called: that it is here makes the compiler generate what it names.
pub fn instances() {
    plain!(bool, char, i32, i64, u8, u32, u64, usize, f32, f64, String, &'static str);
    variables!(Vec<Vec<i32>>, Vec<Vec<f32>>, Vec<Vec<f64>>, Vec<(String, String)>);
    variables!(BTreeMap<String, String>, HashMap<String, String>, HashMap<String, i32>);
    variables!(Agent, Client, Context, CoreMemory, DictionaryAgent, MemoryDiff, Reply, Trace);
    variables!(Bundle, Cnn, ConfusionMatrix, Dataset, FitConfig, History, Picture, Splits);
    variables!(Summary, Table);
    shown!((), Vec<Vec<i32>>, Vec<Vec<f64>>, BTreeMap<String, String>, HashMap<String, String>);
    shown!(Context, CoreMemory, MemoryDiff, Trace, Picture, Summary, Table, ConfusionMatrix);
}
