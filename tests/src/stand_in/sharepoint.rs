//! A SharePoint site: answers the calls of the flows under test, and records all of them.
use serde_json::json;

use super::{Reply, Request, StandIn};

/// Id of the view that is found.
pub const VIEW: &str = "5f0c9d4e-1111-4222-8333-444455556666";
/// Id of the group that is made.
pub const GROUP: u32 = 41;
/// Id of the drive that is found.
pub const DRIVE: &str = "b!harbourDriveId";

/// Starts one.
#[must_use]
pub fn start() -> StandIn {
    StandIn::start(answer)
}

fn answer(request: &Request) -> Reply {
    let path = request.plain_path().to_lowercase();
    let get = request.method == "GET";
    if path.ends_with("/_api/web/currentuser") {
        return Reply::ok(json!({"UserPrincipalName": request.identity}));
    }
    if get && path.ends_with("/views") {
        return Reply::ok(json!({"value": [{"Id": VIEW}]}));
    }
    if path.contains("/views/getbyid(") {
        return Reply { status: 204, body: serde_json::Value::Null };
    }
    if path.ends_with("/_api/web/sitegroups") {
        return Reply { status: 201, body: json!({"d": {"Id": GROUP, "Title": "Group 01"}}) };
    }
    if path.ends_with("/_api/web/ensureuser") || path.ends_with("/users") {
        return Reply::ok(json!({"d": {"Id": 7}}));
    }
    if get && path.contains("/_api/lists/getbyid(") {
        return Reply::ok(json!({
            "Id": "d7911fcb-ef7f-494b-9f6f-952ef741b443",
            "Title": "Harbour Log",
            "ParentWebUrl": "/sites/harbour",
            "RootFolder": {"Name": "HarbourLog", "ServerRelativeUrl": "/sites/harbour/HarbourLog"},
        }));
    }
    if get && path.ends_with("/_api/v2.0/drives") {
        return Reply::ok(json!({"value": [
            {"id": "b!otherDriveId", "name": "Archive"}, {"id": DRIVE, "name": "Harbour Log"},
        ]}));
    }
    Reply::error(404, "-2130575338", "no such resource")
}
