//! Listener rules that a roll made, found again by their tags.

use super::persist;
use super::roll::{OfRoll, Purpose};
use crate::cloud::{Cloud, Error, ListenerArn, TrafficArn, tag};

/// Deletes those of one purpose.
pub(super) async fn delete(
    cloud: &impl Cloud,
    of: &OfRoll,
    listener: &ListenerArn,
    purpose: Purpose,
) -> Result<(), Error> {
    persist(async || {
        let rules = cloud.rules(listener).await?.into_iter();
        let rules: Vec<_> = rules.map(|rule| TrafficArn::Rule(rule.arn)).collect();
        let run = of.run.to_string();
        for (arn, tags) in cloud.traffic_tags(&rules).await? {
            let is = |key: &str, value: Option<&str>| tags.get(key).map(String::as_str) == value;
            let ours = is(tag::RUN, Some(&run))
                && is(tag::SERVICE, Some(&of.service))
                && is(tag::RULE, purpose.tag());
            if let (true, TrafficArn::Rule(arn)) = (ours, arn) {
                cloud.delete_rule(&arn).await?;
            }
        }
        Ok(())
    })
    .await
}
