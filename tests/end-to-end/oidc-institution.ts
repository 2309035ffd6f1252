import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

/** An institution's OpenID provider, the real one of the library, on this machine. Whoever signs in is believed. */
export interface Institution extends AsyncDisposable {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** From now on it knows our PLC; before it answers nothing. */
  open(redirectUri: string): void;
}

export async function startInstitution(): Promise<Institution> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const issuer = `http://127.0.0.1:${port}`;
  const [clientId, clientSecret] = ['planetlab', 'institution-secret'];
  return {
    issuer,
    clientId,
    clientSecret,
    open: (redirectUri) => serveProvider(server, issuer, { clientId, clientSecret, redirectUri }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface KnownClient {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
}

function serveProvider(server: Server, issuer: string, { clientId, clientSecret, redirectUri }: KnownClient): void {
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
    claims: { email: ['email', 'email_verified'] },
    cookies: { keys: ['only for tests'] },
    pkce: { required: () => true },
    // The account is the mail address; one that begins with "unproven" is not vouched for.
    findAccount: (_context, email) => ({
      accountId: email,
      claims: async () => ({ sub: email, email, email_verified: !email.startsWith('unproven') }),
    }),
  });
  server.on('request', provider.callback());
}
