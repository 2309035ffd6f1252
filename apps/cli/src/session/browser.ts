import { spawn } from 'node:child_process';

type Env = Readonly<Record<string, string | undefined>>;

/** The program that opens addresses, where there is a screen to show them on. */
export function browserOpener(platform: NodeJS.Platform, env: Env): string | undefined {
  if (platform === 'darwin') return 'open';
  const hasScreen = (env['DISPLAY'] ?? '') !== '' || (env['WAYLAND_DISPLAY'] ?? '') !== '';
  return platform === 'linux' && hasScreen ? 'xdg-open' : undefined;
}

/** Does not wait for the browser, which may stay open; whether it could be started. */
export async function openBrowser(url: string, env: Env): Promise<boolean> {
  const opener = browserOpener(process.platform, env);
  if (opener === undefined) return false;
  const child = spawn(opener, [url], { stdio: 'ignore', detached: true });
  child.unref();
  return new Promise((resolve) => {
    child.once('spawn', () => resolve(true));
    child.once('error', () => resolve(false));
  });
}
