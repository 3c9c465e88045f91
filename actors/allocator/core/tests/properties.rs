//! What holds whatever happens. `World` checks after every step that nothing is promised twice,
//! and `State::check` that free and held make the total, that every sum is exact, and that once
//! the work is done nobody has been overlooked.

mod support;

use allocator_core::Options;
use proptest::prelude::*;
use protocol::allocator::Holding;
use protocol::framework::{Allocation, Capability, Filters};
use protocol::id::Epoch;
use protocol::resources::{Disk, Resource, Resources};
use support::{World, agent_info, bag, framework_info, reserved};

const ROLES: [&str; 6] = ["a", "b", "b/c", "*", "b/c/d", "b/e"];

#[derive(Clone, Debug)]
enum Action {
    Subscribe {
        framework: u8,
        roles: Vec<usize>,
    },
    Activate {
        framework: u8,
        active: bool,
    },
    RemoveFramework {
        framework: u8,
    },
    /// The agent registers (anew), with everything that runs on it.
    Register {
        agent: u8,
        size: i64,
        /// For which one of its cpus is reserved.
        role: Option<usize>,
    },
    RemoveAgent {
        agent: u8,
    },
    Decline {
        offer: usize,
        refuse_ms: u64,
    },
    Accept {
        offer: usize,
        cpus: i64,
        refuse_ms: Option<u64>,
    },
    Finish {
        task: usize,
    },
    /// Another task uses the volume that this one uses.
    Share {
        task: usize,
    },
    Revive {
        framework: u8,
        roles: Vec<usize>,
    },
    Suppress {
        framework: u8,
        roles: Vec<usize>,
    },
    /// A message of an earlier registration arrives late.
    Late {
        which: usize,
    },
    Advance {
        ms: u64,
    },
    Quota {
        role: usize,
        guarantee: i64,
        limit: Option<i64>,
    },
    Weight {
        role: usize,
        weight: f64,
    },
    ActivateAgent {
        agent: u8,
        active: bool,
    },
    /// A free cpu of an agent is reserved for a role, or a reserved one no longer.
    Convert {
        agent: u8,
        role: usize,
        back: bool,
    },
    /// The same of an offer.
    ConvertOffered {
        offer: usize,
    },
    Reset,
}

fn any_action() -> impl Strategy<Value = Action> {
    let roles = || proptest::collection::vec(0..ROLES.len(), 0..3);
    let framework = || 0u8..5;
    prop_oneof![
        2 => (framework(), roles())
            .prop_map(|(framework, roles)| Action::Subscribe { framework, roles }),
        1 => (framework(), any::<bool>())
            .prop_map(|(framework, active)| Action::Activate { framework, active }),
        1 => framework().prop_map(|framework| Action::RemoveFramework { framework }),
        3 => (0u8..6, 1i64..5, proptest::option::of(0..ROLES.len()))
            .prop_map(|(agent, size, role)| Action::Register { agent, size, role }),
        2 => (0..ROLES.len(), 0i64..5, proptest::option::of(0i64..4)).prop_map(
            |(role, guarantee, more)| Action::Quota {
                role,
                guarantee,
                limit: more.map(|more| guarantee + more),
            }
        ),
        1 => (0..ROLES.len(), 1u8..4)
            .prop_map(|(role, weight)| Action::Weight { role, weight: f64::from(weight) }),
        1 => (0u8..6, any::<bool>())
            .prop_map(|(agent, active)| Action::ActivateAgent { agent, active }),
        2 => (0u8..6, 0..ROLES.len(), any::<bool>())
            .prop_map(|(agent, role, back)| Action::Convert { agent, role, back }),
        1 => any::<usize>().prop_map(|offer| Action::ConvertOffered { offer }),
        1 => (0u8..6).prop_map(|agent| Action::RemoveAgent { agent }),
        6 => (any::<usize>(), prop_oneof![Just(0), 1u64..20, 100u64..5000])
            .prop_map(|(offer, refuse_ms)| Action::Decline { offer, refuse_ms }),
        6 => (any::<usize>(), 1i64..3, proptest::option::of(0u64..3000))
            .prop_map(|(offer, cpus, refuse_ms)| Action::Accept { offer, cpus, refuse_ms }),
        5 => any::<usize>().prop_map(|task| Action::Finish { task }),
        2 => any::<usize>().prop_map(|task| Action::Share { task }),
        1 => (framework(), roles())
            .prop_map(|(framework, roles)| Action::Revive { framework, roles }),
        1 => (framework(), roles())
            .prop_map(|(framework, roles)| Action::Suppress { framework, roles }),
        2 => any::<usize>().prop_map(|which| Action::Late { which }),
        8 => prop_oneof![0u64..4, 50u64..6000].prop_map(|ms| Action::Advance { ms }),
        1 => Just(Action::Reset),
    ]
}

/// A volume that every agent has for frameworks of role `b` and below.
fn volume() -> Resources {
    let disk =
        Disk { persistence_id: "v".to_owned(), container_path: "data".to_owned(), principal: None };
    let shared = |r: &Resource| Resource { disk: Some(disk.clone()), shared: true, ..r.clone() };
    reserved("disk=10", &["b"]).iter().map(shared).collect()
}

fn names(roles: &[usize]) -> Vec<&'static str> {
    roles.iter().map(|role| ROLES[*role]).collect()
}

/// A world with a memory of what was, from which late messages come.
struct Run {
    world: World,
    past: Vec<Allocation>,
    generation: u64,
    epoch: u64,
}

impl Run {
    fn act(&mut self, action: Action) {
        self.past.extend(self.world.offers.iter().cloned());
        let world = &mut self.world;
        let id = |framework: u8| format!("f{framework}");
        match action {
            Action::Subscribe { framework, roles } => {
                let mut info = framework_info(&names(&roles));
                if framework % 2 == 0 {
                    info.capabilities.insert(Capability::SharedResources);
                }
                world.framework_of(&id(framework), info);
            }
            Action::Activate { framework, active } => world.activate(&id(framework), active),
            Action::RemoveFramework { framework } => world.remove_framework(&id(framework)),
            Action::Register { agent, size, role } => self.register(agent, size, role),
            Action::Quota { role, guarantee, limit } => {
                let limits = limit.map_or_else(String::new, |limit| format!("cpus={limit}"));
                world.set_quota(ROLES[role], &format!("cpus={guarantee}"), &limits);
            }
            Action::Weight { role, weight } => world.set_weight(ROLES[role], weight),
            Action::ActivateAgent { agent, active } => {
                world.activate_agent(&format!("a{agent}"), active);
            }
            Action::Convert { agent, role, back } => self.convert(agent, role, back),
            Action::ConvertOffered { offer } if !world.offers.is_empty() => {
                let offer = world.offers[offer % world.offers.len()].clone();
                let produced = reserved("cpus=1", &[&offer.role]);
                if offer.role != "*" && offer.resources.contains(&bag("cpus=1")) {
                    world.convert(offer.agent_id.as_str(), Some(&offer), bag("cpus=1"), produced);
                }
            }
            Action::RemoveAgent { agent } => {
                let id = format!("a{agent}");
                let known = world.agents.get(id.as_str()).map(|(generation, _)| generation.0);
                world.remove_agent(&id, known.unwrap_or(0));
            }
            Action::Decline { offer, refuse_ms } if !world.offers.is_empty() => {
                world.decline(offer % world.offers.len(), refuse_ms);
            }
            Action::Accept { offer, cpus, refuse_ms } if !world.offers.is_empty() => {
                let mut task = bag(&format!("cpus={cpus};mem={};ports=[100-100]", cpus * 10));
                let filters = refuse_ms.map(|refuse_ms| Filters { refuse_ms });
                let offer = offer % world.offers.len();
                if world.offers[offer].resources.contains(&volume()) {
                    task.add_all(&volume());
                }
                world.accept(offer, &task, filters);
            }
            Action::Finish { task } if !world.used.is_empty() => {
                world.finish(task % world.used.len());
            }
            Action::Share { task } if !world.used.is_empty() => {
                let task = task % world.used.len();
                if world.used[task].resources.contains(&volume()) {
                    world.share_again(task, &volume());
                }
            }
            Action::Revive { framework, roles } => world.revive(&id(framework), &names(&roles)),
            Action::Suppress { framework, roles } => world.suppress(&id(framework), &names(&roles)),
            Action::Late { which } => self.late(which),
            Action::Advance { ms } => world.advance(ms),
            Action::Reset => {
                self.epoch += 1;
                world.reset(Epoch(self.epoch));
            }
            Action::Decline { .. }
            | Action::Accept { .. }
            | Action::Finish { .. }
            | Action::Share { .. }
            | Action::ConvertOffered { .. } => {}
        }
    }

    fn convert(&mut self, agent: u8, role: usize, back: bool) {
        let id = format!("a{agent}");
        let (free, kept) = (bag("cpus=1"), reserved("cpus=1", &[ROLES[role]]));
        if self.world.agents.contains_key(id.as_str()) && ROLES[role] != "*" {
            let (consumed, produced) = if back { (kept, free) } else { (free, kept) };
            self.world.convert(&id, None, consumed, produced);
        }
    }

    fn register(&mut self, agent: u8, size: i64, role: Option<usize>) {
        self.generation += 1;
        let id = format!("a{agent}");
        let used = self.world.used.iter().filter(|task| task.agent_id.as_str() == id);
        let used = used.map(|task| Holding {
            framework_id: task.framework_id.clone(),
            role: task.role.clone(),
            resources: task.resources.clone(),
        });
        let used: Vec<_> = used.collect();
        let held: Resources = used.iter().map(|holding| &holding.resources).sum();
        let mut total = bag(&format!("cpus={size};mem={};ports=[100-110]", size * 40));
        if let Some(role) = role.map(|role| ROLES[role]).filter(|role| *role != "*") {
            total.add_all(&reserved("cpus=1", &[role]));
        }
        total.add_all(&volume());
        if total.checked_use(&held).is_ok() {
            self.world.agent_of(&id, self.generation, agent_info(total), used);
        }
    }

    fn late(&mut self, which: usize) {
        if self.past.is_empty() {
            return;
        }
        let late = self.past[which % self.past.len()].clone();
        let agents = &self.world.agents;
        // What arrives twice within one registration is not what a FIFO link does.
        if agents.get(&late.agent_id).is_none_or(|(now, _)| *now != late.generation) {
            self.world.give_back(&late, late.resources.clone(), Some(Filters::default()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_promised_twice_lost_or_overlooked(
        actions in proptest::collection::vec(any_action(), 1..120),
    ) {
        let mut run = Run { world: World::new(), past: Vec::new(), generation: 0, epoch: 1 };
        for action in actions {
            run.act(action);
        }
        run.world.settle();
        run.world.advance(20_000);
        prop_assert_eq!(run.world.state.counters().overlooked, 0);
        prop_assert_eq!(run.world.state.counters().anomalies, 0);
    }

    /// Everyone refuses everything, each for a time of its own, after thinking for another: still
    /// each is asked within three rounds.
    #[test]
    fn nobody_starves(
        count in 2usize..6,
        used in proptest::collection::vec(0i64..3, 6),
        habits in proptest::collection::vec((0u64..400, 0u64..300), 40),
    ) {
        let mut world = World::new();
        let ids: Vec<String> = (0..count).map(|i| format!("f{i}")).collect();
        for (id, cpus) in ids.iter().zip(&used) {
            world.framework(id, &[id.as_str()]);
            let resources = bag(&format!("cpus={cpus}"));
            let held = Holding { framework_id: id.as_str().into(), role: id.clone(), resources };
            world.agent_with(&format!("other-{id}"), 1, &format!("cpus={cpus}"), vec![held]);
        }
        world.agent("a", 1, "cpus=1;mem=100");
        let mut asked = Vec::new();
        for (refuse_ms, thinks_ms) in habits {
            while world.offers.is_empty() {
                world.advance(1);
            }
            asked.push(world.offers[0].framework_id.to_string());
            world.advance(thinks_ms);
            world.decline(0, refuse_ms);
        }
        for window in asked.windows(3 * count) {
            for id in &ids {
                prop_assert!(window.contains(id), "{} is not in {:?}", id, asked);
            }
        }
    }

    /// Shares do not depend on who came first.
    #[test]
    fn shares_do_not_depend_on_the_order_of_the_facts(
        order in Just((0..8).collect::<Vec<usize>>()).prop_shuffle(),
        sizes in proptest::collection::vec(1i64..9, 4),
    ) {
        let build = |order: &[usize]| {
            let mut world = World::with(Options { full_pass_ms: 1, ..Options::default() });
            for fact in order {
                match *fact {
                    agent @ 0..4 => {
                        let id = format!("f{agent}");
                        let role = ROLES[agent].to_owned();
                        let cpus = sizes[agent];
                        let resources = bag(&format!("cpus={cpus};mem={}", cpus * 10));
                        let used = Holding { framework_id: id.as_str().into(), role, resources };
                        let total = format!("cpus=10;mem={}", 90 + agent * 10);
                        world.agent_with(&format!("a{agent}"), 1, &total, vec![used]);
                    }
                    other => world.framework(&format!("f{}", other - 4), &[ROLES[other - 4]]),
                }
            }
            world.roles()
        };
        let in_order: Vec<usize> = (0..8).collect();
        let (mut mine, mut theirs) = (build(&order), build(&in_order));
        for list in [&mut mine, &mut theirs] {
            list.roles.iter_mut().for_each(|role| role.frameworks.sort());
        }
        prop_assert_eq!(mine, theirs);
    }
}
