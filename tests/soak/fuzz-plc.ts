import { createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { type FuzzOutcome, fuzz } from './fuzz.ts';
import { startPlcProcess } from './plc-process.ts';

/** Things for requests to be about; none of them is the admin that the fuzzer is signed in as. */
const DICTIONARY = {
  site: ['demo', 'other', 'nowhere'],
  slice: ['demo_a', 'demo_b', 'other_c', 'demo_none'],
  node: ['n1', 'n2', 'none'],
  person: ['user@example.org', 'pi@example.org', 'nobody@example.org'],
  email: ['user@example.org', 'new@example.org'],
  name: ['demo_a', 'demo_x', 'n1', 'group', 'x'],
  group: ['group', 'none'],
  key: ['rack', 'note', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsFEWaPCCn3sPaYCBcJGbTKPLbcJBFnqPsvMjDRDLyE'],
  'date-time': ['2026-12-01T00:00:00.000Z', '2020-01-01T00:00:00Z'],
  uuid: ['0198f1c2-7a5e-7000-8000-000000000000'],
} as const;

/** A PLC with a little in it, fuzzed for a while. */
export async function fuzzPlc(seconds: number, seed: number): Promise<FuzzOutcome> {
  await using plc = await startPlcProcess(['--log-level', 'error']);
  const token = plc.adminToken;
  const admin = createClient(
    plcRoutes,
    withHeaders(fetchTransport(plc.url), () => ({ authorization: `Bearer ${token}` })),
  );
  for (const name of ['demo', 'other']) await admin.createSite({ body: { name, title: name } });
  for (const name of ['n1', 'n2']) await admin.createNode({ body: { name, site: 'demo' } });
  for (const [who, role] of [
    ['user', 'user'],
    ['pi', 'pi'],
  ] as const) {
    const email = `${who}@example.org`;
    await admin.createPerson({ body: { email, name: who, roles: [{ role, site: 'demo' }] } });
  }
  for (const name of ['demo_a', 'demo_b', 'other_c']) await admin.createSlice({ body: { name } });
  const started = await admin.addSlivers({ params: { slice: 'demo_a' }, body: { nodes: ['n1', 'n2'] } });
  const dictionary = { ...DICTIONARY, operation: [started.operation.id, ...DICTIONARY.uuid] };
  const outcome = await fuzz({ url: plc.url, token, pid: plc.pid }, { seconds, seed, dictionary });
  await admin.getMe({}); // it still serves
  return outcome;
}
