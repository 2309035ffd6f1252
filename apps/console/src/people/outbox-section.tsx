import type { OutboxMail } from '@planetlab/contract';
import { useQuery } from '@tanstack/react-query';
import { useApi } from '../api/api.ts';
import { ago } from '../parts/ago.ts';
import { Problem } from '../parts/problem.tsx';

const SHOWN = 100;

/** For admins: mails that nobody has sent yet. Without SMTP they are passed on by hand. */
export function OutboxSection({ nowMs }: { readonly nowMs: number }) {
  const api = useApi();
  const mails = useQuery({
    queryKey: ['persons', 'outbox'],
    queryFn: ({ signal }) => api.listMails({ query: { limit: SHOWN } }, { signal }),
  });
  const items = (mails.data?.items ?? []).filter(({ state }) => state !== 'sent');
  return (
    <section className="pl-panel pl-page-section" aria-label="Outbox">
      <h2>Outbox</h2>
      <Problem error={mails.error} />
      <p className="pl-quiet">
        {items.length === 0
          ? 'Of the newest mails, all were sent.'
          : 'Mails that were not sent. Where no SMTP server is set, pass them on to their readers yourself.'}
      </p>
      <ul className="pl-rows">
        {items.map((mail) => (
          <li key={mail.id}>
            <UnsentMail mail={mail} nowMs={nowMs} />
          </li>
        ))}
      </ul>
    </section>
  );
}

const UnsentMail = ({ mail, nowMs }: { readonly mail: OutboxMail; readonly nowMs: number }) => (
  <details className="pl-row-text">
    <summary>
      <strong>{mail.subject}</strong> to {mail.to} <span className="pl-quiet">{ago(mail.at, nowMs)}</span>
      {mail.state === 'failed' && <span className="pl-quiet"> given up</span>}
    </summary>
    {mail.lastError !== null && <p className="pl-quiet">{mail.lastError}</p>}
    {mail.text !== null && <pre className="pl-mail-text">{mail.text}</pre>}
  </details>
);
