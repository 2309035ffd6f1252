import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import type { Answer, Task } from './agent-messages.ts';

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  /** `null`: it took too long, or the machine was started anew meanwhile. */
  readonly code: number | null;
}

/** Runs shell scripts in the machine, one after another. */
export interface AgentChannel {
  /** Resolves when the machine can be told something, also when it could before. */
  ready(): Promise<void>;
  /** Resolves when the machine can be told something again: it has rebooted. */
  restarted(): Promise<void>;
  run(script: string, options: RunOptions): Promise<Ran>;
}

export interface RunOptions {
  /** By the machine's clock. */
  readonly timeoutMs: number;
  readonly onText?: (text: string) => void;
}

interface Waiting {
  readonly id: number;
  readonly said: { stdout: string; stderr: string };
  readonly onText: (text: string) => void;
  readonly resolve: (ran: Ran) => void;
}

/** The host's end of the port. What is not a line of ours (an agent that was cut off in the middle) is passed over. */
export function openAgentChannel(port: Duplex): AgentChannel {
  let nextId = 1;
  let waiting: Waiting | undefined;
  const whenReady = Promise.withResolvers<void>();
  let next = Promise.withResolvers<void>();
  const finish = (code: number | null) => {
    const done = waiting;
    waiting = undefined;
    done?.resolve({ ...done.said, code });
  };
  const take = (answer: Answer) => {
    if ('ready' in answer) {
      finish(null);
      whenReady.resolve();
      next.resolve();
      next = Promise.withResolvers();
    } else if (answer.id !== waiting?.id) return;
    else if ('text' in answer) {
      waiting.said[answer.error ? 'stderr' : 'stdout'] += answer.text;
      waiting.onText(answer.text);
    } else finish(answer.code);
  };
  port.on('error', () => {}); // the machine has ended, and says so itself
  createInterface({ input: port }).on('line', (line) => {
    const answer = parse(line);
    if (answer !== undefined) take(answer);
  });
  return {
    ready: () => whenReady.promise,
    restarted: () => next.promise,
    run(script, { timeoutMs, onText = () => {} }) {
      if (waiting !== undefined) throw new Error('the machine does one thing at a time');
      const task: Task = { id: nextId++, script, timeoutMs };
      return new Promise((resolve) => {
        waiting = { id: task.id, said: { stdout: '', stderr: '' }, onText, resolve };
        port.write(`${JSON.stringify(task)}\n`);
      });
    },
  };
}

function parse(line: string): Answer | undefined {
  try {
    return JSON.parse(line) as Answer; // by our own agent
  } catch {
    return undefined;
  }
}
