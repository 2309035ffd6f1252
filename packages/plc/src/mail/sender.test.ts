import { createSocket } from 'node:dgram';
import { getServers, setServers } from 'node:dns';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { DAY_MS, HOUR_MS, MINUTE_MS, PersonEmail } from '@planetlab/model';
import { pino } from 'pino';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { purgePlc } from '../index.ts';
import { type OpenStore, openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import { eventually } from '../testing/test-plc.ts';
import { tidyOutbox } from './outbox.ts';
import { queueMail } from './queue.ts';
import { nextAttempt, sendNextMail, startMailSender } from './sender.ts';
import { parseSmtpUrl, smtpTransport } from './smtp.ts';

const log = pino({ level: 'silent' });
const state = mkdtempSync(join(tmpdir(), 'plc-mail-test-'));
let database: OpenStore;
let store: Store;
let aheadMs = 0;

/** A real server; what it does with recipients and content can be changed. */
const received: string[] = [];
const sessions: boolean[] = [];
let refuse: 'nothing' | 'for now' | 'recipients' = 'nothing';
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  allowInsecureAuth: true,
  onAuth({ username, password }, _session, done) {
    const right = username === 'plc' && password === 'p@ss word';
    done(right ? null : new Error('wrong password'), { user: username });
  },
  onRcptTo(_address, session, done) {
    sessions.push(session.user !== undefined);
    const code = { nothing: undefined, 'for now': 451, recipients: 550 }[refuse];
    done(code === undefined ? null : Object.assign(new Error('not this one'), { responseCode: code }));
  },
  onData(stream, _session, done) {
    text(stream).then(
      (mail) => {
        received.push(mail);
        done();
      },
      (error) => done(error),
    );
  },
});
let port: number;

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  port = (server.server.address() as AddressInfo).port; // of a TCP socket
  database = await openStore({ state, databaseUrl: undefined, log, progress: () => {} });
  store = { db: database.db, now: () => new Date(Date.now() + aheadMs) };
}, 60_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await purgePlc(state);
  await new Promise<void>((resolve) => server.close(() => resolve()));
});
beforeEach(async () => {
  received.length = 0;
  refuse = 'nothing';
  aheadMs = 0;
  await store.db.deleteFrom('mails').execute();
});

const transport = (credentials = '', host = '127.0.0.1') =>
  smtpTransport({ url: `smtp://${credentials}${host}:${port}`, from: 'PlanetLab <plc@example.org>' });
const queue = (...to: string[]) =>
  store.db.transaction().execute((trx) =>
    queueMail(trx, store.now(), {
      to: to.map((address) => PersonEmail.parse(address)),
      subject: 'A slice\r\nBcc: everybody@example.org',
      text: 'It ends on Monday.\n\nZürich\n',
      kind: 'slice.expires',
    }),
  );
const rows = () => store.db.selectFrom('mails').selectAll().orderBy('recipient').execute();

it('sends a mail to each recipient, once, and forgets its text', async () => {
  using smtp = transport();
  await queue('ada@example.org', 'bob@example.org', 'ada@example.org');
  while (await sendNextMail(store, smtp, log));
  expect(received).toHaveLength(2);
  expect(received[0]).toMatch(/^From: PlanetLab <plc@example.org>\r?$/m);
  expect(received[0]).toMatch(/^Auto-Submitted: auto-generated\r?$/m);
  expect(received[0]).toContain('Z=C3=BCrich');
  // a subject begins no header
  expect(received.join()).not.toMatch(/^Bcc:/m);
  expect(await rows()).toMatchObject([
    { recipient: 'ada@example.org', state: 'sent', text: null, attempts: 1 },
    { recipient: 'bob@example.org', state: 'sent', text: null, attempts: 1 },
  ]);
});

it('finds the server by the name that the system knows, whatever the DNS does', async () => {
  const silent = createSocket('udp4');
  let questions = 0;
  silent.on('message', () => questions++);
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  const usual = getServers();
  setServers([`127.0.0.1:${silent.address().port}`]);
  try {
    using smtp = transport('', 'localhost');
    await queue('ada@example.org');
    await sendNextMail(store, smtp, log);
  } finally {
    setServers(usual);
    silent.close();
  }
  expect(await rows()).toMatchObject([{ state: 'sent', attempts: 1 }]);
  expect(questions).toBe(0);
});

it('says that nobody takes connections there', async () => {
  const nobody = createServer().listen(0, '127.0.0.1');
  await once(nobody, 'listening');
  const { port: closed } = nobody.address() as AddressInfo; // of a TCP socket
  await new Promise((resolve) => nobody.close(resolve));
  using smtp = smtpTransport({ url: `smtp://127.0.0.1:${closed}`, from: 'plc@example.org' });
  await queue('ada@example.org');
  await sendNextMail(store, smtp, log);
  expect(await rows()).toMatchObject([{ state: 'queued', last_error: expect.stringContaining('ECONNREFUSED') }]);
});

it('sends nothing for a change that did not happen', async () => {
  const failed = store.db.transaction().execute(async (trx) => {
    await queueMail(trx, store.now(), { to: [PersonEmail.parse('a@example.org')], subject: 'x', text: 'x', kind: 'x' });
    throw new Error('undone');
  });
  await expect(failed).rejects.toThrow('undone');
  expect(await rows()).toEqual([]);
});

it('signs in at the server where it wants that', async () => {
  using smtp = transport('plc:p%40ss%20word@');
  await queue('ada@example.org');
  await sendNextMail(store, smtp, log);
  expect(received).toHaveLength(1);
  expect(sessions.at(-1)).toBe(true);
});

it('does not give a mail up because of a wrong password or a server that is busy', async () => {
  using wrong = transport('plc:guess@');
  await queue('ada@example.org');
  await sendNextMail(store, wrong, log);
  const [first] = await rows();
  expect(first).toMatchObject({ state: 'queued', attempts: 1, last_error: expect.stringContaining('wrong password') });
  expect(JSON.stringify(first)).not.toContain('guess');

  using smtp = transport();
  refuse = 'for now';
  expect(await sendNextMail(store, smtp, log)).toBe(false); // not yet
  aheadMs = 2 * MINUTE_MS;
  expect(await sendNextMail(store, smtp, log)).toBe(true);
  expect(await rows()).toMatchObject([{ state: 'queued', attempts: 2 }]);
  refuse = 'nothing';
  aheadMs = HOUR_MS;
  await sendNextMail(store, smtp, log);
  expect(await rows()).toMatchObject([{ state: 'sent', attempts: 3, last_error: null }]);
});

it('gives up at once what the server will never take, and forgets its text', async () => {
  using smtp = transport();
  refuse = 'recipients';
  await queue('nobody@example.org');
  await sendNextMail(store, smtp, log);
  expect(await rows()).toMatchObject([{ state: 'failed', text: null, attempts: 1 }]);
});

it('tries after ever longer pauses, and not after two days', () => {
  const at = new Date('2026-01-01T00:00:00Z');
  const waits = [1, 2, 3, 9, 20].map((attempts) => Number(nextAttempt(at, at, attempts)) - Number(at));
  expect(waits).toEqual([1, 2, 4, 240, 240].map((minutes) => minutes * MINUTE_MS));
  expect(nextAttempt(new Date(at.getTime() + 2 * DAY_MS), at, 15)).toBeUndefined();
});

it('several processes send each mail once', async () => {
  const people = Array.from({ length: 40 }, (_, index) => `p${index}@example.org`);
  await queue(...people);
  {
    await using _one = startMailSender(store, transport(), log);
    await using _two = startMailSender(store, transport(), log);
    await using _three = startMailSender(store, transport(), log);
    await eventually(rows, (all) => all.every((mail) => mail.state === 'sent'), 60_000);
  }
  const recipients = received.map((mail) => /^To: (\S+)/m.exec(mail)?.[1]);
  expect(recipients.toSorted()).toEqual(people.toSorted());
}, 90_000);

it('texts that nobody sent do not lie about for ever', async () => {
  await queue('ada@example.org');
  aheadMs = 15 * DAY_MS;
  await store.db.transaction().execute((trx) => tidyOutbox(trx, store.now()));
  expect(await rows()).toMatchObject([{ state: 'failed', text: null }]);
  aheadMs = 31 * DAY_MS;
  await store.db.transaction().execute((trx) => tidyOutbox(trx, store.now()));
  expect(await rows()).toEqual([]);
});

it('says that an address of a server is none, without its password', () => {
  expect(() => parseSmtpUrl('mail.example.org?secret')).toThrow(/not one\. Give it as smtp:/);
  expect(() => parseSmtpUrl('http://user:secret@mail')).not.toThrow(/secret/);
  expect(parseSmtpUrl('smtps://mail.example.org').hostname).toBe('mail.example.org');
});
