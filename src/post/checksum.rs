//! `checksum`: lines of a digest, a tab and a file's name, which `sha256sum -c` and its fellows read.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::post::job::{Meter, Metered, Watch, work};
use crate::post::{Artifact, Built, Error, total};
use crate::store;
use crate::template::post_processor::{Checksum, Sum};

/// What is read at a time.
const PIECE: usize = 256 * 1024;

/// A file of checksums, and the lines that this artifact adds to it.
struct Sheet {
    path: PathBuf,
    lines: Vec<(String, String)>,
}

/// Sums every file once, for all types. The artifact gets the new files besides.
pub(super) async fn run(
    checksum: &Checksum,
    artifact: &Artifact,
    built: &Built<'_>,
    watch: Watch<'_>,
) -> Result<Artifact, Error> {
    let Artifact::Files(files) = artifact else {
        return Ok(artifact.clone());
    };
    let mut sheets = Vec::new();
    for sum in &checksum.types {
        let data = built.output_data().with("ChecksumType", sum.name());
        sheets.push((*sum, PathBuf::from(checksum.output.render(&data)?)));
    }
    let (own, sums) = (files.clone(), checksum.types.clone());
    let digests = work(watch, total(files), move |meter| {
        let each = own.iter().map(|file| digests(file, &sums, meter));
        each.collect::<Result<Vec<_>, _>>()
    })
    .await?;
    let mut files = files.clone();
    for sheet in gather(&files, &sheets, &digests) {
        let Sheet { path, lines } = sheet;
        let written = store::update(&path, |old| Ok(merge(&old.unwrap_or_default(), &lines)));
        written.map_err(|source| Error::write(&path, source))?;
        if !files.contains(&path) {
            files.push(path);
        }
    }
    Ok(Artifact::Files(files))
}

/// The lines by the file that they go into: several types may share one.
fn gather(files: &[PathBuf], wanted: &[(Sum, PathBuf)], digests: &[Vec<String>]) -> Vec<Sheet> {
    let mut sheets: Vec<Sheet> = Vec::new();
    for (number, (_, path)) in wanted.iter().enumerate() {
        let lines = files.iter().zip(digests).map(|(file, digests)| {
            let name = file.file_name().unwrap_or_default();
            (digests[number].clone(), name.to_string_lossy().into_owned())
        });
        match sheets.iter_mut().find(|sheet| sheet.path == *path) {
            Some(sheet) => sheet.lines.extend(lines),
            None => sheets.push(Sheet {
                path: path.clone(),
                lines: lines.collect(),
            }),
        }
    }
    sheets
}

/// Lines that are there already stay, but for those that the new ones take the place of. Packer adds to them for ever, and
/// a file that was made again then fails its own check.
fn merge(old: &str, new: &[(String, String)]) -> String {
    let replaced = |line: &str| {
        let parts = line.split_once('\t');
        parts.is_some_and(|(digest, name)| {
            let same = |(other, of): &(String, String)| of == name && other.len() == digest.len();
            new.iter().any(same)
        })
    };
    let kept = old.lines().filter(|line| !replaced(line));
    let new = new.iter().map(|(digest, name)| format!("{digest}\t{name}"));
    let mut text = String::new();
    for line in kept.map(str::to_owned).chain(new) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn digests(path: &Path, sums: &[Sum], meter: &Arc<Meter>) -> Result<Vec<String>, Error> {
    let file = File::open(path).map_err(|source| Error::read(path, source))?;
    let mut file = Metered::new(file, meter);
    let mut hashers: Vec<_> = sums.iter().map(|sum| hasher(*sum)).collect();
    let mut piece = vec![0; PIECE];
    loop {
        let count = file
            .read(&mut piece)
            .map_err(|source| Error::read(path, source))?;
        if count == 0 {
            return Ok(hashers.into_iter().map(Hasher::hex).collect());
        }
        for hasher in &mut hashers {
            hasher.take(&piece[..count]);
        }
    }
}

/// One digest that is being made. SHA-1's crate is of another generation than the others.
trait Hasher {
    fn take(&mut self, piece: &[u8]);
    fn hex(self: Box<Self>) -> String;
}

struct Current<D>(D);

impl<D: Digest> Hasher for Current<D> {
    fn take(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    fn hex(self: Box<Self>) -> String {
        hex(&self.0.finalize())
    }
}

impl Hasher for Sha1 {
    fn take(&mut self, piece: &[u8]) {
        sha1::Digest::update(self, piece);
    }

    fn hex(self: Box<Self>) -> String {
        hex(&sha1::Digest::finalize(*self))
    }
}

fn hasher(sum: Sum) -> Box<dyn Hasher> {
    match sum {
        Sum::Md5 => Box::new(Current(Md5::new())),
        Sum::Sha1 => Box::new(<Sha1 as sha1::Digest>::new()),
        Sum::Sha224 => Box::new(Current(Sha224::new())),
        Sum::Sha256 => Box::new(Current(Sha256::new())),
        Sum::Sha384 => Box::new(Current(Sha384::new())),
        Sum::Sha512 => Box::new(Current(Sha512::new())),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_same_file_and_type_is_replaced_and_others_stay() {
        let line = |digest: &str, name: &str| (digest.to_owned(), name.to_owned());
        let old = "aaaa\tone\nbb\tone\ncccc\ttwo\n# mine\n";
        let new = merge(old, &[line("dddd", "one"), line("eeee", "three")]);
        assert_eq!(new, "bb\tone\ncccc\ttwo\n# mine\ndddd\tone\neeee\tthree\n");
    }
}
