//! Warm pools of Auto Scaling groups in our words.

use super::Size;

/// Machines beside a group that are launched ahead, and taken when it grows ("`API_WarmPoolConfiguration`").
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WarmPool {
    /// So many machines it and the group are to have together; `None`: the group's maximum.
    pub prepared: Option<u32>,
    /// It has so many at the least.
    pub min: u32,
    /// What they wait as: `Stopped`, `Running` or `Hibernated`.
    pub state: String,
    /// Machines of the group come back on scale-in.
    #[serde(skip)]
    pub reuses: bool,
    /// How many there are.
    #[serde(skip)]
    pub machines: u32,
    /// It is being deleted.
    #[serde(skip)]
    pub leaving: bool,
}

impl WarmPool {
    /// How many machines it comes to beside a group of that size ("`API_PutWarmPool`").
    pub fn size(&self, group: Size) -> u32 {
        let most = self.prepared.unwrap_or(group.max);
        most.saturating_sub(group.desired).max(self.min)
    }

    /// What it is made with, in a word of a tag.
    pub fn word(&self) -> String {
        let Self { state, min, .. } = self;
        let prepared = self.prepared.map(|most| format!("/{most}"));
        format!("{state}/{min}{}", prepared.unwrap_or_default())
    }

    /// One that is made with what such a word says.
    pub fn of_word(word: &str) -> Option<Self> {
        let mut parts = word.split('/');
        Some(Self {
            state: parts.next()?.to_owned(),
            min: parts.next()?.parse().ok()?,
            prepared: parts.next().map(str::parse).transpose().ok()?,
            reuses: false,
            machines: 0,
            leaving: false,
        })
    }
}

impl std::fmt::Display for WarmPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {} at the least", self.state, self.min)?;
        match self.prepared {
            Some(prepared) => write!(f, ", {prepared} with the group's own"),
            None => Ok(()),
        }
    }
}
