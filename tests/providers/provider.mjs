// A real authorization server for the tests: oidc-provider with its development pages.
// node provider.mjs NODE_MODULES → one line of JSON on stdout: { issuer }. GET /-/counts tells how often each
// grant was answered and how often a refresh token came twice; GET /me says who a token belongs to.
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.argv[2]}/x.js`);
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const counts = { refused: 0 };
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const common = {
    scope: 'openid offline_access',
    redirect_uris: ['http://127.0.0.1/cb', 'http://localhost/consent/callback'],
  };
  const provider = new Provider(issuer, {
    clients: [
      {
        ...common,
        client_id: 'native',
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        response_types: ['code'],
      },
      ...['service-secret-1', 'service-secret-2'].map((secret, at) => ({
        client_id: `service-${at + 1}`,
        client_secret: secret,
        token_endpoint_auth_method: at ? 'client_secret_basic' : 'client_secret_post',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      })),
      ...(process.env.CLIENT_KEY
        ? [{
          client_id: 'service-3',
          token_endpoint_auth_method: 'private_key_jwt',
          grant_types: ['client_credentials'],
          redirect_uris: [],
          response_types: [],
          jwks: { keys: [JSON.parse(process.env.CLIENT_KEY)] },
        }]
        : []),
    ],
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      devInteractions: { enabled: true },
      introspection: { enabled: true },
    },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async (ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    findAccount: (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    cookies: { keys: ['for tests'] },
    ttl: { AccessToken: 3600, DeviceCode: 600, RefreshToken: 86400, Session: 600, Interaction: 600, Grant: 86400, ClientCredentials: 600, IdToken: 600 },
  });
  provider.on('grant.success', (ctx) => {
    const grant = ctx.oidc.params.grant_type;
    counts[grant] = (counts[grant] ?? 0) + 1;
  });
  provider.on('grant.error', () => { counts.refused += 1; });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/-/counts') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(counts));
    } else {
      answer(request, response);
    }
  });
  console.log(JSON.stringify({ issuer }));
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
