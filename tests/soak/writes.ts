import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { isPlanetLabError, MINUTE_MS } from '@planetlab/model';
import { type KillTarget, type PlcProcess, startPlcProcess } from './plc-process.ts';
import { pick, seededRandom } from './random.ts';

export interface WritesOptions {
  readonly writes: number;
  readonly kills: number;
  readonly seed: number;
  readonly note: (line: string) => void;
}

/** What came of it. All but the first three are to be 0. */
export interface WritesOutcome {
  readonly acknowledged: number;
  readonly kills: number;
  readonly repeated: number;
  /** Acknowledged, and not there. */
  readonly lost: number;
  /** There without all that belongs to it. */
  readonly halfDone: number;
  /** Done more than once. */
  readonly twice: number;
  /** Done without its event, or with more than one. */
  readonly wrongEvents: number;
  readonly seconds: number;
  readonly seed: number;
}

const WRITERS = 8;
/** A write that is not acknowledged for so long is a failure of the whole. */
const PATIENCE_MS = 5 * MINUTE_MS;
const MEMBER = 'member@example.org';

/**
 * Writes with idempotency keys, each repeated until it is acknowledged, while the PLC and its PostgreSQL are killed.
 * Every other one makes a slice with its people; the rest make API tokens, of which nothing but the key prevents a second.
 */
export async function soakWrites(options: WritesOptions): Promise<WritesOutcome> {
  const startedMs = performance.now();
  await using plc = await startPlcProcess(['--log-level', 'error']);
  const token = plc.adminToken;
  const admin = clientOf(plc.url, { authorization: `Bearer ${token}` });
  await admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  await admin.createPerson({ body: { email: MEMBER, name: 'Member', roles: [{ role: 'user', site: 'demo' }] } });
  const work = { next: 0, acknowledged: 0, repeated: 0 };
  const writers = Array.from({ length: WRITERS }, () => write(plc.url, token, options.writes, work));
  const writing = Promise.all(writers);
  await Promise.race([writing, killAround(plc, options, () => work.acknowledged)]);
  await writing;
  const found = await check(admin, options.writes);
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  const { acknowledged, repeated } = work;
  return { acknowledged, kills: options.kills, repeated, ...found, seconds, seed: options.seed };
}

function clientOf(url: string, headers: Record<string, string>): Client<typeof plcRoutes> {
  return createClient(
    plcRoutes,
    withHeaders(fetchTransport(url), () => headers),
  );
}

interface Work {
  next: number;
  acknowledged: number;
  repeated: number;
}

async function write(url: string, token: string, writes: number, work: Work): Promise<void> {
  for (let index = work.next++; index < writes; index = work.next++) {
    const client = clientOf(url, { authorization: `Bearer ${token}`, 'idempotency-key': `write-${index}` });
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (!(await isAcknowledged(client, index))) {
      work.repeated += 1;
      if (performance.now() > deadlineMs) throw new Error(`the write ${index} is not acknowledged`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    work.acknowledged += 1;
  }
}

const isSlice = (index: number): boolean => index % 2 === 0;

async function isAcknowledged(client: Client<typeof plcRoutes>, index: number): Promise<boolean> {
  try {
    if (isSlice(index)) await client.createSlice({ body: { name: `demo_w${index}`, persons: [MEMBER] } });
    else await client.createToken({ body: { label: `w${index}` } });
    return true;
  } catch (error) {
    if (!isPlanetLabError(error)) return false; // cut off in the middle
    if (error.code === 'idempotency_reply_gone') return true; // done before, and known to be
    if (error.status < 500) throw error; // refused: a repeated write must never be
    return false;
  }
}

/** Spread over the writes: each time at a random moment between two shares of them. */
async function killAround(plc: PlcProcess, options: WritesOptions, acknowledged: () => number): Promise<void> {
  const random = seededRandom(options.seed);
  const share = options.writes / (options.kills + 1);
  for (let kill = 1; kill <= options.kills; kill++) {
    const at = share * (kill - 1 + random());
    while (acknowledged() < at) await new Promise((resolve) => setTimeout(resolve, 5));
    const target = pick<KillTarget>(random, ['plc', 'postgres', 'both']);
    await plc.kill(target);
    if (target !== 'postgres') await plc.start();
    options.note(`${kill} of ${options.kills}: killed ${target} after ${acknowledged()} writes`);
  }
}

async function check(admin: Client<typeof plcRoutes>, writes: number) {
  const slices = await all((after) => admin.listSlices({ query: { limit: 1000, after } }));
  const tokens = await all((after) => admin.listTokens({ query: { limit: 1000, after } }));
  const events = await all((after) => admin.listEvents({ query: { limit: 1000, after } }));
  const found = { lost: 0, halfDone: 0, twice: 0, wrongEvents: 0 };
  const members = new Map(slices.map(({ name, persons }) => [String(name), persons.length]));
  const labels = countBy(tokens.map(({ label }) => label));
  const happened = countBy(events.map(eventKey));
  for (let index = 0; index < writes; index++) {
    const count = isSlice(index) ? Number(members.has(`demo_w${index}`)) : (labels.get(`w${index}`) ?? 0);
    if (count === 0) found.lost += 1;
    if (count > 1) found.twice += 1;
    if (isSlice(index) && count === 1 && members.get(`demo_w${index}`) !== 2) found.halfDone += 1;
    if (happened.get(isSlice(index) ? `slice.created demo_w${index}` : `token.created w${index}`) !== 1)
      found.wrongEvents += 1;
  }
  return found;
}

function eventKey({ kind, subject, after }: { kind: string; subject: string; after?: unknown }): string {
  const label = (after as { label?: unknown } | null)?.label; // as the PLC wrote it
  return kind === 'token.created' ? `${kind} ${label}` : `${kind} ${subject}`;
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

async function all<T>(
  read: (after: string | undefined) => Promise<{ items: readonly T[]; next: string | null }>,
): Promise<T[]> {
  const items: T[] = [];
  for (let after: string | undefined; ; ) {
    const page = await read(after);
    items.push(...page.items);
    if (page.next === null) return items;
    after = page.next;
  }
}
