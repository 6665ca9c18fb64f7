//! CR022: an HTTP trigger that anyone with its address can fire.
use super::context::Context;
use super::draft::Draft;
use super::text::cut;
use crate::catalogue::code;
use crate::finding::Severity;

pub(super) fn check(cx: &Context<'_>, out: &mut Vec<Draft>) {
    for flow in &cx.flows {
        for action in flow.actions.iter().filter(|a| a.trigger && a.is("Request")) {
            let kind = action.value().get("kind").and_then(|k| k.as_str()).unwrap_or_default();
            let who = action.value().at("/inputs/triggerAuthenticationType");
            let who = who.and_then(|w| w.as_str()).unwrap_or_default();
            if !kind.eq_ignore_ascii_case("Http")
                || !(who.is_empty() || who.eq_ignore_ascii_case("All"))
            {
                continue;
            }
            let steps: &[&str] =
                if who.is_empty() { &[] } else { &["inputs", "triggerAuthenticationType"] };
            out.push(Draft::new(
                code::CR022,
                Severity::Warning,
                flow.subject(),
                flow.at_action(action, steps),
                format!("anyone who has the address can start `{}`", cut(&flow.source.name)),
                "let only users of the tenant, or named users, call it; if it must stay open, check the caller in the flow",
            ));
        }
    }
}
