//! Why things are as they are: a sentence, and the facts behind it.

use protocol::Address;
use protocol::allocator::{Rejection, RoleExplanation, Verdict};
use protocol::explain::{
    AppExplanation, ExplainApp, ExplainOffers, ExplainRole, OffersExplanation, RoleStanding,
    Setback,
};

use crate::cli::Explain;
use crate::client::Client;
use crate::error::CliError;
use crate::output::{self, Format};
use crate::text::{age, list, or_dash, resources, word};

pub(crate) async fn explain(client: &Client, what: &Explain) -> Result<(), CliError> {
    match what {
        Explain::Framework { id } => {
            let question = ExplainOffers { framework_id: id.clone().into(), need: None };
            let told = client.ask_master("frameworks", question).await?;
            shown(client, &told, |told| framework(client, told))
        }
        Explain::Role { name } => {
            let question = ExplainRole { role: name.clone() };
            let told = client.ask_master("frameworks", question).await?;
            shown(client, &told, role)
        }
        Explain::App { id } => {
            let leader = client.services().await?;
            let question = ExplainApp { id: format!("/{}", id.trim_matches('/')) };
            let told = client.ask(&Address::new("services", leader.host), question).await?;
            shown(client, &told, |told| app(client, told))
        }
    }
}

fn shown<T: serde::Serialize>(
    client: &Client,
    told: &T,
    show: impl Fn(&T) -> Result<(), CliError>,
) -> Result<(), CliError> {
    match client.format() {
        Format::Json => output::json(told),
        Format::Table => show(told),
    }
}

fn facts(facts: &[(&str, String)]) -> Result<(), CliError> {
    facts.iter().try_for_each(|(title, value)| output::line(&format!("{title:<10} {value}")))
}

fn framework(client: &Client, told: &OffersExplanation) -> Result<(), CliError> {
    output::line(&format!("{}: {}", told.framework_id, told.summary))?;
    facts(&[
        ("name", told.name.clone()),
        ("standing", word(&told.standing)),
        ("verdict", word(&told.verdict)),
        ("offers", format!("{} ({})", told.offers, resources(&told.offered))),
        ("uses", resources(&told.used)),
        ("allocator", told.unexplained.clone().unwrap_or_else(|| told.allocator.to_string())),
    ])?;
    roles(&told.roles)?;
    declines(client, &told.declined)?;
    setbacks(client, &told.setbacks)
}

fn roles(roles: &[RoleExplanation]) -> Result<(), CliError> {
    if roles.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let header = ["ROLE", "VERDICT", "SHARE", "ALLOCATED", "AHEAD", "AGENTS"];
    output::list(Format::Table, &(), header, roles, |role| {
        [
            role.role.clone(),
            word(&role.verdict),
            percent(role.dominant_share),
            resources(&role.allocated),
            role.ahead.to_string(),
            list(role.agents.iter().map(by_verdict)),
        ]
    })
}

fn by_verdict((verdict, count): (&Verdict, &usize)) -> String {
    format!("{count} {}", word(verdict))
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

fn declines(client: &Client, declined: &[Rejection]) -> Result<(), CliError> {
    if declined.is_empty() {
        return Ok(());
    }
    let now = client.host.now();
    output::line("")?;
    let header = ["DECLINED", "AGENT", "ROLE", "RESOURCES", "REASON"];
    output::list(Format::Table, &(), header, declined, |declined| {
        let left = declined.until.since(now).as_secs();
        let reason = match declined.until > now {
            true => format!("the framework gave it back; filtered for another {left}s"),
            false => "the framework gave it back".to_owned(),
        };
        [
            format!("{} ago", age(now, declined.at)),
            declined.agent_id.to_string(),
            declined.role.clone(),
            resources(&declined.resources),
            reason,
        ]
    })
}

fn setbacks(client: &Client, setbacks: &[Setback]) -> Result<(), CliError> {
    if setbacks.is_empty() {
        return Ok(());
    }
    let now = client.host.now();
    output::line("")?;
    let header = ["CAME TO NOTHING", "WHAT", "AGENT", "OFFERS", "TASKS", "REASON"];
    output::list(Format::Table, &(), header, setbacks, |setback| {
        [
            format!("{} ago", age(now, setback.at)),
            word(&setback.kind),
            or_dash(setback.agent_id.as_ref()),
            list(&setback.offer_ids),
            list(&setback.task_ids),
            setback.reason.clone(),
        ]
    })
}

fn role(told: &RoleStanding) -> Result<(), CliError> {
    output::line(&format!("{}: {}", told.role, told.summary))?;
    let amounts = |amounts: &std::collections::BTreeMap<String, protocol::Scalar>| {
        list(amounts.iter().map(|(name, amount)| format!("{name}:{amount}")))
    };
    let dominant = told.dominant_resource.as_deref().unwrap_or("nothing");
    facts(&[
        ("verdict", word(&told.verdict)),
        ("policy", told.policy.clone()),
        ("above", told.parent.clone().unwrap_or_else(|| "the top of the tree".to_owned())),
        ("below", list(&told.children)),
        ("weight", format!("{}, priority {}", told.weight, told.priority)),
        ("share", format!("{} (of {dominant})", percent(told.dominant_share))),
        ("allocated", resources(&told.allocated)),
        ("guarantee", amounts(&told.quota.guarantees)),
        ("limit", amounts(&told.quota.limits)),
        ("consumed", amounts(&told.consumed)),
        ("lacks", amounts(&told.lacks)),
        ("limited by", or_dash(told.limited_by.as_ref())),
        ("ahead", list(&told.ahead)),
        ("behind", list(&told.behind)),
    ])?;
    if told.frameworks.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let header = ["FRAMEWORK", "VERDICT", "SHARE", "ALLOCATED", "WHY"];
    output::list(Format::Table, &(), header, &told.frameworks, |member| {
        [
            member.framework_id.to_string(),
            word(&member.why.verdict),
            percent(member.why.dominant_share),
            resources(&member.why.allocated),
            member.why.summary.clone(),
        ]
    })
}

fn app(client: &Client, told: &AppExplanation) -> Result<(), CliError> {
    output::line(&format!("{}: {}", told.id, told.summary))?;
    let ports =
        if told.need.ports > 0 { format!(" and {} ports", told.need.ports) } else { String::new() };
    facts(&[
        ("running", format!("{} of {}", told.running, told.instances)),
        ("starting", told.starting.to_string()),
        ("waiting", told.waiting.to_string()),
        (
            "each needs",
            format!("{}{ports}, for role {}", resources(&told.need.resources), told.need.role),
        ),
        ("held until", told.delayed_until.map_or_else(|| "-".to_owned(), |until| until.to_iso())),
        ("deploying", list(&told.deployments)),
    ])?;
    match (&told.offers, &told.unexplained) {
        (Some(offers), _) => {
            if let Some(fit) = &offers.fit {
                output::line(&format!("{:<10} {}", "agents", fit.summary))?;
            }
            output::line("")?;
            framework(client, offers)
        }
        (None, Some(why)) => output::line(&format!("{:<10} {why}", "master")),
        (None, None) => Ok(()),
    }
}
