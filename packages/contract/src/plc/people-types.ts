import { Instant, PersonEmail, Role, SiteName } from '@planetlab/model';
import { z } from 'zod';
import { RoleAt } from './types.ts';

/** A new password. Long rather than odd: length is what makes guessing hard. */
export const NewPassword = z
  .string()
  .min(10, 'a password has at least 10 characters')
  .max(200, 'a password has at most 200 characters');
/** A password that somebody claims to be theirs. */
export const Password = z.string().min(1).max(200);
/** The secret of a link that came by mail. */
export const MailCode = z.string().min(1).max(200);

/** How one can sign in here, and whether one can sign up. */
export const SignInMethods = z.object({
  passkeys: z.boolean(),
  /** The institution whose accounts are taken; null when there is none. */
  oidc: z.object({ label: z.string() }).nullable(),
  signUp: z.boolean(),
});
export type SignInMethods = z.infer<typeof SignInMethods>;

export const SignUp = z
  .object({
    email: PersonEmail,
    name: z.string().trim().min(1).max(200),
    site: SiteName,
    role: z.enum(['user', 'tech', 'pi']).default('user'),
  })
  .strict();
export type SignUp = z.infer<typeof SignUp>;

/** A role that somebody wants and a PI of the site, or for `pi` an admin, decides about. */
export const RoleRequest = z.object({
  person: PersonEmail,
  name: z.string(),
  site: SiteName,
  role: Role,
  requestedAt: Instant,
  /** Whether the reader may decide it. */
  mayDecide: z.boolean(),
});
export type RoleRequest = z.infer<typeof RoleRequest>;

export const NewInvitation = z
  .object({ email: PersonEmail, name: z.string().trim().min(1).max(200), roles: z.array(RoleAt).min(1).max(20) })
  .strict();
export const Invitation = z.object({
  id: z.uuid(),
  email: PersonEmail,
  name: z.string(),
  roles: z.array(RoleAt),
  invitedBy: PersonEmail,
  createdAt: Instant,
  expiresAt: Instant,
});
export type Invitation = z.infer<typeof Invitation>;

/** Where somebody is signed in to the console. */
export const Session = z.object({
  id: z.uuid(),
  /** How they signed in: `password`, `passkey`, `oidc` or `link`. */
  method: z.string(),
  /** What the browser said it is. */
  browser: z.string(),
  createdAt: Instant,
  lastUsedAt: Instant.nullable(),
  expiresAt: Instant,
  /** The one that asks. */
  current: z.boolean(),
});
export type Session = z.infer<typeof Session>;

/** A mail that is to be sent, was sent, or could not be. */
export const OutboxMail = z.object({
  id: z.uuid(),
  at: Instant,
  kind: z.string(),
  to: PersonEmail,
  subject: z.string(),
  /** Null once it was sent: its links are for its reader alone. */
  text: z.string().nullable(),
  state: z.enum(['queued', 'sent', 'failed']),
  attempts: z.number().int(),
  lastError: z.string().nullable(),
  sentAt: Instant.nullable(),
});
export type OutboxMail = z.infer<typeof OutboxMail>;
