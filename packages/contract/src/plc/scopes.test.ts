import { expect, it } from 'vitest';
import { plcRoutes } from './routes.ts';
import { coversScope, scopeOf } from './scopes.ts';

it('what changes slices or nodes wants their scope, all other changes want all', () => {
  expect(scopeOf(plcRoutes.exec)).toBe('slices');
  expect(scopeOf(plcRoutes.addSlivers)).toBe('slices');
  expect(scopeOf(plcRoutes.inviteNode)).toBe('nodes');
  for (const route of [plcRoutes.createToken, plcRoutes.createSignInLink, plcRoutes.giveRole, plcRoutes.addKey])
    expect(scopeOf(route)).toBe('all');
  expect(scopeOf({ method: 'POST', path: '/v1/slicesque' })).toBe('all'); // what is new is named first
});

it('every token reads and can end itself, but not the mails, whose links sign in', () => {
  for (const route of [plcRoutes.listSlices, plcRoutes.getMe, plcRoutes.deleteCurrentToken])
    expect(coversScope(['nodes'], scopeOf(route))).toBe(true);
  expect(coversScope(['read', 'slices', 'nodes'], scopeOf(plcRoutes.listMails))).toBe(false);
  expect(coversScope(['all'], scopeOf(plcRoutes.listMails))).toBe(true);
});

it('only the scope itself covers a change', () => {
  expect(coversScope(['slices'], 'slices')).toBe(true);
  expect(coversScope(['read'], 'slices')).toBe(false);
  expect(coversScope(['nodes'], 'slices')).toBe(false);
});
