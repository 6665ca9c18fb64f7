// A real issuer of signed access tokens for the tests: oidc-provider with resource indicators (RFC 8707).
// node issuer.mjs NODE_MODULES → one line of JSON on stdout: { issuer }. What a test wants beside it:
//   GET /-/counts            how often the key set was asked for (`jwks`)
//   GET /-/mode?alg=PS256    tokens are signed with this algorithm from now on
//   GET /-/mode?jwks=giant   the key set is larger than anybody reads; jwks=broken: it is no JSON; jwks=right
//   GET /-/rotate            new keys; the old ones are forgotten
//   POST /-/sign             {header, claims}: a token signed with the issuer's own key, whatever it says
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.argv[2]}/x.js`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { Provider } = await load('oidc-provider');
const { SignJWT, importJWK } = await load('jose');

const counts = { jwks: 0 };
const mode = { alg: 'RS256', jwks: 'right' };

const makeKeys = () => [
  ['rsa', { modulusLength: 2048 }],
  ['ec', { namedCurve: 'P-256' }],
].map(([type, options]) => {
  const jwk = generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' });
  return { ...jwk, kid: randomUUID(), use: 'sig' };
});

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  let keys;
  let answer;
  const begin = () => {
    keys = makeKeys();
    const provider = new Provider(issuer, {
      jwks: { keys },
      clients: [
        {
          client_id: 'native',
          token_endpoint_auth_method: 'none',
          application_type: 'native',
          redirect_uris: ['http://127.0.0.1/cb'],
          grant_types: ['authorization_code'],
          response_types: ['code'],
        },
        ...['aaaaaaaa-0000-4000-8000-000000000001', 'workload'].map((id) => ({
          client_id: id,
          client_secret: 'service-secret',
          token_endpoint_auth_method: 'client_secret_post',
          grant_types: ['client_credentials'],
          redirect_uris: [],
          response_types: [],
        })),
      ],
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (ctx, resource) => ({
            scope: 'api',
            audience: resource,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: mode.alg } },
          }),
        },
      },
      pkce: { required: () => true },
      extraTokenClaims: (ctx, token) => (token.accountId
        ? { preferred_username: `${token.accountId}@harbour.test` }
        : undefined),
      findAccount: (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
      cookies: { keys: ['for tests'] },
      ttl: { AccessToken: 600, ClientCredentials: 600, Session: 600, Interaction: 600, Grant: 600, IdToken: 600 },
    });
    answer = provider.callback();
  };
  begin();
  const sign = async ({ header, claims }) => {
    const alg = header?.alg ?? mode.alg;
    const key = keys.find((one) => one.kty === (alg.startsWith('ES') ? 'EC' : 'RSA'));
    const now = Math.floor(Date.now() / 1000);
    const all = { iss: issuer, iat: now, exp: now + 600, ...claims };
    for (const [name, value] of Object.entries(all)) if (value === null) delete all[name];
    return new SignJWT(all).setProtectedHeader({ alg, kid: key.kid, typ: 'at+jwt', ...header }).sign(await importJWK(key, alg));
  };
  const helped = async (request, url) => {
    if (url.pathname === '/-/counts') return counts;
    if (url.pathname === '/-/mode') return Object.assign(mode, Object.fromEntries(url.searchParams));
    if (url.pathname === '/-/rotate') { begin(); return {}; }
    let text = '';
    for await (const part of request) text += part;
    return { token: await sign(JSON.parse(text)) };
  };
  server.on('request', async (request, response) => {
    const url = new URL(request.url, issuer);
    if (url.pathname.startsWith('/-/')) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(await helped(request, url)));
      return;
    }
    if (url.pathname === '/jwks') {
      counts.jwks += 1;
      if (mode.jwks !== 'right') {
        response.setHeader('content-type', 'application/json');
        response.end(mode.jwks === 'giant' ? `{"keys":["${'x'.repeat(3 << 20)}"]}` : '{"keys":');
        return;
      }
    }
    answer(request, response);
  });
  console.log(JSON.stringify({ issuer }));
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
