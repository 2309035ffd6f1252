import { Person } from '@planetlab/contract';
import { describe, expect, it } from 'vitest';
import { givableRoles, mayManage, roleKey } from '../people/standing.ts';
import { takeMailLink } from '../session/mail-link.ts';
import { browserName } from './browser-name.ts';

it('browsers are named in three words', () => {
  const linux = 'Mozilla/5.0 (X11; Linux x86_64)';
  expect(browserName(`${linux} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36`)).toBe(
    'Chrome on Linux',
  );
  expect(browserName('Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0')).toBe(
    'Firefox on macOS',
  );
  expect(browserName('curl/8.0')).toBe('curl/8.0');
  expect(browserName('')).toBe('A browser');
});

describe('the link of a mail', () => {
  const take = (pathname: string, hash: string) => {
    const replaced: string[] = [];
    const link = takeMailLink(
      { pathname, hash },
      { replaceState: (_state, _title, url) => void replaced.push(String(url)) },
    );
    return { link, replaced };
  };

  it('leaves nothing secret in the address', () => {
    expect(take('/invitation', '#s3cret')).toEqual({
      link: { path: '/invitation', code: 's3cret' },
      replaced: ['/invitation'],
    });
  });

  it('is none without a code, and nowhere else', () => {
    expect(take('/confirm', '').link).toBeUndefined();
    expect(take('/', '#slice=demo_hello')).toEqual({ link: undefined, replaced: [] });
  });
});

describe('what is offered to whom', () => {
  const person = (...roles: readonly { role: string; site: string | null }[]) =>
    Person.parse({ email: 'p@example.org', name: 'P', enabled: true, roles, createdAt: '2026-01-01T00:00:00.000Z' });
  const admin = person({ role: 'admin', site: null });
  const pi = person({ role: 'pi', site: 'demo' });
  const user = person({ role: 'user', site: 'demo' });

  it('are the roles that they may give', () => {
    expect(givableRoles(pi, ['demo', 'other']).map(roleKey)).toEqual(['user@demo', 'tech@demo']);
    expect(givableRoles(user, ['demo'])).toEqual([]);
    expect(givableRoles(admin, ['demo']).map(roleKey)).toEqual(['user@demo', 'tech@demo', 'pi@demo', 'admin']);
  });

  it('are the people that they manage', () => {
    expect([admin, pi, user].map((actor) => mayManage(actor, user))).toEqual([true, true, false]);
    expect([admin, pi, user].map((actor) => mayManage(actor, pi))).toEqual([true, false, false]);
    expect(mayManage(pi, person({ role: 'user', site: 'demo' }, { role: 'user', site: 'other' }))).toBe(false);
  });
});
