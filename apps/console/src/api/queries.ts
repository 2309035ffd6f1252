import { queryOptions } from '@tanstack/react-query';
import type { PlcApi } from './api.ts';
import { readAll } from './read-all.ts';

const PAGE_SIZE = 1000;

export const authorityQuery = (api: PlcApi) =>
  queryOptions({ queryKey: ['authority'], queryFn: ({ signal }) => api.getAuthority({}, { signal }) });

export const nodesQuery = (api: PlcApi) =>
  queryOptions({
    queryKey: ['nodes'],
    queryFn: ({ signal }) => readAll((after) => api.listNodes({ query: { limit: PAGE_SIZE, after } }, { signal })),
  });

export const slicesQuery = (api: PlcApi) =>
  queryOptions({
    queryKey: ['slices'],
    queryFn: ({ signal }) => readAll((after) => api.listSlices({ query: { limit: PAGE_SIZE, after } }, { signal })),
  });

/** All slivers that the reader may see, or those of one slice or node. */
export const sliversQuery = (api: PlcApi, of: { readonly slice?: string; readonly node?: string } = {}) =>
  queryOptions({
    queryKey: ['slivers', of],
    queryFn: ({ signal }) =>
      readAll((after) => api.listSlivers({ query: { ...of, limit: PAGE_SIZE, after } }, { signal })),
  });

export const signInMethodsQuery = (api: PlcApi) =>
  queryOptions({ queryKey: ['sign-in-methods'], queryFn: ({ signal }) => api.getSignInMethods({}, { signal }) });

export const signUpSitesQuery = (api: PlcApi) =>
  queryOptions({
    queryKey: ['sign-up-sites'],
    queryFn: ({ signal }) =>
      readAll((after) => api.listSignUpSites({ query: { limit: PAGE_SIZE, after } }, { signal })),
  });

export const personsQuery = (api: PlcApi) =>
  queryOptions({
    queryKey: ['persons'],
    queryFn: ({ signal }) => readAll((after) => api.listPersons({ query: { limit: PAGE_SIZE, after } }, { signal })),
  });

/** Read now and then anyway: who asks for a first role is nobody yet that a PI is told of. */
export const requestsQuery = (api: PlcApi) =>
  queryOptions({
    queryKey: ['persons', 'requests'],
    refetchInterval: 30_000,
    queryFn: ({ signal }) =>
      readAll((after) => api.listRoleRequests({ query: { limit: PAGE_SIZE, after } }, { signal })),
  });

export const invitationsQuery = (api: PlcApi) =>
  queryOptions({
    queryKey: ['persons', 'invitations'],
    queryFn: ({ signal }) =>
      readAll((after) => api.listInvitations({ query: { limit: PAGE_SIZE, after } }, { signal })),
  });

/** What concerns the reader now. */
export const announcementsQuery = (api: PlcApi) =>
  queryOptions({
    queryKey: ['announcements'],
    queryFn: ({ signal }) =>
      readAll((after) => api.listAnnouncements({ query: { limit: PAGE_SIZE, after } }, { signal })),
  });

/** What to read again when something of this type has changed. Slivers are counted in nodes and slices, and cannot be reached without their node. */
export const QUERIES_OF_CHANGE = {
  site: ['nodes'],
  person: ['session', 'persons'],
  node: ['nodes', 'slivers'],
  slice: ['slices'],
  sliver: ['slivers', 'nodes', 'slices'],
  operation: [],
  announcement: ['announcements'],
} as const satisfies Record<string, readonly string[]>;
export const LIVE_QUERIES = ['nodes', 'slices', 'slivers', 'announcements'] as const;
