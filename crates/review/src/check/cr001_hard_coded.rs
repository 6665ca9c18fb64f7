//! CR001: a connection used directly, without a reference.
use super::context::Context;
use super::draft::Draft;
use super::text::cut;
use crate::catalogue::code;

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    let label = cx.source.archive.label();
    for flow in &cx.flows {
        for entry in flow.entries().iter().filter(|e| e.logical_name.is_none()) {
            let api = cut(cx.api_of(entry).as_str());
            let help = if cx.source.legacy {
                "a flow package binds by hand at each import; make a solution with a connection reference of it"
            } else if cx.managed() {
                "a managed flow cannot be given a connection later; use a connection reference"
            } else {
                "import replaces it by a reference that somebody must then bind; use a connection reference"
            };
            let draft = Draft::new(
                code::CR001,
                cx.unless_unmanaged(),
                flow.subject(),
                flow.at_entry(&entry.key),
                format!(
                    "`{}` uses a connection to `{api}` without a connection reference",
                    cut(&flow.source.name)
                ),
                help,
            );
            out.push(draft.fix(format!("connref solution migrate {label:?}")));
        }
    }
}
