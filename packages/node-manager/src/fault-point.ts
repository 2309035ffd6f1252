import { PlanetLabError } from '@planetlab/model';

/**
 * Called where a crash is worth trying: after each step (`step:CreateMachine`) and after each durable write
 * (`write:addLeases`). Outside tests it does nothing.
 */
export type FaultPoint = (name: string) => void;

export const noFaults: FaultPoint = () => {};

/**
 * What `PLANETLAB_FAULT` says: `step:CreateMachine:3` ends this process with SIGKILL, as a crash would, at the third
 * time that the point is reached. Throws `malformed_request` outside tests (`NODE_ENV=test`): a variable that was left
 * behind must not end a node in service.
 */
export function faultPointFrom(env: Readonly<Record<string, string | undefined>>, crash = crashNow): FaultPoint {
  const wanted = env['PLANETLAB_FAULT'];
  if (wanted === undefined || wanted === '') return noFaults;
  const [, name, times] = /^((?:step|write):\w+):(\d+)$/.exec(wanted) ?? [];
  if (env['NODE_ENV'] !== 'test' || name === undefined) {
    throw new PlanetLabError(
      'malformed_request',
      'PLANETLAB_FAULT ends the manager in tests. Unset it and start again.',
    );
  }
  let left = Number(times);
  return (reached) => {
    if (reached === name && --left === 0) crash();
  };
}

function crashNow(): void {
  process.kill(process.pid, 'SIGKILL');
  for (;;); // the signal comes before anything else is done
}
