//! Objects by id, name or unique prefix. Ambiguity is a refusal that lists the candidates.
use crate::exit::Failure;

/// What an object is called.
pub(crate) trait Named {
    /// Noun for messages.
    const KIND: &'static str;
    /// Command that lists them.
    const LIST: &'static str;
    /// Its id.
    fn key(&self) -> &str;
    /// Its name.
    fn label(&self) -> &str;
}

macro_rules! named {
    ($($type:ty, $kind:literal, $list:literal, $id:ident, $name:ident;)*) => {$(
        impl Named for $type {
            const KIND: &'static str = $kind;
            const LIST: &'static str = $list;
            fn key(&self) -> &str {
                &self.$id
            }
            fn label(&self) -> &str {
                &self.$name
            }
        }
    )*};
}

named! {
    connref_client::connection::Connection, "connection", "connref connection list", id, display_name;
    connref_client::connector::Connector, "connector", "connref connector list", name, display_name;
    connref_client::environment::Environment, "environment", "connref env list", id, name;
    connref_client::flow::Flow, "flow", "connref flow list", id, name;
    connref_client::pipeline::Pipeline, "pipeline", "connref pipeline list", id, name;
    connref_client::reference::Reference, "connection reference", "connref ref list", id, logical_name;
    connref_client::run::Run, "run", "connref run list", id, id;
    connref_client::solution::Solution, "solution", "connref solution list", id, unique_name;
    connref_client::role::Role, "role", "connref role list", id, name;
    connref_client::team::Team, "team", "connref team list", id, name;
    connref_client::tenant_group::Group, "group", "connref group list", id, name;
    connref_client::tenant_policy::TenantPolicy, "policy", "connref policy list", id, name;
    connref_client::user::User, "user", "connref user list", id, name;
    connref_client::variable::Variable, "environment variable", "connref variable list", id, schema_name;
}

/// Takes the one object that `wanted` means: by id, else by exact name, else by name without case,
/// else by unique prefix of name or id.
pub(crate) fn pick<T: Named>(items: Vec<T>, wanted: &str) -> Result<T, Failure> {
    let lower = wanted.to_lowercase();
    let tests: [&dyn Fn(&T) -> bool; 4] = [
        &|item| item.key().eq_ignore_ascii_case(wanted),
        &|item| item.label() == wanted,
        &|item| item.label().to_lowercase() == lower,
        &|item| {
            !lower.is_empty()
                && (item.label().to_lowercase().starts_with(&lower)
                    || item.key().to_lowercase().starts_with(&lower))
        },
    ];
    let hits = tests
        .iter()
        .map(|test| items.iter().enumerate().filter(|(_, item)| test(item)).collect::<Vec<_>>())
        .find(|hits| !hits.is_empty())
        .unwrap_or_default();
    match hits.as_slice() {
        [] => Err(Failure::missing(format!("{} `{wanted}` does not exist", T::KIND)).fix(T::LIST)),
        [(at, _)] => {
            let at = *at;
            Ok(items.into_iter().nth(at).expect("the index was found in this list"))
        }
        several => Err(ambiguous(wanted, several.iter().map(|(_, item)| *item))),
    }
}

fn ambiguous<'a, T: Named + 'a>(wanted: &str, items: impl Iterator<Item = &'a T>) -> Failure {
    const SHOWN: usize = 10;
    let all: Vec<String> = items.map(|item| format!("{} ({})", item.label(), item.key())).collect();
    let rest = all.len().saturating_sub(SHOWN);
    let mut list = all.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if rest > 0 {
        list += &format!(" and {rest} more");
    }
    Failure::refused(format!("`{wanted}` means more than one {}: {list}", T::KIND))
        .fix("give the id, or more of the name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    struct Thing(&'static str, &'static str);

    impl Named for Thing {
        const KIND: &'static str = "thing";
        const LIST: &'static str = "connref thing list";
        fn key(&self) -> &str {
            self.0
        }
        fn label(&self) -> &str {
            self.1
        }
    }

    fn picked(wanted: &str) -> Result<&'static str, Exit> {
        let things = vec![
            Thing("aa1", "Mail"),
            Thing("aa2", "mail"),
            Thing("bb3", "Orders"),
            Thing("cc4", "Orders old"),
        ];
        pick(things, wanted).map(|thing| thing.0).map_err(|failure| failure.report())
    }

    #[test]
    fn ids_before_names_before_prefixes() {
        assert_eq!(picked("AA1"), Ok("aa1"));
        assert_eq!(picked("Mail"), Ok("aa1"));
        assert_eq!(picked("mail"), Ok("aa2"));
        assert_eq!(picked("Orders"), Ok("bb3"));
        assert_eq!(picked("orders o"), Ok("cc4"));
        assert_eq!(picked("bb"), Ok("bb3"));
    }

    #[test]
    fn ambiguity_and_absence_are_refused() {
        assert_eq!(picked("MAIL"), Err(Exit::Refused));
        assert_eq!(picked("aa"), Err(Exit::Refused));
        assert_eq!(picked("zz"), Err(Exit::NotFound));
        assert_eq!(picked(""), Err(Exit::NotFound));
    }
}
