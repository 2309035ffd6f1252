/**
 * Parses JSON that was signed: an object, in valid UTF-8, in which no key stands twice (two readers could otherwise
 * understand two different things). Undefined when it is anything else.
 */
export function parseStrictJson(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    return isRecord(value) && countKeys(value) === countKeysInText(text) ? value : undefined;
  } catch {
    // Both throw only for malformed input, and whose input it is the caller knows better.
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** In valid JSON, a string followed by a colon is a key, and nothing else is. */
function countKeysInText(text: string): number {
  let keys = 0;
  for (const match of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"[ \t\r\n]*(:)?/g)) if (match[1] !== undefined) keys++;
  return keys;
}

/** Walks with a stack of its own: hostile nesting may be deeper than the call stack. */
function countKeys(root: object): number {
  let keys = 0;
  const pending: object[] = [root];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const children: unknown[] = Object.values(next);
    if (!Array.isArray(next)) keys += children.length;
    for (const child of children) if (typeof child === 'object' && child !== null) pending.push(child);
  }
  return keys;
}
