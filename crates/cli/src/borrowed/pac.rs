//! `pac`: it has no command that gives a token, so its cache is read, where it is plain (Linux). The
//! form of both files is not documented by the vendor: what does not fit is as not there.
use std::path::PathBuf;

use secrecy::SecretString;
use serde_json::Value;

use super::cache::{Owner, find};
use super::{Wanted, json};

/// Which of its profiles count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profiles {
    /// Those that name this very server.
    OfThis,
    /// The one that is selected.
    Current,
}

fn folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let data = set("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let data = data.or_else(|| Some(PathBuf::from(set("HOME")?).join(".local/share")))?;
    Some(data.join("Microsoft/PowerAppsCli"))
}

/// A token of the person that the profiles are of.
pub(super) fn token(wanted: &Wanted<'_>, which: Profiles, now: i64) -> Option<SecretString> {
    let folder = folder()?;
    let profiles = json(&folder.join("authprofiles_v2.json"))?;
    let owner = owner(&profiles, &wanted.origin, which)?;
    find(&json(&folder.join("tokencache_msalv3.dat"))?, wanted, &owner, now)
}

/// The one person of the profiles that count. Two are nobody: nothing is chosen by chance.
fn owner(profiles: &Value, origin: &str, which: Profiles) -> Option<Owner> {
    let current: Vec<&Value> =
        profiles["Current"].as_object().into_iter().flat_map(|all| all.values()).collect();
    let all: Vec<&Value> = profiles["Profiles"].as_array().into_iter().flatten().collect();
    let this = |one: &&Value| {
        let resource = one["Resource"].as_str().unwrap_or_default();
        resource.trim_end_matches('/').eq_ignore_ascii_case(origin)
    };
    let of = |several: Vec<&Value>| {
        let mut names: Vec<String> = several
            .iter()
            .filter_map(|one| one["User"].as_str())
            .filter(|name| !name.is_empty())
            .map(str::to_lowercase)
            .collect();
        names.sort();
        names.dedup();
        names
    };
    // Of several for one server the selected one is meant.
    let names = match which {
        Profiles::Current => of(current),
        Profiles::OfThis => match of(current.into_iter().filter(this).collect()) {
            selected if selected.is_empty() => of(all.into_iter().filter(this).collect()),
            selected => selected,
        },
    };
    match <[String; 1]>::try_from(names) {
        Ok([name]) => Some(Owner::User(name)),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_profile_of_a_server_is_chosen_and_never_by_chance() {
        let at = |user: &str, resource: &str| json!({"User": user, "Resource": resource});
        let mut all = json!({
            "Profiles": [at("Ada@x", "https://org.test/"), at("Bob@x", "https://other.test/")],
            "Current": {"UNIVERSAL": at("Bob@x", "https://other.test/")},
        });
        let read = |all: &Value, which| match owner(all, "https://org.test", which) {
            Some(Owner::User(name)) => name,
            other => format!("{other:?}"),
        };
        assert_eq!(read(&all, Profiles::OfThis), "ada@x");
        assert_eq!(read(&all, Profiles::Current), "bob@x");
        all["Profiles"][1]["Resource"] = "https://ORG.test".into();
        assert_eq!(read(&all, Profiles::OfThis), "None");
        all["Current"]["UNIVERSAL"]["Resource"] = "https://org.test/".into();
        assert_eq!(read(&all, Profiles::OfThis), "bob@x");
        assert_eq!(read(&json!([1]), Profiles::OfThis), "None");
    }
}
