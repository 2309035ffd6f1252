import { setFlagsFromString } from 'node:v8';
import { startServiceWatchdog } from '@planetlab/linux';
import { faultPointFrom, startNodeManager } from '@planetlab/node-manager';
import { pino } from 'pino';

/** Logs JSON lines on standard output. Nothing that is logged is secret. */
export async function runUntilSignal(stateDir: string): Promise<void> {
  // A large heap makes every start of a program slow, as its page tables are copied; garbage is collected sooner instead.
  setFlagsFromString('--optimize-for-size');
  using _watchdog = startServiceWatchdog(process.env);
  delete process.env['NOTIFY_SOCKET']; // it is for this process, and not for what it starts
  const logger = pino({ base: null, level: process.env['PLANETLAB_LOG_LEVEL'] ?? 'info' });
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
  const reached = faultPointFrom(process.env);
  await using manager = await startNodeManager({ stateDir, logger, reached });
  const signal = await stopped;
  logger.info({ node: manager.identity.name, signal }, 'node manager stops; slivers go on');
}
