//! The host's own setting for forwarding packets: switched on while a network is up, given back afterwards.
//!
//! The setting belongs to the whole host, so each network leaves a note with what was there before the first of them;
//! the last one to go restores it, also when the one that switched it on was killed.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Config, Error};

const SETTING: &str = "/proc/sys/net/ipv4/ip_forward";
const ON: &str = "1";
const NOTE: &str = ".ip_forward";

pub(super) fn switch_on(config: &Config) -> Result<(), Error> {
    switch_on_at(config, Path::new(SETTING))
}

/// Returns whether there was a note to work off.
pub(super) fn give_back(config: &Config) -> Result<bool, Error> {
    give_back_at(config, Path::new(SETTING))
}

fn switch_on_at(config: &Config, setting: &Path) -> Result<(), Error> {
    let before = match notes(&config.notes)?.first() {
        Some(other) => read(other)?,
        None => read(setting)?,
    };
    write(&note(config), &before)?;
    if read(setting)?.trim() == ON {
        Ok(())
    } else {
        write(setting, ON)
    }
}

fn give_back_at(config: &Config, setting: &Path) -> Result<bool, Error> {
    let note = note(config);
    if !note.exists() {
        return Ok(false);
    }
    let before = read(&note)?;
    if notes(&config.notes)?.len() == 1 && before.trim() != ON {
        write(setting, &before)?;
    }
    fs::remove_file(&note).map_err(Error::file(&note))?;
    Ok(true)
}

fn note(config: &Config) -> PathBuf {
    config.notes.join(format!("{}{NOTE}", config.prefix))
}

fn notes(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(Error::file(folder))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(paths
        .filter(|path| path.to_string_lossy().ends_with(NOTE))
        .collect())
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(Error::file(path))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(Error::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(prefix: &str, notes: &Path) -> Config {
        Config {
            prefix: prefix.to_owned(),
            notes: notes.to_owned(),
            ..Config::default()
        }
    }

    #[test]
    fn the_last_network_gives_the_setting_back() {
        let folder = tempfile::tempdir().unwrap();
        let setting = folder.path().join("setting");
        fs::write(&setting, "0\n").unwrap();
        let (one, two) = (config("one", folder.path()), config("two", folder.path()));

        switch_on_at(&one, &setting).unwrap();
        switch_on_at(&two, &setting).unwrap();
        assert!(give_back_at(&one, &setting).unwrap());
        assert_eq!(fs::read_to_string(&setting).unwrap(), ON);
        assert!(give_back_at(&two, &setting).unwrap());
        assert_eq!(fs::read_to_string(&setting).unwrap(), "0\n");
        assert!(!give_back_at(&two, &setting).unwrap());
    }

    #[test]
    fn a_host_that_forwards_already_keeps_forwarding() {
        let folder = tempfile::tempdir().unwrap();
        let setting = folder.path().join("setting");
        fs::write(&setting, "1\n").unwrap();
        let config = config("one", folder.path());
        switch_on_at(&config, &setting).unwrap();
        assert!(give_back_at(&config, &setting).unwrap());
        assert_eq!(fs::read_to_string(&setting).unwrap(), "1\n");
    }
}
