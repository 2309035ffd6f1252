import { z } from 'zod';
import { PlanetLabError } from './errors.ts';
import { whatIsWrong } from './malformed.ts';

/**
 * The names people type. Each is a branded string: a plain string becomes one only by passing its schema,
 * so that inside the system a name is known to be well formed. Patterns follow the original's (FACTS: slice names
 * `site_name`), narrowed to lower case and to 32 characters, the longest account name Linux accepts.
 */
export const SiteName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.]{1,19}$/, 'a site name is 2 to 20 lower-case letters, digits or dots, such as "princeton"')
  .brand<'SiteName'>();
export type SiteName = z.infer<typeof SiteName>;

/** `site_name`, for example `princeton_codeen`; at most 32 characters, because it is also the account one logs in to. */
export const SliceName = z
  .string()
  .max(32, 'a slice name has at most 32 characters')
  .regex(
    /^[a-z0-9][a-z0-9.]{1,19}_[a-z0-9][a-z0-9_.]*$/,
    'a slice name is its site, an underscore and a name in lower case, such as "princeton_codeen"',
  )
  .brand<'SliceName'>();
export type SliceName = z.infer<typeof SliceName>;

/** A DNS label or host name in lower case, at most 63 characters. */
export const NodeName = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/,
    'a node name is like a host name: lower-case letters, digits, dots and hyphens, such as "planetlab1.princeton"',
  )
  .brand<'NodeName'>();
export type NodeName = z.infer<typeof NodeName>;

/** The name of an image as people say it, for example `debian-12`. */
export const ImageName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    'an image name is lower-case letters, digits, dots, hyphens, such as "debian-12"',
  )
  .brand<'ImageName'>();
export type ImageName = z.infer<typeof ImageName>;

/** A person is known by a mail address, compared in lower case. */
export const PersonEmail = z
  .string()
  .max(254)
  .transform((text) => text.trim().toLowerCase())
  .pipe(z.email('a person is named by a mail address, such as "ada@example.org"'))
  .brand<'PersonEmail'>();
export type PersonEmail = z.infer<typeof PersonEmail>;

/** `slice@node`: the one sliver a slice has on a node. */
export type SliverName = `${SliceName}@${NodeName}`;

export const sliverName = (slice: SliceName, node: NodeName): SliverName => `${slice}@${node}`;

/** The site a slice belongs to: what stands before the first underscore. */
export const siteOfSlice = (slice: SliceName): SiteName => SiteName.parse(slice.slice(0, slice.indexOf('_')));

/** Parses a name at a boundary. Throws `malformed_name` with the schema's own sentence. */
export function parseName<S extends z.ZodType>(schema: S, text: unknown): z.output<S> {
  const result = schema.safeParse(text, { error: whatIsWrong });
  if (result.success) return result.data;
  const reason = result.error.issues[0]?.message ?? 'it does not have the form of a name';
  throw new PlanetLabError('malformed_name', `${JSON.stringify(text)} is not a valid name: ${reason}.`);
}
