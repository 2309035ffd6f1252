import { readFileSync } from 'node:fs';
import { Problem } from '@planetlab/contract';
import { type Dictionary, type JsonSchema, JsonValues } from './json-values.ts';
import { pick, seededRandom } from './random.ts';

export interface FuzzTarget {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
}

export interface FuzzOptions {
  readonly seconds: number;
  readonly seed: number;
  /** What is there, by the names of fields and parameters. */
  readonly dictionary: Dictionary;
}

export interface FuzzOutcome {
  readonly requests: number;
  /** By status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** What should not have been: each with what was sent. At most 20. */
  readonly faults: readonly string[];
  /** Routes with statuses that the document does not say. */
  readonly undocumented: readonly string[];
  readonly grownMiB: number;
  readonly seed: number;
}

interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: JsonSchema }[];
  readonly body: JsonSchema | undefined;
  readonly bodyType: string | undefined;
  readonly statuses: ReadonlySet<string>;
  readonly isStream: boolean;
}

const WORKERS = 6;
const ANSWER_WITHIN_MS = 20_000;
const STREAM_MS = 50;
const FAULTS_LIMIT = 20;
const FAULT_CHARACTERS = 1000;
/** They would end what the fuzzer itself is signed in by. */
const LEFT_OUT = /^(deleteCurrentToken|deleteToken|endSession|changePassword|resetPassword)$/;

/** Sends what the OpenAPI document allows, and some of what it does not, and looks at every answer. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzOutcome> {
  const random = seededRandom(options.seed);
  const values = new JsonValues(random, options.dictionary);
  const operations = await readOperations(target.url);
  const statuses = new Map<string, number>();
  const faults: string[] = [];
  const undocumented = new Set<string>();
  const startMs = performance.now();
  const endMs = startMs + options.seconds * 1000;
  let requests = 0;
  let warmMiB: number | undefined;
  const work = async (): Promise<void> => {
    while (performance.now() < endMs && faults.length < FAULTS_LIMIT) {
      const operation = pick(random, operations);
      const { status, fault } = await sendOne(target, operation, values, random);
      requests += 1;
      if (/^\d/.test(status) && !operation.statuses.has(status)) undocumented.add(`${operation.id} ${status}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (fault !== undefined) faults.push(fault);
      // By then everything that is loaded once has been.
      if (performance.now() - startMs > options.seconds * 500) warmMiB ??= residentMiB(target.pid);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  const grownMiB = Math.round(residentMiB(target.pid) - (warmMiB ?? 0));
  return {
    ...{ requests, statuses: Object.fromEntries([...statuses].toSorted()), faults },
    ...{ undocumented: [...undocumented].toSorted(), grownMiB, seed: options.seed },
  };
}

async function readOperations(url: string): Promise<Operation[]> {
  const document = (await (await fetch(`${url}/v1/openapi.json`)).json()) as OpenApi; // our own, tested elsewhere
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => {
      const [bodyType, body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
      return {
        id: operation.operationId,
        method: method.toUpperCase(),
        path,
        parameters: operation.parameters,
        body: body?.schema,
        bodyType,
        statuses: new Set(Object.keys(operation.responses)),
        isStream: JSON.stringify(operation.responses).includes('text/event-stream'),
      };
    }),
  );
  return operations.filter(({ id }) => !LEFT_OUT.test(id));
}

interface OpenApi {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly operationId: string;
            readonly parameters: Operation['parameters'];
            readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: JsonSchema }>> };
            readonly responses: object;
          }
        >
      >
    >
  >;
}

async function sendOne(
  { url, token }: FuzzTarget,
  operation: Operation,
  values: JsonValues,
  random: () => number,
): Promise<{ status: string; fault?: string }> {
  const path = pathOf(operation, values, random);
  const body = bodyOf(operation, values, random);
  const what = `${operation.method} ${path} ${body?.slice(0, 500) ?? ''}`;
  const headers = {
    ...(random() < 0.95 ? { authorization: `Bearer ${token}` } : {}),
    ...(body === undefined ? {} : { 'content-type': operation.bodyType ?? 'application/json' }),
    ...(random() < 0.1 ? { 'idempotency-key': `k${Math.floor(random() * 50)}` } : {}),
    ...(random() < 0.05 ? { 'if-match': '"x"' } : {}),
  };
  const signal = AbortSignal.timeout(operation.isStream ? STREAM_MS : ANSWER_WITHIN_MS);
  try {
    const reply = await fetch(url + path, {
      ...{ method: operation.method, headers, signal },
      ...(body === undefined ? {} : { body }),
    });
    const text = await reply.text();
    const fault = faultOf(reply.status, text);
    return {
      status: String(reply.status),
      ...(fault === undefined ? {} : { fault: `${fault}: ${what}: ${text}`.slice(0, FAULT_CHARACTERS) }),
    };
  } catch (error) {
    if (operation.isStream) return { status: 'stream' };
    return { status: 'none', fault: `no answer: ${what}: ${error}` };
  }
}

/** A node that is not connected is no fault of the PLC; everything else from 500 on is. */
function faultOf(status: number, text: string): string | undefined {
  if (status < 400) return undefined;
  const problem = Problem.safeParse(tryJson(text));
  if (!problem.success) return `no problem document with ${status}`;
  return status >= 500 && problem.data.code !== 'node_unreachable' ? `status ${status}` : undefined;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no problem document, which is said
  }
}

function pathOf(operation: Operation, values: JsonValues, random: () => number): string {
  const text = (name: string, schema: JsonSchema) => {
    const value = values.of(schema, name);
    const printed = typeof value === 'object' ? JSON.stringify(value) : String(value);
    return encodeURIComponent(printed.toWellFormed().slice(0, 400));
  };
  const filled = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const parameter = operation.parameters.find((one) => one.in === 'path' && one.name === name);
    return text(name, parameter?.schema ?? {}) || 'x';
  });
  const query = operation.parameters
    .filter((parameter) => parameter.in === 'query' && random() < 0.4)
    .map(({ name, schema }) => `${name}=${text(name, schema)}`);
  return query.length === 0 ? filled : `${filled}?${query.join('&')}`;
}

function bodyOf(operation: Operation, values: JsonValues, random: () => number): string | undefined {
  if (operation.bodyType === undefined) return undefined;
  if (operation.bodyType !== 'application/json') return 'no frames at all';
  const text = JSON.stringify(values.of(operation.body ?? {}));
  return random() < 0.03 ? text.slice(0, Math.floor(random() * text.length)) : text;
}

const PAGE_KIB = 4;
const residentMiB = (pid: number): number =>
  (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_KIB) / 1024;
