//! Packer's machine-readable lines: `unix_ts,target,category,data…` (its docs, "Machine-Readable Output"), which scripts parse.

use std::fmt::Write as _;

use jiff::Timestamp;

/// Lines, all of one instant.
#[derive(Debug)]
pub struct Lines {
    now: Timestamp,
    text: String,
}

impl Lines {
    /// No lines yet.
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            text: String::new(),
        }
    }

    /// Adds a line. `target` is a build's name; it is empty for what concerns no build.
    pub fn add(&mut self, target: &str, category: &str, data: &[&str]) {
        let data: Vec<_> = data.iter().map(|text| escape(text)).collect();
        let (now, target) = (self.now.as_second(), escape(target));
        // Writing to a string cannot fail.
        writeln!(self.text, "{now},{target},{category},{}", data.join(",")).unwrap_or_default();
    }

    /// Adds what Packer would say to a person.
    pub fn say(&mut self, text: &str) {
        self.add("", "ui", &["say", text]);
    }

    /// All lines.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Commas part data and line ends part lines, so both are written otherwise.
fn escape(text: &str) -> String {
    text.replace(',', "%!(PACKER_COMMA)")
        .replace('\r', "\\r")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_hold_no_comma_and_no_line_end() {
        let mut lines = Lines::new(Timestamp::UNIX_EPOCH);
        lines.add("web,\n", "artifact", &["0", "id", "a,b\r\nc"]);
        assert_eq!(
            lines.text(),
            "0,web%!(PACKER_COMMA)\\n,artifact,0,id,a%!(PACKER_COMMA)b\\r\\nc\n"
        );
    }
}
