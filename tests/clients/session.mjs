// Signs in with a secret and opens the Web API with clients of the vendor's and of another make, unchanged. Where
// the server is and who signs in comes from the environment.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

export const open = async (modules) => {
  const require = createRequire(`${modules}/x.js`);
  const load = async (name) => {
    const found = await import(pathToFileURL(require.resolve(name)).href);
    return found.default ?? found;
  };
  const { AUTHORITY, ENVIRONMENT, TENANT, CLIENT_ID, CLIENT_SECRET } = process.env;
  const { ConfidentialClientApplication } = await load('@azure/msal-node');
  const application = new ConfidentialClientApplication({
    auth: {
      clientId: CLIENT_ID,
      clientSecret: CLIENT_SECRET,
      authority: `${AUTHORITY}/${TENANT}`,
      knownAuthorities: [new URL(AUTHORITY).host],
    },
  });
  const { accessToken } = await application.acquireTokenByClientCredential({ scopes: [`${ENVIRONMENT}/.default`] });
  const { DynamicsWebApi } = await load('dynamics-web-api');
  return new DynamicsWebApi({
    serverUrl: ENVIRONMENT,
    dataApi: { version: '9.2' },
    onTokenRefresh: async () => accessToken,
  });
};
