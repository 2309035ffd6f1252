import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { NodeName, SliceName } from '@planetlab/model';
import { block, printed } from './guide.ts';
import { sh, unitProperty, until } from './shell.ts';
import { CA, HOME } from './surroundings.ts';

/** What both halves of the walk know of the authority. */

export const URL = 'https://plc.example.org';
export const UNITS = ['planetlab-plc', 'planetlab-plc2'] as const;
export const NODE = NodeName.parse('n1');
export const SLICE = SliceName.parse('demo_hello');
/** The first admin's token, kept for what goes on after the reboot. */
export const TOKEN = `${HOME}/token`;

const PORTS = [8420, 8430] as const;

const clientAt = (url: string): Client<typeof plcRoutes> => {
  const headers = { authorization: `Bearer ${readFileSync(TOKEN, 'utf8').trim()}` };
  return createClient(
    plcRoutes,
    withHeaders(fetchTransport(url), () => headers),
  );
};

/** The admin's client, by the way that people come. */
export const admin = (): Client<typeof plcRoutes> => clientAt(URL);

/** The admin's client of each process by itself. */
export const adminAtEach = (): readonly Client<typeof plcRoutes>[] =>
  PORTS.map((port) => clientAt(`http://127.0.0.1:${port}`));

/** Text of a page that wants the admin's token. */
export async function page(url: string): Promise<string> {
  const reply = await fetch(url, { headers: { authorization: `Bearer ${readFileSync(TOKEN, 'utf8').trim()}` } });
  assert.equal(reply.status, 200, url);
  return reply.text();
}

export const untilReady = (): Promise<void> =>
  until('both processes take requests, and the proxy passes them on', async () => {
    const urls = [...PORTS.map((port) => `http://127.0.0.1:${port}`), URL];
    const replies = await Promise.all(urls.map((url) => fetch(`${url}/readyz`)));
    return replies.every(({ ok }) => ok);
  });

export const untilRunning = (): Promise<void> =>
  until('the node is connected and the sliver runs', async () => {
    const { items } = await admin().listSlivers({ query: { slice: SLICE } });
    const { state } = await admin().getNode({ params: { node: NODE } });
    return state === 'connected' && items.length === 1 && items[0]?.state === 'running';
  });

/** When the sliver's first process began, by the machine's clock, and which boot it was. */
export const firstProcess = (): Promise<string> =>
  sh(
    `pl exec ${SLICE}@${NODE} -- sh -c 'cut -d" " -f22 /proc/1/stat; cat /proc/sys/kernel/random/boot_id' | tr '\\n' ' '`,
  );

export async function activeUnits(): Promise<void> {
  for (const unit of UNITS) assert.equal(await unitProperty(unit, 'ActiveState'), 'active', unit);
}

/** The folders of the guide, and the certificate that the database is known by. */
export async function makeFolders(): Promise<void> {
  await sh(`install -m 0644 ${CA} /etc/planetlab/db-ca.crt; install -m 0644 ${CA} /etc/planetlab/mail-ca.crt`);
  await sh(printed('install -d -o planetlab-plc -m 0700 /etc/planetlab/keys'));
  await sh(printed('install -d -o planetlab-plc -m 0711 /var/lib/planetlab/plc2'));
}

/** The second process, as the guide has it: its settings are made of those of the first. */
export async function makeSecondUnit(): Promise<void> {
  await sh(printed('install -g planetlab-plc -m 0640 /dev/null /etc/planetlab/plc2.conf'));
  await sh(block('s|:8420'));
  await sh(block('/etc/systemd/system/planetlab-plc2.service').replace(/^systemctl enable .*\n/m, ''));
}

/** As the guide has it: one, from whose first start comes the admin's token, and then the other. */
export async function startBoth(): Promise<void> {
  for (const [index, unit] of UNITS.entries()) {
    await sh(printed(`systemctl enable --now ${unit}`));
    await until(`${unit} takes requests`, async () => (await fetch(`http://127.0.0.1:${PORTS[index]}/readyz`)).ok);
  }
  await untilReady();
  await activeUnits();
}

/** The mail to someone, once it is there. */
export async function mailTo(folder: string, address: string): Promise<string> {
  const file = `${folder}/${address}`;
  await until(`there is a mail for ${address}`, async () => existsSync(file));
  return readFileSync(file, 'utf8').replaceAll('=\r\n', '').replaceAll('=3D', '=');
}
