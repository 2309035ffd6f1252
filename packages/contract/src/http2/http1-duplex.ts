import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Duplex } from 'node:stream';
import { PlanetLabError } from '@planetlab/model';
import type { DuplexOpener } from './open-exec.ts';

/**
 * Opens duplex requests over HTTP/1.1, where request and response bodies flow at the same time: a person's way to the PLC.
 * When `signal` aborts, requests that wait for an answer reject and open streams break.
 */
export const http1DuplexOpener =
  (
    baseUrl: string,
    headers: Readonly<Record<string, string>>,
    options: { readonly signal?: AbortSignal } = {},
  ): DuplexOpener =>
  (path, extraHeaders, firstBytes) => {
    const url = new URL(baseUrl + path);
    const open = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const { promise, resolve, reject } = Promise.withResolvers<{ stream: Duplex; status: number }>();
    const outgoing = open(url, { method: 'POST', headers: { ...headers, ...extraHeaders }, ...options });
    outgoing.once('response', (incoming) => {
      const stream = Duplex.from({ readable: incoming, writable: outgoing });
      // Its body never ends by itself, so the connection would stay open, and with it the process that has it.
      stream.once('close', () => outgoing.destroy());
      resolve({ stream, status: incoming.statusCode ?? 500 });
    });
    outgoing.on('error', (cause) =>
      reject(
        new PlanetLabError(
          'authority_unreachable',
          `No answer from ${url.origin}: check the address and that it is running.`,
          { cause },
        ),
      ),
    );
    outgoing.write(firstBytes);
    return promise;
  };
