//! Pages of long lists. A token names the last entry that was shown, so pages hold while entries come and go.

use super::{Fault, args::Args};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::ops::RangeInclusive;

/// The parameter names and limits of one paged call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paging {
    pub(super) size: &'static str,
    pub(super) token: &'static str,
    pub(super) range: (i64, i64),
    /// How many come without being asked for.
    pub(super) usual: usize,
}

/// EC2's `MaxResults` (5 to 1000) and `NextToken`.
pub(super) const EC2: Paging = Paging {
    size: "MaxResults",
    token: "NextToken",
    range: (5, 1000),
    usual: 1000,
};

/// One page that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Page {
    after: Option<String>,
    size: usize,
}

impl Paging {
    pub(super) fn read(self, args: &Args<'_>) -> Result<Page, Fault> {
        let range: RangeInclusive<i64> = self.range.0..=self.range.1;
        let size = args
            .int_in(self.size, range)?
            .and_then(|size| usize::try_from(size).ok());
        let token = args
            .maybe_text(self.token)?
            .filter(|token| !token.is_empty());
        let after = token.map(|token| {
            decode(token).ok_or_else(|| args.invalid(self.token, token, "The token is not valid."))
        });
        Ok(Page {
            after: after.transpose()?,
            size: size.unwrap_or(self.usual),
        })
    }
}

impl Page {
    /// Cuts the page out of all entries and gives the token of the next one. Sorts by key.
    pub(super) fn cut<T>(&self, mut entries: Vec<(String, T)>) -> (Vec<T>, Option<String>) {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(after) = &self.after {
            entries.retain(|(key, _)| key > after);
        }
        let more = entries.len() > self.size;
        entries.truncate(self.size);
        let token = more
            .then(|| entries.last().map(|(key, _)| encode(key)))
            .flatten();
        (entries.into_iter().map(|(_, entry)| entry).collect(), token)
    }
}

fn encode(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("after {key}"))
}

fn decode(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes)
        .ok()?
        .strip_prefix("after ")
        .map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Params, Service};
    use std::collections::BTreeMap;

    fn page(token: Option<String>) -> Page {
        let mut map = BTreeMap::from([("MaxResults".into(), Params::Text("5".into()))]);
        map.extend(token.map(|token| ("NextToken".into(), Params::Text(token))));
        EC2.read(&Args::new(Service::Ec2, &Params::Map(map)))
            .unwrap()
    }

    #[test]
    fn pages_hold_while_entries_go() {
        let all: Vec<(String, u32)> = (0..12).map(|n| (format!("i-{n:02}"), n)).collect();
        let (first, token) = page(None).cut(all.clone());
        assert_eq!(first, [0, 1, 2, 3, 4]);
        let without_last_shown = all.iter().filter(|(_, n)| *n != 4).cloned().collect();
        let (second, token) = page(token).cut(without_last_shown);
        assert_eq!(second, [5, 6, 7, 8, 9]);
        let (third, token) = page(token).cut(all);
        assert_eq!((third, token), (vec![10, 11], None));
    }

    #[test]
    fn a_token_of_someone_else_is_refused() {
        let map = BTreeMap::from([("NextToken".into(), Params::Text("abc".into()))]);
        assert!(
            EC2.read(&Args::new(Service::Ec2, &Params::Map(map)))
                .is_err()
        );
    }
}
