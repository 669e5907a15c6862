//! I3 and I6 of warm pools: each stays as it was put for as long as its group is live or kept, and what others have put beside a
//! group of their own stays for good.

use std::collections::BTreeMap;

use localcloud::model::view::{GroupView, PoolView};

use super::scene::{Scene, is_again};

/// What the pool of each group is made with.
pub struct Pools(BTreeMap<String, PoolView>);

impl Pools {
    pub fn of(scene: &Scene) -> Self {
        let groups = scene.groups.iter();
        let pooled = groups.filter_map(|group| Some((group.name.clone(), group.pool_is.clone()?)));
        Self(pooled.collect())
    }

    pub fn check(&mut self, scene: &Scene) -> Result<(), String> {
        let groups = scene.groups.iter();
        let mut groups = groups.filter(|group| !group.deleting && !is_again(group));
        groups.try_for_each(|group| self.stays(group))?;
        *self = Self::of(scene);
        Ok(())
    }

    fn stays(&self, group: &GroupView) -> Result<(), String> {
        let Some(was) = self.0.get(&group.name) else {
            return Ok(());
        };
        let (name, is) = (&group.name, group.pool_is.as_ref());
        let is_ours = group.tags.contains_key("kiln:made-by");
        let state = group.tags.get("kiln:state").map(String::as_str);
        let goes = is_ours && !matches!(state, Some("live" | "kept"));
        if goes || is == Some(was) {
            return Ok(());
        }
        let invariant = if is_ours { "I3" } else { "I6" };
        Err(format!(
            "{invariant}: the warm pool of {name} was {was:?} and is {is:?}"
        ))
    }
}
