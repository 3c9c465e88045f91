//! App ids in URLs, and what is asked about the app.

/// What a path below `/v2/apps/` names. Ids are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    App(String),
    Restart(String),
    Tasks(String),
    Task {
        app: String,
        task: String,
    },
    Versions(String),
    Version {
        app: String,
        version: String,
    },
    /// `…/*`: the apps below a path, which ends in `/`.
    Below(String),
    /// `…/*/tasks`.
    TasksBelow(String),
}

impl Target {
    /// Empty segments do not count: clients write `/v2/apps//web`.
    pub(super) fn parse(tail: &str) -> Self {
        let segments: Vec<&str> = tail.split('/').filter(|segment| !segment.is_empty()).collect();
        let id = |segments: &[&str]| format!("/{}", segments.join("/"));
        let below = |segments: &[&str]| match segments {
            [] => "/".to_owned(),
            segments => format!("/{}/", segments.join("/")),
        };
        match segments.as_slice() {
            [group @ .., "*"] => Self::Below(below(group)),
            [group @ .., "*", "tasks"] => Self::TasksBelow(below(group)),
            [app @ .., "restart"] if !app.is_empty() => Self::Restart(id(app)),
            [app @ .., "tasks"] if !app.is_empty() => Self::Tasks(id(app)),
            [app @ .., "tasks", task] if !app.is_empty() => {
                Self::Task { app: id(app), task: (*task).to_owned() }
            }
            [app @ .., "versions"] if !app.is_empty() => Self::Versions(id(app)),
            [app @ .., "versions", version] if !app.is_empty() => {
                Self::Version { app: id(app), version: (*version).to_owned() }
            }
            app => Self::App(id(app)),
        }
    }
}

/// The id in a body, made absolute: it counts from the root, and `.` and `..` are resolved.
pub(super) fn absolute(id: &str) -> String {
    let mut path: Vec<&str> = Vec::new();
    for segment in id.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(path.pop()),
            segment => path.push(segment),
        }
    }
    format!("/{}", path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_apps_and_what_belongs_to_them() {
        let app = |id: &str| Target::App(id.into());
        for (tail, target) in [
            ("web", app("/web")),
            ("/web", app("/web")),
            ("shop//web/", app("/shop/web")),
            ("web/restart", Target::Restart("/web".into())),
            ("restart", app("/restart")),
            ("shop/web/tasks", Target::Tasks("/shop/web".into())),
            ("web/tasks/t1", Target::Task { app: "/web".into(), task: "t1".into() }),
            ("web/versions", Target::Versions("/web".into())),
            ("web/versions/v", Target::Version { app: "/web".into(), version: "v".into() }),
            ("*", Target::Below("/".into())),
            ("shop/*", Target::Below("/shop/".into())),
            ("shop/*/tasks", Target::TasksBelow("/shop/".into())),
        ] {
            assert_eq!(Target::parse(tail), target, "{tail}");
        }
    }

    #[test]
    fn ids_in_bodies_are_made_absolute() {
        for (id, expected) in
            [("web", "/web"), ("/web", "/web"), ("/a/../b/./c/", "/b/c"), ("", "/"), ("..", "/")]
        {
            assert_eq!(absolute(id), expected);
        }
    }
}
