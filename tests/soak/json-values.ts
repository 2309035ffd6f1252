import { pick } from './random.ts';

/** The part of JSON Schema that OpenAPI documents of ours use. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: string;
}

/** Texts that have broken programs before. */
const NASTY = [
  ...[
    '',
    ' ',
    '\0',
    '\ud800',
    '\u202e',
    '💥'.repeat(40),
    'x'.repeat(5000),
    '../../etc/passwd',
    '%00',
    '%',
    "' or 1=1 --",
  ],
  ...['null', 'undefined', '__proto__', 'constructor', '{{7*7}}', '-1', '1e999', 'NaN', '*', '@', '~', 'a@b@c'],
  ...['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '2026-02-30T00:00:00Z', '2026-01-01~', '1~x'],
] as const;
const NUMBERS = [0, -1, 1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 255, 65_536] as const;
const DEPTH_LIMIT = 6;

/** Values for fields by their names, so that some requests come further than the first check. */
export type Dictionary = Readonly<Record<string, readonly string[]>>;

export class JsonValues {
  readonly #random: () => number;
  readonly #dictionary: Dictionary;

  constructor(random: () => number, dictionary: Dictionary) {
    this.#random = random;
    this.#dictionary = dictionary;
  }

  /** Mostly of the schema's form, sometimes not at all. */
  of(schema: JsonSchema, name = '', depth = 0): unknown {
    if (depth > DEPTH_LIMIT || this.#random() < 0.06) return this.anything(depth);
    const choice = schema.anyOf ?? schema.oneOf;
    if (choice !== undefined) return this.of(pick(this.#random, choice), name, depth + 1);
    if (schema.allOf !== undefined)
      return Object.assign({}, ...schema.allOf.map((part) => this.of(part, name, depth + 1)));
    if ('const' in schema) return schema.const;
    if (schema.enum !== undefined) return pick(this.#random, schema.enum);
    const type = typeof schema.type === 'string' ? schema.type : pick(this.#random, schema.type ?? ['string']);
    if (type === 'object') return this.#object(schema, depth);
    if (type === 'array') return this.#array(schema.items ?? {}, name, depth);
    if (type === 'integer' || type === 'number') return this.#number(schema);
    if (type === 'boolean') return this.#random() < 0.5;
    return type === 'null' ? null : this.text(name, schema.format);
  }

  text(name: string, format?: string): string {
    const known = this.#dictionary[name] ?? this.#dictionary[format ?? ''];
    if (known !== undefined && this.#random() < 0.8) return pick(this.#random, known);
    return this.#random() < 0.3 ? pick(this.#random, NASTY) : `x${Math.floor(this.#random() * 1e6)}`;
  }

  anything(depth = 0): unknown {
    const simple = [null, true, pick(this.#random, NUMBERS), pick(this.#random, NASTY), [], {}];
    if (depth > DEPTH_LIMIT || this.#random() < 0.8) return pick(this.#random, simple);
    return this.#random() < 0.5
      ? [this.anything(depth + 1)]
      : { [pick(this.#random, NASTY)]: this.anything(depth + 1) };
  }

  #object({ properties = {}, required = [], additionalProperties }: JsonSchema, depth: number): unknown {
    const entries = Object.entries(properties)
      .filter(([name]) => this.#random() < (required.includes(name) ? 0.97 : 0.4))
      .map(([name, schema]) => [name, this.of(schema, name, depth + 1)]);
    if (typeof additionalProperties === 'object')
      entries.push([this.text('key'), this.of(additionalProperties, '', depth + 1)]);
    if (this.#random() < 0.03) entries.push([pick(this.#random, NASTY), this.anything(depth + 1)]);
    return Object.fromEntries(entries);
  }

  #array(items: JsonSchema, name: string, depth: number): unknown[] {
    const length = Math.floor(this.#random() * 4);
    return Array.from({ length }, () => this.of(items, name.replace(/s$/, ''), depth + 1));
  }

  #number({ minimum = 0, maximum = 1000 }: JsonSchema): number {
    if (this.#random() < 0.2) return pick(this.#random, NUMBERS);
    return Math.floor(minimum + this.#random() * (Math.min(maximum, minimum + 1e6) - minimum));
  }
}
