import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { openAgentChannel } from './agent-channel.ts';

/** The agent as it runs in the machine; a pair of pipes stands for its port. */
function startAgent() {
  const script = 'cat | "$0" "$1" /dev/fd/0 /dev/fd/1 | cat'; // Node.js gives sockets, which cannot be opened by name
  const agent = join(import.meta.dirname, 'guest/agent.ts');
  const program = spawn('sh', ['-c', script, process.execPath, agent], { stdio: ['pipe', 'pipe', 'inherit'] });
  return {
    channel: openAgentChannel(Duplex.from({ readable: program.stdout, writable: program.stdin })),
    async [Symbol.asyncDispose]() {
      const exited = once(program, 'exit');
      program.stdin.end();
      await exited;
    },
  };
}

describe('the agent in the test machine', () => {
  it('runs scripts one after another, and says what they said and how they ended', async () => {
    await using agent = startAgent();
    await agent.channel.ready();
    let seen = '';
    const onText = (text: string) => {
      seen += text;
    };
    const ran = await agent.channel.run('echo out; echo err >&2; exit 3', { timeoutMs: 60_000, onText });
    expect(ran).toEqual({ stdout: 'out\n', stderr: 'err\n', code: 3 });
    expect(seen).toContain('out\n');
    expect(await agent.channel.run('echo "a\nb"', { timeoutMs: 60_000 })).toMatchObject({ stdout: 'a\nb\n', code: 0 });
  });

  it('ends what takes too long, with all that it started', { timeout: 60_000 }, async () => {
    await using agent = startAgent();
    await agent.channel.ready();
    const ran = await agent.channel.run('sleep 1000 & echo $!; wait', { timeoutMs: 5_000 });
    expect(ran.code).toBe(null);
    const isThere = () => {
      try {
        return process.kill(Number(ran.stdout), 0);
      } catch {
        return false;
      }
    };
    await expect.poll(isThere, { timeout: 30_000 }).toBe(false); // it is collected by another
  });

  it('that starts anew, as after a reboot, has ended what ran', async () => {
    const port = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const channel = openAgentChannel(port);
    port.push('half a li\n{"ready":true}\n');
    await channel.ready();
    const again = channel.restarted();
    const running = channel.run('reboot', { timeoutMs: 1_000 });
    port.push('{"id":1,"text":"bye","error":false}\n{"ready":true}\n');
    expect(await running).toEqual({ stdout: 'bye', stderr: '', code: null });
    await again;
  });
});
