//! Archives of snapshots: gzip around tar, with the names that the Cosmos SDK's `snapshots dump` uses.
//!
//! The first file is `_snapshot`, then come the chunks as `0`, `1`, .. in order. `_snapshot` holds the snapshot's metadata
//! (`docs/spec/state-snapshots.md`). Only the parts of tar (POSIX ustar) that such an archive has are written and read.

use std::io::{self, BufReader, BufWriter, Read, Write};

use anyhow::{Context, Result, bail, ensure};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

/// Name of the first file.
pub const DESCRIPTION: &str = "_snapshot";

/// Everything in tar comes in blocks of this size.
const BLOCK: usize = 512;

/// An archive that is being written.
pub struct Writer<W: Write>(GzEncoder<BufWriter<W>>);

impl<W: Write> Writer<W> {
    /// Begins an archive.
    pub fn new(to: W) -> Self {
        // Chunks are hashes and balances: more effort gains little.
        Self(GzEncoder::new(BufWriter::new(to), Compression::fast()))
    }

    /// Adds a file.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(&header(name, bytes.len())?)?;
        self.0.write_all(bytes)?;
        self.0.write_all(&[0; BLOCK][..padding(bytes.len())])
    }

    /// Ends the archive and gives back where it was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.0.write_all(&[0; 2 * BLOCK])?;
        self.0.finish()?.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

/// An archive that is being read. Nothing is believed: lengths reserve no memory.
pub struct Reader<R: Read>(GzDecoder<BufReader<R>>);

impl<R: Read> Reader<R> {
    /// Begins to read.
    pub fn new(from: R) -> Self {
        Self(GzDecoder::new(BufReader::new(from)))
    }

    /// The next file, which must have this name and at most `limit` bytes.
    pub fn next(&mut self, name: &str, limit: usize) -> Result<Vec<u8>> {
        let mut header = [0; BLOCK];
        self.0.read_exact(&mut header).with_context(|| format!("the archive ends before the file {name:?}"))?;
        let (found, size) = read_header(&header)?;
        ensure!(found == name, "the archive has the file {found:?} where {name:?} should be");
        ensure!(size <= limit, "the file {name:?} in the archive has {size} bytes, at most {limit} are possible");
        let mut bytes = Vec::new();
        let padded = size + padding(size);
        // At most the limit above and a block.
        (&mut self.0).take(padded as u64).read_to_end(&mut bytes).context("the archive is damaged")?;
        ensure!(bytes.len() == padded, "the archive ends within the file {name:?}");
        bytes.truncate(size);
        Ok(bytes)
    }

    /// Checks that nothing more comes, and gzip's own checksum.
    pub fn end(&mut self) -> Result<()> {
        let mut rest = Vec::new();
        (&mut self.0).take(64 << 10).read_to_end(&mut rest).context("the archive is damaged")?;
        ensure!(rest.iter().all(|byte| *byte == 0), "the archive has more files than its snapshot has chunks");
        Ok(())
    }
}

fn padding(len: usize) -> usize {
    len.next_multiple_of(BLOCK) - len
}

/// A header of POSIX ustar for a plain file.
fn header(name: &str, len: usize) -> io::Result<[u8; BLOCK]> {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    // Names are short; sizes below 8 GiB have eleven octal digits.
    if name.len() > 100 || len >= 1 << 33 {
        return Err(io::Error::other(format!("{name} does not fit into an archive")));
    }
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{len:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum = checksum(&header);
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

/// Name and size in a header.
fn read_header(header: &[u8; BLOCK]) -> Result<(String, usize)> {
    let octal = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        usize::from_str_radix(text.trim_matches(['\0', ' ']), 8).context("a number in the archive is malformed")
    };
    let stored = octal(&header[148..156])?;
    let mut blanked = *header;
    blanked[148..156].fill(b' ');
    ensure!(stored == checksum(&blanked), "a header in the archive is damaged");
    if !matches!(header[156], b'0' | 0) {
        bail!("the archive has something else than plain files");
    }
    let name = header[..100].split(|byte| *byte == 0).next().unwrap_or_default();
    Ok((String::from_utf8_lossy(name).into_owned(), octal(&header[124..136])?))
}

fn checksum(header: &[u8; BLOCK]) -> usize {
    header.iter().map(|byte| usize::from(*byte)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        writer.add(DESCRIPTION, b"what").unwrap();
        writer.add("0", &[7; 512]).unwrap();
        writer.add("1", &[]).unwrap();
        writer.add("2", &[9; 700]).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let archive = archive();
        let mut reader = Reader::new(&archive[..]);
        assert_eq!(reader.next(DESCRIPTION, 10).unwrap(), b"what");
        assert_eq!(reader.next("0", 512).unwrap(), [7; 512]);
        assert_eq!(reader.next("1", 0).unwrap(), b"");
        assert_eq!(reader.next("2", 1000).unwrap(), [9; 700]);
        reader.end().unwrap();
    }

    #[test]
    fn other_archives_are_refused_with_a_reason() {
        let archive = archive();
        let error = |archive: &[u8], name: &str, limit: usize| {
            format!("{:#}", Reader::new(archive).next(name, limit).unwrap_err())
        };
        assert!(error(&archive, "0", 9).contains("has the file \"_snapshot\" where \"0\" should be"));
        assert!(error(&archive, DESCRIPTION, 3).contains("4 bytes, at most 3"));
        assert!(error(b"plain text", DESCRIPTION, 9).contains("ends before the file"));
        assert!(error(&archive[..30], DESCRIPTION, 9).contains("the archive"));
        let mut early = Reader::new(&archive[..]);
        early.next(DESCRIPTION, 9).unwrap();
        assert!(early.end().unwrap_err().to_string().contains("more files"));
        // Every byte of the compressed stream turned over: refused somewhere, never another content.
        for at in 10..archive.len() {
            let mut damaged = archive.clone();
            damaged[at] ^= 0x55;
            let mut reader = Reader::new(&damaged[..]);
            let all = (|| {
                let files = [
                    reader.next(DESCRIPTION, 9)?,
                    reader.next("0", 512)?,
                    reader.next("1", 9)?,
                    reader.next("2", 999)?,
                ];
                reader.end()?;
                anyhow::Ok(files)
            })();
            if let Ok(files) = all {
                assert_eq!(files, [b"what".to_vec(), vec![7; 512], vec![], vec![9; 700]], "byte {at}");
            }
        }
    }

    /// The layout that every tar reads: pinned at its fixed places.
    #[test]
    fn a_header_is_posix_ustar() {
        let header = header("12", 8).unwrap();
        assert_eq!(&header[..3], b"12\0");
        assert_eq!(&header[124..136], b"00000000010\0");
        assert_eq!(&header[257..265], b"ustar\x0000");
        assert_eq!(read_header(&header).unwrap(), ("12".to_owned(), 8));
    }
}
