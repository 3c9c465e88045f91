//! What is to be killed and started so that an app becomes what it should be.
//!
//! A function of what is wanted and what is there, so it can run after anything. A change of the
//! configuration makes every earlier instance *old*; old ones go as new ones come up, within the
//! bounds of the app's upgrade strategy, as in Marathon's rolling restart.

use protocol::TaskId;
use protocol::services::{App, AppSpec, Instance, KillSelection};
use protocol::task::TaskState;

/// One step towards what is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) kill: Vec<TaskId>,
    pub(crate) launch: usize,
    /// The app is as it should be.
    pub(crate) settled: bool,
}

/// Is of a configuration before the present one.
pub(crate) fn is_old(app: &App, instance: &Instance) -> bool {
    instance.version < app.last_config_change_at
}

/// The next step for an app that is wanted.
pub(crate) fn plan<'a>(app: &App, instances: impl Iterator<Item = &'a Instance>) -> Plan {
    let (dying, live): (Vec<_>, Vec<_>) = instances.partition(|instance| instance.killing);
    let (old, new): (Vec<_>, Vec<_>) = live.into_iter().partition(|i| is_old(app, i));
    let (dying_old, dying_new): (Vec<_>, Vec<_>) = dying.into_iter().partition(|i| is_old(app, i));
    let wanted = app.spec.instances as usize;
    let replacing = !old.is_empty() || !dying_old.is_empty();
    let bounds = Bounds::of(&app.spec, replacing);

    let running_new = running(&new);
    let mut kill = victims(&new, new.len().saturating_sub(wanted), app.spec.kill_selection);
    kill.extend(old.iter().filter(|i| i.state != TaskState::Running).map(|i| i.task_id.clone()));
    let old_running: Vec<&Instance> =
        old.iter().copied().filter(|i| i.state == TaskState::Running).collect();
    let spare = (old_running.len() + running_new).saturating_sub(bounds.at_least);
    kill.extend(victims(&old_running, spare.min(old_running.len()), app.spec.kill_selection));

    let new_ones = new.len() + dying_new.len();
    let all = new_ones + old.len() + dying_old.len();
    let launch = wanted.saturating_sub(new_ones).min(bounds.at_most.saturating_sub(all));
    let settled =
        !replacing && dying_new.is_empty() && new.len() == wanted && running_new == wanted;
    Plan { kill, launch, settled }
}

/// The step for an app that is not wanted any more.
pub(crate) fn plan_end<'a>(instances: impl Iterator<Item = &'a Instance>) -> Plan {
    let mut plan = Plan { settled: true, ..Plan::default() };
    for instance in instances {
        plan.settled = false;
        if !instance.killing {
            plan.kill.push(instance.task_id.clone());
        }
    }
    plan
}

/// How many instances there may be.
struct Bounds {
    /// Running ones, while they are replaced.
    at_least: usize,
    /// All together, those that are being killed included.
    at_most: usize,
}

impl Bounds {
    fn of(spec: &AppSpec, replacing: bool) -> Self {
        let wanted = spec.instances as usize;
        if !replacing {
            return Self { at_least: wanted, at_most: wanted };
        }
        let share = |share: f64| f64::from(spec.instances) * share;
        let at_least = share(spec.upgrade.minimum_health_capacity).ceil() as usize;
        let at_most = share(1.0 + spec.upgrade.maximum_over_capacity).floor() as usize;
        // Without any room for manoeuvre nothing could ever be replaced.
        Self { at_least, at_most: if at_most <= at_least { at_least + 1 } else { at_most } }
    }
}

fn running(instances: &[&Instance]) -> usize {
    instances.iter().filter(|i| i.state == TaskState::Running).count()
}

/// Which `count` of these go: those that are not up yet first, then by age.
fn victims(instances: &[&Instance], count: usize, selection: KillSelection) -> Vec<TaskId> {
    let mut order: Vec<&Instance> = instances.to_vec();
    let since = |i: &Instance| i.started_at.unwrap_or(i.staged_at);
    order.sort_by(|a, b| {
        let by_age = match selection {
            KillSelection::YoungestFirst => since(b).cmp(&since(a)),
            KillSelection::OldestFirst => since(a).cmp(&since(b)),
        };
        // Staging, starting, running: in the order of the states.
        a.state.cmp(&b.state).then(by_age).then_with(|| a.task_id.cmp(&b.task_id))
    });
    order.into_iter().take(count).map(|i| i.task_id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Time;
    use protocol::services::UpgradeStrategy;

    fn app(instances: u32, changed: u64) -> App {
        let spec = serde_json::json!({
            "id": "/a", "cmd": "x", "instances": instances, "cpus": 1, "mem": 1, "disk": 0,
            "backoff_ms": 1000, "backoff_factor": 1.15, "max_launch_delay_ms": 300_000,
        });
        App {
            spec: serde_json::from_value(spec).unwrap(),
            version: Time(changed),
            last_scaling_at: Time(changed),
            last_config_change_at: Time(changed),
        }
    }

    fn instance(name: &str, version: u64, state: TaskState) -> Instance {
        let at: u64 = name.bytes().map(u64::from).sum();
        Instance {
            task_id: name.into(),
            app_id: "/a".into(),
            version: Time(version),
            state,
            agent_id: "S0".into(),
            host: "h".into(),
            ports: vec![],
            staged_at: Time(at),
            started_at: (state == TaskState::Running).then_some(Time(at)),
            healthy: None,
            killing: false,
        }
    }

    fn up(name: &str, version: u64) -> Instance {
        instance(name, version, TaskState::Running)
    }

    fn dying(instance: Instance) -> Instance {
        Instance { killing: true, ..instance }
    }

    #[track_caller]
    fn expect(app: &App, instances: &[Instance], kill: &[&str], launch: usize, settled: bool) {
        let mut plan = plan(app, instances.iter());
        plan.kill.sort();
        let kill = kill.iter().map(|name| TaskId::from(*name)).collect();
        assert_eq!(plan, Plan { kill, launch, settled });
    }

    #[test]
    fn missing_instances_are_started_and_surplus_ones_killed() {
        expect(&app(2, 1), &[], &[], 2, false);
        expect(&app(2, 1), &[up("a", 1)], &[], 1, false);
        expect(&app(2, 1), &[up("a", 1), up("b", 1)], &[], 0, true);
        expect(&app(1, 1), &[up("a", 1), up("b", 1)], &["b"], 0, false);
        expect(&app(0, 1), &[up("a", 1)], &["a"], 0, false);
        expect(&app(0, 1), &[], &[], 0, true);
    }

    #[test]
    fn an_instance_that_is_being_killed_is_replaced_when_it_has_ended() {
        expect(&app(1, 1), &[dying(up("a", 1))], &[], 0, false);
        expect(&app(2, 1), &[dying(up("a", 1)), up("b", 1)], &[], 0, false);
    }

    #[test]
    fn those_not_up_yet_go_first_then_by_age() {
        let mut app = app(1, 1);
        let all = [up("a", 1), up("b", 1), instance("c", 1, TaskState::Staging)];
        expect(&app, &all, &["b", "c"], 0, false);
        app.spec.kill_selection = KillSelection::OldestFirst;
        expect(&app, &all, &["a", "c"], 0, false);
    }

    #[test]
    fn old_ones_go_as_new_ones_come_up() {
        let app = app(2, 5);
        let (a, b) = (up("a", 1), up("b", 1));
        let starting = |name| instance(name, 5, TaskState::Starting);
        expect(&app, &[a.clone(), b.clone()], &[], 2, false);
        expect(&app, &[a.clone(), b.clone(), starting("c"), starting("d")], &[], 0, false);
        expect(&app, &[a.clone(), b.clone(), up("c", 5), starting("d")], &["b"], 0, false);
        expect(&app, &[a.clone(), dying(b), up("c", 5), up("d", 5)], &["a"], 0, false);
        expect(&app, &[up("c", 5), up("d", 5)], &[], 0, true);
    }

    #[test]
    fn old_ones_that_do_not_run_keep_nothing_up() {
        let stuck = instance("a", 1, TaskState::Staging);
        expect(&app(1, 5), &[stuck], &["a"], 1, false);
    }

    #[test]
    fn the_upgrade_strategy_bounds_both_sides() {
        let strategy = |app: App, min, over| {
            let upgrade =
                UpgradeStrategy { minimum_health_capacity: min, maximum_over_capacity: over };
            App { spec: AppSpec { upgrade, ..app.spec }, ..app }
        };
        let old: Vec<Instance> = ["a", "b", "c"].map(|name| up(name, 1)).into();
        expect(&strategy(app(3, 5), 0.5, 0.0), &old, &["c"], 0, false);
        expect(&strategy(app(3, 5), 0.0, 0.0), &old, &["a", "b", "c"], 0, false);
        expect(&strategy(app(3, 5), 1.0, 0.0), &old, &[], 1, false);
        expect(&strategy(app(3, 5), 0.7, 0.4), &old, &[], 1, false);
    }

    #[test]
    fn scaling_down_while_replacing_takes_the_old_ones() {
        let all = [up("a", 1), up("b", 1), up("c", 1)];
        expect(&app(1, 5), &all, &["b", "c"], 0, false);
    }

    #[test]
    fn what_is_not_wanted_any_more_is_killed_once() {
        let plan = plan_end([up("a", 1), dying(up("b", 1))].iter());
        assert_eq!((plan.kill, plan.settled), (vec![TaskId::from("a")], false));
        assert!(plan_end([].iter()).settled);
    }
}
