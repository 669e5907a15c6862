//! Due-lists: `due/<service>.json`, replaced whole. Only the holder of the service's lease writes one.

use std::fs;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::run::{Later, LaterLists};
use crate::store::Store;
use crate::store::durable::replace;

impl Store {
    /// The services that have a due-list, by name.
    pub fn services_due(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.root().join("due")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                names.extend(
                    path.file_stem()
                        .and_then(|stem| stem.to_str())
                        .map(str::to_owned),
                );
            }
        }
        names.sort();
        Ok(names)
    }
}

impl<U: Serialize + DeserializeOwned> LaterLists<U> for Store {
    fn read(&self, service: &str) -> io::Result<Vec<Later<U>>> {
        let path = self.root().join("due").join(format!("{service}.json"));
        match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            text => Ok(serde_json::from_str(&text?)?),
        }
    }

    fn replace(&self, service: &str, list: &[Later<U>]) -> io::Result<()> {
        let path = self.folder("due")?.join(format!("{service}.json"));
        replace(&path, &serde_json::to_string_pretty(list)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunId;

    #[test]
    fn a_list_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let read = || LaterLists::<String>::read(&store, "web").unwrap();
        assert_eq!(read(), []);
        assert_eq!(store.services_due().unwrap(), Vec::<String>::new());
        let list = [Later {
            run: RunId::new(jiff::Timestamp::UNIX_EPOCH, 1),
            undo: "group web-v041".to_owned(),
            at: jiff::Timestamp::UNIX_EPOCH,
            why: "kept to roll back to".to_owned(),
        }];
        store.replace("web", &list).unwrap();
        assert_eq!(read(), list);
        assert_eq!(store.services_due().unwrap(), ["web"]);
    }
}
