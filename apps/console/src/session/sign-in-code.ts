const SIGN_IN_PATH = '/sign-in';

/**
 * Takes the one-time code out of `/sign-in#code=CODE` (or just `#CODE`) and puts the plain page in its place at once,
 * so that the code stays neither in the address bar nor in the history.
 */
export function takeSignInCode(
  location: Pick<Location, 'pathname' | 'hash'>,
  history: Pick<History, 'replaceState'>,
): string | undefined {
  if (location.pathname !== SIGN_IN_PATH) return undefined;
  const fragment = location.hash.slice(1);
  history.replaceState(null, '', '/');
  return (fragment.includes('=') ? new URLSearchParams(fragment).get('code') : fragment) || undefined;
}
