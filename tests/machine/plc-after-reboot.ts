import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { block, printed } from './guide.ts';
import {
  activeUnits,
  admin,
  firstProcess,
  makeFolders,
  makeSecondUnit,
  NODE,
  startBoth,
  UNITS,
  URL,
  untilReady,
  untilRunning,
} from './plc-world.ts';
import { apt, install, ourFiles, sh, shown, until } from './shell.ts';
import { HOME, makeEmptyDatabase, removeSurroundings, trust } from './surroundings.ts';

/** The authority after the machine's reboot, through its loss, to the end. */
export async function afterReboot(folder: string): Promise<void> {
  trust();
  await rebooted();
  const began = await firstProcess();
  await lost();
  await restored(folder);
  assert.equal(await firstProcess(), began);
  shown('the node has connected by itself, and its sliver ran on');
  await certificateOfItsOwn();
  await purged();
}

async function rebooted(): Promise<void> {
  await untilReady();
  await activeUnits();
  await untilRunning();
  const [before, now] = [readFileSync(`${HOME}/began`, 'utf8').split(' ')[1], (await firstProcess()).split(' ')[1]];
  assert.notEqual(now, before, 'the machine has not rebooted');
  await until('the reboot is over for the authority', async () => {
    const { items } = await admin().listEvents({ query: { node: NODE } });
    const node = await admin().getNode({ params: { node: NODE } });
    return items.some(({ kind }) => kind === 'node.rebooted') && node.reboot === null;
  });
  assert.match(await sh('pl-node steps'), /Reboot.*A new kernel/);
  shown('rebooted by pl node reboot: database, both processes, proxy, node and sliver are there again by themselves');
}

/** The whole machine of the centre is lost: only the backup, its key and the settings are left. */
async function lost(): Promise<void> {
  await sh(`cp /etc/planetlab/plc.conf /etc/nginx/sites-enabled/planetlab ${HOME}/`);
  await sh(`systemctl kill --signal KILL ${UNITS.join(' ')}; systemctl disable --now planetlab-plc2`);
  printed('apt purge planetlab-plc');
  await apt('apt-get purge planetlab-plc');
  await sh(`rm -r /etc/planetlab/keys /etc/planetlab/*.crt /etc/planetlab/plc2.conf /var/lib/planetlab/plc2
    rm -r /etc/planetlab/backup.pub /var/backups/planetlab-plc /etc/systemd/system/planetlab-plc2.service
    systemctl daemon-reload
    cd /; runuser -u postgres -- dropdb planetlab`);
  const left = await sh("find /etc /usr /var /run -xdev -name '*planetlab-plc*' -not -path '/var/tmp/*'");
  assert.equal(left, '', 'files are left');
  assert.equal(await sh('getent passwd planetlab-plc || true'), '', 'the account is left');
}

async function restored(folder: string): Promise<void> {
  await install(folder);
  await sh(`install -g planetlab-plc -m 0640 ${HOME}/plc.conf /etc/planetlab/plc.conf`);
  await makeFolders();
  await makeSecondUnit();
  await makeEmptyDatabase();
  await sh(`cd ${HOME}; ${block('planetlab-plc restore --from')}`);
  await startBoth();
  await untilRunning();
  assert.equal((await admin().listPersons({ query: {} })).items.length, 2);
  shown('lost with its database, and restored from the backup as the guide says');
}

/** Without a proxy: the PLC speaks TLS itself, and reads a renewed certificate without a restart. */
async function certificateOfItsOwn(): Promise<void> {
  await sh('systemctl disable --now nginx planetlab-plc2');
  await sh(`cd ${HOME}; install -D -m 0444 plc.crt /etc/planetlab/tls/plc.crt
    ${printed('install -D -o planetlab-plc -m 0400 plc.key /etc/planetlab/tls/plc.key')}`);
  await sh('cat >>/etc/planetlab/plc.conf', block('PLANETLAB_PLC_TLS_CERT'));
  await sh('systemctl restart planetlab-plc');
  const answers = async () => (await fetch(`${URL}/readyz`)).ok;
  await until('it answers at port 443', answers);
  const serial = () =>
    sh(
      'openssl s_client -connect plc.example.org:443 -servername plc.example.org </dev/null 2>/dev/null | openssl x509 -noout -serial',
    );
  const before = await serial();
  await sh(`cd ${HOME}; openssl req -new -key plc.key -subj /CN=plc.example.org -addext subjectAltName=DNS:plc.example.org |
    openssl x509 -req -CA ca.crt -CAkey ca.key -days 9 -copy_extensions copy -out /etc/planetlab/tls/plc.crt 2>/dev/null`);
  await sh(printed('systemctl reload planetlab-plc'));
  await until('it shows the renewed certificate', async () => (await serial()) !== before);
  await untilRunning();
  shown('with a certificate of its own at port 443, which a reload reads again');
}

async function purged(): Promise<void> {
  await apt('apt-get purge planetlab-node planetlab-plc');
  await sh(`rm -r /etc/planetlab /var/lib/planetlab/plc2 /etc/systemd/system/planetlab-plc2.service
    rm /etc/nginx/sites-enabled/planetlab; systemctl daemon-reload`);
  await removeSurroundings();
  assert.equal(await ourFiles(), readFileSync('/var/tmp/our-files', 'utf8'), 'files are left');
  assert.equal(await sh('getent passwd planetlab-plc || getent group planetlab-plc || true'), '', 'an account is left');
  assert.equal(await sh("systemctl list-units --all --no-legend 'planetlab-plc*'"), '', 'systemd still knows a unit');
  shown('purged: no file, account or unit of it is left');
}
