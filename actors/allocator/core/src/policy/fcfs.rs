//! First come, first served: everything goes to the framework that arrived first, for as long as
//! it takes it; then to the second. A role stands where the first framework in it stands that wants
//! offers. Weights and shares do not matter.

use super::{Policy, Standing};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct FirstCome;

impl Policy for FirstCome {
    fn name(&self) -> &'static str {
        "fcfs"
    }

    fn role_rank(&self, role: &Standing<'_>) -> f64 {
        role.first
    }

    fn framework_rank(&self, framework: &Standing<'_>) -> f64 {
        framework.first
    }
}
