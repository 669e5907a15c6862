//! What a test sees of the service: who serves, and which groups there are.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bench, invariants};

impl Bench {
    /// All of its machines, as they are when an image serves.
    pub fn all(&self, image: &str) -> BTreeMap<String, usize> {
        // Groups of a pair are made by others, with three.
        let initial = self.service.groups.initial.as_ref();
        let count = initial.map_or(3, |initial| usize::try_from(*initial.desired).unwrap());
        BTreeMap::from([(image.to_owned(), count)])
    }

    /// The images behind the production rules, with the number of machines that answer.
    pub fn serving(&self) -> BTreeMap<String, usize> {
        let world = self.cloud.world();
        let images = invariants::images(&world.model);
        let mut count = BTreeMap::new();
        if self.service.traffic.is_none() {
            return invariants::in_office(&world.model, |id| world.physics.runs(id));
        }
        let rules = invariants::production(&world.model).into_iter();
        let reached = rules
            .flat_map(|rule| rule.reach)
            .filter(|reach| reach.weight > 0);
        let targets: BTreeSet<String> = reached.flat_map(|reach| reach.targets).collect();
        for target in targets {
            *count.entry(images[&target].clone()).or_default() += 1;
        }
        count
    }

    /// Every group that is there: name, desired capacity, state.
    pub fn groups(&self) -> Vec<(String, i64, String)> {
        let world = self.cloud.world();
        let groups = world.model.view_groups().into_iter();
        let state = |tags: &BTreeMap<String, String>| tags.get("kiln:state").cloned();
        let mut groups: Vec<_> = groups
            .map(|group| {
                (
                    group.name,
                    group.desired,
                    state(&group.tags).unwrap_or_default(),
                )
            })
            .collect();
        groups.sort();
        groups
    }
}
