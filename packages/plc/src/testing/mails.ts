import type { PlcClient } from './test-plc.ts';

/** The newest mail of a kind to somebody, from the outbox of a PLC that has no SMTP. */
export async function newestMail(admin: PlcClient, to: string, kind: string) {
  const { items } = await admin.listMails({ query: { limit: 1000 } });
  return items.find((mail) => mail.to === to.toLowerCase() && mail.kind === kind);
}

/** The code of the link in the newest mail of a kind to somebody. */
export async function codeFor(admin: PlcClient, to: string, kind: string): Promise<string> {
  const mail = await newestMail(admin, to, kind);
  const code = /\bhttps?:\/\/\S+#(\S+)/.exec(mail?.text ?? '')?.[1];
  if (code === undefined) throw new Error(`no ${kind} with a link was mailed to ${to}: ${JSON.stringify(mail)}`);
  return code;
}
