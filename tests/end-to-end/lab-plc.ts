import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { labStatus } from '@planetlab/lab';

/** SIGKILL for the PLC and every process of its PostgreSQL; gives what starts the PLC again as the lab did. */
export async function killPlcAndDatabase(lab: string): Promise<() => void> {
  const status = await labStatus(lab);
  const plc = status?.processes.find(({ part }) => part === 'plc');
  if (status === undefined || plc === undefined) throw new Error(`the lab ${lab} has no PLC`);
  const [program, ...args] = readFileSync(`/proc/${plc.pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  const variables = readFileSync(`/proc/${plc.pid}/environ`, 'utf8')
    .split('\0')
    .filter((line) => line !== '');
  const env = Object.fromEntries(
    variables.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const postmaster = Number(
    readFileSync(`${status.stateDirectory}/plc/postgres/postmaster.pid`, 'utf8').split('\n')[0],
  );
  process.kill(plc.pid, 'SIGKILL');
  process.kill(postmaster, 'SIGKILL');
  return () => {
    spawn(program ?? '', args, { env, detached: true, stdio: 'ignore' }).unref();
  };
}
