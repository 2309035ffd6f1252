/**
 * `agent.ts PORT [OUTPUT]`: runs in the test machine. Takes lines of JSON from the port and runs the shell script in each, one
 * after another; answers with lines of what it says, and how it ended.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, Task } from '../agent-messages.ts';

const LAST_WORDS_MS = 2_000;

const [port, out] = process.argv.slice(2);
if (port === undefined) throw new Error('usage: agent.ts PORT [OUTPUT]');
const fd = openSync(port, out === undefined ? 'r+' : 'r'); // a port can be opened once
const output = createWriteStream(out ?? port, out === undefined ? { fd } : {});
const answer = (message: Answer): void => void output.write(`${JSON.stringify(message)}\n`);

async function run({ id, script, timeoutMs }: Task): Promise<void> {
  const child = spawn('sh', ['-euc', script], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => answer({ id, text, error: stream === child.stderr }));
  }
  const closed = once(child, 'close');
  // the whole process group: what it started must not stay
  const timer = setTimeout(() => process.kill(-(child.pid ?? process.pid), 'SIGKILL'), timeoutMs);
  const [code] = await once(child, 'exit');
  clearTimeout(timer);
  await Promise.race([closed, delay(LAST_WORDS_MS)]); // what it left behind may hold its output open
  answer({ id, code: typeof code === 'number' ? code : null });
}

answer({ ready: true });
for await (const line of createInterface({ input: createReadStream(port, { fd }) })) {
  if (line.trim() !== '') await run(JSON.parse(line) as Task);
}
