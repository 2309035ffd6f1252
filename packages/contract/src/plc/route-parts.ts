import { NodeName, PersonEmail, SiteName, SliceName } from '@planetlab/model';
import { z } from 'zod';
import { page } from '../route.ts';

/** What the route tables of the PLC are written with. */
export const json = <S extends z.ZodType>(schema: S) => ({ kind: 'json', schema }) as const;
export const list = <S extends z.ZodType>(item: S) => json(page(item));
export const empty = { kind: 'empty' } as const;
/** Cursor pagination, the same on every list. */
export const paged = {
  limit: z.coerce.number().int().min(1).max(1000).default(200),
  after: z.string().max(300).optional(),
};
export const bySite = z.object({ site: SiteName });
export const byPerson = z.object({ person: PersonEmail });
export const byNode = z.object({ node: NodeName });
export const bySlice = z.object({ slice: SliceName });
export const bySliver = z.object({ slice: SliceName, node: NodeName });
export const bySliceAndPerson = z.object({ slice: SliceName, person: PersonEmail });
