//! Who may do what: access control lists, in the JSON that operators of Mesos have.
//!
//! A list belongs to an [`Action`]. Each of its entries names principals and objects: roles, users,
//! principals of frameworks. The first entry that speaks of both who asks and what about decides; if
//! none does, `permissive` does. Who is not authenticated is matched by entries for `ANY` only.

mod read;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

pub use read::AclError;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $key:literal of $objects:literal: $phrase:literal,)+) => {
        /// What is allowed or not.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Action { $($(#[$doc])* $name,)+ }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The key of its list.
            pub fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)+ }
            }

            /// What the entries of its list call the objects.
            pub fn objects(self) -> &'static str {
                match self { $(Self::$name => $objects,)+ }
            }

            /// What it is to do it, before the name of an object.
            fn phrase(self) -> &'static str {
                match self { $(Self::$name => $phrase,)+ }
            }
        }
    };
}

actions! {
    /// Have a framework in a role.
    RegisterFrameworks = "register_frameworks" of "roles": "register a framework in role",
    /// Run something as a Unix user.
    RunTasks = "run_tasks" of "users": "run a task as user",
    /// End a framework of a principal.
    TeardownFrameworks = "teardown_frameworks" of "framework_principals":
        "tear down a framework of principal",
    /// Resize running tasks of a framework of a principal. Mesos has no such action.
    ResizeTasks = "resize_tasks" of "framework_principals": "resize a task of principal",
    ReserveResources = "reserve_resources" of "roles": "reserve resources for role",
    UnreserveResources = "unreserve_resources" of "reserver_principals":
        "unreserve resources of principal",
    CreateVolumes = "create_volumes" of "roles": "create a volume for role",
    DestroyVolumes = "destroy_volumes" of "creator_principals": "destroy a volume of principal",
    ResizeVolumes = "resize_volumes" of "roles": "resize a volume of role",
    GetQuotas = "get_quotas" of "roles": "see the quota of role",
    UpdateQuotas = "update_quotas" of "roles": "set the quota of role",
    UpdateWeights = "update_weights" of "roles": "set the weight of role",
    /// See a role in lists.
    ViewRoles = "view_roles" of "roles": "see role",
    /// See a framework of a user in lists.
    ViewFrameworks = "view_frameworks" of "users": "see frameworks of user",
    /// See a task of a user in lists.
    ViewTasks = "view_tasks" of "users": "see tasks of user",
    /// See an executor of a user in lists.
    ViewExecutors = "view_executors" of "users": "see executors of user",
    /// Use an endpoint that has no action of its own.
    GetEndpoints = "get_endpoints" of "paths": "use the endpoint",
    ViewFlags = "view_flags" of "flags": "see the flag",
    AccessMesosLogs = "access_mesos_logs" of "logs": "read the log",
    SetLogLevel = "set_log_level" of "level": "set the log level",
    UpdateMaintenanceSchedules = "update_maintenance_schedules" of "machines":
        "schedule maintenance of machine",
    GetMaintenanceSchedules = "get_maintenance_schedules" of "machines":
        "see the maintenance of machine",
    GetMaintenanceStatuses = "get_maintenance_statuses" of "machines":
        "see the maintenance of machine",
    StartMaintenances = "start_maintenances" of "machines": "start maintenance of machine",
    StopMaintenances = "stop_maintenances" of "machines": "stop maintenance of machine",
    MarkAgentsGone = "mark_agents_gone" of "agents": "mark gone agent",
}

/// Which principals or objects an entry speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Entity {
    /// Whatever there is, named or not.
    Any,
    /// Whatever there is, and the entry forbids it.
    None,
    /// These. Among roles `a/%` is every one below `a`.
    Some(Vec<String>),
}

impl Entity {
    /// Whether the entry speaks of `asked`; absent: of one that has no name.
    fn matches(&self, asked: Option<&str>, covers: fn(&str, &str) -> bool) -> bool {
        match (self, asked) {
            (Self::Any | Self::None, _) => true,
            (Self::Some(_), None) => false,
            (Self::Some(values), Some(asked)) => values.iter().any(|value| covers(value, asked)),
        }
    }
}

fn is_role(value: &str, role: &str) -> bool {
    match value.strip_suffix("/%") {
        Some(above) => role.strip_prefix(above).is_some_and(|below| below.starts_with('/')),
        None => value == role,
    }
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Acl {
    pub principals: Entity,
    pub objects: Entity,
}

impl Acl {
    fn is_of(&self, principal: Option<&str>) -> bool {
        self.principals.matches(principal, str::eq)
    }

    /// Allows what it speaks of.
    fn allows(&self) -> bool {
        self.principals != Entity::None && self.objects != Entity::None
    }
}

/// The lists of all actions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Acls {
    /// What no entry speaks of is allowed.
    pub permissive: bool,
    pub lists: BTreeMap<Action, Vec<Acl>>,
}

impl Default for Acls {
    /// Everybody may do everything.
    fn default() -> Self {
        Self { permissive: true, lists: BTreeMap::new() }
    }
}

impl Acls {
    /// Whether `principal` may do `action` to `object`. An absent principal is nobody who is known, an
    /// absent object one without a name: only entries for `ANY` and `NONE` speak of them.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn check(
        &self,
        principal: Option<&str>,
        action: Action,
        object: Option<&str>,
    ) -> Result<(), Denied> {
        let covers = if action.objects() == "roles" { is_role } else { str::eq };
        let speaks = |it: &&Acl| it.is_of(principal) && it.objects.matches(object, covers);
        let decisive = self.of(action).iter().find(speaks);
        match decisive.map_or(self.permissive, Acl::allows) {
            true => Ok(()),
            false => Err(Denied::new(principal, action, object)),
        }
    }

    /// Whether `principal` may do `action` to everything that there is or may be.
    ///
    /// # Errors
    /// Not to everything, or to nothing.
    pub fn check_all(&self, principal: Option<&str>, action: Action) -> Result<(), Denied> {
        for entry in self.of(action).iter().filter(|it| it.is_of(principal)) {
            match (entry.allows(), &entry.objects) {
                (false, _) => return Err(Denied::new(principal, action, None)),
                (true, Entity::Any) => return Ok(()),
                // Others decide about the rest.
                (true, _) => {}
            }
        }
        match self.permissive {
            true => Ok(()),
            false => Err(Denied::new(principal, action, None)),
        }
    }

    fn of(&self, action: Action) -> &[Acl] {
        self.lists.get(&action).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Who may not do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    principal: Option<String>,
    action: Action,
    object: Option<String>,
}

impl Denied {
    fn new(principal: Option<&str>, action: Action, object: Option<&str>) -> Self {
        let (principal, object) = (principal.map(str::to_owned), object.map(str::to_owned));
        Self { principal, action, object }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.principal {
            Some(principal) => write!(f, "Principal '{principal}' is not authorized to ")?,
            None => write!(f, "An unauthenticated caller is not authorized to ")?,
        }
        match &self.object {
            Some(object) => write!(f, "{} '{object}'", self.action.phrase())?,
            None => write!(f, "{} (any)", self.action.phrase())?,
        }
        write!(f, " (list `{}`)", self.action.key())
    }
}

impl std::error::Error for Denied {}

impl From<Denied> for crate::Failure {
    fn from(denied: Denied) -> Self {
        Self::new(crate::FailureKind::Forbidden, denied.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acls(text: &str) -> Acls {
        Acls::from_json(text).unwrap()
    }

    fn allow(acls: &Acls, principal: Option<&str>, action: Action, object: Option<&str>) -> bool {
        acls.check(principal, action, object).is_ok()
    }

    const RUN: Action = Action::RunTasks;

    #[test]
    fn the_first_entry_that_speaks_of_both_decides() {
        let acls = acls(
            r#"{"run_tasks": [
                {"principals": {"values": ["a", "b"]}, "users": {"values": ["web", "db"]}},
                {"principals": {"values": ["a"]}, "users": {"type": "NONE"}},
                {"principals": {"type": "ANY"}, "users": {"values": ["nobody"]}}
            ]}"#,
        );
        for (principal, user, allowed) in [
            (Some("a"), "web", true),
            (Some("a"), "root", false),
            // The second entry forbids it before the third allows it.
            (Some("a"), "nobody", false),
            (Some("b"), "nobody", true),
            (None, "nobody", true),
            // Nothing speaks of it.
            (Some("b"), "root", true),
            (None, "root", true),
        ] {
            assert_eq!(allow(&acls, principal, RUN, Some(user)), allowed, "{principal:?} {user}");
        }
    }

    #[test]
    fn what_no_entry_speaks_of_is_allowed_if_permissive() {
        let acls = acls(
            r#"{"permissive": false, "run_tasks": [
                {"principals": {"values": ["a"]}, "users": {"values": ["web"]}}
            ]}"#,
        );
        assert!(allow(&acls, Some("a"), RUN, Some("web")));
        assert!(!allow(&acls, Some("a"), RUN, Some("root")));
        assert!(!allow(&acls, None, RUN, Some("web")));
        assert!(!allow(&acls, Some("a"), Action::UpdateWeights, Some("dev")));
        assert!(allow(&Acls::default(), None, RUN, Some("root")));
    }

    #[test]
    fn everything_is_more_than_some_things_and_than_all_but_some() {
        let few = r#"{"principals": {"values": ["few"]}, "users": {"values": ["web"]}}"#;
        let all = r#"{"principals": {"values": ["all"]}, "users": {"type": "ANY"}}"#;
        let no_root = r#"{"principals": {"type": "NONE"}, "users": {"values": ["root"]}}"#;
        for (permissive, entries, principal, everything) in [
            (false, vec![few, all], Some("few"), false),
            (false, vec![few, all], Some("all"), true),
            (false, vec![few, all], None, false),
            (true, vec![few], Some("few"), true),
            (true, vec![no_root], Some("few"), false),
            (true, vec![no_root], None, false),
            (true, vec![few, no_root], Some("few"), false),
            (true, vec![all, no_root], Some("all"), true),
            (true, vec![no_root, all], Some("all"), false),
            (true, vec![], None, true),
        ] {
            let text =
                format!(r#"{{"permissive": {permissive}, "run_tasks": [{}]}}"#, entries.join(","));
            let said = acls(&text).check_all(principal, RUN).is_ok();
            assert_eq!(said, everything, "{text} {principal:?}");
        }
    }

    #[test]
    fn an_unknown_caller_is_forbidden_what_all_are() {
        let acls = acls(
            r#"{"run_tasks": [{"principals": {"type": "NONE"}, "users": {"values": ["root"]}}]}"#,
        );
        assert!(!allow(&acls, Some("a"), RUN, Some("root")));
        assert!(!allow(&acls, None, RUN, Some("root")));
        assert!(allow(&acls, None, RUN, Some("web")));
    }

    #[test]
    fn a_pattern_is_every_role_below_and_not_the_role() {
        let acls = acls(
            r#"{"permissive": false, "reserve_resources": [
                {"principals": {"type": "ANY"}, "roles": {"values": ["dev/%"]}}
            ]}"#,
        );
        for (role, allowed) in [
            ("dev/a", true),
            ("dev/a/b", true),
            ("dev", false),
            ("devel", false),
            ("x/dev/a", false),
        ] {
            assert_eq!(allow(&acls, None, Action::ReserveResources, Some(role)), allowed, "{role}");
        }
        // It is the name of a user like any other.
        let acls = self::acls(
            r#"{"permissive": false, "run_tasks": [
                {"principals": {"values": ["a/%"]}, "users": {"values": ["web/%"]}}
            ]}"#,
        );
        assert!(!allow(&acls, Some("a/b"), RUN, Some("web/%")));
        assert!(!allow(&acls, Some("a/%"), RUN, Some("web/x")));
        assert!(allow(&acls, Some("a/%"), RUN, Some("web/%")));
    }

    #[test]
    fn a_denial_says_who_what_and_which_list() {
        let acls = acls(r#"{"permissive": false}"#);
        let denied = acls.check(Some("eve"), RUN, Some("root")).unwrap_err();
        assert_eq!(
            denied.to_string(),
            "Principal 'eve' is not authorized to run a task as user 'root' (list `run_tasks`)"
        );
        let denied = acls.check(None, Action::ViewFlags, None).unwrap_err();
        assert_eq!(
            denied.to_string(),
            "An unauthenticated caller is not authorized to see the flag (any) (list `view_flags`)"
        );
    }
}
