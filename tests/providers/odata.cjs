// Reads $metadata (CSDL XML) on stdin with the OData committee's own tools: to CSDL JSON, to OpenAPI.
// Tells what they found, and every name that leads nowhere, as one line of JSON. Writes the OpenAPI
// into the file that the second argument names, if there is one.
const { createRequire } = require("node:module");
const path = require("node:path");
const load = createRequire(path.join(process.argv[2], "package.json"));
const { xml2json } = load("odata-csdl");
const { csdl2openapi } = load("odata-openapi");

const text = require("node:fs").readFileSync(0, "utf8");
const messages = [];
const csdl = xml2json(text, { strict: true });
const schemas = Object.entries(csdl).filter(([name]) => !name.startsWith("$"));
const types = {};
for (const [namespace, schema] of schemas) {
  for (const [name, item] of Object.entries(schema)) {
    if (name.startsWith("$") || name.startsWith("@")) continue;
    types[`${namespace}.${name}`] = item;
    if (schema.$Alias) types[`${schema.$Alias}.${name}`] = item;
  }
}
const lost = [];
const known = (name, where) => {
  if (name && !name.startsWith("Edm.") && !types[name]) lost.push(`${where}: ${name}`);
};
const properties = (type) => ({ ...(type.$BaseType ? properties(types[type.$BaseType] ?? {}) : {}), ...type });
let sets = 0;
const own = schemas.flatMap(([namespace, schema]) => Object.keys(schema).map((name) => `${namespace}.${name}`));
for (const [name, item] of Object.entries(types).filter(([name]) => own.includes(name))) {
  for (const one of Array.isArray(item) ? item : [item]) {
    if (one.$Kind === "EntityContainer") {
      for (const [set, target] of Object.entries(one)) {
        if (set.startsWith("$")) continue;
        if (target.$Collection) sets += 1;
        known(target.$Type, set);
        known(target.$Function ?? target.$Action, set);
        for (const [nav, to] of Object.entries(target.$NavigationPropertyBinding ?? {})) {
          if (!one[to]) lost.push(`${set}/${nav}: ${to}`);
          if (!properties(types[target.$Type] ?? {})[nav]) lost.push(`${set}: ${nav}`);
        }
      }
      continue;
    }
    known(one.$BaseType, name);
    known(one.$ReturnType?.$Type, name);
    for (const parameter of one.$Parameter ?? []) known(parameter.$Type, `${name}(${parameter.$Name})`);
    for (const key of one.$Key ?? []) if (!properties(one)[key]) lost.push(`${name} key ${key}`);
    for (const [property, value] of Object.entries(one)) {
      if (property.startsWith("$") || typeof value !== "object") continue;
      known(value.$Type, `${name}/${property}`);
      for (const [here, there] of Object.entries(value.$ReferentialConstraint ?? {})) {
        if (!properties(one)[here]) lost.push(`${name}/${property}: ${here}`);
        if (!properties(types[value.$Type] ?? {})[there]) lost.push(`${name}/${property}: ${there}`);
      }
    }
  }
}
const openapi = csdl2openapi(csdl, { messages, host: "connref.test", basePath: "/api/data/v9.2" });
if (process.argv[3]) require("node:fs").writeFileSync(process.argv[3], JSON.stringify(openapi));
process.stdout.write(JSON.stringify({
  sets,
  lost,
  messages,
  openapi: openapi.openapi,
  paths: Object.keys(openapi.paths).length,
  things: Object.keys(openapi.paths).filter((path) => path.includes("con_thing")).length,
}));
