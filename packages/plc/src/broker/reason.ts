import type { Reason } from '@planetlab/contract';

const CODE_LIMIT_CHARACTERS = 100;
const REASON_LIMIT_CHARACTERS = 2000;

/** A node's words stand in events and lists for ever: it is not trusted to be brief, nor to send what can be stored. */
export const brief = ({ code, message }: Reason): Reason => ({
  code: storable(code, CODE_LIMIT_CHARACTERS),
  message: storable(message, REASON_LIMIT_CHARACTERS),
});

/** PostgreSQL takes no NUL. */
function storable(text: string, most: number): string {
  const words = text.replaceAll('\0', '');
  return words.length > most ? `${words.slice(0, most)}…` : words;
}
