import { expect, it } from 'vitest';
import { createPasswordHasher } from './hash.ts';

// Cheap: what is tested is not how long it takes.
const cheap = { memoryKiB: 64, passes: 1, lanes: 1 };
const hasher = createPasswordHasher(cheap);

it('a hash has its parameters in it, and no two of one password are the same', async () => {
  const [one, two] = await Promise.all([hasher.hash('correct horse'), hasher.hash('correct horse')]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(one).not.toBe(two);
});

it('agrees with what other programs compute for the same salt', async () => {
  // printf password | argon2 somesalt -id -t 2 -k 65536 -p 1 -e, with the salt and the tag of 32 bytes
  const known = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  expect(await hasher.verify('password', known)).toBe(true);
  expect(await hasher.verify('passwore', known)).toBe(false);
});

it('takes the password and no other, however its letters are composed', async () => {
  const hash = await hasher.hash('Zürich is a password');
  expect(await hasher.verify('Zürich is a password'.normalize('NFD'), hash)).toBe(true);
  expect(await hasher.verify('Zurich is a password', hash)).toBe(false);
});

it('takes nothing where there is no hash, or one that it does not know', async () => {
  expect(await hasher.verify('x', undefined)).toBe(false);
  expect(await hasher.verify('x', '$2b$10$whatever')).toBe(false);
});

it('knows which hashes were made with another cost, and still checks them', async () => {
  const hash = await hasher.hash('correct horse');
  const dearer = createPasswordHasher({ ...cheap, passes: 2 });
  expect(hasher.isOutdated(hash)).toBe(false);
  expect(dearer.isOutdated(hash)).toBe(true);
  expect(await dearer.verify('correct horse', hash)).toBe(true);
});

it('turns away whom it has no room for, and goes on afterwards', async () => {
  const results = await Promise.allSettled(Array.from({ length: 200 }, () => hasher.hash('x')));
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused.length).toBeGreaterThan(0);
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'too_many_requests' });
  expect(results.length - refused.length).toBeGreaterThan(60);
  expect(await hasher.verify('x', await hasher.hash('x'))).toBe(true);
});
