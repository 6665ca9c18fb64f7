// Existing Node clients, unchanged, against a server over HTTPS.
// node node.mjs NODE_MODULES → one line of JSON on stdout: what each did.
import { open } from './session.mjs';

const api = await open(process.argv[2]);
const done = {};
const who = await api.callFunction('WhoAmI');
done.who = who.UserId.length === 36;
const publisher = await api.create({
  collection: 'publishers',
  data: { uniquename: 'jetty', friendlyname: 'Jetty', customizationprefix: 'jet', customizationoptionvalueprefix: 20000 },
  returnRepresentation: true,
});
done.created = publisher.friendlyname;
const reference = await api.create({
  collection: 'connectionreferences',
  data: {
    connectionreferencelogicalname: 'jet_Mail',
    connectionreferencedisplayname: 'Mail',
    connectorid: '/providers/Microsoft.PowerApps/apis/shared_office365',
  },
});
await api.update({ collection: 'connectionreferences', key: reference, data: { description: 'Changed' } });
await api.upsert({
  collection: 'connectionreferences',
  key: "connectionreferencelogicalname='jet_Mail'",
  data: { connectionreferencedisplayname: 'Post' },
});
const read = await api.retrieve({
  collection: 'connectionreferences',
  key: reference,
  select: ['connectionreferencedisplayname', 'description'],
});
done.changed = [read.connectionreferencedisplayname, read.description];
const list = await api.retrieveMultiple({
  collection: 'publishers',
  select: ['uniquename'],
  filter: "uniquename eq 'jetty'",
  count: true,
});
done.listed = [list.oDataCount, list.value[0].uniquename];
const all = await api.retrieveAll({ collection: 'systemusers', select: ['domainname'], maxPageSize: 1 });
done.paged = all.value.length;
await api.deleteRecord({ collection: 'publishers', key: publisher.publisherid });
try {
  await api.retrieve({ collection: 'publishers', key: publisher.publisherid });
  done.deleted = false;
} catch (error) {
  done.deleted = error.status === 404 && error.code === '0x80040217';
}
console.log(JSON.stringify(done));
