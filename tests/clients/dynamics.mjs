// dynamics-web-api, unchanged, at more than single rows: pages with annotations, versions, batches, FetchXML,
// relationships, functions and actions, metadata, and an import that is awaited.
// node dynamics.mjs NODE_MODULES PACKAGE CONNECTION → one line of JSON per kind of work.
import { readFileSync } from 'node:fs';
import { open } from './session.mjs';

const [, , modules, packageFile, connection] = process.argv;
const api = await open(modules);
const tell = (what) => console.log(JSON.stringify(what));
const refused = async (work) => {
  try {
    await work();
    return null;
  } catch (error) {
    return [error.status, error.code];
  }
};
const nobody = '00000000-0000-0000-0000-000000000009';
const name = 'connectionreferencelogicalname';
const references = { collection: 'connectionreferences' };
const reference = (logical) => ({
  [name]: logical,
  connectionreferencedisplayname: logical,
  connectorid: '/providers/Microsoft.PowerApps/apis/shared_office365',
});
const publisher = (unique) => ({
  uniquename: unique,
  friendlyname: unique,
  customizationprefix: 'buoy',
  customizationoptionvalueprefix: 10000,
});
const ids = [];
for (const logical of ['buoy_a', 'buoy_b', 'buoy_c']) {
  ids.push(await api.create({ ...references, data: reference(logical) }));
}

// Pages, with what a person would read.
const asked = {
  ...references,
  select: [name, 'statecode', '_ownerid_value'],
  filter: `startswith(${name},'buoy_')`,
  orderBy: [name],
  maxPageSize: 2,
  count: true,
  includeAnnotations: '*',
};
const first = await api.retrieveMultiple(asked);
const second = await api.retrieveMultiple(asked, first.oDataNextLink);
tell({
  pages: [first, second].map((page) => page.value.map((row) => row[name])),
  count: first.oDataCount,
  formatted: [first.value[0].statecode_Formatted, first.value[0]._ownerid_value_LogicalName],
  last: second.oDataNextLink === undefined,
  all: [await api.count(references), await api.countAll({ ...references, filter: asked.filter })],
});

// Versions: the right one, and one that is past.
const [key] = ids;
const read = await api.retrieve({ ...references, key });
const ifmatch = read['@odata.etag'];
const change = (description, more) => api.update({ ...references, key, data: { description }, ...more });
const right = await change('first', { ifmatch });
const stale = await change('second', { ifmatch });
const removed = await api.deleteRecord({ ...references, key, ifmatch });
const shown = await change('third', { returnRepresentation: true, select: ['description'] });
await api.updateSingleProperty({ ...references, key, fieldValuePair: { description: 'fourth' } });
tell({
  versions: [right, stale, removed],
  shown: shown.description,
  now: (await api.retrieve({ ...references, key, select: ['description'] })).description,
  upsert: await api.upsert({ ...references, key, data: { description: 'x' }, ifnonematch: '*' }),
  missing: await refused(() => api.retrieve({ ...references, key: nobody })),
  twice: await refused(() => api.create({ ...references, data: reference('buoy_a') })),
  nowhere: await refused(() => api.retrieveMultiple({ collection: 'nosuch' })),
});

// A change set whose requests refer to each other, and one of which nothing stays.
api.startBatch();
api.create({ collection: 'publishers', data: publisher('buoy'), contentId: '1' });
api.create({
  collection: 'solutions',
  data: { uniquename: 'Buoys', friendlyname: 'Buoys', version: '1.0.0.0', 'publisherid@odata.bind': '$1' },
  contentId: '2',
});
const made = await api.executeBatch();
const solution = await api.retrieve({
  collection: 'solutions',
  key: made[1],
  select: ['uniquename'],
  expand: [{ property: 'publisherid', select: ['uniquename'] }],
});
api.startBatch();
api.create({ collection: 'publishers', data: publisher('wreck'), contentId: '1' });
api.deleteRecord({ collection: 'publishers', key: nobody });
let failed;
try {
  await api.executeBatch();
} catch (errors) {
  failed = errors.map((error) => [error.status, error.error.code]);
}
api.startBatch();
api.retrieve({ collection: 'publishers', key: nobody });
api.update({ ...references, key: ids[1], data: { description: 'in a batch' } });
api.retrieve({ ...references, key: ids[1], select: ['description'] });
const mixed = await api.executeBatch({ continueOnError: true });
tell({
  bound: [solution.uniquename, solution.publisherid.uniquename],
  failed,
  rolledBack: (await api.retrieveMultiple({ collection: 'publishers', filter: "uniquename eq 'wreck'" })).value.length,
  mixed: [mixed[0].error.code, mixed[1], mixed[2].description],
});

// FetchXML in pages.
const fetchXml = `<fetch count='2'><entity name='connectionreference'><attribute name='${name}'/><filter>
<condition attribute='${name}' operator='begins-with' value='buoy_'/></filter><order attribute='${name}'/></entity></fetch>`;
const fetched = await api.fetchAll({ ...references, fetchXml, includeAnnotations: '*' });
tell({ fetched: fetched.value.map((row) => row[name]) });

// Relationships, functions, actions.
const who = await api.callFunction('WhoAmI');
const team = await api.create({
  collection: 'teams',
  data: { name: 'Buoys', teamtype: 0, 'businessunitid@odata.bind': `/businessunits(${who.BusinessUnitId})` },
});
const members = () =>
  api.retrieve({
    collection: 'teams',
    key: team,
    select: ['name'],
    expand: [{ property: 'teammembership_association', select: ['fullname'] }],
  });
const relation = {
  collection: 'teams',
  primaryKey: team,
  relationshipName: 'teammembership_association',
  relatedKey: who.UserId,
};
await api.associate({ ...relation, relatedCollection: 'systemusers' });
const joined = (await members()).teammembership_association.map((user) => user.systemuserid === who.UserId);
await api.disassociate(relation);
const access = await api.callFunction({
  name: 'Microsoft.Dynamics.CRM.RetrievePrincipalAccess',
  collection: 'systemusers',
  key: who.UserId,
  parameters: { Target: { '@odata.id': `connectionreferences(${key})` } },
});
const several = await api.callAction({
  ...references,
  actionName: 'Microsoft.Dynamics.CRM.CreateMultiple',
  action: { Targets: [{ '@odata.type': 'Microsoft.Dynamics.CRM.connectionreference', ...reference('buoy_d') }] },
});
await api.callAction({ actionName: 'PublishAllXml' });
tell({
  joined,
  parted: (await members()).teammembership_association.length,
  access: access.AccessRights.includes('WriteAccess'),
  several: several.Ids.length,
  unknown: await refused(() => api.callAction({ actionName: 'NoSuchAction' })),
});

// Metadata.
const entity = await api.retrieveEntity({ key: "LogicalName='workflow'", select: ['EntitySetName'] });
const choices = await api.retrieveAttributes({
  entityKey: entity.MetadataId,
  castType: 'Microsoft.Dynamics.CRM.PicklistAttributeMetadata',
  select: ['LogicalName'],
  expand: [{ property: 'OptionSet', select: ['Options'] }],
});
const category = choices.value.find((one) => one.LogicalName === 'category');
const attribute = await api.retrieveAttribute({ entityKey: entity.MetadataId, attributeKey: "LogicalName='name'" });
const relationships = await api.retrieveRelationships({
  castType: 'Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata',
  select: ['SchemaName'],
  filter: "ReferencedEntity eq 'publisher'",
});
const csdl = await api.retrieveCsdlMetadata();
tell({
  set: entity.EntitySetName,
  flows: category.OptionSet.Options.find((one) => one.Value === 5).Label.UserLocalizedLabel.Label,
  attribute: [attribute.AttributeType, attribute.MaxLength],
  relationships: relationships.value.map((one) => one.SchemaName),
  sets: (await api.retrieveGlobalOptionSets()).value.length,
  csdl: csdl.includes('<EntityType Name="connectionreference"'),
  created: await refused(() => api.createEntity({ data: { SchemaName: 'buoy_Chain' } })),
});

// An import that binds, and is awaited.
const started = await api.callAction({
  actionName: 'ImportSolutionAsync',
  action: {
    CustomizationFile: readFileSync(packageFile).toString('base64'),
    OverwriteUnmanagedCustomizations: true,
    PublishWorkflows: true,
    ComponentParameters: [
      {
        '@odata.type': 'Microsoft.Dynamics.CRM.connectionreference',
        connectionreferencelogicalname: 'hbr_Mail',
        connectionreferencedisplayname: '',
        connectorid: '/providers/Microsoft.PowerApps/apis/shared_office365',
        connectionid: connection,
        description: '',
      },
    ],
  },
});
let job;
do {
  await new Promise((resolve) => setTimeout(resolve, 100));
  job = await api.retrieve({
    collection: 'asyncoperations',
    key: started.AsyncOperationId,
    select: ['statecode', 'statuscode', 'message'],
  });
} while (job.statecode !== 3);
const result = await api.callFunction({
  name: 'RetrieveSolutionImportResult',
  parameters: { ImportJobId: started.ImportJobKey },
});
const bound = await api.retrieve({
  ...references,
  key: `${name}='hbr_Mail'`,
  select: ['connectionid', 'connectionreferencedisplayname'],
});
tell({
  job: job.statuscode,
  result: result.SolutionOperationResult.Status,
  bound: [bound.connectionid === connection, bound.connectionreferencedisplayname],
});
