//! Due-lists: `due/<service>.json`, replaced whole by the holder of the service's lease.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Remote, put_over};
use crate::cloud::Error;
use crate::run::{Later, LaterLists};

impl Remote {
    /// The services that have a due-list, by name.
    pub fn services_due(&self) -> Result<Vec<String>, Error> {
        let keys = self.objects.list("due/")?;
        let names = keys
            .iter()
            .filter_map(|key| key.strip_prefix("due/")?.strip_suffix(".json"));
        Ok(names.map(ToOwned::to_owned).collect())
    }
}

impl<U: Serialize + DeserializeOwned> LaterLists<U> for Remote {
    fn read(&self, service: &str) -> io::Result<Vec<Later<U>>> {
        let there = self.objects.get(&key(service)).map_err(io::Error::other)?;
        match there {
            None => Ok(Vec::new()),
            Some(there) => Ok(serde_json::from_str(&there.text)?),
        }
    }

    fn replace(&self, service: &str, list: &[Later<U>]) -> io::Result<()> {
        self.fence.check().map_err(io::Error::other)?;
        let text = serde_json::to_string_pretty(list)?;
        let put = put_over(&*self.objects, &key(service), &text);
        put.map(drop).map_err(io::Error::other)
    }
}

fn key(service: &str) -> String {
    format!("due/{service}.json")
}
