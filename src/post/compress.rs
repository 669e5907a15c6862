//! `compress`: one file of one, or of several in an archive.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::post::job::{Meter, Metered, Watch, work};
use crate::post::members::{Member, What, members};
use crate::post::packer::Packer;
use crate::post::zip::Zip;
use crate::post::{Artifact, Built, Error, total};
use crate::store::Replacement;
use crate::template::post_processor::{Archive, Compress};

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
    let mut members = match compress.archive {
        None => Vec::new(),
        Some(archive) => members(files, archive == Archive::Tar)?,
    };
    // An archive of a folder that it is put into does not hold the one before it.
    members.retain(|member| member.path != output);
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
        let source = open(&files[0])?;
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

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| Error::read(path, source))
}

/// Copies, and says on which side it failed.
fn copy(
    source: &mut impl io::Read,
    target: &mut impl Write,
    from: &Path,
    to: &Path,
) -> Result<(), Error> {
    let mut piece = vec![0; 128 * 1024];
    loop {
        let count = source
            .read(&mut piece)
            .map_err(|source| Error::read(from, source))?;
        if count == 0 {
            return Ok(());
        }
        target
            .write_all(&piece[..count])
            .map_err(|source| Error::write(to, source))?;
    }
}

fn add_to_tar<W: Write>(
    tar: &mut tar::Builder<W>,
    member: &Member,
    output: &Path,
    meter: &Arc<Meter>,
) -> Result<(), Error> {
    let Member { path, name, what } = member;
    let write = |source| Error::write(output, source);
    let read = |source| Error::read(path, source);
    let mut header = tar::Header::new_gnu();
    let there = match what {
        What::Link(_) => fs::symlink_metadata(path),
        What::File | What::Folder => fs::metadata(path),
    };
    header.set_metadata(&there.map_err(read)?);
    match what {
        What::Link(target) => {
            header.set_size(0);
            tar.append_link(&mut header, name, target).map_err(write)
        }
        What::Folder => tar
            .append_data(&mut header, name, io::empty())
            .map_err(write),
        What::File => {
            let source = Metered::new(open(path)?, meter);
            tar.append_data(&mut header, name, source).map_err(write)
        }
    }
}

fn add_to_zip(
    zip: &mut Zip<'_>,
    member: &Member,
    output: &Path,
    meter: &Arc<Meter>,
) -> Result<(), Error> {
    let Member { path, name, what } = member;
    let write = |source| Error::write(output, source);
    let there = fs::metadata(path).map_err(|source| Error::read(path, source))?;
    match what {
        What::Folder => zip.folder(name, &there).map_err(write),
        What::File => {
            let mut source = Metered::new(open(path)?, meter);
            let mut entry = zip.file(name, &there).map_err(write)?;
            copy(&mut source, &mut entry, path, output)?;
            entry.finish().map_err(write)
        }
        What::Link(target) => zip.link(name, target, &there).map_err(write),
    }
}
