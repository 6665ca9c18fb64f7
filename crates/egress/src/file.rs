//! Files as targets.

use std::path::{Path, PathBuf};

use crate::client::Egress;
use crate::error::EgressError;
use crate::policy::Policy;

impl Egress {
    /// The real path of an existing regular file inside a folder that the policy names.
    ///
    /// Links are followed before the check, so a link cannot lead out of the folder.
    ///
    /// # Errors
    /// If the file is missing, is no regular file, or lies elsewhere.
    pub fn file(&self, policy: &Policy, path: &Path) -> Result<PathBuf, EgressError> {
        let refuse =
            |reason, source| EgressError::File { path: path.display().to_string(), reason, source };
        if !path.is_absolute() {
            return Err(refuse("the path is not absolute", None));
        }
        if policy.folders().is_empty() {
            return Err(refuse("the environment's egress policy names no folder", None));
        }
        // Outside of the folders nothing may be learnt, not even whether a file exists.
        let outside = "it is not in a folder that the environment's egress policy names";
        let folders: Vec<_> =
            policy.folders().iter().filter_map(|f| f.canonicalize().ok()).collect();
        let spelled_inside = policy.folders().iter().chain(&folders).any(|f| path.starts_with(f));
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(source) if spelled_inside && !has_parent(path) => {
                return Err(refuse("it cannot be opened", Some(source)));
            }
            Err(_) => return Err(refuse(outside, None)),
        };
        if !folders.iter().any(|folder| real.starts_with(folder)) {
            return Err(refuse(outside, None));
        }
        if !real.is_file() {
            return Err(refuse("it is not a regular file", None));
        }
        Ok(real)
    }
}

fn has_parent(path: &Path) -> bool {
    path.components().any(|c| c == std::path::Component::ParentDir)
}
