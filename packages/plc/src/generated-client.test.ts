import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestPlc, type TestPlc } from './testing/test-plc.ts';

const GENERATE = new URL('testing/generate-client.ts', import.meta.url).pathname;
let test: TestPlc;
let folder: string;

/** A program of somebody who has only the OpenAPI document and a public generator. */
const PROGRAM = `
import { client } from './client/client.gen.ts';
import { addSlivers, createSite, createSlice, getOperation, getSlice, listNodes, createNode } from './client/index.ts';

const [baseUrl = '', token = ''] = process.argv.slice(2);
client.setConfig({ baseUrl, auth: () => token });
const said: unknown[] = [];
const made = await createSite({ body: { name: 'demo', title: 'Demo' } });
said.push(made.data?.name, made.response?.headers.get('location'));
const again = await createSite({ body: { name: 'demo', title: 'Demo' } });
said.push(again.error?.code, again.error?.fault);
await createNode({ body: { name: 'here', site: 'demo' } });
const nodes = await listNodes({ query: { limit: 10 } });
said.push(nodes.data?.items.map((node) => node.state));
await createSlice({ body: { name: 'demo_a' }, headers: { 'Idempotency-Key': 'k' } });
const slice = await getSlice({ path: { slice: 'demo_a' } });
said.push(slice.data?.resources.memoryMiB, slice.response?.headers.get('etag') !== null);
const added = await addSlivers({ path: { slice: 'demo_a' }, body: { nodes: ['here'] } });
const operation = await getOperation({ path: { operation: added.data?.operation.id ?? '' } });
said.push(operation.data?.counts);
console.log(JSON.stringify(said));
`;

const run = async (program: string, args: readonly string[]): Promise<string> => {
  try {
    return (await promisify(execFile)(process.execPath, [program, ...args], { cwd: folder })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }; // what execFile rejects with
    throw new Error(`${stdout}${stderr}`, { cause: error });
  }
};

beforeAll(async () => {
  [test, folder] = await Promise.all([startTestPlc(), mkdtemp(join(tmpdir(), 'generated-client-'))]);
  const document = await (await fetch(`${test.plc.publicUrl}/v1/openapi.json`)).json();
  await writeFile(join(folder, 'openapi.json'), JSON.stringify(document));
  await run(GENERATE, [join(folder, 'openapi.json'), join(folder, 'client')]);
  await writeFile(join(folder, 'program.ts'), PROGRAM);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
});
afterAll(async () => {
  await test?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

it('that a public generator makes from the document has types that are right', async () => {
  const require = createRequire(import.meta.url);
  const typescript = dirname(require.resolve('typescript/package.json'));
  const types = dirname(dirname(require.resolve('@types/node/package.json')));
  const options = {
    ...{ strict: true, noEmit: true, target: 'esnext', module: 'nodenext', lib: ['esnext', 'dom', 'dom.iterable'] },
    ...{ allowImportingTsExtensions: true, skipLibCheck: true, types: ['node'], typeRoots: [types] },
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['program.ts'] }));
  expect(await run(join(typescript, 'bin/tsc'), ['-p', '.'])).toBe('');
});

it('works against the real thing', async () => {
  const said = JSON.parse(await run(join(folder, 'program.ts'), [test.plc.publicUrl, test.adminToken]));
  expect(said).toEqual([
    ...['demo', '/v1/sites/demo'],
    ...['already_exists', 'caller'],
    ['registered'],
    ...[256, true],
    expect.objectContaining({ done: 0, failed: 0 }),
  ]);
});
