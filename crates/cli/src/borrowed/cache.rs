//! The token cache that the vendor's sign-in libraries share (MSAL's unified schema): access tokens,
//! accounts, and what renews them, which is left alone.
use secrecy::SecretString;
use serde_json::Value;

use super::{LEFT, Wanted};

/// Whose token is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A person, by the name they sign in with.
    User(String),
    /// An application, by its id.
    Application(String),
}

/// The owner's access token for the server that lives longest, if it lives long enough.
pub(super) fn find(
    cache: &Value,
    wanted: &Wanted<'_>,
    owner: &Owner,
    now: i64,
) -> Option<SecretString> {
    let entries = |kind: &str| cache[kind].as_object().into_iter().flat_map(|all| all.values());
    // The same tenant of the same cloud: an account is one of both.
    let here = |one: &Value| {
        let text = |name: &str| one[name].as_str().unwrap_or_default();
        let any = ["common", "organizations"].contains(&wanted.tenant);
        (any || text("realm").eq_ignore_ascii_case(wanted.tenant))
            && alias(text("environment")) == alias(wanted.authority)
    };
    let accounts: Vec<&str> = match owner {
        Owner::Application(_) => Vec::new(),
        Owner::User(name) => entries("Account")
            .filter(|one| {
                alias(one["environment"].as_str().unwrap_or_default()) == alias(wanted.authority)
            })
            .filter(|one| one["username"].as_str().is_some_and(|u| u.eq_ignore_ascii_case(name)))
            .filter_map(|one| one["home_account_id"].as_str())
            .collect(),
    };
    let owned = |one: &Value| match owner {
        Owner::User(_) => one["home_account_id"].as_str().is_some_and(|id| accounts.contains(&id)),
        Owner::Application(id) => {
            one["home_account_id"].as_str().is_none_or(str::is_empty)
                && one["client_id"].as_str().is_some_and(|c| c.eq_ignore_ascii_case(id))
        }
    };
    entries("AccessToken")
        .filter(|one| here(one) && owned(one) && is_for(one, &wanted.origin))
        .filter(|one| one["token_type"].as_str().is_none_or(|t| t.eq_ignore_ascii_case("bearer")))
        .filter_map(|one| {
            let ends = ends(one).filter(|ends| *ends > now + LEFT)?;
            Some((ends, one["secret"].as_str().filter(|text| !text.is_empty())?))
        })
        .max_by_key(|(ends, _)| *ends)
        .map(|(_, secret)| secret.to_owned().into())
}

/// One cloud has several names.
fn alias(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    match host.as_str() {
        "login.windows.net" | "login.microsoft.com" | "sts.windows.net" => {
            "login.microsoftonline.com".to_owned()
        }
        "login.usgovcloudapi.net" => "login.microsoftonline.us".to_owned(),
        "login.chinacloudapi.cn" => "login.partner.microsoftonline.cn".to_owned(),
        _ => host,
    }
}

/// Whether a token is for this very origin: each scope is the resource, a slash and a permission.
fn is_for(one: &Value, origin: &str) -> bool {
    let target = one["target"].as_str().unwrap_or_default();
    target.split_ascii_whitespace().any(|scope| {
        let resource = scope.rsplit_once('/').map_or("", |(resource, _)| resource);
        resource.trim_end_matches('/').eq_ignore_ascii_case(origin)
    })
}

/// The end in seconds: a text in some libraries, a number in others.
fn ends(one: &Value) -> Option<i64> {
    let ends = &one["expires_on"];
    ends.as_i64().or_else(|| ends.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    fn cache(change: impl FnOnce(&mut Value)) -> Value {
        let mut cache = json!({
            "Account": {"a": {"home_account_id": "u.t", "environment": "login.windows.net", "username": "Ada@x.test"}},
            "AccessToken": {"k": {
                "home_account_id": "u.t", "environment": "login.windows.net", "client_id": "c",
                "realm": "T", "secret": "the-token", "token_type": "Bearer", "expires_on": "2000",
                "target": "https://org.test//user_impersonation https://org.test//.default",
            }},
        });
        change(&mut cache);
        cache
    }

    fn read(cache: &Value, owner: &Owner) -> Option<String> {
        let wanted = Wanted {
            origin: "https://org.test".to_owned(),
            authority: "login.microsoftonline.com",
            tenant: "t",
        };
        find(cache, &wanted, owner, 1000).map(|token| token.expose_secret().to_owned())
    }

    #[test]
    fn a_token_is_taken_only_if_all_of_it_fits() {
        let ada = Owner::User("ada@X.test".to_owned());
        assert_eq!(read(&cache(|_| ()), &ada).as_deref(), Some("the-token"));
        assert_eq!(read(&cache(|_| ()), &Owner::User("bob@x.test".to_owned())), None);
        assert_eq!(read(&cache(|_| ()), &Owner::Application("c".to_owned())), None);
        for (name, value) in [
            ("home_account_id", json!("v.t")),
            ("environment", json!("login.microsoftonline.us")),
            ("realm", json!("other")),
            ("secret", json!("")),
            ("token_type", json!("pop")),
            ("expires_on", json!("1300")),
            ("expires_on", json!("soon")),
            ("target", json!("https://org.test.evil.test/.default")),
            ("target", json!("https://other.test//.default")),
            ("target", json!("https://org.test")),
        ] {
            let cache = cache(|all| all["AccessToken"]["k"][name] = value.clone());
            assert_eq!(read(&cache, &ada), None, "{name} {value}");
        }
        let application = cache(|all| all["AccessToken"]["k"]["home_account_id"] = Value::Null);
        assert!(read(&application, &Owner::Application("C".to_owned())).is_some());
        for odd in
            [json!(null), json!([]), json!({"AccessToken": [1]}), json!({"AccessToken": {"k": 1}})]
        {
            assert_eq!(read(&odd, &ada), None);
        }
    }
}
