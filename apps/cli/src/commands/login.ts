import { hostname } from 'node:os';
import { PlanetLabError } from '@planetlab/model';
import type { Invocation } from '../leaf.ts';
import { leaf } from '../leaf.ts';
import { rolesText } from '../output/persons.ts';
import type { Register } from '../program.ts';
import { connect } from '../session/client.ts';
import { readSecret, readStandardInput } from '../session/secret.ts';
import { configFileOf, resolveSettings, saveSignIn } from '../session/settings.ts';

export const register: Register = (login, io) => {
  leaf(
    login
      .option('--with-token', 'read the API token from standard input, without asking')
      .option('--email <address>', 'sign in by mail address and password; a token is made for this machine'),
    io,
    { example: 'pl login --url https://plc.example.org --with-token < token' },
    async (invocation, options: { withToken?: boolean; email?: string }) => {
      const { url } = await resolveSettings(invocation);
      warnOfPlainText(invocation, url);
      const token = await obtainToken(invocation, url, options);
      if (!/^[\x21-\x7e]+$/.test(token)) {
        throw new PlanetLabError('malformed_request', 'That is not an API token; one is a single word.');
      }
      const me = await connect(invocation, url, token).client.getMe({});
      await saveSignIn(configFileOf(invocation), { url, token });
      invocation.print.done(me, `Signed in at ${url} as ${me.email} (${rolesText(me)}).`);
    },
  );
};

async function obtainToken(
  invocation: Invocation,
  url: string,
  options: { readonly withToken?: boolean; readonly email?: string },
): Promise<string> {
  const { io } = invocation;
  if (options.withToken === true) return readStandardInput(io);
  if (options.email === undefined) return readSecret(io, `API token for ${url}: `);
  const password = await readSecret(io, `Password of ${options.email} at ${url}: `);
  const body = { email: options.email, password, label: `pl on ${hostname()}` };
  return (await connect(invocation, url, '').client.createTokenByPassword({ body })).token;
}

const LOOPBACK = /^(localhost|127\.[\d.]+|\[::1\])$/;

function warnOfPlainText(invocation: Invocation, url: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:' || LOOPBACK.test(hostname)) return;
  invocation.print.note(`pl: the connection to ${hostname} is not encrypted; your token can be read on its way.`);
}
