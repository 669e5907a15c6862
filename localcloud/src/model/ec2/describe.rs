//! What all describe calls share: naming ids, filtering, paging, and seeing fresh resources late.

use super::super::{
    Fault, Tree,
    args::Args,
    filter::Filters,
    paging::{self, Paging},
    state::State,
};

/// One kind of resource, as its describe call treats it.
pub(super) struct Kind {
    /// The parameter that names ids.
    pub(super) ids: &'static str,
    /// The element that holds the answer's list.
    pub(super) set: &'static str,
    /// The filters it knows beside those on tags, separated by blanks.
    pub(super) filters: &'static str,
    pub(super) paging: Paging,
    pub(super) all: fn(&State) -> Vec<String>,
    /// The refusal for an id that names none.
    pub(super) missing: fn(&str) -> Fault,
    /// The values that a filter compares with.
    pub(super) field: fn(&State, &str, &str) -> Vec<String>,
    pub(super) show: fn(&State, &str) -> Tree,
}

impl Kind {
    /// Answers the describe call.
    pub(super) fn describe(&self, state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
        let (ids, token) = self.select(state, args, |_, _| true)?;
        Ok(self.list(state, &ids, token))
    }

    /// The answer's list for ids that were selected.
    pub(super) fn list(&self, state: &State, ids: &[String], token: Option<String>) -> Tree {
        let shown: Vec<Tree> = ids.iter().map(|id| (self.show)(state, id)).collect();
        Tree::new()
            .put(self.set, shown)
            .put_some("nextToken", token)
    }

    /// The ids of one page that are named, pass the filters and `keep`.
    pub(super) fn select(
        &self,
        state: &mut State,
        args: &Args<'_>,
        keep: impl Fn(&State, &str) -> bool,
    ) -> Result<(Vec<String>, Option<String>), Fault> {
        let filters = Filters::read(args)?;
        filters.only(self.filters)?;
        let page = self.paging.read(args)?;
        let mut ids = (self.all)(state);
        ids.retain(|id| state.poll_sees(id));
        let named = args.texts(self.ids)?;
        if let Some(lost) = named
            .iter()
            .find(|id| !ids.iter().any(|known| known == *id))
        {
            return Err((self.missing)(lost));
        }
        let mut kept = Vec::new();
        for id in ids {
            let wanted = named.is_empty() || named.contains(&id.as_str());
            if wanted && keep(state, &id) && self.passes(state, &filters, &id)? {
                kept.push((id.clone(), id));
            }
        }
        Ok(page.cut(kept))
    }

    fn passes(&self, state: &State, filters: &Filters, id: &str) -> Result<bool, Fault> {
        filters.pass(&state.ec2.tags_of(id), |name| {
            Some((self.field)(state, id, name))
        })
    }
}

/// The paging of most of EC2's describe calls.
pub(super) const PAGED: Paging = paging::EC2;

/// The one value of a field, as filters take it.
#[expect(
    clippy::needless_pass_by_value,
    reason = "texts, numbers and flags are given as they stand"
)]
pub(super) fn one(value: impl ToString) -> Vec<String> {
    vec![value.to_string()]
}
