import { Person } from '@planetlab/contract';
import { PlanetLabError } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { openSession, SIGNED_OUT } from './open-session.ts';
import { takeSignInCode } from './sign-in-code.ts';

const ada = Person.parse({
  email: 'ada@example.org',
  name: 'Ada',
  enabled: true,
  roles: [],
  createdAt: '2026-01-01T00:00:00.000Z',
});
const nobody = async () => {
  throw new PlanetLabError('not_signed_in', 'Nobody is signed in.');
};
const invalid = async () => {
  throw new PlanetLabError('sign_in_link_invalid', 'This link has been used.');
};

describe('openSession', () => {
  it('signs in with the code of a link', async () => {
    const codes: string[] = [];
    const createSession = async (input: { body: { code: string } }) => {
      codes.push(input.body.code);
      return ada;
    };
    expect(await openSession({ createSession, getMe: nobody }, 'abc')).toEqual({ person: ada, problem: null });
    expect(codes).toEqual(['abc']);
  });

  it('asks who is signed in when there is no code', async () => {
    expect(await openSession({ createSession: invalid, getMe: async () => ada }, undefined)).toMatchObject({
      person: ada,
    });
    expect(await openSession({ createSession: invalid, getMe: nobody }, undefined)).toEqual(SIGNED_OUT);
  });

  it('says why a link did not work, unless somebody is signed in already', async () => {
    expect(await openSession({ createSession: invalid, getMe: nobody }, 'used')).toEqual({
      person: null,
      problem: 'This link has been used.',
    });
    expect(await openSession({ createSession: invalid, getMe: async () => ada }, 'used')).toEqual({
      person: ada,
      problem: null,
    });
  });

  it('passes on other failures', async () => {
    const down = async () => {
      throw new PlanetLabError('authority_unreachable', 'No answer.');
    };
    await expect(openSession({ createSession: down, getMe: down }, 'x')).rejects.toThrow('No answer.');
  });
});

describe('takeSignInCode', () => {
  const take = (pathname: string, hash: string) => {
    const replaced: string[] = [];
    const code = takeSignInCode(
      { pathname, hash },
      { replaceState: (_state, _title, url) => void replaced.push(String(url)) },
    );
    return { code, replaced };
  };

  it('takes the code and removes it from the address bar', () => {
    expect(take('/sign-in', '#code=s3cret')).toEqual({ code: 's3cret', replaced: ['/'] });
    expect(take('/sign-in', '#s3cret')).toEqual({ code: 's3cret', replaced: ['/'] });
  });

  it('leaves every other address alone', () => {
    expect(take('/', '#slice=demo_hello')).toEqual({ code: undefined, replaced: [] });
  });

  it('treats a sign-in page without a code as the plain page', () => {
    expect(take('/sign-in', '')).toEqual({ code: undefined, replaced: ['/'] });
    expect(take('/sign-in', '#other=1')).toEqual({ code: undefined, replaced: ['/'] });
  });
});
