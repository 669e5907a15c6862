//! A plan as a user reads it.

use std::fmt;

use crate::bake::listing::{self, chains};
use crate::bake::plan::{BakePlan, Stopping};
use crate::template::bake::KeyKind;

impl fmt::Display for BakePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (build, region, run) = (&self.build, &self.region, self.run);
        writeln!(f, "bake {build} in {region} (run {run})")?;
        let source = &self.source;
        line(f, "source image", &format!("{} {}", source.id, source.name))?;
        if let Some(key) = &self.key_pair {
            let kind = match key.kind {
                KeyKind::Ed25519 => "ed25519".to_owned(),
                KeyKind::Rsa(bits) => format!("RSA of {bits} bits"),
            };
            let text = format!("{} ({kind}, for this run only)", key.name);
            line(f, "+ key pair", &text)?;
        }
        if let Some(temporary) = &self.security_group {
            let sources = temporary.sources.join(", ");
            let lets_in = match sources.as_str() {
                "" => "lets nobody in".to_owned(),
                sources => format!("TCP {} from {sources}", temporary.port),
            };
            let text = format!("{} (for this run only): {lets_in}", temporary.group.name);
            line(f, "+ security group", &text)?;
        }
        if let Some(profile) = &self.profile {
            let text = format!(
                "{} (role and instance profile, for this run only)",
                profile.name
            );
            line(f, "+ role", &text)?;
        }
        line(f, "+ instance", &self.machine())?;
        for attempt in self.attempts.iter().skip(1) {
            line(f, "  or else", &attempt.to_string())?;
        }
        for provisioner in &self.provisioners {
            line(f, "  provision", &listing::provisioner(provisioner))?;
        }
        if let Some(provisioner) = &self.error_cleanup {
            line(f, "  if it fails", &listing::provisioner(provisioner))?;
        }
        for command in &self.verify {
            line(f, "  verify", &command.to_string())?;
        }
        if self.publish.nothing {
            line(f, "  no image", "as `skip_create_ami` has it")?;
        } else {
            self.show_image(f)?;
        }
        line(f, "- removed", &self.removed())?;
        for (label, text) in chains(&self.post_processors, self.publish.nothing) {
            line(f, label, &text)?;
        }
        Ok(())
    }
}

impl BakePlan {
    fn show_image(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "  stop", self.rest())?;
        line(f, "+ image", &self.image.name)?;
        for (key, value) in &self.image.tags {
            line(f, "", &format!("{key} = {value}"))?;
        }
        for (label, text) in self.publish.lines() {
            line(f, label, &text)?;
        }
        Ok(())
    }

    fn machine(&self) -> String {
        let instance = &self.instance;
        let first = self.attempts.first();
        let choices = first.map(|first| first.choices.as_slice());
        let choices: Vec<_> = choices
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect();
        let mut words = vec![choices.join(" or ")];
        if let Some(spot) = first.and_then(|first| first.spot.as_ref()) {
            let price = spot.max_price.as_deref().unwrap_or("the on-demand price");
            words.push(format!("spot, at most {price}"));
        }
        words.extend(
            instance
                .profile
                .as_ref()
                .map(|name| format!("profile {name}")),
        );
        let groups = instance.security_groups.iter().map(ToString::to_string);
        words.extend(groups);
        let pair = instance.key_pair.as_ref();
        words.extend(pair.map(|name| format!("key pair {name}")));
        words.join(", ")
    }

    fn rest(&self) -> &'static str {
        match self.stopping {
            Stopping::Stop => "by StopInstances",
            Stopping::ByItself => "the machine shuts itself down",
            Stopping::Restart => "not at all (spot): making the image restarts it",
        }
    }

    fn removed(&self) -> String {
        let things = [
            ("instance", true),
            ("security group", self.security_group.is_some()),
            ("key pair", self.key_pair.is_some()),
            ("role", self.profile.is_some()),
        ];
        let made = things.into_iter().filter(|(_, made)| *made);
        let made: Vec<_> = made.map(|(thing, _)| thing).collect();
        let text = match made.as_slice() {
            [only] => format!("the {only}"),
            [first, last] => format!("{first} and {last}"),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
            [] => String::new(),
        };
        format!("{text}, however it ends")
    }
}

fn line(f: &mut fmt::Formatter<'_>, what: &str, text: &str) -> fmt::Result {
    writeln!(f, "  {what:<18}{text}")
}
