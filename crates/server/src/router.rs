//! All routes on one page.
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, delete, get, post, put};

use crate::identity::{challenge, oauth, page};
use crate::powerapps::{
    automate, connection, connector, consent, environment, flow, flow_permission, key, pipeline,
    principal, run, tenant_group, tenant_policy, trigger,
};
use crate::{App, powerapps, webapi};

/// Largest request body: a solution zip of 128 MiB in base64, with its JSON around it.
const BODY_MAX: usize = 192 * 1024 * 1024;

/// Largest form of somebody who is not signed in: a statement with its certificates fits.
const FORM_MAX: usize = 256 * 1024;

/// The whole service. In process it is called as it is; a listener adds sockets.
pub fn router(app: App) -> Router {
    let connection_routes = get(connection::get).put(connection::put).delete(connection::delete);
    Router::new()
        // Dataverse Web API: paths with keys in parentheses do not fit a matcher, so one route.
        .route("/api/data/{version}", any(webapi::handle))
        .route("/api/data/{version}/", any(webapi::handle))
        .route("/api/data/{version}/{*path}", any(webapi::handle))
        // Environments, as three services call them.
        .route(
            "/providers/Microsoft.BusinessAppPlatform/environments",
            get(environment::list).post(environment::create),
        )
        .route(
            "/providers/Microsoft.BusinessAppPlatform/environments/{environment}",
            get(environment::get).patch(environment::update),
        )
        .route(
            "/providers/Microsoft.BusinessAppPlatform/scopes/admin/environments",
            get(environment::list),
        )
        .route(
            "/providers/Microsoft.BusinessAppPlatform/scopes/admin/environments/{environment}",
            get(environment::get),
        )
        .route(
            "/providers/Microsoft.PowerApps/environments",
            get(environment::list),
        )
        .route(
            "/providers/Microsoft.PowerApps/environments/{environment}",
            get(environment::get),
        )
        .route(
            "/providers/Microsoft.PowerApps/scopes/admin/environments",
            get(environment::list),
        )
        .route(
            "/providers/Microsoft.PowerApps/scopes/admin/environments/{environment}",
            get(environment::get),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments",
            get(environment::list),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}",
            get(environment::get),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/scopes/admin/environments",
            get(environment::list),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/scopes/admin/environments/{environment}",
            get(environment::get),
        )
        // The same, as the newest service calls them.
        .route("/environmentmanagement/environments", get(environment::list_managed))
        .route("/environmentmanagement/environments/{environment}", get(environment::get_managed))
        // The key of the installation.
        .route("/providers/connref/key", get(key::status))
        .route("/providers/connref/key/rotate", post(key::rotate))
        .route("/providers/connref/key/move", post(key::change_provider))
        .route("/providers/connref/key/continue", post(key::go_on))
        // How principals prove who they are.
        .route(
            "/providers/connref/environments/{environment}/principals/{principal}/credentials",
            get(principal::list).post(principal::add),
        )
        .route(
            "/providers/connref/environments/{environment}/principals/{principal}/credentials/{credential}",
            delete(principal::remove),
        )
        .route(
            "/providers/connref/environments/{environment}/principals/{principal}/signInLink",
            post(principal::sign_in_link),
        )
        // Groups of the tenant.
        .route("/providers/connref/groups", get(tenant_group::list).post(tenant_group::create))
        .route("/providers/connref/groups/{group}", delete(tenant_group::delete))
        .route(
            "/providers/connref/groups/{group}/members/{member}",
            put(tenant_group::member_put).delete(tenant_group::member_delete),
        )
        // Policies of the tenant.
        .route(
            "/providers/PowerPlatform.Governance/v1/policies",
            get(tenant_policy::list).post(tenant_policy::create),
        )
        .route(
            "/providers/PowerPlatform.Governance/v1/policies/{policy}",
            delete(tenant_policy::delete),
        )
        // Pipelines and deployments.
        .route("/providers/connref/pipelines", get(pipeline::list).post(pipeline::create))
        .route(
            "/providers/connref/pipelines/{pipeline}",
            get(pipeline::get).delete(pipeline::delete),
        )
        .route(
            "/providers/connref/pipelines/{pipeline}/deployments",
            get(pipeline::history).post(pipeline::deploy),
        )
        .route(
            "/providers/connref/pipelines/{pipeline}/deployments/{deployment}",
            get(pipeline::show),
        )
        .route(
            "/providers/connref/pipelines/{pipeline}/deployments/{deployment}/decide",
            post(pipeline::decide),
        )
        .route("/providers/connref/pipelines/{pipeline}/rollback", post(pipeline::roll_back))
        // Connectors.
        .route(
            "/providers/Microsoft.PowerApps/apis",
            get(connector::list).post(connector::create),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}",
            get(connector::get).patch(connector::update).delete(connector::delete),
        )
        .route(
            "/providers/Microsoft.PowerApps/scopes/admin/environments/{environment}/apis",
            get(connector::list),
        )
        .route(
            "/providers/Microsoft.PowerApps/scopes/admin/environments/{environment}/apis/{api}",
            get(connector::get).delete(connector::delete),
        )
        .route(
            "/providers/Microsoft.PowerApps/objectIds/{person}/validateApiSwagger",
            post(connector::validate),
        )
        .route(
            "/providers/Microsoft.PowerApps/objectIds/{person}/generateResourceStorage",
            post(connector::storage),
        )
        .route(
            "/connectivity/connectors",
            get(connector::list),
        )
        .route(
            "/connectivity/connectors/{api}",
            get(connector::get),
        )
        .route(
            "/connectivity/environments/{environment}/connectors",
            get(connector::list),
        )
        .route(
            "/connectivity/environments/{environment}/connectors/{api}",
            get(connector::get),
        )
        // Connections: at the control plane's address, at the environment's, below an environment, and in the
        // administrator's scope.
        .route(
            "/providers/Microsoft.PowerApps/connections",
            get(connection::list),
        )
        .route(
            "/connectivity/connections",
            get(connection::list),
        )
        .route(
            "/connectivity/environments/{environment}/connections",
            get(connection::list),
        )
        .route(
            "/providers/Microsoft.PowerApps/scopes/admin/environments/{environment}/connections",
            get(connection::list),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections",
            get(connection::list),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}",
            connection_routes.clone(),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}/permissions",
            get(connection::permissions),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}/modifyPermissions",
            post(connection::modify_permissions),
        )
        .route(
            "/connectivity/connectors/{api}/connections",
            get(connection::list),
        )
        .route(
            "/connectivity/connectors/{api}/connections/{id}",
            connection_routes.clone(),
        )
        .route(
            "/connectivity/connectors/{api}/connections/{id}/permissions",
            get(connection::permissions),
        )
        .route(
            "/connectivity/connectors/{api}/connections/{id}/modifyPermissions",
            post(connection::modify_permissions),
        )
        .route(
            "/connectivity/environments/{environment}/connectors/{api}/connections",
            get(connection::list),
        )
        .route(
            "/connectivity/environments/{environment}/connectors/{api}/connections/{id}",
            connection_routes.clone(),
        )
        .route(
            "/connectivity/environments/{environment}/connectors/{api}/connections/{id}/permissions",
            get(connection::permissions),
        )
        .route(
            "/connectivity/environments/{environment}/connectors/{api}/connections/{id}/modifyPermissions",
            post(connection::modify_permissions),
        )
        .route(
            "/providers/Microsoft.PowerApps/scopes/admin/environments/{environment}/apis/{api}/connections",
            get(connection::list),
        )
        .route(
            "/providers/Microsoft.PowerApps/scopes/admin/environments/{environment}/apis/{api}/connections/{id}",
            connection_routes.clone(),
        )
        .route(
            "/providers/Microsoft.PowerApps/scopes/admin/environments/{environment}/apis/{api}/connections/{id}/permissions",
            get(connection::permissions),
        )
        .route(
            "/providers/Microsoft.PowerApps/scopes/admin/environments/{environment}/apis/{api}/connections/{id}/modifyPermissions",
            post(connection::modify_permissions),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}/connref_test",
            post(connection::test),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}/connref_rotate",
            post(connection::rotate),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}/connref_return",
            post(connection::give_back),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}/connref_enable",
            post(connection::enable),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}/connref_disable",
            post(connection::disable),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}/connref_signIn",
            post(connection::sign_in),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}/connref_signInFinish",
            post(connection::sign_in_finish),
        )
        .route(
            "/connectivity/connectors/{api}/connections/{id}/connref_test",
            post(connection::test),
        )
        .route(
            "/connectivity/connectors/{api}/connections/{id}/connref_rotate",
            post(connection::rotate),
        )
        .route(
            "/connectivity/connectors/{api}/connections/{id}/connref_return",
            post(connection::give_back),
        )
        .route(
            "/connectivity/connectors/{api}/connections/{id}/connref_enable",
            post(connection::enable),
        )
        .route(
            "/connectivity/connectors/{api}/connections/{id}/connref_disable",
            post(connection::disable),
        )
        .route(
            "/connectivity/connectors/{api}/connections/{id}/connref_signIn",
            post(connection::sign_in),
        )
        .route(
            "/connectivity/connectors/{api}/connections/{id}/connref_signInFinish",
            post(connection::sign_in_finish),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}/connref_consentLink",
            post(consent::link),
        )
        .route(
            "/providers/Microsoft.PowerApps/apis/{api}/connections/{id}/connref_consentState",
            post(consent::state),
        )
        .route(
            "/connectivity/connectors/{api}/connections/{id}/connref_consentLink",
            post(consent::link),
        )
        .route(
            "/connectivity/connectors/{api}/connections/{id}/connref_consentState",
            post(consent::state),
        )
        // Flows and runs.
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows",
            get(flow::list).post(flow::create),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}",
            get(flow::get).patch(flow::update).delete(flow::delete),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}/start",
            post(flow::start),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}/stop",
            post(flow::stop),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}/permissions",
            get(flow_permission::list),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}/modifyPermissions",
            post(flow_permission::modify),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}/triggers",
            get(trigger::list),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}/triggers/{trigger}",
            get(trigger::get),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}/triggers/{trigger}/run",
            post(run::run),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}/triggers/{trigger}/histories/{run}/resubmit",
            post(run::resubmit),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}/runs",
            get(run::runs),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}/runs/{run}",
            get(run::run_get),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/environments/{environment}/flows/{flow}/runs/{run}/cancel",
            post(run::cancel),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/scopes/admin/environments/{environment}/v2/flows",
            get(flow::list),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/scopes/admin/environments/{environment}/flows",
            get(flow::list),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/scopes/admin/environments/{environment}/flows/{flow}",
            get(flow::get).delete(flow::delete),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/scopes/admin/environments/{environment}/flows/{flow}/start",
            post(flow::start),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/scopes/admin/environments/{environment}/flows/{flow}/stop",
            post(flow::stop),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/scopes/admin/environments/{environment}/flows/{flow}/permissions",
            get(flow_permission::list),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/scopes/admin/environments/{environment}/flows/{flow}/modifyPermissions",
            post(flow_permission::modify),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/scopes/admin/environments/{environment}/flows/{flow}/runs",
            get(run::runs),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/scopes/admin/environments/{environment}/flows/{flow}/runs/{run}",
            get(run::run_get),
        )
        .route(
            "/providers/Microsoft.ProcessSimple/scopes/admin/environments/{environment}/flows/{flow}/runs/{run}/cancel",
            post(run::cancel),
        )
        // The same for the newer command line.
        .route(
            "/powerautomate/environments/{environment}/cloudFlows",
            get(automate::flows),
        )
        .route(
            "/powerautomate/environments/{environment}/flowRuns",
            get(automate::runs),
        )
        .route(
            "/powerautomate/environments/{environment}/flowActions",
            get(automate::actions),
        )
        .route(
            "/powerautomate/cloudFlows",
            get(automate::flows),
        )
        .route(
            "/powerautomate/flowRuns",
            get(automate::runs),
        )
        .route(
            "/powerautomate/flowActions",
            get(automate::actions),
        )
        .fallback(powerapps::no_route)
        .method_not_allowed_fallback(powerapps::no_method)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .merge(sign_in())
        .layer(from_fn_with_state(app.clone(), challenge))
        .with_state(app)
}

/// The authorization server and its pages: what is asked without being signed in.
fn sign_in() -> Router<App> {
    Router::new()
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(oauth::configuration))
        .route("/{tenant}/.well-known/openid-configuration", get(oauth::configuration))
        .route("/{tenant}/discovery/v2.0/keys", get(oauth::keys))
        .route("/{tenant}/discovery/keys", get(oauth::keys))
        .route("/common/discovery/instance", get(oauth::instance))
        .route("/{tenant}/oauth2/v2.0/token", post(oauth::token))
        .route("/{tenant}/oauth2/token", post(oauth::token_v1))
        .route("/{tenant}/oauth2/v2.0/devicecode", post(oauth::device_code))
        .route(
            "/{tenant}/oauth2/v2.0/authorize",
            get(oauth::authorize).post(oauth::authorize_answer),
        )
        .route("/{tenant}/oauth2/v2.0/logout", get(page::sign_in::logout))
        .route("/signin", get(page::sign_in::show).post(page::sign_in::enter))
        .route("/signin/{code}", get(page::sign_in::link))
        .route("/signin.css", get(page::style))
        .route("/signout", post(page::sign_in::leave))
        .route("/device", get(page::device::show).post(page::device::answer))
        .route("/consent/callback", get(page::consent::callback))
        .route("/consent/{link}", get(page::consent::show).post(page::consent::answer))
        .layer(DefaultBodyLimit::max(FORM_MAX))
}
