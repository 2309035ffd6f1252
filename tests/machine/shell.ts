import { setTimeout as delay } from 'node:timers/promises';
import { systemRunner } from '@planetlab/linux';
import { withSlowness } from '../slowness.ts';

/** What the programs of this folder do on the machine that they take as their own. */

const COMMAND_MS = 120_000;
const PATIENCE_MS = 120_000;

/** Runs a script; what it says, without blanks around it. Rejects when it fails. */
export async function sh(script: string, input = ''): Promise<string> {
  const timeoutMs = withSlowness(COMMAND_MS);
  const { stdout } = await systemRunner.run({ argv: ['sh', '-euc', script], input, timeoutMs });
  return stdout.trim();
}

/** For whoever reads the run: this holds. */
export const shown = (what: string): void => void process.stdout.write(`ok  ${what}\n`);

/** Waits until it is true; what fails meanwhile is tried again, and said at the end. */
export async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + withSlowness(PATIENCE_MS);
  for (let why: unknown = 'it is not'; ; await delay(500)) {
    try {
      if (await isTrue()) return;
    } catch (error) {
      why = error;
    }
    if (performance.now() > deadline) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`, { cause: why });
  }
}

/** Runs apt without questions; says what it says only when it fails. */
export const apt = (command: string): Promise<string> =>
  sh(
    `export DEBIAN_FRONTEND=noninteractive; ${command} -y -q -o Dpkg::Use-Pty=0 >/tmp/apt.log 2>&1 || { tail /tmp/apt.log >&2; exit 1; }`,
  );

/** Installs the one package in a folder. */
export const install = (folder: string): Promise<string> => apt(`apt-get install ${folder}/*.deb`);

/** A property of a unit, as systemd knows it. */
export const unitProperty = (unit: string, property: string): Promise<string> =>
  sh(`systemctl show --value --property ${property} ${unit}`);

/** Every file whose name says that it is ours, the machine's own included. */
export const ourFiles = (): Promise<string> =>
  sh(
    "find / -xdev \\( -path /proc -o -path /sys -o -path /srv -o -path /var/tmp \\) -prune -o \\( -iname '*planetlab*' -o -name 'pl-node*' \\) -print; ls -d /run/planetlab* 2>/dev/null || true",
  );
