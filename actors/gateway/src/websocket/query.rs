//! What a reader wants: `types`, `from`, `epoch`.

use protocol::events::types;
use protocol::id::Epoch;
use serde::Deserialize;

use crate::answer::ApiError;

/// The query as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Query {
    types: Option<String>,
    from: Option<String>,
    epoch: Option<String>,
}

/// A query that makes sense.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wish {
    /// None: all.
    pub(crate) types: Vec<String>,
    pub(crate) from: Option<u64>,
    /// Of the event `from`.
    pub(crate) epoch: Option<Epoch>,
}

impl Wish {
    /// Reads a query string.
    pub(crate) fn parse(query: &str) -> Result<Self, ApiError> {
        let query = actix_web::web::Query::<Query>::from_query(query)
            .map_err(|error| ApiError::bad_request(format!("failed to read the query: {error}")))?
            .into_inner();
        let types = query.types.unwrap_or_default();
        let named = types.split(',').map(str::trim).filter(|name| !name.is_empty());
        let types = named.map(known_type).collect::<Result<_, _>>()?;
        let from = number("from", query.from)?;
        let epoch = number("epoch", query.epoch)?.map(Epoch);
        if epoch.is_some() && from.is_none() {
            return Err(ApiError::bad_request(
                "`epoch` is that of the event `from`, which is missing",
            ));
        }
        Ok(Self { types, from, epoch })
    }
}

fn number(name: &str, text: Option<String>) -> Result<Option<u64>, ApiError> {
    let parse = |text: String| {
        let error = || ApiError::bad_request(format!("`{name}={text}` is not a whole number"));
        text.parse().map_err(|_| error())
    };
    text.map(parse).transpose()
}

fn known_type(name: &str) -> Result<String, ApiError> {
    match types::ALL.contains(&name) {
        true => Ok(name.to_owned()),
        false => Err(ApiError::bad_request(format!(
            "there is no event type `{name}`; there are: {}",
            types::ALL.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_a_list_and_everything_is_optional() {
        assert_eq!(Wish::parse("").unwrap(), Wish::default());
        let wish = Wish::parse("types=task_added,%20task_updated,&from=7&epoch=2").unwrap();
        assert_eq!(wish.types, ["task_added", "task_updated"]);
        assert_eq!((wish.from, wish.epoch), (Some(7), Some(Epoch(2))));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (query, says) in [
            ("types=task_died", "task_updated"),
            ("from=x", "from"),
            ("form=1", "types"),
            ("epoch=1", "from"),
        ] {
            let error = Wish::parse(query).unwrap_err();
            assert!(error.message.contains(says), "{query}: {error}");
        }
    }
}
