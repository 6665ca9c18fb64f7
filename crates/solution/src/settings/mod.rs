//! Deployment settings: made from a package, held against it, turned into bindings; and the files
//! themselves, changed in place so that everything else in them stays as it was written.
mod check;
mod diff;
mod file;
mod fix;
mod merge;
mod sync;
mod validate;

pub use check::{
    SettingsFinding, SettingsIssue, SettingsPlan, connection_id_spelled, same_letters,
    settings_apply, settings_check, settings_create,
};
pub use diff::{SettingsChange, SettingsDifference, settings_diff};
pub use file::{EntryKind, SettingsEntry};
pub use fix::{SettingsFix, SettingsFixed, settings_fix};
pub use merge::{SettingsMerged, settings_merge};
pub use sync::{SettingsSynced, settings_create_text, settings_sync};
pub use validate::{PlacedFinding, settings_validate};
