import { hashSecret, newSecret } from '@planetlab/credentials';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '@planetlab/model';

/** API tokens begin with this, so that scanners of source code and logs recognise one that leaked. */
export const TOKEN_PREFIX = 'pl_';

export const SIGN_IN_LINK_MS = 10 * MINUTE_MS;
export const DEVICE_CODE_MS = 10 * MINUTE_MS;
export const SESSION_MS = 12 * HOUR_MS;
/** For so long after signing in, who is at the browser counts as having just shown who they are. */
export const FRESH_SESSION_MS = 10 * MINUTE_MS;
export const TOKEN_DEFAULT_MS = 90 * DAY_MS;
export const TOKEN_MAX_MS = 365 * DAY_MS;

/** A new secret, and the hash that is stored in its place. */
export function newApiToken(): { readonly token: string; readonly hash: string } {
  const token = TOKEN_PREFIX + newSecret();
  return { token, hash: hashSecret(token) };
}

export function newCode(): { readonly code: string; readonly hash: string } {
  const code = newSecret();
  return { code, hash: hashSecret(code) };
}
