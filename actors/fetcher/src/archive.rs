//! Archives into a sandbox. Everything here blocks.
//!
//! tar and zip are read here, so that no entry is written outside of the sandbox whatever tools
//! are installed; bzip2 and xz are decompressed by the tools of those names.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use flate2::read::MultiGzDecoder;
use zip::read::ZipFile;

use crate::destination::Destination;
use crate::error::FetchError;

/// Permissions that an archive may give: no set-user-id and the like.
const MODE_MASK: u32 = 0o777;
/// The bits of a mode that say what it is, and that it is a link.
const TYPE_MASK: u32 = 0o170_000;
const TYPE_LINK: u32 = 0o120_000;
/// A link's target in a zip is its content; PATH_MAX bounds it.
const MAX_LINK: u64 = 4096;

/// What a file's name says about its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tar(Compression),
    /// One file, under the name without the suffix.
    Gzip,
    Zip,
}

/// How a tar is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Bzip2,
    Xz,
}

/// Longer ones first: `.tar.gz` is more than `.gz`.
const SUFFIXES: [(&str, Kind); 9] = [
    (".tar.gz", Kind::Tar(Compression::Gzip)),
    (".tar.bz2", Kind::Tar(Compression::Bzip2)),
    (".tar.xz", Kind::Tar(Compression::Xz)),
    (".tar", Kind::Tar(Compression::None)),
    (".tgz", Kind::Tar(Compression::Gzip)),
    (".tbz2", Kind::Tar(Compression::Bzip2)),
    (".txz", Kind::Tar(Compression::Xz)),
    (".gz", Kind::Gzip),
    (".zip", Kind::Zip),
];

impl Kind {
    /// Nothing if it is not the name of an archive.
    pub(crate) fn of(name: &str) -> Option<Self> {
        SUFFIXES.iter().find(|(suffix, _)| name.ends_with(suffix)).map(|(_, kind)| *kind)
    }
}

/// Extracts the archive at `path` into the sandbox.
pub(crate) fn extract(
    path: &Path,
    kind: Kind,
    destination: &Destination,
    max_bytes: u64,
) -> Result<(), FetchError> {
    let archive = Archive { path, destination, max_bytes };
    match kind {
        Kind::Tar(compression) => archive.tar(compression),
        Kind::Gzip => archive.gzip(),
        Kind::Zip => archive.zip(),
    }
}

struct Archive<'a> {
    path: &'a Path,
    destination: &'a Destination,
    max_bytes: u64,
}

impl Archive<'_> {
    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn failed(&self, source: io::Error) -> FetchError {
        match exceeded(&source) {
            Some(limit) => FetchError::TooLarge(limit),
            None => FetchError::Extract { archive: self.name(), source },
        }
    }

    fn open(&self) -> Result<BufReader<File>, FetchError> {
        let file = File::open(self.path).map_err(|e| FetchError::file("open", self.path, e))?;
        Ok(BufReader::new(file))
    }

    fn limited<R: Read>(&self, reader: R) -> Limited<R> {
        Limited { reader, limit: self.max_bytes, left: self.max_bytes }
    }

    // --- tar ---

    fn tar(&self, compression: Compression) -> Result<(), FetchError> {
        match compression {
            Compression::None => self.untar(self.open()?),
            Compression::Gzip => self.untar(MultiGzDecoder::new(self.open()?)),
            Compression::Bzip2 => self.untar_through("bzip2"),
            Compression::Xz => self.untar_through("xz"),
        }
    }

    fn untar_through(&self, program: &'static str) -> Result<(), FetchError> {
        let file = File::open(self.path).map_err(|e| FetchError::file("open", self.path, e))?;
        let (mut child, output) = decompressor(program, file).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => FetchError::NoDecompressor(program),
            _ => self.failed(e),
        })?;
        let extracted = self.untar(output);
        // It may still be writing to us if the archive was refused.
        let _ = child.kill();
        let status = child.wait().map_err(|e| self.failed(e))?;
        match extracted {
            Ok(()) if status.code().is_some_and(|code| code != 0) => {
                Err(self.failed(io::Error::other(format!("`{program}` ended with {status}"))))
            }
            extracted => extracted,
        }
    }

    fn untar(&self, reader: impl Read) -> Result<(), FetchError> {
        let mut archive = tar::Archive::new(self.limited(reader));
        archive.set_overwrite(true);
        let mut directories = Vec::new();
        for entry in archive.entries().map_err(|e| self.failed(e))? {
            let entry = entry.map_err(|e| self.failed(e))?;
            match entry.header().entry_type().is_dir() {
                // Last, because one of them may be read-only; the innermost first.
                true => directories.push(entry),
                false => self.unpack(entry)?,
            }
        }
        directories.sort_by(|a, b| b.path_bytes().cmp(&a.path_bytes()));
        directories.into_iter().try_for_each(|directory| self.unpack(directory))?;
        // To the end, so that a decompressor that has more to say is heard.
        let mut rest = archive.into_inner();
        io::copy(&mut rest, &mut io::sink()).map(|_| ()).map_err(|e| self.failed(e))
    }

    fn unpack<R: Read>(&self, mut entry: tar::Entry<'_, R>) -> Result<(), FetchError> {
        let path = entry.path().map_err(|e| self.failed(e))?.into_owned();
        match entry.unpack_in(self.destination.root()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(FetchError::Escapes(path)),
            Err(source) => Err(self.failed(source)),
        }
    }

    // --- gzip ---

    fn gzip(&self) -> Result<(), FetchError> {
        let relative = self.path.strip_prefix(self.destination.root());
        let relative = relative.map_err(|_| FetchError::Escapes(self.path.to_owned()))?;
        let place = self.destination.place(&relative.with_extension(""))?;
        self.write(MultiGzDecoder::new(self.open()?), &place, None)
    }

    // --- zip ---

    fn zip(&self) -> Result<(), FetchError> {
        let failed = |source| FetchError::Zip { archive: self.name(), source };
        let mut archive = zip::ZipArchive::new(self.open()?).map_err(failed)?;
        let mut left = self.max_bytes;
        for index in 0..archive.len() {
            let entry = archive.by_index(index).map_err(failed)?;
            left = left.checked_sub(entry.size()).ok_or(FetchError::TooLarge(self.max_bytes))?;
            self.unzip(entry)?;
        }
        Ok(())
    }

    fn unzip<R: Read + ?Sized>(&self, mut entry: ZipFile<'_, R>) -> Result<(), FetchError> {
        let failed = |source| FetchError::Zip { archive: self.name(), source };
        let name = PathBuf::from(entry.name().map_err(failed)?.into_owned());
        let mode = entry.unix_mode();
        if entry.is_dir() {
            // As the parent of something in it, so that it is made if it is not there.
            return self.destination.place(&name.join("x")).map(|_| ());
        }
        let place = self.destination.place(&name)?;
        if mode.is_some_and(|mode| mode & TYPE_MASK == TYPE_LINK) {
            let mut target = String::new();
            entry.take(MAX_LINK).read_to_string(&mut target).map_err(|e| self.failed(e))?;
            let _ = fs::remove_file(&place);
            return symlink(target, &place).map_err(|e| self.failed(e));
        }
        self.write(&mut entry, &place, mode)
    }

    /// Writes a file, whole or not at all.
    fn write(&self, reader: impl Read, place: &Path, mode: Option<u32>) -> Result<(), FetchError> {
        let temporary = self.destination.temporary();
        let written = (|| {
            let mut file = File::create_new(&temporary)?;
            io::copy(&mut self.limited(reader), &mut file)?;
            match mode {
                Some(mode) => file.set_permissions(PermissionsExt::from_mode(mode & MODE_MASK)),
                None => Ok(()),
            }
        })();
        let settled = written
            .map_err(|e| self.failed(e))
            .and_then(|()| self.destination.settle(&temporary, place));
        if settled.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        settled
    }
}

fn decompressor(program: &str, file: File) -> io::Result<(Child, ChildStdout)> {
    let mut command = Command::new(program);
    command.arg("-dc").stdin(file).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let output = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
    Ok((child, output))
}

/// A reader that fails instead of going on for ever.
struct Limited<R> {
    reader: R,
    limit: u64,
    left: u64,
}

/// More than so many bytes came.
#[derive(Debug, thiserror::Error)]
#[error("more than {0} bytes")]
struct Exceeded(u64);

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(Exceeded(self.limit))),
        }
        Ok(read)
    }
}

/// What a [`Limited`] reader said, however deep others have wrapped it.
fn exceeded(error: &io::Error) -> Option<u64> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(Exceeded(limit)) = inner.and_then(|inner| inner.downcast_ref()) {
            return Some(*limit);
        }
        cause = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_an_archive() {
        assert_eq!(Kind::of("a.tar.gz"), Some(Kind::Tar(Compression::Gzip)));
        assert_eq!(Kind::of("a.tgz"), Some(Kind::Tar(Compression::Gzip)));
        assert_eq!(Kind::of("a.tar"), Some(Kind::Tar(Compression::None)));
        assert_eq!(Kind::of("a.txz"), Some(Kind::Tar(Compression::Xz)));
        assert_eq!(Kind::of("a.gz"), Some(Kind::Gzip));
        assert_eq!(Kind::of("a.zip"), Some(Kind::Zip));
        assert_eq!(Kind::of("a.jar"), None);
        assert_eq!(Kind::of("tar"), None);
    }
}
