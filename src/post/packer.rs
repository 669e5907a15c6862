//! Formats of one compressed stream.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use bzip2::write::BzEncoder;
use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};
use liblzma::write::XzEncoder;
use lz4_flex::frame::{FrameEncoder, FrameInfo};

use crate::template::post_processor::Packing;

/// The level of a format where the template gives none: the one that gzip and xz have.
const LEVEL: u32 = 6;
/// bzip2's own.
const BZIP2_LEVEL: u32 = 9;

type Out<'a> = BufWriter<&'a mut File>;

/// Writes into a file what comes out of a format.
pub(super) enum Packer<'a> {
    Plain(Out<'a>),
    Gz(GzEncoder<Out<'a>>),
    Bz2(BzEncoder<Out<'a>>),
    Xz(XzEncoder<Out<'a>>),
    Lz4(Box<FrameEncoder<Out<'a>>>),
    Bgzf(Bgzf<Out<'a>>),
}

impl<'a> Packer<'a> {
    pub fn new(packing: Option<Packing>, level: Option<u32>, file: &'a mut File) -> Self {
        let out = BufWriter::new(file);
        let plain = level.unwrap_or(LEVEL);
        match packing {
            None => Self::Plain(out),
            Some(Packing::Gz) => Self::Gz(GzEncoder::new(out, Compression::new(plain))),
            Some(Packing::Bz2) => {
                let level = bzip2::Compression::new(level.unwrap_or(BZIP2_LEVEL));
                Self::Bz2(BzEncoder::new(out, level))
            }
            Some(Packing::Xz) => Self::Xz(XzEncoder::new(out, plain)),
            Some(Packing::Lz4) => {
                let info = FrameInfo::new().content_checksum(true);
                Self::Lz4(Box::new(FrameEncoder::with_frame_info(info, out)))
            }
            Some(Packing::Bgzf) => Self::Bgzf(Bgzf::new(out, Compression::new(plain))),
        }
    }

    fn target(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(out) => out,
            Self::Gz(out) => out,
            Self::Bz2(out) => out,
            Self::Xz(out) => out,
            Self::Lz4(out) => out,
            Self::Bgzf(out) => out,
        }
    }

    /// Writes the end.
    pub fn finish(self) -> io::Result<()> {
        let mut out = match self {
            Self::Plain(out) => out,
            Self::Gz(packer) => packer.finish()?,
            Self::Bz2(packer) => packer.finish()?,
            Self::Xz(packer) => packer.finish()?,
            Self::Lz4(packer) => packer.finish().map_err(io::Error::other)?,
            Self::Bgzf(packer) => packer.finish()?,
        };
        out.flush()
    }
}

impl Write for Packer<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.target().write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target().flush()
    }
}

/// What goes into a block: a whole one stays below 64 KiB even where nothing can be compressed (SAM specification, 4.1).
const BLOCK: usize = 0xff00;

/// Blocks of gzip that can each be read alone: gzip's own format, with the block's length in a field of its header.
pub(super) struct Bgzf<W> {
    out: W,
    level: Compression,
    block: Vec<u8>,
}

impl<W: Write> Bgzf<W> {
    fn new(out: W, level: Compression) -> Self {
        let block = Vec::with_capacity(BLOCK);
        Self { out, level, block }
    }

    /// The block that is full; an empty one is the end of the file.
    fn write_block(&mut self) -> io::Result<()> {
        let mut deflated = DeflateEncoder::new(Vec::new(), self.level);
        deflated.write_all(&self.block)?;
        let deflated = deflated.finish()?;
        let mut crc = Crc::new();
        crc.update(&self.block);
        // The header's 18 bytes, the data, and 8 more, counted from nought.
        let length = u16::try_from(deflated.len() + 25).map_err(io::Error::other)?;
        let header = [31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, b'B', b'C', 2, 0];
        self.out.write_all(&header)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&deflated)?;
        self.out.write_all(&crc.sum().to_le_bytes())?;
        self.out.write_all(&crc.amount().to_le_bytes())?;
        self.block.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<W> {
        if !self.block.is_empty() {
            self.write_block()?;
        }
        self.write_block()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Bgzf<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let count = piece.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&piece[..count]);
        if self.block.len() == BLOCK {
            self.write_block()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
