//! What a change of a task's size means for its resources: absolute amounts as differences of bags.

use protocol::resources::{Resource, Resources, Value};
use protocol::task::Task;
use protocol::{Failure, Scalar};

use crate::agents::Agent;

/// What a task is to hold, and how much of it is more than it has.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) wanted: Resources,
    pub(crate) growth: Resources,
}

/// The absolute amounts as a change of bags. What is added is of the kind that the task has, if
/// there is some, reserved for its role before the rest; what is taken away is the other way round.
pub(crate) fn plan(
    task: &Task,
    agent: &Agent,
    amounts: &[(&str, Option<Scalar>)],
) -> Result<Plan, Failure> {
    let mut wanted = task.resources.clone();
    let mut growth = Vec::new();
    if amounts.iter().all(|(_, amount)| amount.is_none()) {
        return Err(Failure::refused("neither cpus nor mem is given; expected one of them"));
    }
    for (name, amount) in amounts {
        let Some(amount) = *amount else { continue };
        if !amount.is_positive() {
            return Err(Failure::refused(format!("{name} is {amount}; expected more than 0")));
        }
        let has = task.resources.scalar(name);
        if amount >= has {
            growth.extend(parts_to_add(task, agent, name, amount - has)?);
        } else {
            wanted.remove_all(&parts_to_drop(task, name, has - amount));
        }
    }
    let growth = Resources::from(growth);
    wanted.add_all(&growth);
    Ok(Plan { wanted, growth })
}

fn parts_to_add(
    task: &Task,
    agent: &Agent,
    name: &str,
    more: Scalar,
) -> Result<Vec<Resource>, Failure> {
    let revocable = task.resources.iter().any(|it| it.name == name && it.revocable);
    let mut unused = agent.unused();
    let ours = |it: &Resource| it.reserved_role().is_none_or(|role| role == task.role);
    unused = unused.filter(|it| {
        it.name == name && it.revocable == revocable && !it.shared && it.disk.is_none() && ours(it)
    });
    let (reserved, free): (Vec<&Resource>, Vec<&Resource>) =
        unused.iter().partition(|it| !it.reservations.is_empty());
    let mut missing = more;
    let mut parts = Vec::new();
    for resource in reserved.into_iter().chain(free) {
        let Value::Scalar(there) = resource.value else { continue };
        let part = there.min(missing);
        if part.is_positive() {
            missing -= part;
            parts.push(Resource { value: Value::Scalar(part), ..resource.clone() });
        }
    }
    if missing.is_positive() {
        let agent_id = &task.agent_id;
        let there = more.saturating_sub(missing);
        return Err(Failure::refused(format!(
            "agent {agent_id} has only {name}:{there} that is not used; {name}:{more} more is wanted"
        )));
    }
    Ok(parts)
}

/// Unreserved parts go first.
fn parts_to_drop(task: &Task, name: &str, less: Scalar) -> Resources {
    let scalars = task.resources.iter().filter(|it| it.name == name);
    let (free, reserved): (Vec<&Resource>, Vec<&Resource>) =
        scalars.partition(|it| it.reservations.is_empty());
    let mut missing = less;
    let mut parts = Vec::new();
    for resource in free.into_iter().chain(reserved) {
        let Value::Scalar(there) = resource.value else { continue };
        let part = there.min(missing);
        if part.is_positive() {
            missing -= part;
            parts.push(Resource { value: Value::Scalar(part), ..resource.clone() });
        }
    }
    Resources::from(parts)
}
