//! `kiln approve`: the answer to what a roll asks, from the service's name alone.

use super::error::Error;
use super::hold::tag_text;
use crate::cloud::{Cloud, Group, Tags, tag};
use crate::undo::question::{Answer, asked};

/// What was asked and answered.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Answered {
    pub service: String,
    pub group: String,
    pub run: String,
    pub question: String,
    pub approved: bool,
}

/// Answers the question of a service's roll, whether that waits, is held or has died. Errors when nothing is asked.
pub async fn approve(
    cloud: &impl Cloud,
    service: &str,
    yes: bool,
    note: &str,
) -> Result<Answered, Error> {
    let groups = cloud.groups().await?.into_iter();
    let mut asking = groups.filter(|group| is_of(group, service));
    let found = asking.find_map(|group| asked(&group).map(|asked| (group, asked)));
    let Some((group, (run, _, question))) = found else {
        let text = format!("no roll of {service} asks anything here");
        return Err(Error::Changed(text));
    };
    let answer = Answer {
        run,
        yes,
        note: tag_text(note),
    };
    let tags = Tags::from([(tag::ANSWER.to_owned(), answer.text())]);
    cloud.tag_group(&group.name, &tags).await?;
    Ok(Answered {
        service: service.to_owned(),
        group: group.name.to_string(),
        run: run.to_string(),
        question,
        approved: yes,
    })
}

fn is_of(group: &Group, service: &str) -> bool {
    group.tag(tag::SERVICE) == Some(service) && !group.deleting
}
