import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { MINUTE_MS, PlanetLabError, SECOND_MS } from '@planetlab/model';
import { createTransport } from 'nodemailer';

/** How mail leaves: by which server, and from whom. */
export interface SmtpSettings {
  /** `smtp://host:587` (STARTTLS) or `smtps://host:465`, with `user:password@` where the server wants it. */
  readonly url: string;
  /** For example `PlanetLab <plc@example.org>`. */
  readonly from: string;
}

export interface OutgoingMail {
  readonly id: string;
  readonly at: Date;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Gives a mail to a server. Rejects when the server did not take it. */
export interface MailTransport extends Disposable {
  send(mail: OutgoingMail): Promise<void>;
}

const TIMEOUT_MS = 20 * SECOND_MS;
/** For all of one mail, however slowly the server answers. */
const SEND_MS = MINUTE_MS;

export function smtpTransport(settings: SmtpSettings): MailTransport {
  const url = parseSmtpUrl(settings.url);
  const secret = url.username !== '';
  const secure = url.protocol === 'smtps:';
  const server = { host: bare(url.hostname), port: Number(url.port) || (secure ? 465 : 587) };
  const transport = createTransport({
    ...server,
    secure,
    getSocket: (_options, done) => {
      connected(server).then(
        (connection) => done(null, { connection }),
        (error) => done(error),
      );
    },
    // A password leaves this machine only encrypted.
    requireTLS: secret && !secure && !isLoopback(url.hostname),
    ...(secret ? { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } } : {}),
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const { from } = settings;
  const domain = /@([^\s@>]+)/.exec(from)?.[1] ?? 'planetlab.internal';
  return {
    async send({ id, at, to, subject, text }) {
      const message = { from, to: { name: '', address: to }, subject, text, date: at, messageId: `<${id}@${domain}>` };
      // Whoever runs a mail server knows by this that no answer of a vacation program is wanted (RFC 3834).
      const headers = { 'Auto-Submitted': 'auto-generated' };
      await within(SEND_MS, transport.sendMail({ ...message, headers }));
    },
    [Symbol.dispose]: () => transport.close(),
  };
}

/** Throws `malformed_request`. What is wrong is said without the URL: a password may be in it. */
export function parseSmtpUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^smtps?:$/.test(url.protocol) && url.hostname !== '') return url;
  throw new PlanetLabError(
    'malformed_request',
    'The address of the SMTP server is not one. Give it as smtp://mail.example.org:587 or smtps://mail.example.org.',
  );
}

/** By the name as the system knows it: left to itself, nodemailer asks the DNS before it looks into /etc/hosts. */
async function connected(server: { readonly host: string; readonly port: number }): Promise<Socket> {
  const socket = connect(server);
  const late = new Error(`${server.host} did not take the connection within ${TIMEOUT_MS} ms`);
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(late));
  try {
    await once(socket, 'connect');
    return socket.setTimeout(0);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');
const isLoopback = (host: string): boolean => /^(localhost|127\.[\d.]+|\[::1\])$/.test(host);

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`the mail server did not take the mail within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
