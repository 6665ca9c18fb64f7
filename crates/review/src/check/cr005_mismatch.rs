//! CR005: the connector of a reference differs from the one the flow means.
use super::connector;
use super::context::Context;
use super::draft::Draft;
use super::text::cut;
use crate::catalogue::code;
use crate::finding::Severity;

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    for flow in &cx.flows {
        for entry in flow.entries() {
            let Some(name) = &entry.logical_name else { continue };
            let Some(reference) = cx.reference(name) else { continue };
            let (flow_api, own) = (&entry.api_name, &reference.api_name);
            if flow_api.as_str().is_empty()
                || own.as_str().is_empty()
                || connector::same(flow_api, own)
            {
                continue;
            }
            // A custom connector that was renamed keeps its row and its logical name.
            let row =
                reference.custom_connector_id.as_deref().and_then(|id| cx.connectors.by_id(id));
            let logical = entry.api_logical_name.as_ref();
            if row.zip(logical).is_some_and(|(row, name)| connector::logical_matches(row, name)) {
                continue;
            }
            out.push(Draft::new(
                code::CR005,
                Severity::Error,
                flow.subject(),
                flow.at_entry(&entry.key),
                format!(
                    "`{}` uses `{}` as a reference to `{}`, but it is one to `{}`",
                    cut(&flow.source.name),
                    cut(name.as_str()),
                    cut(flow_api.as_str()),
                    cut(own.as_str())
                ),
                "point the flow at a reference to its own connector",
            ));
        }
    }
}
