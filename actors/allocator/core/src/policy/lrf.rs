//! Least resources first: the next to be served is the one that holds least of the cluster, all
//! its resources taken together (the mean of the fractions of each). Unlike with dominant shares,
//! whoever uses much of one resource and nothing of the others is not held to that one. Weights
//! count as in `drf`.

use super::{Policy, Standing};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct LeastResources;

impl Policy for LeastResources {
    fn name(&self) -> &'static str {
        "lrf"
    }

    fn role_rank(&self, role: &Standing<'_>) -> f64 {
        mean_share(role) / role.weight
    }

    fn framework_rank(&self, framework: &Standing<'_>) -> f64 {
        mean_share(framework)
    }
}

fn mean_share(of: &Standing<'_>) -> f64 {
    let mut kinds = 0_u32;
    let sum: f64 = of.allocated.fractions(of.total).inspect(|_| kinds += 1).map(|(_, f)| f).sum();
    if kinds == 0 { 0.0 } else { sum / f64::from(kinds) }
}
