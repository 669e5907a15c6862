//! The mark of a rollback on the group that it goes back to ([`tag::BACK`]): whose it is, until when it is good, and the image
//! that is to be barred. Whoever comes later finishes what it began, or leaves the group alone meanwhile.

use jiff::Timestamp;

use super::regrow::HELD;
use crate::cloud::{Group, ImageId, tag};
use crate::run::RunId;

/// What the tag says, as far as it can be read.
pub(super) struct Mark {
    pub run: Option<RunId>,
    pub until: Option<Timestamp>,
    pub image: Option<ImageId>,
}

impl Mark {
    /// That of a group; `None` where there is none.
    pub fn of(group: &Group) -> Option<Self> {
        let mut words = group.tag(tag::BACK)?.split_whitespace();
        Some(Self {
            run: words.next().and_then(|run| run.parse().ok()),
            until: words.next().and_then(|until| until.parse().ok()),
            image: words.next().map(ImageId::new),
        })
    }

    /// Whether a rollback to the group may be under way.
    pub fn holds(group: &Group, now: Timestamp) -> bool {
        Self::of(group).is_some_and(|mark| mark.until.is_some_and(|until| until > now))
    }
}

/// The text of the mark of a run that leads away from a group: owner and end, as of a lease, and that group's image.
pub(super) fn text(run: RunId, now: Timestamp, from: &Group) -> String {
    let image = from.tag(tag::IMAGE).unwrap_or_default();
    let mark = format!("{run} {} {image}", now + HELD);
    mark.trim_end().to_owned()
}
