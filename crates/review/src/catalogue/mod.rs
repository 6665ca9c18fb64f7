//! Every code of this crate with its page. A code exists only together with a page: one macro
//! makes both.

/// The page of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The code.
    pub code: &'static str,
    /// Markdown: what it is, why it hurts, how to repair it, an example.
    pub text: &'static str,
}

impl Page {
    /// The title: the first line, without the code.
    pub fn title(&self) -> &'static str {
        let line = self.text.lines().next().unwrap_or_default();
        line.split_once(": ").map_or(line, |(_, title)| title)
    }
}

macro_rules! codes {
    ($($name:ident $code:literal $file:literal;)*) => {
        /// The codes, as constants.
        #[expect(missing_docs, reason = "each constant has a page")]
        pub mod code {
            $(pub const $name: &str = $code;)*
        }

        /// Every page, in order of code.
        pub const PAGES: &[Page] = &[$(Page { code: $code, text: include_str!($file) },)*];
    };
}

codes! {
    CA101 "CA101" "ca101.md";
    CA102 "CA102" "ca102.md";
    CA103 "CA103" "ca103.md";
    CA104 "CA104" "ca104.md";
    CA105 "CA105" "ca105.md";
    CA106 "CA106" "ca106.md";
    CA107 "CA107" "ca107.md";
    CA108 "CA108" "ca108.md";
    CA109 "CA109" "ca109.md";
    CA110 "CA110" "ca110.md";
    CA111 "CA111" "ca111.md";
    CA112 "CA112" "ca112.md";
    CA113 "CA113" "ca113.md";
    CA114 "CA114" "ca114.md";
    CA115 "CA115" "ca115.md";
    CA116 "CA116" "ca116.md";
    CA117 "CA117" "ca117.md";
    CA118 "CA118" "ca118.md";
    CA119 "CA119" "ca119.md";
    CA120 "CA120" "ca120.md";
    CA121 "CA121" "ca121.md";
    CA122 "CA122" "ca122.md";
    CA123 "CA123" "ca123.md";
    CA125 "CA125" "ca125.md";
    CA126 "CA126" "ca126.md";
    CC001 "CC001" "cc001.md";
    CC002 "CC002" "cc002.md";
    CC003 "CC003" "cc003.md";
    CC004 "CC004" "cc004.md";
    CC005 "CC005" "cc005.md";
    CC006 "CC006" "cc006.md";
    CC007 "CC007" "cc007.md";
    CC008 "CC008" "cc008.md";
    CC009 "CC009" "cc009.md";
    CC010 "CC010" "cc010.md";
    CC011 "CC011" "cc011.md";
    CC012 "CC012" "cc012.md";
    CR000 "CR000" "cr000.md";
    CR001 "CR001" "cr001.md";
    CR002 "CR002" "cr002.md";
    CR003 "CR003" "cr003.md";
    CR004 "CR004" "cr004.md";
    CR005 "CR005" "cr005.md";
    CR006 "CR006" "cr006.md";
    CR007 "CR007" "cr007.md";
    CR008 "CR008" "cr008.md";
    CR009 "CR009" "cr009.md";
    CR010 "CR010" "cr010.md";
    CR011 "CR011" "cr011.md";
    CR012 "CR012" "cr012.md";
    CR013 "CR013" "cr013.md";
    CR014 "CR014" "cr014.md";
    CR015 "CR015" "cr015.md";
    CR016 "CR016" "cr016.md";
    CR017 "CR017" "cr017.md";
    CR018 "CR018" "cr018.md";
    CR019 "CR019" "cr019.md";
    CR020 "CR020" "cr020.md";
    CR021 "CR021" "cr021.md";
    CR022 "CR022" "cr022.md";
    CR023 "CR023" "cr023.md";
    CR024 "CR024" "cr024.md";
    CR025 "CR025" "cr025.md";
    BINDING_POLICY_VIOLATION "BindingPolicyViolation" "binding_policy_violation.md";
    CANNOT_DELETE_IN_USE "CannotDeleteInUseComponent" "cannot_delete_in_use.md";
    CALLER_DISABLED "CallerDisabled" "caller_disabled.md";
    CHILD_FLOW_NEVER_PUBLISHED "ChildFlowNeverPublished" "child_flow_never_published.md";
    CHILD_FLOW_INVOKER "ChildFlowUnsupportedForInvokerConnections" "child_flow_invoker.md";
    CONNECTION_AUTHORIZATION_FAILED "ConnectionAuthorizationFailed" "connection_authorization_failed.md";
    CONNECTION_DISABLED "ConnectionDisabled" "connection_disabled.md";
    CONNECTION_HARD_CODED "ConnectionHardCoded" "connection_hard_coded.md";
    CONNECTION_IN_ERROR "ConnectionInError" "connection_in_error.md";
    CONNECTION_KEY_NOT_FOUND "ConnectionKeyNotFound" "connection_key_not_found.md";
    CONNECTION_NOT_FOUND "ConnectionNotFound" "connection_not_found.md";
    CONNECTION_NOT_SHAREABLE "ConnectionNotShareable" "connection_not_shareable.md";
    CONNECTION_OWNER_DISABLED "ConnectionOwnerDisabled" "connection_owner_disabled.md";
    REFERENCE_NOT_FOUND "ConnectionReferenceNotFound" "connection_reference_not_found.md";
    CONNECTOR_MISMATCH "ConnectorMismatch" "connector_mismatch.md";
    DLP_VIOLATION "DlpViolation" "dlp_violation.md";
    DUPLICATE_NAME "DuplicateName" "duplicate_name.md";
    FLOW_NOT_FOUND "FlowNotFound" "flow_not_found.md";
    IMPORT_RUNNING "ImportRunning" "import_running.md";
    INVOKER_CONNECTION_AMBIGUOUS "InvokerConnectionAmbiguous" "invoker_connection_ambiguous.md";
    INVOKER_CONNECTION_MISSING "InvokerConnectionMissing" "invoker_connection_missing.md";
    INVOKER_OVERRIDE_FAILED "InvokerConnectionOverrideFailed" "invoker_override_failed.md";
    MISSING_DEPENDENCY "MissingDependency" "missing_dependency.md";
    PACKAGE_MALFORMED "PackageMalformed" "package_malformed.md";
    PRIVILEGE_DENIED "0x80040220" "privilege_denied.md";
    PUBLISHER_CLASH "PublisherClash" "publisher_clash.md";
    REASSIGN_REFUSED "ReassignRefused" "reassign_refused.md";
    REFERENCE_CONNECTOR_CHANGED "ReferenceConnectorChanged" "reference_connector_changed.md";
    SETTINGS_CONNECTION_SHAPE "SettingsConnectionShape" "settings_connection_shape.md";
    SETTINGS_DUPLICATE "SettingsDuplicate" "settings_duplicate.md";
    SETTINGS_TOKEN "SettingsToken" "settings_token.md";
    SETTINGS_UNKNOWN_REFERENCE "SettingsUnknownReference" "settings_unknown_reference.md";
    SETTINGS_UNKNOWN_VARIABLE "SettingsUnknownVariable" "settings_unknown_variable.md";
    SETTINGS_VALUE "SettingsValue" "settings_value.md";
    SOLUTION_MANAGED_MISMATCH "SolutionManagedMismatch" "solution_managed_mismatch.md";
    SOLUTION_UPGRADE_REFUSED "SolutionUpgradeRefused" "solution_upgrade_refused.md";
    SOLUTION_VERSION "SolutionVersionNotHigher" "solution_version.md";
    XRM_MISSING_CONNECTION "XrmConnectionReferenceMissingConnection" "xrm_missing_connection.md";
}

/// The page of a code, however it is spelled in case.
pub fn explain(code: &str) -> Option<&'static Page> {
    PAGES.iter().find(|p| p.code.eq_ignore_ascii_case(code.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_whole() {
        for page in PAGES {
            assert!(page.text.starts_with(&format!("# {}: ", page.code)), "{}", page.code);
            for part in ["## Why it hurts", "## Repair", "## Example"] {
                assert!(page.text.contains(part), "{} lacks {part}", page.code);
            }
            assert!(!page.title().is_empty());
            assert_eq!(explain(&page.code.to_lowercase()), Some(page));
        }
        assert_eq!(explain("CA999"), None);
    }
}
