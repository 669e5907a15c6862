//! Zip archives, written to a file in one go (PKWARE's APPNOTE 6.3.10). Sizes above 4 GiB stand in its Zip64 fields.

use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Sizes from here on do not fit; a little less than 4 GiB, since what cannot be compressed grows.
const LARGE: u64 = 0xfff0_0000;
/// Says that a Zip64 field has the value.
const ELSEWHERE: u32 = u32::MAX;
/// Made on Unix, by the version that knows Zip64; and the version that is needed.
const MADE_BY: u16 = 3 * 256 + NEEDED;
const NEEDED: u16 = 45;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
const DEFLATED: u16 = 8;
/// File types in Unix's mode bits.
const IS_FILE: u32 = 0o100_000;
const IS_FOLDER: u32 = 0o040_000;
const IS_LINK: u32 = 0o120_000;

/// An archive that is being written.
pub(super) struct Zip<'a> {
    out: BufWriter<&'a mut File>,
    level: Compression,
    entries: Vec<Entry>,
    /// [`LARGE`], or less in tests.
    large: u64,
}

/// One entry, as the directory at the end has it.
struct Entry {
    name: Vec<u8>,
    mode: u32,
    /// Time, then date, as DOS had them.
    modified: (u16, u16),
    offset: u64,
    crc: u32,
    packed: u64,
    size: u64,
    large: bool,
}

impl<'a> Zip<'a> {
    pub fn new(file: &'a mut File, level: Option<u32>) -> Self {
        Self {
            out: BufWriter::new(file),
            level: level.map_or_else(Compression::default, Compression::new),
            entries: Vec::new(),
            large: LARGE,
        }
    }

    /// Begins a file.
    pub fn file(&mut self, name: &Path, there: &Metadata) -> io::Result<Writing<'_, 'a>> {
        let entry = entry(name, IS_FILE | (there.permissions().mode() & 0o7777), there);
        self.begin(entry, there.len())
    }

    /// Adds a folder.
    pub fn folder(&mut self, name: &Path, there: &Metadata) -> io::Result<()> {
        let mut entry = entry(
            name,
            IS_FOLDER | (there.permissions().mode() & 0o7777),
            there,
        );
        entry.name.push(b'/');
        self.begin(entry, 0)?.finish()
    }

    /// Adds a link.
    pub fn link(&mut self, name: &Path, target: &Path, there: &Metadata) -> io::Result<()> {
        let mut writing = self.begin(entry(name, IS_LINK | 0o777, there), 0)?;
        writing.write_all(target.as_os_str().as_bytes())?;
        writing.finish()
    }

    fn begin(&mut self, mut entry: Entry, size: u64) -> io::Result<Writing<'_, 'a>> {
        entry.offset = self.out.stream_position()?;
        entry.large = size >= self.large;
        self.write_local(&entry)?;
        let level = self.level;
        let start = self.out.stream_position()?;
        Ok(Writing {
            packer: DeflateEncoder::new(self, level),
            entry,
            start,
            crc: Crc::new(),
            size: 0,
        })
    }

    /// The header before an entry's data; written again when sizes are known.
    fn write_local(&mut self, entry: &Entry) -> io::Result<()> {
        let mut extra = Vec::new();
        let (mut packed, mut size) = (narrow(entry.packed), narrow(entry.size));
        if entry.large {
            (packed, size) = (ELSEWHERE, ELSEWHERE);
            extra.extend(field(&[entry.size, entry.packed]));
        }
        let mut header = b"PK\x03\x04".to_vec();
        header.extend(NEEDED.to_le_bytes());
        header.extend(entry.common(packed, size, extra.len())?);
        header.extend(&entry.name);
        header.extend(extra);
        self.out.write_all(&header)
    }

    /// Writes the directory, and the end.
    pub fn finish(mut self) -> io::Result<()> {
        let start = self.out.stream_position()?;
        for entry in &self.entries {
            self.out.write_all(&entry.central(self.large)?)?;
        }
        let end = self.out.stream_position()?;
        let (count, size) = (self.entries.len() as u64, end - start);
        let mut tail = Vec::new();
        if count >= 0xffff || end >= self.large {
            tail.extend(b"PK\x06\x06");
            tail.extend(44_u64.to_le_bytes());
            tail.extend(MADE_BY.to_le_bytes());
            tail.extend(NEEDED.to_le_bytes());
            tail.extend([0; 8]);
            for value in [count, count, size, start] {
                tail.extend(value.to_le_bytes());
            }
            tail.extend(b"PK\x06\x07\0\0\0\0");
            tail.extend(end.to_le_bytes());
            tail.extend(1_u32.to_le_bytes());
        }
        tail.extend(b"PK\x05\x06\0\0\0\0");
        let short = u16::try_from(count).unwrap_or(u16::MAX);
        tail.extend([short.to_le_bytes(), short.to_le_bytes()].concat());
        tail.extend(narrow(size).to_le_bytes());
        let offset = if end >= self.large {
            ELSEWHERE
        } else {
            narrow(start)
        };
        tail.extend(offset.to_le_bytes());
        tail.extend([0; 2]);
        self.out.write_all(&tail)?;
        self.out.flush()
    }
}

impl Write for &mut Zip<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.out.write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A file that is being added.
pub(super) struct Writing<'z, 'a> {
    packer: DeflateEncoder<&'z mut Zip<'a>>,
    entry: Entry,
    start: u64,
    crc: Crc,
    size: u64,
}

impl Write for Writing<'_, '_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let count = self.packer.write(piece)?;
        self.crc.update(&piece[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.packer.flush()
    }
}

impl Writing<'_, '_> {
    /// Ends it, and writes its sizes into its header.
    pub fn finish(self) -> io::Result<()> {
        let zip = self.packer.finish()?;
        let end = zip.out.stream_position()?;
        let mut entry = self.entry;
        entry.crc = self.crc.sum();
        (entry.packed, entry.size) = (end - self.start, self.size);
        if !entry.large && entry.packed.max(entry.size) >= u64::from(ELSEWHERE) {
            return Err(io::Error::other(
                "a file has grown above 4 GiB while it was read",
            ));
        }
        zip.out.seek(SeekFrom::Start(entry.offset))?;
        zip.write_local(&entry)?;
        zip.out.seek(SeekFrom::Start(end))?;
        zip.entries.push(entry);
        Ok(())
    }
}

impl Entry {
    /// What both headers have, from the flags to the length of the extra field.
    fn common(&self, packed: u32, size: u32, extra: usize) -> io::Result<Vec<u8>> {
        let short = |length: usize| u16::try_from(length).map_err(io::Error::other);
        let mut bytes = Vec::new();
        let (time, date) = self.modified;
        for value in [FLAGS, DEFLATED, time, date] {
            bytes.extend(value.to_le_bytes());
        }
        for value in [self.crc, packed, size] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(short(self.name.len())?.to_le_bytes());
        bytes.extend(short(extra)?.to_le_bytes());
        Ok(bytes)
    }

    fn central(&self, large: u64) -> io::Result<Vec<u8>> {
        let far = self.offset >= large;
        let (mut values, mut extra) = (Vec::new(), Vec::new());
        let (mut packed, mut size) = (narrow(self.packed), narrow(self.size));
        if self.large {
            (packed, size) = (ELSEWHERE, ELSEWHERE);
            values.extend([self.size, self.packed]);
        }
        values.extend(far.then_some(self.offset));
        if !values.is_empty() {
            extra = field(&values);
        }
        let mut bytes = b"PK\x01\x02".to_vec();
        bytes.extend(MADE_BY.to_le_bytes());
        bytes.extend(NEEDED.to_le_bytes());
        bytes.extend(self.common(packed, size, extra.len())?);
        // No comment, the first disk, and nothing said of the contents.
        bytes.extend([0; 6]);
        let is_folder = u32::from(self.name.ends_with(b"/")) << 4;
        bytes.extend(((self.mode << 16) | is_folder).to_le_bytes());
        let offset = if far { ELSEWHERE } else { narrow(self.offset) };
        bytes.extend(offset.to_le_bytes());
        bytes.extend(&self.name);
        bytes.extend(extra);
        Ok(bytes)
    }
}

fn entry(name: &Path, mode: u32, there: &Metadata) -> Entry {
    Entry {
        name: name.to_string_lossy().into_owned().into_bytes(),
        mode,
        modified: modified(there),
        offset: 0,
        crc: 0,
        packed: 0,
        size: 0,
        large: false,
    }
}

/// Zip64's extra field.
fn field(values: &[u64]) -> Vec<u8> {
    let length = u16::try_from(values.len() * 8).unwrap_or_default();
    let mut bytes = [1_u16.to_le_bytes(), length.to_le_bytes()].concat();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// A value that fits, or the word that it stands elsewhere.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(ELSEWHERE)
}

/// When a file was changed, in UTC; DOS began in 1980.
fn modified(there: &Metadata) -> (u16, u16) {
    let time = there.modified().ok();
    let time = time.and_then(|time| Timestamp::try_from(time).ok());
    let time = time.unwrap_or_default().to_zoned(TimeZone::UTC);
    let number = |value: i8| u16::from(value.unsigned_abs());
    let Ok(year @ 0..=127) = u16::try_from(time.year() - 1980) else {
        return (0, (1 << 5) | 1);
    };
    let halves = number(time.second()) / 2;
    let clock = (number(time.hour()) << 11) | (number(time.minute()) << 5) | halves;
    let day = (year << 9) | (number(time.month()) << 5) | number(time.day());
    (clock, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// The same archive with ordinary fields and with Zip64's, read by other programs.
    #[test]
    fn others_read_it_with_small_and_with_large_fields() {
        for large in [LARGE, 10] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.zip");
            let text = "ä line of text\n".repeat(5000);
            let source = folder.path().join("source");
            std::fs::write(&source, &text).unwrap();
            let there = std::fs::metadata(&source).unwrap();
            let mut file = File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)
                .unwrap();
            let mut zip = Zip::new(&mut file, Some(9));
            zip.large = large;
            zip.folder(
                Path::new("füll"),
                &std::fs::metadata(folder.path()).unwrap(),
            )
            .unwrap();
            for name in ["füll/one", "füll/two"] {
                let mut entry = zip.file(Path::new(name), &there).unwrap();
                entry.write_all(text.as_bytes()).unwrap();
                entry.finish().unwrap();
            }
            zip.link(Path::new("füll/link"), Path::new("one"), &there)
                .unwrap();
            zip.finish().unwrap();
            let tested = Command::new("unzip")
                .arg("-tq")
                .arg(&path)
                .output()
                .unwrap();
            assert!(
                tested.status.success(),
                "{large}: {}",
                String::from_utf8_lossy(&tested.stdout)
            );
            let out = folder.path().join("out");
            let script =
                "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
            let opened = Command::new("python3")
                .args(["-c", script])
                .args([&path, &out])
                .status();
            assert!(opened.unwrap().success());
            assert_eq!(std::fs::read_to_string(out.join("füll/two")).unwrap(), text);
        }
    }
}
