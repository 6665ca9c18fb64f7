//! Names of what a migration makes, all made of the input: the same package gives the same names.
use connref_solution::model::ApiName;

/// Longest logical name of a row.
const MAX_LOGICAL_NAME: usize = 100;

/// Names that people know connectors by, for those that flows use most.
const KNOWN: [(&str, &str); 24] = [
    ("shared_approvals", "Approvals"),
    ("shared_azuread", "Microsoft Entra ID"),
    ("shared_azureblob", "Azure Blob Storage"),
    ("shared_azurekeyvault", "Azure Key Vault"),
    ("shared_commondataservice", "Microsoft Dataverse (legacy)"),
    ("shared_commondataserviceforapps", "Microsoft Dataverse"),
    ("shared_conversionservice", "Content Conversion"),
    ("shared_excelonlinebusiness", "Excel Online (Business)"),
    ("shared_flowmanagement", "Power Automate Management"),
    ("shared_microsoftforms", "Microsoft Forms"),
    ("shared_office365", "Office 365 Outlook"),
    ("shared_office365groups", "Office 365 Groups"),
    ("shared_office365users", "Office 365 Users"),
    ("shared_onedriveforbusiness", "OneDrive for Business"),
    ("shared_outlook", "Outlook.com"),
    ("shared_planner", "Planner"),
    ("shared_sendmail", "Mail"),
    ("shared_sharepointonline", "SharePoint"),
    ("shared_sql", "SQL Server"),
    ("shared_teams", "Microsoft Teams"),
    ("shared_todo", "Microsoft To-Do (Business)"),
    ("shared_webcontents", "HTTP with Microsoft Entra ID (preauthorized)"),
    ("shared_wordonlinebusiness", "Word Online (Business)"),
    ("shared_rss", "RSS"),
];

/// Five hexadecimal digits made of a text: the names the platform makes end so. FNV-1a, folded.
pub(super) fn hex5(text: &str) -> String {
    format!("{:05x}", fold(text))
}

fn fold(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 20) ^ (hash >> 40)) & 0xf_ffff
}

/// An option value prefix made of a publisher prefix: 10000 to 99999.
pub(super) fn option_value_prefix(prefix: &str) -> u32 {
    let offset = fold(&prefix.to_lowercase()) % 90_000;
    10_000 + u32::try_from(offset).expect("an offset below 90000 fits")
}

/// `<prefix>_shared<connector without punctuation>_<five hex>`.
pub(super) fn reference_name(prefix: &str, api: &ApiName, hex: &str) -> String {
    let room = MAX_LOGICAL_NAME - prefix.len().min(8) - hex.len() - 2;
    let plain: String =
        decoded(api).chars().filter(char::is_ascii_alphanumeric).take(room).collect();
    format!("{prefix}_{}_{hex}", plain.to_lowercase())
}

/// What people call a connector; for one that is not known, its name with the escapes undone.
pub(super) fn connector_display_name(api: &ApiName) -> String {
    let key = api.key();
    if let Some((_, name)) = KNOWN.iter().find(|(known, _)| *known == key) {
        return (*name).to_owned();
    }
    let decoded = decoded(api);
    let words = decoded.strip_prefix("shared_").unwrap_or(&decoded);
    let words: Vec<String> = words.split(['_', ' ']).filter(|w| !w.is_empty()).map(title).collect();
    words.join(" ")
}

fn title(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The api name with `-20` and `-5f` undone and without the hashes at its end: connectors made
/// before solutions held them have other hashes than later ones, some of them two.
fn decoded(api: &ApiName) -> String {
    let key = api.key();
    let mut name = key.as_str();
    while let Some((stem, tail)) = name.rsplit_once("-5f") {
        let hash = tail.len() >= 12 && tail.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if !hash {
            break;
        }
        name = stem;
    }
    name.replace("-20", " ").replace("-5f", "_")
}

/// Whether the platform takes a publisher prefix.
pub(super) fn prefix_is(prefix: &str) -> bool {
    (2..=8).contains(&prefix.len())
        && prefix.bytes().all(|b| b.is_ascii_alphanumeric())
        && prefix.as_bytes()[0].is_ascii_alphabetic()
        && !prefix.to_lowercase().starts_with("mscrm")
}

/// Whether the platform takes a unique name.
pub(super) fn unique_name_is(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=65).contains(&name.len())
        && name.bytes().all(plain)
        && !name.as_bytes()[0].is_ascii_digit()
}

/// A unique name made of a display name, as the platform proposes one.
pub(super) fn unique_name(display_name: &str) -> String {
    let plain: String = display_name.chars().filter(char::is_ascii_alphanumeric).take(50).collect();
    match plain.as_bytes() {
        [] => format!("Flows{}", hex5(display_name)),
        [first, ..] if first.is_ascii_digit() => format!("Flow{plain}"),
        _ => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_platforms_form() {
        let api = ApiName::new("shared_sharepointonline");
        assert_eq!(reference_name("cnt", &api, "0a1b2"), "cnt_sharedsharepointonline_0a1b2");
        let custom = ApiName::new("shared_contoso-5fcontoso-20stripe-20api-5f6a4f91c8025d1333");
        assert_eq!(
            reference_name("cnt", &custom, "0a1b2"),
            "cnt_sharedcontosocontosostripeapi_0a1b2"
        );
        assert_eq!(connector_display_name(&custom), "Contoso Contoso Stripe Api");
        assert_eq!(connector_display_name(&api), "SharePoint");
        for hashed in [
            "shared_graphapi-5f04d5eb22c34423fb-5f448e0b83a75acf03",
            "shared_graphapi-5feca8e1ea20c64f-2de1df1a592ec41e",
        ] {
            let name = reference_name("cnt", &ApiName::new(hashed), "0a1b2");
            assert_eq!(name, "cnt_sharedgraphapi_0a1b2");
        }
        let long = ApiName::new(&format!("shared_{}", "x".repeat(300)));
        assert_eq!(reference_name("abcdefgh", &long, "0a1b2").len(), 100);
    }

    #[test]
    fn what_the_platform_does_not_take() {
        for prefix in ["", "a", "1ab", "abcdefghi", "mscrmx", "a_b", "ä1"] {
            assert!(!prefix_is(prefix), "{prefix}");
        }
        assert!(prefix_is("cnt") && prefix_is("cr0f1"));
        assert!(unique_name_is("Core_2") && !unique_name_is("2Core") && !unique_name_is("a b"));
        assert_eq!(unique_name("Flagged Email to Planner"), "FlaggedEmailtoPlanner");
        assert_eq!(unique_name("3 steps"), "Flow3steps");
        assert!(unique_name_is(&unique_name("事前承認")));
        assert!((10_000..100_000).contains(&option_value_prefix("cnt")));
        assert_eq!(hex5("a").len(), 5);
    }
}
