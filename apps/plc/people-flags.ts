import { PlanetLabError } from '@planetlab/model';
import { type Command, Option } from 'commander';

/** How mail leaves, and whose accounts are taken. Secrets come by the environment alone: everybody can read arguments. */
export interface PeopleFlags {
  readonly smtpUrl?: string;
  readonly mailFrom?: string;
  readonly oidcIssuer?: string;
  readonly oidcClientId?: string;
  readonly oidcLabel?: string;
}

const SMTP_PASSWORD = 'PLANETLAB_PLC_SMTP_PASSWORD';
const OIDC_SECRET = 'PLANETLAB_PLC_OIDC_CLIENT_SECRET';

const flag = (flags: string, description: string, variable: string) => new Option(flags, description).env(variable);

export const addPeopleFlags = (command: Command): Command =>
  command
    .addOption(
      flag(
        '--smtp-url <url>',
        `server for mail, such as smtp://plc@mail.example.org:587; the password comes from ${SMTP_PASSWORD}. Without it mail stays in the outbox`,
        'PLANETLAB_PLC_SMTP_URL',
      ),
    )
    .addOption(flag('--mail-from <address>', 'whom mail comes from', 'PLANETLAB_PLC_MAIL_FROM'))
    .addOption(
      flag(
        '--oidc-issuer <url>',
        `OpenID provider whose accounts are taken; its client secret comes from ${OIDC_SECRET}`,
        'PLANETLAB_PLC_OIDC_ISSUER',
      ),
    )
    .addOption(flag('--oidc-client-id <id>', 'what the provider calls this PLC', 'PLANETLAB_PLC_OIDC_CLIENT_ID'))
    .addOption(flag('--oidc-label <name>', 'what its button says', 'PLANETLAB_PLC_OIDC_LABEL'));

/** The options of a PLC that these flags mean. Throws `malformed_request` for halves. */
export function peopleOptions(flags: PeopleFlags, env: Readonly<Record<string, string | undefined>>) {
  return { ...smtp(flags, env[SMTP_PASSWORD]), ...oidc(flags, env[OIDC_SECRET]) };
}

function smtp({ smtpUrl, mailFrom }: PeopleFlags, password: string | undefined) {
  if (smtpUrl === undefined) return {};
  if (mailFrom === undefined) {
    throw new PlanetLabError('malformed_request', 'Say whom mail comes from, as in --mail-from plc@example.org.');
  }
  const url = URL.parse(smtpUrl);
  if (url !== null && password !== undefined) url.password = password;
  return { smtp: { url: url?.href ?? smtpUrl, from: mailFrom } };
}

function oidc({ oidcIssuer, oidcClientId, oidcLabel }: PeopleFlags, clientSecret: string | undefined) {
  if (oidcIssuer === undefined) return {};
  if (oidcClientId === undefined || !URL.canParse(oidcIssuer)) {
    throw new PlanetLabError(
      'malformed_request',
      'An OpenID provider needs both: --oidc-issuer https://login.example.org and --oidc-client-id.',
    );
  }
  const label = oidcLabel ?? new URL(oidcIssuer).hostname;
  const secret = clientSecret === undefined ? {} : { clientSecret };
  return { oidc: { issuer: oidcIssuer, clientId: oidcClientId, label, ...secret } };
}
