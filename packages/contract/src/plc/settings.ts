import { z } from 'zod';

const days = (max: number) => z.number().int().min(1).max(max);

/** What happens to a site whose node is dead, by the days since it was last seen (FACTS: after one, two and three weeks). */
export const EscalationPolicy = z
  .object({
    enabled: z.boolean().default(true).describe('Whether anything happens at all'),
    techAfterDays: days(365).default(7).describe('The techs of the site are mailed'),
    piAfterDays: days(365).default(14).describe('Its PIs are mailed, and the site gets no new slices'),
    everyoneAfterDays: days(365).default(21).describe('All of its people are mailed, and its slices are suspended'),
    spareWithNodesUp: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(1)
      .describe('A site with so many nodes connected is only written to'),
  })
  .strict()
  .refine(
    ({ techAfterDays, piAfterDays, everyoneAfterDays }) =>
      techAfterDays <= piAfterDays && piAfterDays <= everyoneAfterDays,
    'each step of the escalation comes no earlier than the one before it',
  );
export type EscalationPolicy = z.infer<typeof EscalationPolicy>;

/**
 * What an admin decides for the whole authority while it runs. Every member has a default, so that an authority
 * without a decision works, and one from before a member was added.
 */
export const AuthoritySettings = z
  .object({
    signUpOpen: z.boolean().default(true).describe('Whether strangers may ask for an account'),
    slicesPerSite: z.number().int().min(0).max(100_000).default(100).describe('Slices of a site without its own limit'),
    nodesPerSlice: z
      .number()
      .int()
      .min(0)
      .max(100_000)
      .default(100)
      .describe('Nodes that people of a slice may put it on; a PI or an admin may go further'),
    sliceLifeDays: days(3650).default(14).describe('Life of a new slice'),
    renewalLimitDays: days(3650).default(56).describe('How far ahead a slice is renewed; admins may go further'),
    expiryWarningDays: days(365).default(5).describe('How long before its end the people of a slice are mailed'),
    attributionDays: days(36_500).default(1825).describe('How long it is kept which slice was where, and whose it was'),
    oldestNodeVersion: z
      .string()
      .regex(/^(\d+(\.\d+)*)?$/, 'a version is numbers with dots, such as 1.4.0')
      .max(50)
      .default('')
      .describe('Nodes with an older node manager are not in service; empty for none'),
    requiredFeatures: z
      .array(z.string().max(100))
      .max(50)
      .default([])
      .describe('What the host of a node must offer, as the node names it'),
    escalation: EscalationPolicy.prefault({}),
  })
  .strict();
export type AuthoritySettings = z.infer<typeof AuthoritySettings>;

const { shape } = AuthoritySettings;

/** Members to be put in the place of what was there; what is left out stays as it is. */
export const SettingsChange = z
  .object({
    signUpOpen: shape.signUpOpen.unwrap(),
    slicesPerSite: shape.slicesPerSite.unwrap(),
    nodesPerSlice: shape.nodesPerSlice.unwrap(),
    sliceLifeDays: shape.sliceLifeDays.unwrap(),
    renewalLimitDays: shape.renewalLimitDays.unwrap(),
    expiryWarningDays: shape.expiryWarningDays.unwrap(),
    attributionDays: shape.attributionDays.unwrap(),
    oldestNodeVersion: shape.oldestNodeVersion.unwrap(),
    requiredFeatures: shape.requiredFeatures.unwrap(),
    escalation: EscalationPolicy,
  })
  .partial()
  .strict();
export type SettingsChange = z.infer<typeof SettingsChange>;
