import type { Invitation, Person, RoleAt, RoleRequest } from '@planetlab/contract';
import { PlanetLabError } from '@planetlab/model';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { oneRole, roles } from '../options-roles.ts';
import { rolesText, roleText } from '../output/persons.ts';
import type { Column } from '../output/printer.ts';
import { relativeTime } from '../output/times.ts';
import { allPages, type Plc, withClient } from '../session/client.ts';
import { readSecret } from '../session/secret.ts';

const INVITATIONS: readonly Column<Invitation>[] = [
  { head: 'ID', cell: (one) => one.id },
  { head: 'PERSON', cell: (one) => one.email },
  { head: 'ROLES', cell: (one) => one.roles.map(roleText).join(', ') },
  { head: 'INVITED BY', cell: (one) => one.invitedBy },
  { head: 'ENDS', cell: (one, view) => relativeTime(one.expiresAt, view.nowMs) },
];
const REQUESTS: readonly Column<RoleRequest>[] = [
  { head: 'PERSON', cell: (one) => one.person },
  { head: 'NAME', cell: (one) => one.name },
  { head: 'ROLE', cell: (one) => `${one.role}@${one.site}` },
  { head: 'ASKED', cell: (one, view) => relativeTime(one.requestedAt, view.nowMs) },
  { head: 'YOURS TO DECIDE', cell: (one) => (one.mayDecide ? 'yes' : 'no') },
];

/** How people come: invitations, and roles that they ask for. */
export function registerComing(person: Command, io: Io): void {
  leaf(
    person
      .command('invite <email>')
      .requiredOption('--name <name>', 'full name')
      .requiredOption(
        '--role <role@site...>',
        'a role at a site: user or tech; admins also pi, and `admin` alone',
        roles,
      ),
    io,
    {
      summary: 'invite somebody by mail',
      example: 'pl person invite ada@example.org --name "Ada" --role user@princeton',
    },
    (invocation, email: string, options: { name: string; role: RoleAt[] }) =>
      withClient(invocation, async ({ client }) => {
        const made = await client.invitePerson({ body: { email, name: options.name, roles: options.role } });
        const ends = relativeTime(made.expiresAt, invocation.print.view.nowMs);
        invocation.print.done(
          made,
          `${made.email} is invited to be ${made.roles.map(roleText).join(', ')}; the link ends ${ends}.`,
        );
      }),
  );
  leaf(
    person.command('invitations').option('--withdraw <id>', 'make one of them stop working'),
    io,
    { summary: 'invitations that were not accepted yet', example: 'pl person invitations' },
    (invocation, options: { withdraw?: string }) =>
      withClient(invocation, async ({ client }) => {
        if (options.withdraw !== undefined) {
          await client.withdrawInvitation({ params: { invitation: options.withdraw } });
          return invocation.print.done({}, `The invitation ${options.withdraw} no longer works.`);
        }
        const items = await allPages((after) => client.listInvitations({ query: { after } }));
        return invocation.print.list(items, INVITATIONS, 'Nobody is invited. Invite somebody with `pl person invite`.');
      }),
  );
  leaf(
    person.command('requests'),
    io,
    { summary: 'roles that people ask for', example: 'pl person requests' },
    (invocation) =>
      withClient(invocation, async ({ client }) => {
        const items = await allPages((after) => client.listRoleRequests({ query: { after } }));
        invocation.print.list(items, REQUESTS, 'Nobody asks for a role.');
      }),
  );
  registerDecision(person, io);
}

function registerDecision(person: Command, io: Io): void {
  leaf(
    person.command('approve <email> <role@site>'),
    io,
    { summary: 'give a role that somebody asks for', example: 'pl person approve ada@example.org user@princeton' },
    (invocation, email: string, text: string) =>
      withClient(invocation, async ({ client }) => {
        const params = { person: email, ...atSite(text) };
        const now = await client.approveRoleRequest({ params });
        invocation.print.done(now, `${now.email} is now ${rolesText(now)}.`);
      }),
  );
  leaf(
    person.command('refuse <email> <role@site>'),
    io,
    { summary: 'refuse a role that somebody asks for', example: 'pl person refuse ada@example.org user@princeton' },
    (invocation, email: string, text: string) =>
      withClient(invocation, async ({ client }) => {
        await client.rejectRoleRequest({ params: { person: email, ...atSite(text) } });
        invocation.print.done({}, `${email} does not become ${text}, and is told so.`);
      }),
  );
}

/** One's own mail address. */
export function registerAddress(person: Command, io: Io): void {
  leaf(
    person.command('change-address <email>'),
    io,
    {
      summary: 'ask for another mail address for your own account',
      example: 'pl person change-address ada@new.example.org',
    },
    (invocation, email: string) =>
      withClient(invocation, async ({ client }) => {
        const me = await client.getMe({});
        const password = await readSecret(io, `Password of ${me.email}: `);
        await client.askForAddress({ body: { email, password } });
        invocation.print.done(
          {},
          `A link was mailed to ${email}; open it where you are signed in to the console. Until then you are ${me.email}.`,
        );
      }),
  );
}

/** Roles given and taken, people enabled, disabled, removed. */
export function registerAccess(person: Command, io: Io): void {
  const role = (name: string, summary: string, change: (plc: Plc, email: string, role: RoleAt) => Promise<Person>) =>
    leaf(
      person.command(`${name} <email> <role@site>`),
      io,
      { summary, example: `pl person ${name} ada@example.org tech@princeton` },
      (invocation, email: string, text: string) =>
        withClient(invocation, async (plc) => {
          const now = await change(plc, email, oneRole(text));
          invocation.print.done(now, `${now.email} is now ${rolesText(now)}.`);
        }),
    );
  role('give-role', 'give somebody a role', ({ client }, email, given) => client.giveRole(roleInput(email, given)));
  role('take-role', 'take a role from somebody', ({ client }, email, taken) =>
    client.takeRole(roleInput(email, taken)),
  );
  for (const enabled of [true, false]) {
    const verb = enabled ? 'enable' : 'disable';
    const summary = enabled ? 'let somebody sign in again' : 'keep somebody from signing in and logging in';
    leaf(
      person.command(`${verb} <email>`),
      io,
      { summary, example: `pl person ${verb} ada@example.org` },
      (invocation, email: string) =>
        withClient(invocation, async ({ client }) => {
          const now = await client.changeEnabled({ params: { person: email }, body: { enabled } });
          invocation.print.done(now, `${now.email} is ${verb}d.`);
        }),
    );
  }
  registerLeaving(person, io);
}

function registerLeaving(person: Command, io: Io): void {
  const handing = (command: Command) =>
    command.option('--hand-to <email>', 'who gets the slices that nobody else is in');
  interface Handing {
    readonly handTo?: string;
  }
  const remove = (plc: Plc, email: string, { handTo }: Handing) =>
    plc.client.removePerson({ params: { person: email }, query: { handTo } });
  leaf(
    handing(person.command('remove <email>')),
    io,
    { summary: 'remove somebody', example: 'pl person remove ada@example.org --hand-to bob@example.org' },
    (invocation, email: string, options: Handing) =>
      withClient(invocation, async (plc) => {
        await remove(plc, email, options);
        invocation.print.done({}, `${email} is removed.`);
      }),
  );
  leaf(
    handing(person.command('leave')).option('--yes', 'really'),
    io,
    { summary: 'end your own account', example: 'pl person leave --yes --hand-to bob@example.org' },
    (invocation, options: Handing & { yes?: boolean }) =>
      withClient(invocation, async (plc) => {
        const { email } = await plc.client.getMe({});
        if (options.yes !== true) {
          throw new PlanetLabError(
            'malformed_request',
            `This ends the account ${email} for good. Say --yes if you mean it.`,
          );
        }
        await remove(plc, email, options);
        invocation.print.done({}, `Your account ${email} has ended.`);
      }),
  );
}

const roleInput = (person: string, { role, site }: RoleAt) => ({
  params: { person, role },
  query: { site: site ?? undefined },
});

function atSite(text: string) {
  const { role, site } = oneRole(text);
  if (site !== null) return { role, site };
  throw new PlanetLabError('malformed_request', 'Nobody asks to be admin; admins give that role with give-role.');
}
