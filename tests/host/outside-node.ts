import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, isIPv6 } from 'node:net';
import { HOST_IPV4, NODE_IPV4 } from './node-fixture.ts';

/** What stands outside of a node and talks with its slivers. */

/** What a port of the node says, once something listens there. */
export async function askOnce(port: number): Promise<string> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const socket = connect(port, NODE_IPV4);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    await once(socket, 'close').catch(() => {}); // nothing listens yet
    if (text !== '') return text;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return '';
}

/** Takes what is sent to a port of its own, and says from where it came. */
export async function udpReceiver(host = HOST_IPV4) {
  const from: { address: string; port: number }[] = [];
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  socket.on('message', (_data, { address, port }) => from.push({ address, port }));
  socket.bind(0, host);
  await once(socket, 'listening');
  return {
    ...{ from, port: socket.address().port },
    async [Symbol.asyncDispose]() {
      socket.close();
    },
  };
}

/** Takes everything, and says how fast it came, from the first byte to the last. */
export async function tcpSink() {
  let bytes = 0;
  let firstMs = 0;
  let lastMs = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {}); // the sender is gone
    socket.on('data', (chunk) => {
      lastMs = performance.now();
      if (bytes === 0) firstMs = lastMs;
      bytes += chunk.length;
    });
  }).listen(0, HOST_IPV4);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    kbps: () => (bytes * 8) / (lastMs - firstMs),
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
