import { hostname } from 'node:os';
import { TokenScope } from '@planetlab/contract';
import { isPlanetLabError, PlanetLabError } from '@planetlab/model';
import { Option } from 'commander';
import type { Invocation } from '../leaf.ts';
import { leaf } from '../leaf.ts';
import { duration } from '../options.ts';
import { rolesText } from '../output/persons.ts';
import type { Register } from '../program.ts';
import { connect } from '../session/client.ts';
import { type DeviceOptions, signInByBrowser } from '../session/device-sign-in.ts';
import { readSecret, readStandardInput } from '../session/secret.ts';
import { configFileOf, resolveSettings, saveSignIn } from '../session/settings.ts';
import { usageError } from '../usage.ts';

export const register: Register = (login, io) => {
  leaf(
    login
      .option('--with-token', 'read the API token from standard input, without asking')
      .option('--email <address>', 'sign in by mail address and password; a token is made for this machine')
      .option('--no-browser', 'print the address to open in a browser, on this machine or another')
      .option('--for <time>', 'how long this machine stays signed in, such as 4w', duration)
      .addOption(
        new Option('--scope <scope...>', 'what this machine may do; it always reads').choices(TokenScope.options),
      ),
    io,
    { example: 'pl login --url https://plc.example.org' },
    async (invocation, options: LoginOptions) => {
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

interface LoginOptions extends DeviceOptions {
  readonly withToken?: boolean;
  readonly email?: string;
}

async function obtainToken(invocation: Invocation, url: string, options: LoginOptions): Promise<string> {
  const { io } = invocation;
  requireNoTerms(options);
  if (options.withToken === true) return readStandardInput(io);
  if (options.email === undefined) return byBrowserOrToken(invocation, url, options);
  const password = await readSecret(io, `Password of ${options.email} at ${url}: `);
  const body = { email: options.email, password, label: `pl on ${hostname()}` };
  return (await connect(invocation, url, '').client.createTokenByPassword({ body })).token;
}

/** A token that is given has its scopes already, and one by password has them all. */
function requireNoTerms({ withToken, email, scope, for: forMs }: LoginOptions): void {
  if (withToken !== true && email === undefined) return;
  if (scope === undefined && forMs === undefined) return;
  throw usageError('--scope and --for go with signing in by a browser; otherwise make a token with `pl token create`.');
}

/** Who pipes something in has a token already; so has who signs in at a PLC that is too old to know better. */
async function byBrowserOrToken(invocation: Invocation, url: string, options: LoginOptions): Promise<string> {
  const { io } = invocation;
  const byToken = () => readSecret(io, `API token for ${url}: `);
  const mayOpen = options.browser !== false;
  const hasTerms = options.scope !== undefined || options.for !== undefined;
  if (mayOpen && !hasTerms && io.stdin.isTTY !== true) return byToken();
  return signInByBrowser(invocation, url, options).catch((error) => {
    if (!isPlanetLabError(error, 'no_such_route') || !mayOpen) throw error;
    return byToken();
  });
}

const LOOPBACK = /^(localhost|127\.[\d.]+|\[::1\])$/;

function warnOfPlainText(invocation: Invocation, url: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:' || LOOPBACK.test(hostname)) return;
  invocation.print.note(`pl: the connection to ${hostname} is not encrypted; your token can be read on its way.`);
}
