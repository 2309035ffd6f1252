import { once } from 'node:events';
import { createServer } from 'node:http2';
import { connect } from 'node:tls';
import { createAuthorityIdentity, issueServerCertificate } from '@planetlab/credentials';
import { AuthorityName } from '@planetlab/model';
import { expect, it } from 'vitest';
import { listenDirectly } from './app.ts';

it('a connection to the API that nobody uses is ended', async () => {
  const authority = await createAuthorityIdentity(AuthorityName.parse('planetlab'), Date.now());
  const identity = await issueServerCertificate(authority, { names: ['localhost'] }, Date.now());
  const server = createServer();
  const api = {
    serve(socket: object) {
      const made: unknown[] = [];
      server.once('session', (session) => made.push(session));
      server.emit('connection', socket);
      return made[0] as never;
    },
    close: async () => {},
  };
  const listener = await listenDirectly(api, { host: '127.0.0.1', port: 0 }, identity, 100);
  const socket = connect({
    port: listener.port,
    host: '127.0.0.1',
    ALPNProtocols: ['h2'],
    ca: [authority.certificatePem],
    servername: 'localhost',
  });
  socket.resume();
  socket.on('error', () => {}); // however it ends
  await once(socket, 'close');
  expect(socket.alpnProtocol).toBe('h2');
  await listener.close();
});
