//! `/system/stats.json`: the machine that answers, be it a master's or an agent's.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::metrics::machine;
use crate::answer::Answer;
use crate::common::Common;

/// The metrics of the system, under the names that they have here.
pub(crate) async fn stats(common: Data<Common>) -> Answer {
    let named = |(name, value): (String, f64)| {
        let name = name.strip_prefix("system/")?.to_owned();
        Some((if name.starts_with("load_") { format!("avg_{name}") } else { name }, value))
    };
    let stats: BTreeMap<_, _> = machine(&common).into_iter().filter_map(named).collect();
    Ok(HttpResponse::Ok().json(stats))
}
