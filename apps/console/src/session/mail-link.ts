/** Where one chooses a password, where one decides about a mail address, and where about a program that wants to sign in. */
const PATHS = ['/confirm', '/invitation', '/new-password', '/new-address', '/keep-address', '/device'] as const;

/** What the link of a mail, or of a program, brought: where to, and the secret that makes it work. */
export interface MailLink {
  readonly path: (typeof PATHS)[number];
  readonly code: string;
}

/** Takes the code out of the address at once, so that it stays neither there nor in the history. */
export function takeMailLink(
  location: Pick<Location, 'pathname' | 'hash'>,
  history: Pick<History, 'replaceState'>,
): MailLink | undefined {
  const path = PATHS.find((one) => one === location.pathname);
  if (path === undefined) return undefined;
  const code = location.hash.slice(1);
  history.replaceState(null, '', path);
  return code === '' ? undefined : { path, code };
}
