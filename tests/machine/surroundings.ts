import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { printed } from './guide.ts';
import { sh, until } from './shell.ts';

/** What an institution has before its PLC comes: names, certificates, a PostgreSQL, a mail server. */

/** Where it is kept; beside what is looked through for leftovers. */
export const HOME = '/var/tmp/walk';
export const MAILS = `${HOME}/mails`;
export const CA = `${HOME}/ca.crt`;
/** Of the only PostgreSQL that Debian 13 has. */
const CLUSTER = '17 main';
const NODE_IPV4 = '192.0.2.10';

const sources = join(import.meta.dirname, '../..');

/** Files of the authority's institution: one authority of certificates for its database, mail and web. */
const CERTIFICATES = `
new='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
openssl req -x509 $new -days 9 -subj /CN=institution -keyout ca.key -out ca.crt
for name in db mail plc; do
  openssl req $new -subj /CN=$name.example.org -addext subjectAltName=DNS:$name.example.org -keyout $name.key -out $name.csr
  openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 9 -copy_extensions copy -out $name.crt
done`;

/** An address as of a network card, which the machine has none of; also after a reboot. */
const CARD = `[Unit]
Before=network-pre.target
Wants=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip link add eth-node type veth peer name eth-world
ExecStart=ip address add ${NODE_IPV4}/30 dev eth-node
ExecStart=ip link set eth-world up
ExecStart=ip link set eth-node up
ExecStart=ip route add default dev eth-node
[Install]
WantedBy=multi-user.target
`;

export async function makeSurroundings(): Promise<void> {
  await sh(`mkdir -p ${MAILS}; cd ${HOME}; (${CERTIFICATES}) 2>openssl.log || { cat openssl.log >&2; exit 1; }`);
  await sh('echo "127.0.0.1 plc.example.org db.example.org mail.example.org" >>/etc/hosts');
  const card = '/etc/systemd/system/network-card.service';
  await sh(`cat >${card}; systemctl enable --now network-card; mkdir -p /var/lib/planetlab`, CARD);
  await sh(`rm -rf /var/lib/planetlab/images; cp -a ${sources}/images /var/lib/planetlab/images`);
  await makeDatabase();
  await makeMailServer();
  await makeCommand();
  trust();
}

/** For this program, what the institution's people have in their browsers. */
export const trust = (): void => setDefaultCACertificates([...getCACertificates('default'), readFileSync(CA, 'utf8')]);

async function makeDatabase(): Promise<void> {
  const folder = `/etc/postgresql/${CLUSTER.replace(' ', '/')}`;
  await sh(`pg_createcluster ${CLUSTER}
    install -o postgres -m 0600 ${HOME}/db.key ${HOME}/db.crt ${folder}
    pg_conftool ${CLUSTER} set ssl_cert_file ${folder}/db.crt
    pg_conftool ${CLUSTER} set ssl_key_file ${folder}/db.key
    systemctl daemon-reload
    systemctl enable --now postgresql`);
  const role = printed('runuser -u postgres -- createuser --pwprompt planetlab');
  await sh(`cd /; setsid --wait ${role}`, 'PASSWORD\nPASSWORD\n');
  await makeEmptyDatabase();
}

export const makeEmptyDatabase = (): Promise<string> =>
  sh(
    `cd /; ${printed('runuser -u postgres -- createdb --owner planetlab --encoding UTF8 --template template0 planetlab')}`,
  );

async function makeMailServer(): Promise<void> {
  const program = [process.execPath, join(import.meta.dirname, 'mail-server.ts')].join(' ');
  await sh(`systemd-run --quiet --unit mail-server ${program} ${HOME}/mail.key ${HOME}/mail.crt ${MAILS}`);
  await until('the mail server listens', async () => (await sh('ss -Hltn sport = 587')) !== '');
}

/** `pl`, as people have it on their own machines. */
async function makeCommand(): Promise<void> {
  const script = `#!/bin/sh
NODE_EXTRA_CA_CERTS=${CA} exec ${process.execPath} ${sources}/apps/cli/main.ts "$@"
`;
  await sh('cat >/usr/local/bin/pl; chmod 755 /usr/local/bin/pl', script);
}

/** Takes away what lies where leftovers are looked for. */
export const removeSurroundings = (): Promise<string> =>
  sh('rm -rf /usr/local/bin/pl /root/.config/planetlab /var/lib/planetlab/images; rmdir /var/lib/planetlab');
