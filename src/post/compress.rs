//! `compress`: one file of one, or of several in an archive.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::post::job::{Meter, Metered, Watch, work};
use crate::post::members::{Member, What, members};
use crate::post::packer::Packer;
use crate::post::zip::Zip;
use crate::post::{Artifact, Built, Error, total};
use crate::store::Replacement;
use crate::template::post_processor::{Archive, Compress};

/// What a tar's members are filled up to.
const BLOCK: u64 = 512;

/// Packs the artifact's files into the output, which is the artifact from here on.
pub(super) async fn run(
    compress: &Compress,
    artifact: &Artifact,
    built: &Built<'_>,
    watch: Watch<'_>,
) -> Result<Artifact, Error> {
    let output = PathBuf::from(compress.output.render(&built.output_data())?);
    let files = artifact.files().to_vec();
    if compress.archive.is_none() && (files.len() != 1 || files[0].is_dir()) {
        return Err(Error::NotOneFile { files });
    }
    let (compress, path) = (compress.clone(), output.clone());
    let total = total(&files);
    work(watch, total, move |meter| {
        pack(&compress, &files, &path, meter)
    })
    .await?;
    Ok(Artifact::Files(vec![output]))
}

fn pack(
    compress: &Compress,
    files: &[PathBuf],
    output: &Path,
    meter: &Arc<Meter>,
) -> Result<(), Error> {
    let write = |source| Error::write(output, source);
    let members = match compress.archive {
        None => Vec::new(),
        Some(archive) => members(files, archive == Archive::Tar, output)?,
    };
    let mut new = Replacement::begin(output).map_err(write)?;
    let level = compress.level;
    if compress.archive == Some(Archive::Zip) {
        let mut zip = Zip::new(new.file(), level);
        for member in &members {
            add_to_zip(&mut zip, member, output, meter)?;
        }
        zip.finish().map_err(write)?;
        return new.finish().map_err(write);
    }
    let mut packer = Packer::new(compress.packing, level, new.file());
    if compress.archive.is_some() {
        let mut tar = tar::Builder::new(packer);
        for member in &members {
            add_to_tar(&mut tar, member, output, meter)?;
        }
        packer = tar.into_inner().map_err(write)?;
    } else {
        let (source, _) = open(&files[0])?;
        copy(
            &mut Metered::new(source, meter),
            &mut packer,
            &files[0],
            output,
        )?;
    }
    packer.finish().map_err(write)?;
    new.finish().map_err(write)
}

/// A file, and what it is: the file that is read, whatever has its name by now.
fn open(path: &Path) -> Result<(File, Metadata), Error> {
    let read = |source| Error::read(path, source);
    let file = File::open(path).map_err(read)?;
    let there = file.metadata().map_err(read)?;
    Ok((file, there))
}

/// Copies, and says how much or on which side it failed.
fn copy(
    source: &mut impl Read,
    target: &mut impl Write,
    from: &Path,
    to: &Path,
) -> Result<u64, Error> {
    let mut piece = vec![0; 128 * 1024];
    let mut copied = 0;
    loop {
        let count = source
            .read(&mut piece)
            .map_err(|source| Error::read(from, source))?;
        if count == 0 {
            return Ok(copied);
        }
        target
            .write_all(&piece[..count])
            .map_err(|source| Error::write(to, source))?;
        copied += count as u64;
    }
}

/// Copies a file of which it is said already that it has `size` bytes: it has no more and no fewer.
fn copy_all(
    source: &mut impl Read,
    target: &mut impl Write,
    size: u64,
    from: &Path,
    to: &Path,
) -> Result<(), Error> {
    let copied = copy(&mut source.by_ref().take(size), target, from, to)?;
    let more = source
        .read(&mut [0])
        .map_err(|source| Error::read(from, source))?;
    if copied == size && more == 0 {
        return Ok(());
    }
    Err(Error::Changed {
        path: from.to_owned(),
        size,
        grew: more > 0,
    })
}

fn add_to_tar<W: Write>(
    tar: &mut tar::Builder<W>,
    member: &Member,
    output: &Path,
    meter: &Arc<Meter>,
) -> Result<(), Error> {
    let Member { path, name, what } = member;
    let write = |source| Error::write(output, source);
    let mut header = tar::Header::new_gnu();
    match what {
        What::Link(target) => {
            header.set_metadata(&link(path)?);
            header.set_size(0);
            tar.append_link(&mut header, name, target).map_err(write)
        }
        What::Folder => {
            header.set_metadata(&folder(path)?);
            tar.append_data(&mut header, name, io::empty())
                .map_err(write)
        }
        What::File => {
            let (source, there) = open(path)?;
            header.set_metadata(&there);
            // The header alone: what follows is copied here, so that it is known to be what the header says.
            tar.append_data(&mut header, name, io::empty())
                .map_err(write)?;
            let (mut source, target) = (Metered::new(source, meter), tar.get_mut());
            copy_all(&mut source, target, there.len(), path, output)?;
            let rest = (BLOCK - there.len() % BLOCK) % BLOCK;
            io::copy(&mut io::repeat(0).take(rest), target).map_err(write)?;
            Ok(())
        }
    }
}

/// What a link is, not what it leads to.
fn link(path: &Path) -> Result<Metadata, Error> {
    fs::symlink_metadata(path).map_err(|source| Error::read(path, source))
}

fn folder(path: &Path) -> Result<Metadata, Error> {
    fs::metadata(path).map_err(|source| Error::read(path, source))
}

fn add_to_zip(
    zip: &mut Zip<'_>,
    member: &Member,
    output: &Path,
    meter: &Arc<Meter>,
) -> Result<(), Error> {
    let Member { path, name, what } = member;
    let write = |source| Error::write(output, source);
    match what {
        What::Folder => zip.folder(name, &folder(path)?).map_err(write),
        What::File => {
            // Its length is written when it is known: one that grows does no harm.
            let (source, there) = open(path)?;
            let mut source = Metered::new(source, meter);
            let mut entry = zip.file(name, &there).map_err(write)?;
            copy(&mut source, &mut entry, path, output)?;
            entry.finish().map_err(write)
        }
        What::Link(target) => zip.link(name, target, &link(path)?).map_err(write),
    }
}
