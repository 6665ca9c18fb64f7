//! What a connection must be allowed to do, as far as its operations tell.
use std::collections::HashMap;

use connref_solution::document::json::JsonNode;
use connref_solution::model::ApiName;
use connref_solution::model::package::PackageConnector;

use super::connector::read;
use super::{Certainty, Permission, short};
use crate::check::context::Action;
use crate::check::text::literal;

/// The permissions of one reference, while its uses are read.
pub(super) struct Needs<'a> {
    api: String,
    /// Operations of a custom connector's definition, by id in lower case.
    defined: Option<HashMap<String, String>>,
    found: Vec<Permission>,
    custom: Option<&'a PackageConnector>,
}

impl<'a> Needs<'a> {
    pub(super) fn new(api: &ApiName, custom: Option<&'a PackageConnector>) -> Self {
        Self { api: api.key(), defined: custom.and_then(defined), found: Vec::new(), custom }
    }

    pub(super) fn add(&mut self, action: &Action<'_>) {
        let operation = action.operation();
        let (text, certainty) = self.judge(operation);
        let on = targets(&self.api, action);
        let same = |p: &&mut Permission| p.text == text && p.certainty == certainty;
        match self.found.iter_mut().find(same) {
            Some(permission) => {
                add_new(&mut permission.operations, operation.to_owned());
                on.into_iter().for_each(|target| add_new(&mut permission.on, target));
            }
            None => self.found.push(Permission {
                text,
                certainty,
                on,
                operations: vec![operation.to_owned()],
            }),
        }
    }

    fn judge(&self, operation: &str) -> (String, Certainty) {
        if self.custom.is_some() {
            let defined = self.defined.as_ref().and_then(|d| d.get(&operation.to_lowercase()));
            return match defined {
                Some(call) => (format!("call {call}"), Certainty::Known),
                None => (UNKNOWN.to_owned(), Certainty::Unknown),
            };
        }
        let known = match self.api.as_str() {
            "shared_commondataserviceforapps" | "shared_commondataservice" => dataverse(operation),
            "shared_sharepointonline" => sharepoint(operation),
            "shared_office365" => outlook(operation),
            "shared_teams" => teams(operation),
            "shared_sql" => sql(operation),
            _ => None,
        };
        match known {
            Some(text) => (text.to_owned(), Certainty::Known),
            None => match by_name(operation) {
                Some(text) => (text.to_owned(), Certainty::Inferred),
                None => (UNKNOWN.to_owned(), Certainty::Unknown),
            },
        }
    }

    pub(super) fn finish(mut self) -> Vec<Permission> {
        let rank = |p: &Permission| match p.certainty {
            Certainty::Known => 0,
            Certainty::Inferred => 1,
            Certainty::Unknown => 2,
        };
        self.found.sort_by_key(rank);
        self.found
    }
}

const UNKNOWN: &str = "not known to connref";

fn add_new(list: &mut Vec<String>, text: String) {
    if !text.is_empty() && !list.contains(&text) {
        list.push(text);
    }
}

/// `GET /orders/{id}` by operation id.
fn defined(own: &PackageConnector) -> Option<HashMap<String, String>> {
    let mut found = HashMap::new();
    for operation in read(own)?.definition.operations {
        let call = format!("{} {}", operation.method.to_uppercase(), short(&operation.path));
        found.entry(operation.id.to_lowercase()).or_insert(call);
    }
    Some(found)
}

/// An operation id without its version: `GetItems_V2` → `getitems`.
fn base(operation: &str) -> String {
    let key = operation.to_ascii_lowercase();
    let digits = key.trim_end_matches(|c: char| c.is_ascii_digit());
    let stem = match digits.strip_suffix("_v").or_else(|| digits.strip_suffix('v')) {
        Some(stem) if digits.len() < key.len() => stem,
        _ => key.as_str(),
    };
    stem.strip_suffix("withorganization").unwrap_or(stem).to_owned()
}

fn dataverse(operation: &str) -> Option<&'static str> {
    Some(match base(operation).as_str() {
        "listrecords"
        | "getitem"
        | "getitems"
        | "getrecord"
        | "getentityfileimagefieldcontent"
        | "getrelevantrows"
        | "getonneweditems"
        | "getonupdateditems" => "read the table",
        "createrecord" | "postitem" => "create rows in the table",
        "updaterecord" | "updateonlyrecord" | "patchitem" | "updateentityfileimagefieldcontent" => {
            "read and write the table (an upsert creates rows too)"
        }
        "deleterecord" | "deleteitem" => "delete rows of the table",
        "associateentities" | "disassociateentities" => {
            "append to one table and be appended to from the other"
        }
        "performboundaction" | "performunboundaction" | "executechangeset" => {
            "what the action or change set does"
        }
        "subscribewebhooktrigger"
        | "subscribeonnewitems"
        | "subscribeondeleteditems"
        | "subscribeonupdateditems" => {
            "read the table, and register callbacks (create, read, write and delete on Callback Registration)"
        }
        _ => return None,
    })
}

fn sharepoint(operation: &str) -> Option<&'static str> {
    Some(match base(operation).as_str() {
        "getitems"
        | "getitem"
        | "getfileitems"
        | "getfileitem"
        | "getfilecontent"
        | "getfilecontentbypath"
        | "getfilemetadata"
        | "getfilemetadatabypath"
        | "getalltables"
        | "gettables"
        | "getitemattachments"
        | "getattachmentcontent"
        | "listfolder"
        | "getfolderbypath"
        | "getonnewitems"
        | "getonnewfileitems"
        | "getonupdateditems"
        | "getonupdatedfileitems"
        | "getonchangeditems"
        | "getitemchanges"
        | "getallfoldermetadata"
        | "onnewfile"
        | "onupdatedfile"
        | "getdatasets" => "read the site's lists and libraries",
        "postitem" | "patchitem" | "deleteitem" | "createfile" | "updatefile" | "deletefile"
        | "createnewfolder" | "copyfile" | "copyfileasync" | "movefileasync"
        | "copyfolderasync" | "createattachment" | "deleteattachment" | "patchfileitem"
        | "createsharinglink" | "checkinfile" | "checkoutfile" => {
            "contribute to the site's lists and libraries"
        }
        "grantaccess" | "unshareitem" => "manage permissions of the items",
        "httprequest" => "what the request asks of the site",
        "getondeletedfileitems" | "getondeleteditems" => {
            "administer the site collection (deleted items are only told to its administrators)"
        }
        _ => return None,
    })
}

fn outlook(operation: &str) -> Option<&'static str> {
    let base = base(operation);
    Some(match base.as_str() {
        "sharedmailboxsendemail" | "sharedmailboxonnewemail" => {
            "full access to the shared mailbox, and to send as it"
        }
        "sendemail"
        | "sendmailwithoptions"
        | "sendapprovalmail"
        | "replyto"
        | "forwardemail"
        | "sendemailwithoptions" => "send mail from the mailbox of the connection's account",
        "onnewemail"
        | "onflaggedemail"
        | "onnewmentionmeemail"
        | "getemail"
        | "getemails"
        | "getattachment"
        | "exportemail" => "read the mailbox of the connection's account",
        "deleteemail" | "move" | "markasread" | "flag" | "assigncategory" => {
            "change the mailbox of the connection's account"
        }
        _ if base.starts_with("calendargetonnew") || base.starts_with("calendarget") => {
            "read the calendar"
        }
        _ if base.starts_with("calendar") => "change the calendar",
        _ => return None,
    })
}

fn teams(operation: &str) -> Option<&'static str> {
    let base = base(operation);
    Some(match base.as_str() {
        "postmessagetoconversation"
        | "postcardtoconversation"
        | "postmessagetochannel"
        | "postreplytomessage"
        | "replywithmessagetoconversation"
        | "replywithcardtoconversation"
        | "postcardandwaitforresponse"
        | "postmessagetochannelv"
        | "updatecardinconversation" => {
            "be a member of the team or chat that is written to (posting as the bot: the app must be allowed there)"
        }
        _ => return None,
    })
}

fn sql(operation: &str) -> Option<&'static str> {
    Some(match base(operation).as_str() {
        "getitems" | "getitem" | "getonnewitems" | "getonupdateditems" => "SELECT on the table",
        "postitem" => "INSERT and SELECT on the table",
        "patchitem" => "UPDATE and SELECT on the table",
        "deleteitem" => "DELETE on the table",
        "executeprocedure" => "EXECUTE on the procedure",
        "executepassthroughnativequery" => "what the query asks for",
        _ => return None,
    })
}

/// What the first word of an operation's name says.
fn by_name(operation: &str) -> Option<&'static str> {
    const WORDS: [(&[&str], &str); 4] = [
        (
            &["get", "list", "search", "find", "on", "when", "read", "download", "query", "lookup"],
            "read",
        ),
        (&["create", "post", "add", "insert", "send", "upload", "copy", "new"], "create"),
        (&["update", "patch", "put", "set", "replace", "edit", "move"], "change"),
        (&["delete", "remove"], "delete"),
    ];
    // `Admin-GetFlows` and `GetFlows` begin with one verb: the words are cut at capitals.
    let mut words = Vec::new();
    let mut word = String::new();
    for c in operation.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && word.ends_with(char::is_lowercase)) {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
    }
    words.push(word);
    words.retain(|w| !w.is_empty());
    let first = words.iter().take(2).map(|w| w.trim_end_matches(|c: char| c.is_ascii_digit()));
    first
        .flat_map(|word| WORDS.iter().filter(move |(list, _)| list.contains(&word)))
        .map(|(_, text)| *text)
        .next()
}

/// What an action reaches, where it says so itself.
fn targets(api: &str, action: &Action<'_>) -> Vec<String> {
    let names: &[(&str, &str)] = match api {
        "shared_commondataserviceforapps" => &[
            ("entityName", "table"),
            ("subscriptionRequest/entityname", "table"),
            ("organization", "environment"),
            ("actionName", "action"),
        ],
        "shared_sharepointonline" => &[("dataset", "site")],
        "shared_sql" => &[
            ("server", "server"),
            ("database", "database"),
            ("table", "table"),
            ("procedure", "procedure"),
        ],
        "shared_office365" => {
            &[("mailboxAddress", "mailbox"), ("emailMessage/MailboxAddress", "mailbox")]
        }
        "shared_excelonlinebusiness" => &[("source", "place"), ("drive", "drive")],
        _ => &[("dataset", "data set")],
    };
    let mut found = Vec::new();
    for (name, value) in action.parameters() {
        let Some((_, what)) = names.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)) else {
            continue;
        };
        if let Some(text) = target(what, value) {
            add_new(&mut found, text);
        }
    }
    found
}

fn target(what: &str, value: JsonNode<'_>) -> Option<String> {
    if let Some(text) = literal(value) {
        // Designers write names of data sets encoded for the path, some of them twice.
        let (text, default) = (text.trim(), ["", "default", "default,default"]);
        return (!default.contains(&text)).then(|| format!("{what} {}", short(text)));
    }
    let text = value.as_str()?;
    // `@parameters('Site (contoso_Site)')` names its variable.
    let name = text.split_once("parameters('")?.1.split_once("')")?.0;
    let schema = name.rsplit_once(" (").map_or(name, |(_, schema)| schema.trim_end_matches(')'));
    Some(format!("{what} of the variable {}", short(schema)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_lose_their_version() {
        for (id, expected) in [
            ("SendEmailV2", "sendemail"),
            ("GetItems_V2", "getitems"),
            ("ListRecordsWithOrganization", "listrecords"),
            ("Move", "move"),
            ("Get2", "get2"),
        ] {
            assert_eq!(base(id), expected);
        }
    }

    #[test]
    fn names_tell_what_is_done() {
        for (id, expected) in [
            ("Admin-GetFlows", Some("read")),
            ("ListUsersV2", Some("read")),
            ("OnNewThing", Some("read")),
            ("CreateTask_V3", Some("create")),
            ("Remove-AdminFlow", Some("delete")),
            ("Once", None),
            ("Onboard", None),
            ("", None),
        ] {
            assert_eq!(by_name(id), expected, "{id}");
        }
    }
}
