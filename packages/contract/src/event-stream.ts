/** Server-sent events, the part of the HTML standard that we use: `data` lines and comments as heartbeats. */

/** With an `id`, a reader that connects again says in `Last-Event-ID` how far it had come. */
export const encodeEvent = (data: unknown, id?: string): string =>
  `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
/** Keeps proxies and watchdogs from closing a quiet stream. */
export const encodeHeartbeat = (): string => ':\n\n';

const EVENT_LIMIT_CHARACTERS = 4 * 1024 * 1024;

/** Yields the data of each event. Ends when the stream ends; throws when one event is over 4 Mi characters. */
export async function* decodeEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let buffer = '';
  for await (const chunk of body) {
    buffer += decoder.decode(chunk, { stream: true });
    for (;;) {
      const end = buffer.indexOf('\n\n');
      if (end < 0) break;
      const data = dataOf(buffer.slice(0, end));
      buffer = buffer.slice(end + 2);
      if (data !== undefined) yield data;
    }
    if (buffer.length > EVENT_LIMIT_CHARACTERS) throw new RangeError('an event is too long');
  }
}

function dataOf(block: string): string | undefined {
  const lines = block.split('\n').filter((line) => line.startsWith('data:'));
  return lines.length === 0 ? undefined : lines.map((line) => line.slice(5).trimStart()).join('\n');
}
