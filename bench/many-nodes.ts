import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { joinAuthority, type NodeManager, startNodeManager } from '@planetlab/node-manager';
import { pino } from 'pino';

/**
 * A process with many whole node managers on the simulated VMM. Each line of its input invites one node:
 * `{"name", "token", "localAddress"}`; it answers with the name when that node's manager runs. It ends with its input.
 */
const folder = process.argv[2] ?? '.';
const managers: NodeManager[] = [];
const logger = pino({ level: 'error' }, pino.destination(2));

async function start({ name, token, localAddress }: Record<'name' | 'token' | 'localAddress', string>): Promise<void> {
  const stateDir = join(folder, name);
  mkdirSync(stateDir, { mode: 0o700 });
  writeFileSync(join(stateDir, 'config.json'), JSON.stringify({ vmm: 'simulated', egressKbps: 10_000_000 }));
  await joinAuthority({ token, stateDir, localAddress, now: Date.now });
  managers.push(await startNodeManager({ stateDir, logger }));
  process.stdout.write(`${name}\n`);
}

const running: Promise<void>[] = [];
for await (const line of createInterface({ input: process.stdin })) running.push(start(JSON.parse(line)));
await Promise.all(running);
await Promise.all(managers.map((manager) => manager[Symbol.asyncDispose]()));
process.exit(0); // probes may still be under way
