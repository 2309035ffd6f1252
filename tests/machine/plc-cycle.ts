/**
 * `plc-cycle.ts PLC-FIRST PLC-SECOND NODE`: docs/operating/plc.md on a machine with systemd, which it takes as its own:
 * two PLC processes behind a proxy, on a PostgreSQL of the institution's, with its mail server; and a node on the same
 * machine. It ends by having the machine rebooted; `plc-cycle.ts after PLC-SECOND` goes on from there. The arguments are
 * folders with one package each. Run by `npm run test:vm`; prints what it has shown, and any failure ends it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { withSlowness } from '../slowness.ts';
import { afterReboot } from './plc-after-reboot.ts';
import { untilReboot } from './plc-until-reboot.ts';

const REBOOT_MS = 300_000;

const [first = '', second = '', node = ''] = process.argv.slice(2);
if (first === 'after') await afterReboot(second);
else {
  await untilReboot({ first, second, node });
  await delay(withSlowness(REBOOT_MS));
  throw new Error(`the machine did not reboot within ${REBOOT_MS} ms`);
}
