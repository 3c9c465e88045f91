//! What may be the name of a role.

/// Why a text is not a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("role `{role}` is not valid: {fault}")]
pub struct RoleError {
    pub role: String,
    pub fault: &'static str,
}

/// The rules of Mesos: levels are separated by `/`, and each is a plausible file name.
pub fn check_role(role: &str) -> Result<(), RoleError> {
    let fault = role.split('/').find_map(|level| level_fault(role, level));
    fault.map_or(Ok(()), |fault| Err(RoleError { role: role.to_owned(), fault }))
}

fn level_fault(role: &str, level: &str) -> Option<&'static str> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    match level {
        "" => Some("no level of it may be empty"),
        "." | ".." => Some("no level of it may be `.` or `..`"),
        "*" if role != "*" => Some("`*` is a role of its own"),
        _ if level.starts_with('-') => Some("no level of it may start with `-`"),
        _ if level.contains(odd) => Some("no white space, control character or `\\` is accepted"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_plausible_file_names() {
        for role in ["*", "web", "a/b/c", "a.b", "a-b", "...", "é"] {
            assert_eq!(check_role(role), Ok(()), "{role}");
        }
        for role in ["", "/a", "a/", "a//b", "a/..", "./a", "a/*", "-a", "a/-b", "a b", "a\\b"] {
            let fault = check_role(role).unwrap_err().to_string();
            assert!(fault.starts_with(&format!("role `{role}` is not valid: ")), "{fault}");
        }
    }
}
