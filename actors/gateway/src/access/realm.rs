//! Which requests are guarded together. Names and members are those of Mesos.

/// What a client is asked to authenticate for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Realm {
    /// The API of schedulers.
    Schedulers,
    /// What only tells.
    Readonly,
    /// What changes something, and the API of operators, which does both.
    Readwrite,
}

/// Answered to anybody: health, version, who leads, and how the machine is.
const OPEN: &[&str] = &["/health", "/version", "/redirect", crate::master::STATS];

/// What only tells; names that end with `/` stand for everything below.
const READONLY: &[&str] = &[
    "/state",
    "/state-summary",
    "/slaves",
    "/frameworks",
    "/tasks",
    "/roles",
    "/flags",
    "/metrics/snapshot",
    "/files/",
    "/api/v1/events",
    "/api/v1/explain/",
    "/api/v1/meseta/",
];

impl Realm {
    /// The realm of a path of a master. What is not known changes something.
    pub(super) fn of_master(path: &str) -> Option<Self> {
        let path = path.strip_prefix("/master").unwrap_or(path);
        let path = path.strip_suffix(".json").unwrap_or(path);
        let is = |name: &&str| match name.ends_with('/') {
            true => path.starts_with(*name),
            false => path == *name,
        };
        if OPEN.iter().any(|open| path == open.trim_end_matches(".json")) {
            None
        } else if path == "/api/v1/scheduler" {
            Some(Self::Schedulers)
        } else if READONLY.iter().any(is) {
            Some(Self::Readonly)
        } else {
            Some(Self::Readwrite)
        }
    }

    /// As clients are told it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Schedulers => "mesos-master-scheduler",
            Self::Readonly => "mesos-master-readonly",
            Self::Readwrite => "mesos-master-readwrite",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_of_one_realm() {
        let (read, write) = (Some(Realm::Readonly), Some(Realm::Readwrite));
        for (path, realm) in [
            ("/health", None),
            ("/master/health", None),
            ("/version.json", None),
            ("/master/redirect", None),
            ("/system/stats.json", None),
            ("/api/v1/scheduler", Some(Realm::Schedulers)),
            ("/master/api/v1/scheduler", Some(Realm::Schedulers)),
            ("/state", read),
            ("/master/state.json", read),
            ("/files/read.json", read),
            ("/api/v1/explain/framework/f", read),
            ("/api/v1/events", read),
            ("/api/v1", write),
            ("/api/v1/operator", write),
            ("/master/api/v1", write),
            ("/quota/dev/a", write),
            ("/machine/down", write),
            ("/logging/toggle", write),
            ("/api/v1/tasks/t/resize", write),
            // Nothing is there; whoever asks is not told.
            ("/states", write),
            ("/healthy", write),
            ("/", write),
        ] {
            assert_eq!(Realm::of_master(path), realm, "{path}");
        }
    }
}
