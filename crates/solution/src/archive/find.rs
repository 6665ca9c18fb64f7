//! Finding solutions below a path.
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::{ArchiveError, Limits};

/// Folders looked into at most: a walk over a whole disk by mistake ends soon.
const MAX_FOLDERS: usize = 50_000;

/// The solutions at or below a path, sorted: the path itself if it is a file or a solution
/// folder, else every solution folder and every zip that holds `solution.xml`. Follows no links;
/// passes over hidden folders and `node_modules`.
///
/// # Errors
/// A path that cannot be read; more than 50,000 folders.
pub fn find_solutions(path: &Path, limits: &Limits) -> Result<Vec<PathBuf>, ArchiveError> {
    let failed = |source| ArchiveError::Read { path: path.display().to_string(), source };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut seen = 0usize;
    let mut queue = vec![(path.to_owned(), 0usize)];
    while let Some((folder, depth)) = queue.pop() {
        seen += 1;
        if seen > MAX_FOLDERS {
            return Err(ArchiveError::Limit {
                subject: path.display().to_string(),
                what: "the number of folders below it",
                found: seen as u64,
                limit: MAX_FOLDERS as u64,
            });
        }
        let listing = match Listing::read(&folder) {
            Ok(listing) => listing,
            Err(source) if depth == 0 => return Err(failed(source)),
            // A folder below that may not be read holds nothing for us.
            Err(_) => continue,
        };
        if listing.solution {
            found.push(folder);
            continue;
        }
        found.extend(listing.zips.into_iter().filter(|zip| zip_is_solution(zip)));
        if depth < limits.depth {
            queue.extend(listing.folders.into_iter().map(|f| (f, depth + 1)));
        }
    }
    found.sort();
    Ok(found)
}

#[derive(Default)]
struct Listing {
    solution: bool,
    zips: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Listing {
    fn read(folder: &Path) -> std::io::Result<Self> {
        let mut listing = Self::default();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name().to_string_lossy().to_lowercase();
            let plain = kind.is_file() && name == "solution.xml";
            if plain || (kind.is_dir() && name == "other" && has_solution(&entry.path())) {
                listing.solution = true;
            } else if kind.is_file() && name.ends_with(".zip") {
                listing.zips.push(entry.path());
            } else if kind.is_dir() && !name.starts_with('.') && name != "node_modules" {
                listing.folders.push(entry.path());
            }
        }
        Ok(listing)
    }
}

fn has_solution(other: &Path) -> bool {
    fs::read_dir(other).is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|e| {
                e.file_name().to_string_lossy().eq_ignore_ascii_case("solution.xml")
                    && e.file_type().is_ok_and(|kind| kind.is_file())
            })
        })
    })
}

fn zip_is_solution(path: &Path) -> bool {
    let Ok(file) = fs::File::open(path) else { return false };
    let Ok(zip) = zip::ZipArchive::new(BufReader::new(file)) else { return false };
    zip.file_names_raw().any(|name| name.eq_ignore_ascii_case(b"solution.xml"))
}
