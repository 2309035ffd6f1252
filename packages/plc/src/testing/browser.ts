import { isPlanetLabError } from '@planetlab/model';
import type { TestPlc } from './test-plc.ts';

/** The code of the refusal that an attempt meets. */
export async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isPlanetLabError(error) ? error.code : `no refusal but ${error}`;
}

let count = 0;

/** Asks as one browser behind an address of its own would; keeps its cookie. */
export function browser(test: TestPlc, from = `198.51.100.${(++count % 250) + 1}`) {
  let cookie = '';
  return async (method: string, path: string, body?: unknown) => {
    const reply = await fetch(test.plc.publicUrl + path, {
      method,
      headers: {
        'x-forwarded-for': from,
        'x-planetlab-console': '1',
        'user-agent': 'Test/1.0',
        ...(cookie === '' ? {} : { cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    cookie = reply.headers.get('set-cookie')?.split(';')[0] ?? cookie;
    const answer = await reply.text();
    return { status: reply.status, body: answer === '' ? undefined : JSON.parse(answer) };
  };
}

/** Signs in by password, as a new browser; the status, or the code of the refusal. */
export const signInByPassword = (test: TestPlc, email: string, password: string) =>
  browser(test)('POST', '/v1/sessions/password', { email, password }).then(({ status, body }) => body.code ?? status);
