import { PlanetLabError } from '@planetlab/model';
import { ExitWith } from '../exit.ts';
import { type Io, releaseInput } from '../io.ts';

const LIMIT_CHARACTERS = 64 * 1024;

/** All of standard input as text without the white space around it: a token, a key, never more than 64 KiB. */
export async function readStandardInput(io: Io): Promise<string> {
  let text = '';
  for await (const chunk of io.stdin) {
    text += String(chunk);
    if (text.length > LIMIT_CHARACTERS) {
      throw new PlanetLabError('malformed_request', 'Standard input is too long for a token or a key.');
    }
  }
  return text.trim();
}

/** A secret: asked for on a terminal, without showing it; else read from standard input. */
export async function readSecret(io: Io, question: string): Promise<string> {
  const secret = io.stdin.isTTY === true ? await promptHidden(io, question) : await readStandardInput(io);
  if (secret === '') throw new PlanetLabError('malformed_request', 'Nothing was given; the token is expected here.');
  return secret;
}

const ENTER = /[\r\n]/;
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const RUB_OUT = /[\u007f\b]/;

async function promptHidden(io: Io, question: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let typed = '';
  const read = (chunk: Buffer | string) => {
    for (const character of String(chunk)) {
      if (ENTER.test(character) || character === CTRL_D) return resolve(typed);
      if (character === CTRL_C) return reject(new ExitWith(130));
      typed = RUB_OUT.test(character) ? typed.slice(0, -1) : typed + character;
    }
  };
  io.stdin.setRawMode?.(true);
  io.stdin.on('data', read);
  io.stderr.write(question); // only now: what is typed before would be shown
  try {
    return (await promise).trim();
  } finally {
    io.stdin.off('data', read);
    io.stdin.setRawMode?.(false);
    releaseInput(io.stdin);
    io.stderr.write('\n');
  }
}
