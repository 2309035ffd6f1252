import { Instant } from '@planetlab/model';
import { z } from 'zod';

/** Bytes as base64url, as WebAuthn has them in JSON. */
const Bytes = z
  .string()
  .max(16_384)
  .regex(/^[A-Za-z0-9_-]*$/, 'it has to be bytes in base64url');
const Descriptor = z.object({
  id: Bytes,
  type: z.literal('public-key'),
  transports: z.array(z.string()).optional(),
});

export const Passkey = z.object({
  id: Bytes,
  label: z.string(),
  createdAt: Instant,
  lastUsedAt: Instant.nullable(),
});
export type Passkey = z.infer<typeof Passkey>;

/** What a browser needs to make a passkey (WebAuthn Level 3, PublicKeyCredentialCreationOptionsJSON). */
export const PasskeyCreation = z.object({
  rp: z.object({ id: z.string().optional(), name: z.string() }),
  user: z.object({ id: Bytes, name: z.string(), displayName: z.string() }),
  challenge: Bytes,
  pubKeyCredParams: z.array(z.object({ type: z.literal('public-key'), alg: z.number().int() })),
  timeout: z.number().optional(),
  excludeCredentials: z.array(Descriptor).optional(),
  authenticatorSelection: z
    .object({
      residentKey: z.enum(['discouraged', 'preferred', 'required']).optional(),
      requireResidentKey: z.boolean().optional(),
      userVerification: z.enum(['discouraged', 'preferred', 'required']).optional(),
    })
    .optional(),
  attestation: z.literal('none').optional(),
});
export type PasskeyCreation = z.infer<typeof PasskeyCreation>;

/** What a browser needs to sign in by passkey (PublicKeyCredentialRequestOptionsJSON). */
export const PasskeyChallenge = z.object({
  challenge: Bytes,
  timeout: z.number().optional(),
  rpId: z.string().optional(),
  userVerification: z.enum(['discouraged', 'preferred', 'required']).optional(),
});
export type PasskeyChallenge = z.infer<typeof PasskeyChallenge>;

const credential = <S extends z.ZodType>(response: S) =>
  z.object({ id: Bytes, rawId: Bytes, type: z.literal('public-key'), response });

/** What the browser made (RegistrationResponseJSON); what else it says is not needed. */
export const NewPasskeyCredential = credential(
  z.object({
    clientDataJSON: Bytes,
    attestationObject: Bytes,
    transports: z.array(z.string().max(30)).max(10).optional(),
  }),
);
export type NewPasskeyCredential = z.infer<typeof NewPasskeyCredential>;

/** The browser's answer to a challenge (AuthenticationResponseJSON). */
export const PasskeyAnswer = credential(
  z.object({ clientDataJSON: Bytes, authenticatorData: Bytes, signature: Bytes, userHandle: Bytes.optional() }),
);
export type PasskeyAnswer = z.infer<typeof PasskeyAnswer>;
