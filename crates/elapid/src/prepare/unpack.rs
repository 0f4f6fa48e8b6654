//! Unpacking what was fetched, into one folder and nowhere else.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use elapid_data::Archive;
use flate2::read::MultiGzDecoder;
use tar::EntryType;
use zip::ZipArchive;

use super::PrepareError;

/// Unpacks an archive into `folder`, without the first `strip` folders of each name.
///
/// # Errors
///
/// If a member's name leads out of the folder, or a member is neither file nor folder: links are not made. Names are looked
/// at before anything is written by zip archives, and one by one by tar archives. Or if the archive is damaged, or the system
/// refuses to write.
pub(super) fn unpack(
    archive: &Path,
    kind: Archive,
    strip: usize,
    folder: &Path,
) -> Result<(), PrepareError> {
    let unpacking = Unpacking {
        archive,
        strip,
        folder,
    };
    match kind {
        Archive::TarGz => unpacking.tar_gz(),
        Archive::Zip => unpacking.zip(),
    }
}

struct Unpacking<'a> {
    archive: &'a Path,
    strip: usize,
    folder: &'a Path,
}

impl Unpacking<'_> {
    fn tar_gz(&self) -> Result<(), PrepareError> {
        // Twice through the archive: what is wrong with it should not be found when half of it is written.
        self.each_of_tar(|_, _| Ok(()))?;
        self.each_of_tar(|target, entry| match target {
            Target::Folder(path) => self.make(&path),
            Target::File(path) => self.write(&path, entry),
        })
    }

    fn each_of_tar(
        &self,
        mut act: impl FnMut(Target, &mut dyn Read) -> Result<(), PrepareError>,
    ) -> Result<(), PrepareError> {
        let damaged = |error: io::Error| self.damaged(error);
        let file = BufReader::new(File::open(self.archive).map_err(damaged)?);
        let mut archive = tar::Archive::new(MultiGzDecoder::new(file));
        for entry in archive.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            let name = entry.path().map_err(damaged)?.into_owned();
            let is_folder = match entry.header().entry_type() {
                EntryType::Regular | EntryType::Continuous => false,
                EntryType::Directory => true,
                EntryType::XGlobalHeader => continue,
                _ => return Err(self.refused(&name, "is neither file nor folder")),
            };
            if let Some(target) = self.target(&name, is_folder)? {
                act(target, &mut entry)?;
            }
        }
        Ok(())
    }

    fn zip(&self) -> Result<(), PrepareError> {
        let file = File::open(self.archive).map_err(|error| self.damaged(error))?;
        let archive = ZipArchive::new(BufReader::new(file));
        let mut archive = archive.map_err(|error| self.damaged(error))?;
        for is_writing in [false, true] {
            for index in 0..archive.len() {
                let member = archive.by_index(index);
                let mut member = member.map_err(|error| self.damaged(error))?;
                let name = member.name().map_err(|error| self.damaged(error))?;
                let name = PathBuf::from(name.replace('\\', "/"));
                if member.is_symlink() {
                    return Err(self.refused(&name, "is a link"));
                }
                match self.target(&name, member.is_dir())? {
                    Some(Target::Folder(path)) if is_writing => self.make(&path)?,
                    Some(Target::File(path)) if is_writing => self.write(&path, &mut member)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Where a member goes; nowhere if it is one of the folders that are left out.
    fn target(&self, name: &Path, is_folder: bool) -> Result<Option<Target>, PrepareError> {
        let mut parts = Vec::new();
        for part in name.components() {
            match part {
                Component::Normal(part) => parts.push(part),
                Component::CurDir => {}
                _ => return Err(self.refused(name, "leads out of the folder")),
            }
        }
        let Some(inner) = parts.get(self.strip..).filter(|inner| !inner.is_empty()) else {
            return Ok(None);
        };
        let path = self.folder.join(inner.iter().collect::<PathBuf>());
        Ok(Some(match is_folder {
            true => Target::Folder(path),
            false => Target::File(path),
        }))
    }

    fn make(&self, folder: &Path) -> Result<(), PrepareError> {
        fs::create_dir_all(folder).map_err(|error| PrepareError::unwritable(folder, error))
    }

    fn write(&self, path: &Path, from: &mut dyn Read) -> Result<(), PrepareError> {
        if let Some(folder) = path.parent() {
            self.make(folder)?;
        }
        let mut file = File::create(path).map_err(|error| PrepareError::unwritable(path, error))?;
        io::copy(from, &mut file).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::PermissionDenied => {
                PrepareError::unwritable(path, error)
            }
            _ => self.damaged(error),
        })?;
        Ok(())
    }

    fn damaged(&self, reason: impl ToString) -> PrepareError {
        PrepareError::Damaged {
            archive: self.archive.to_owned(),
            reason: reason.to_string(),
        }
    }

    fn refused(&self, member: &Path, problem: &'static str) -> PrepareError {
        PrepareError::Member {
            archive: self.archive.to_owned(),
            member: member.display().to_string(),
            problem,
        }
    }
}

/// Where a member goes.
enum Target {
    File(PathBuf),
    Folder(PathBuf),
}
