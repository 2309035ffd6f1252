import { readFileSync } from 'node:fs';
import { createSecureContext, Server } from 'node:tls';
import type { App } from '@planetlab/contract/server';
import { messageOf, PlanetLabError } from '@planetlab/model';
import type { Logger } from 'pino';
import type { TlsFiles } from './options.ts';

/** What the listener for people shows. Throws `malformed_key` when the two files are not a certificate and its key. */
export function readTlsFiles({ certificateFile, keyFile }: TlsFiles): { cert: string; key: string } {
  try {
    const files = { cert: readFileSync(certificateFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    createSecureContext(files);
    return files;
  } catch (cause) {
    throw new PlanetLabError(
      'malformed_key',
      `${certificateFile} and ${keyFile} cannot be used for TLS: ${messageOf(cause)}. They have to be a certificate chain and its key in PEM form.`,
      { cause },
    );
  }
}

/** New certificates for a server that runs; connections that are open keep theirs. */
export function reloadTls(app: App, files: TlsFiles | undefined, log: Logger): void {
  const server: unknown = app.server;
  if (files === undefined || !(server instanceof Server)) return;
  try {
    server.setSecureContext({ ...readTlsFiles(files), minVersion: 'TLSv1.2' });
    log.info('certificate read again');
  } catch (error) {
    log.error({ error: messageOf(error) }, 'the certificate stays the one it was');
  }
}
