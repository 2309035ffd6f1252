import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createClient, fetchTransport, MailCode, NewPassword, plcRoutes } from '@planetlab/contract';
import { PersonEmail, SiteName } from '@planetlab/model';
import { block, printed } from './guide.ts';
import {
  activeUnits,
  admin,
  adminAtEach,
  firstProcess,
  mailTo,
  makeFolders,
  makeSecondUnit,
  NODE,
  page,
  SLICE,
  startBoth,
  TOKEN,
  UNITS,
  URL,
  untilReady,
  untilRunning,
} from './plc-world.ts';
import { install, ourFiles, sh, shown, unitProperty, until } from './shell.ts';
import { HOME, MAILS, makeSurroundings } from './surroundings.ts';

export interface Packages {
  /** Folders with one package each: two revisions of the PLC's, and the node's. */
  readonly first: string;
  readonly second: string;
  readonly node: string;
}

const SITE = SiteName.parse('demo');
const ADA = PersonEmail.parse('ada@example.org');
const PASSWORD = 'correct horse battery';

/** The authority from its installation on, until the machine is told to reboot. */
export async function untilReboot({ first, second, node }: Packages): Promise<void> {
  // images that another part has left there are replaced
  writeFileSync('/var/tmp/our-files', (await ourFiles()).replace(/^\/var\/lib\/planetlab(\/.*)?\n/gm, ''));
  await makeSurroundings();
  await installed(first);
  await configured();
  await started();
  await firstAdmin();
  await signedUp();
  await nodeWithSliver(node);
  await watched();
  const began = await firstProcess();
  await upgraded(second);
  await killed();
  assert.equal(await firstProcess(), began);
  shown('the sliver ran on through all of it');
  await backedUp();
  writeFileSync(`${HOME}/began`, began);
  await sh(`pl node reboot ${NODE} --reason 'A new kernel' --now`);
}

async function installed(folder: string): Promise<void> {
  printed('apt install ./planetlab-plc_0.1.0_amd64.deb');
  await install(folder);
  assert.equal(await unitProperty('planetlab-plc', 'UnitFileState'), 'disabled');
  assert.equal(await unitProperty('planetlab-plc', 'ActiveState'), 'inactive');
  shown('installed: nothing runs before it is configured');
}

async function configured(): Promise<void> {
  await makeFolders();
  const own = [
    `PLANETLAB_PLC_PUBLIC_URL='${URL}'`,
    "PLANETLAB_PLC_NODE_ADDRESS='plc.example.org:8421,plc.example.org:8431'",
    printed("PLANETLAB_PLC_KEYS='/etc/planetlab/keys'"),
    printed("NODE_EXTRA_CA_CERTS='/etc/planetlab/mail-ca.crt'"),
  ];
  const blocks = ['PLANETLAB_PLC_ADMIN_EMAIL', 'sslmode=verify-full', 'PLANETLAB_PLC_SMTP_URL'].map(block);
  await sh('cat >>/etc/planetlab/plc.conf', [...blocks, ...own].join('\n'));
  await makeSecondUnit();
  const folder = '/etc/letsencrypt/live/plc.example.org';
  await sh(`mkdir -p ${folder}; cp ${HOME}/plc.crt ${folder}/fullchain.pem; cp ${HOME}/plc.key ${folder}/privkey.pem`);
  await sh('cat >/etc/nginx/sites-enabled/planetlab', block('upstream planetlab'));
  await sh('rm -f /etc/nginx/sites-enabled/default; systemctl enable --now nginx');
}

async function started(): Promise<void> {
  await startBoth();
  for (const unit of UNITS) assert.equal(await unitProperty(unit, 'NRestarts'), '0', unit);
  shown('two units run on one PostgreSQL, reached by verify-full, behind nginx');
}

async function firstAdmin(): Promise<void> {
  await sh(`umask 077; ${printed('cat /var/lib/planetlab/plc/bootstrap-admin.token')} >${TOKEN}`);
  await sh(`cd ${HOME}; ${printed('pl login --url https://plc.example.org --with-token < token')}`);
  await sh(`pl site create ${SITE} --title Demo`);
  shown('the first admin signs in with the token that the first start left');
}

/** A sign-up with the mail that arrives: by the institution's mail server, with its account and certificate. */
async function signedUp(): Promise<void> {
  const anybody = createClient(plcRoutes, fetchTransport(URL));
  await anybody.signUp({ body: { email: ADA, name: 'Ada', site: SITE, role: 'user' } });
  const mail = await mailTo(MAILS, ADA);
  assert.match(mail, /^From: plc@example\.org/m);
  const code = /https:\/\/plc\.example\.org\/confirm#(\S+)/.exec(mail)?.[1];
  await anybody.confirmSignUp({ body: { code: MailCode.parse(code), password: NewPassword.parse(PASSWORD) } });
  assert.match(await sh('pl person requests'), /ada@example\.org/);
  await sh(`pl person approve ${ADA} user@${SITE}`);
  const made = await anybody.createTokenByPassword({ body: { email: ADA, password: PASSWORD, label: 'walk' } });
  assert.notEqual(made.token, '');
  shown('a person signs up, gets the mail, is approved and signs in');
}

async function nodeWithSliver(folder: string): Promise<void> {
  await install(folder);
  await sh('cat >/etc/planetlab/node.json', '{ "vmm": "oci", "rebootOnRequest": true }');
  await sh(`pl node create ${NODE} --site ${SITE}`);
  await sh(`pl node invite ${NODE} | pl-node join -`);
  await until('the node is connected', async () => {
    return (await admin().getNode({ params: { node: NODE } })).state === 'connected';
  });
  await sh(`pl slice create ${SLICE}; pl slice add-node ${SLICE} ${NODE} --detach`);
  await untilRunning();
  for (const process of adminAtEach()) await process.getUsage({ params: { slice: SLICE, node: NODE } });
  shown('a node joins, a sliver runs on it, and each process reaches it');
}

async function watched(): Promise<void> {
  const figures = await page('http://127.0.0.1:8430/metrics');
  for (const line of ['planetlab_processes 2', 'planetlab_nodes_connected']) assert.ok(figures.includes(line), line);
  assert.match(await page(`${URL}/v1/discovery/prometheus`), /"n1"/);
  assert.match(await page(`${URL}/v1/nodes/${NODE}/metrics`), /^planetlab_node_up/m);
  const log = await sh(`${printed('journalctl -u planetlab-plc')} --output cat --no-pager | tail -n 1`);
  assert.ok(typeof JSON.parse(log) === 'object');
  shown('figures of both processes and of the node are read, and the log is in the journal');
}

async function upgraded(folder: string): Promise<void> {
  const pids = () => Promise.all(UNITS.map((unit) => unitProperty(unit, 'MainPID')));
  const before = await pids();
  printed('apt install ./planetlab-plc_0.1.0-2_amd64.deb');
  await install(folder);
  await untilReady();
  assert.equal(await unitProperty('planetlab-plc', 'UnitFileState'), 'enabled');
  await sh(printed('systemctl restart planetlab-plc2'));
  await untilReady();
  await untilRunning();
  const after = await pids();
  assert.ok(after.every((pid, index) => pid !== before[index]));
  shown(`upgraded in place: ${(await sh('dpkg-query --show planetlab-plc')).replace('\t', ' ')}`);
}

async function killed(): Promise<void> {
  for (const unit of UNITS) {
    const pid = await unitProperty(unit, 'MainPID');
    process.kill(Number(pid), 'SIGKILL');
    await admin().getNode({ params: { node: NODE } });
    await until(`${unit} is started again`, async () => {
      const now = await unitProperty(unit, 'MainPID');
      return now !== '0' && now !== pid;
    });
    await untilReady();
  }
  await untilRunning();
  await activeUnits();
  shown('each process killed with kill -9: the proxy passes over it, systemd starts it again, and the node comes back');
}

async function backedUp(): Promise<void> {
  const commands = block('planetlab-plc backup --recipient-file');
  await sh(`cd ${HOME}; ${commands}`);
  await sh(`mv /var/backups/planetlab-plc/plc-*.backup ${HOME}/plc.backup`);
  shown('backed up, while both run');
}
