import type { Person } from '@planetlab/contract';
import { isPlanetLabError } from '@planetlab/model';
import type { PlcApi } from '../api/api.ts';

/** Who is signed in, or nobody; `problem` says why a link did not work. */
export interface Session {
  readonly person: Person | null;
  readonly problem: string | null;
}

export const SIGNED_OUT: Session = { person: null, problem: null };

type SessionApi = Pick<PlcApi, 'createSession' | 'getMe'>;

/** Signs in with the code of a link if there is one; a used link still leads in whoever is signed in already. */
export async function openSession(api: SessionApi, code: string | undefined): Promise<Session> {
  if (code === undefined) return currentSession(api);
  try {
    return { person: await api.createSession({ body: { code } }), problem: null };
  } catch (error) {
    if (!isPlanetLabError(error, 'sign_in_link_invalid')) throw error;
    const current = await currentSession(api);
    return current.person === null ? { person: null, problem: error.message } : current;
  }
}

async function currentSession(api: SessionApi): Promise<Session> {
  try {
    return { person: await api.getMe({}), problem: null };
  } catch (error) {
    if (isSignedOut(error)) return SIGNED_OUT;
    throw error;
  }
}

/** Whether a failure means that nobody is signed in (any more). */
export const isSignedOut = (error: unknown): boolean => isPlanetLabError(error) && error.status === 401;
