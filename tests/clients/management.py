"""The vendor's client for the management API, unchanged. Writes one line of JSON: what it read, typed."""
import asyncio
import json
import os
from urllib.parse import urlsplit

from azure.identity import ClientSecretCredential
from kiota_abstractions.api_error import APIError
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from kiota_http.httpx_request_adapter import HttpxRequestAdapter
from mspp_management.service_client_base import ServiceClientBase

AUTHORITY = os.environ["AUTHORITY"]
VERSION = "2022-03-01-preview"


def asking(builder, **parameters):
    """The parameters of a request, of the builder's own type."""
    kinds = [kind for name, kind in vars(type(builder)).items() if name.endswith("GetQueryParameters")]
    return RequestConfiguration(query_parameters=kinds[0](**parameters))


async def read(builder, **parameters):
    return await builder.get(asking(builder, **parameters))


async def main():
    credential = ClientSecretCredential(
        os.environ["TENANT"],
        os.environ["CLIENT_ID"],
        os.environ["CLIENT_SECRET"],
        authority=AUTHORITY,
        disable_instance_discovery=True,
    )
    authentication = AzureIdentityAuthenticationProvider(
        credential, scopes=[f"{AUTHORITY}/.default"], allowed_hosts=[urlsplit(AUTHORITY).hostname]
    )
    adapter = HttpxRequestAdapter(authentication)
    adapter.base_url = AUTHORITY
    client = ServiceClientBase(adapter)

    environments = await read(client.environmentmanagement.environments, api_version=VERSION)
    environment = environments.value[0]
    one = await read(
        client.environmentmanagement.environments.by_environment_id(environment.id), api_version=VERSION
    )
    connectivity = client.connectivity.environments.by_environment_id(environment.id)
    connections = await read(connectivity.connections, api_version="1")
    here = f"environment eq '{environment.id}'"
    connectors = await read(connectivity.connectors, api_version="1", filter=here)
    mail = await read(connectivity.connectors.by_connector_id("shared_office365"), api_version="1", filter=here)
    automate = client.powerautomate.environments.by_environment_id(environment.id)
    flows = await read(automate.cloud_flows, api_version=VERSION)
    flow = next(flow for flow in flows.value if flow.name == "Tides")
    runs = await read(automate.flow_runs, api_version=VERSION, workflow_id=str(flow.workflow_id))
    actions = await read(automate.flow_actions, api_version=VERSION, workflow_id=str(flow.workflow_id))
    nowhere = client.connectivity.environments.by_environment_id("00000000-0000-0000-0000-000000000009")
    try:
        await read(nowhere.connections, api_version="1")
        refused = None
    except APIError as error:
        refused = error.response_status_code
    told = {
        "environments": [one.display_name for one in environments.value],
        "environment": [one.id == environment.id, one.type, one.domain_name, one.created_date_time.year > 2000],
        "connections": [
            [
                connection.properties.display_name,
                connection.properties.api_id,
                connection.properties.created_by.type,
                [status.status for status in connection.properties.statuses],
                connection.properties.created_time.year > 2000,
                connection.properties.allow_sharing,
            ]
            for connection in connections.value
        ],
        "connectors": {"shared_office365", "shared_sql"} <= {one.name for one in connectors.value},
        "connector": [mail.name, mail.properties.display_name, mail.properties.is_custom_api],
        "flow": [
            flow.state_code.value,
            flow.status_code.value,
            flow.modern_flow_type.value,
            sorted(json.loads(flow.definition)["actions"]),
            flow.owner_id == flow.created_by,
        ],
        "runs": [[run.status, run.duration_ms >= 0, run.workflow_id == flow.workflow_id] for run in runs.value],
        "actions": [[action.stage_name, action.operation_type.value, action.is_trigger] for action in actions.value],
        "refused": refused,
    }
    print(json.dumps(told))


asyncio.run(main())
