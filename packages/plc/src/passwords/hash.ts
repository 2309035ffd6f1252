import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { PlanetLabError } from '@planetlab/model';

/** Cost of one hash. OWASP's minimum for argon2id; it stands in each hash, so that it can be raised. */
export interface HashCost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
}

export const PASSWORD_COST: HashCost = { memoryKiB: 19_456, passes: 2, lanes: 1 };
const SALT_BYTES = 16;
const TAG_BYTES = 32;
/** Each takes memory and a thread: what is above waits, and what does not fit is turned away. */
const AT_ONCE = 2;
const WAITING = 64;

export interface PasswordHasher {
  /** `$argon2id$v=19$m=...,t=...,p=...$salt$tag`, as every program that knows argon2 writes it. */
  hash(password: string): Promise<string>;
  /**
   * Whether a password is that of a hash. Takes as long when there is no hash (undefined): nobody learns by the time
   * whether somebody has an account.
   */
  verify(password: string, hash: string | undefined): Promise<boolean>;
  /** Whether a hash was made with another cost than today's, and should be made again when its password is at hand. */
  isOutdated(hash: string): boolean;
}

const derive = promisify(argon2);

interface ParsedHash {
  readonly cost: HashCost;
  readonly salt: Buffer;
  readonly tag: Buffer;
}

const FORM = /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

function parseHash(text: string): ParsedHash | undefined {
  const [, memory, passes, lanes, salt, tag] = FORM.exec(text) ?? [];
  if (salt === undefined || tag === undefined) return undefined;
  const cost = { memoryKiB: Number(memory), passes: Number(passes), lanes: Number(lanes) };
  return { cost, salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') };
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');

const format = ({ cost, salt, tag }: ParsedHash): string =>
  `$argon2id$v=19$m=${cost.memoryKiB},t=${cost.passes},p=${cost.lanes}$${unpadded(salt)}$${unpadded(tag)}`;

export function createPasswordHasher(cost: HashCost = PASSWORD_COST): PasswordHasher {
  const slots = createSlots(AT_ONCE, WAITING);
  const tagOf = (password: string, { cost: its, salt }: Omit<ParsedHash, 'tag'>) =>
    slots(() =>
      derive('argon2id', {
        message: Buffer.from(password.normalize('NFKC')),
        nonce: salt,
        parallelism: its.lanes,
        tagLength: TAG_BYTES,
        memory: its.memoryKiB,
        passes: its.passes,
      }),
    );
  const nobody = { cost, salt: randomBytes(SALT_BYTES), tag: randomBytes(TAG_BYTES) };
  return {
    async hash(password) {
      const salt = randomBytes(SALT_BYTES);
      return format({ cost, salt, tag: await tagOf(password, { cost, salt }) });
    },
    async verify(password, hash) {
      const parsed = hash === undefined ? undefined : parseHash(hash);
      const against = parsed ?? nobody;
      const tag = await tagOf(password, against);
      return tag.length === against.tag.length && timingSafeEqual(tag, against.tag) && parsed !== undefined;
    },
    isOutdated(hash) {
      const its = parseHash(hash)?.cost;
      return its?.memoryKiB !== cost.memoryKiB || its.passes !== cost.passes || its.lanes !== cost.lanes;
    },
  };
}

/** Runs at most `atOnce` works; up to `waiting` more stand in line. */
function createSlots(atOnce: number, waiting: number): <T>(work: () => Promise<T>) => Promise<T> {
  const line: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= atOnce) {
      if (line.length >= waiting) {
        throw new PlanetLabError(
          'too_many_requests',
          'Too many people are signing in at this moment. Try again in 5 s.',
        );
      }
      await new Promise<void>((resolve) => line.push(resolve)); // who ends hands over the slot
    } else running++;
    try {
      return await work();
    } finally {
      const next = line.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
