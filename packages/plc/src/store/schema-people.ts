import type { RoleAt, TokenScope } from '@planetlab/contract';
import type { PersonEmail, Role, SiteName } from '@planetlab/model';
import type { ColumnType, Generated } from 'kysely';

/** Written as JSON, never null. */
type RequiredJson<T> = ColumnType<T, string, string>;

export interface MailTable {
  id: string;
  at: Date;
  kind: string;
  recipient: PersonEmail;
  subject: string;
  /** Null once it is sent: links in it are for its reader alone. */
  text: string | null;
  state: Generated<'queued' | 'sent' | 'failed'>;
  attempts: Generated<number>;
  next_attempt_at: Date;
  last_error: string | null;
  sent_at: Date | null;
}

export interface SignUpTable {
  hash: string;
  email: PersonEmail;
  name: string;
  site: SiteName;
  role: Role;
  created_at: Date;
  expires_at: Date;
}

export interface RoleRequestTable {
  person: PersonEmail;
  site: SiteName;
  role: Role;
  requested_at: Date;
}

export interface InvitationTable {
  id: string;
  hash: string;
  email: PersonEmail;
  name: string;
  roles: RequiredJson<readonly RoleAt[]>;
  invited_by: PersonEmail;
  created_at: Date;
  expires_at: Date;
}

export interface PasswordResetTable {
  hash: string;
  person: PersonEmail;
  created_at: Date;
  expires_at: Date;
}

export interface AddressChangeTable {
  /** Of the code that was mailed to the new address, and of that which was mailed to the one before. */
  hash: string;
  objection_hash: string;
  /** Under the address that they have now. */
  person: PersonEmail;
  address_before: PersonEmail;
  address_after: PersonEmail;
  state: Generated<'asked' | 'done' | 'withdrawn'>;
  created_at: Date;
  /** Until then it can be objected to. */
  expires_at: Date;
}

export interface SignInFailureTable {
  /** As it was typed, lower case: whether there is such a person makes no difference. */
  email: PersonEmail;
  failures: number;
  /** When the first of them was. */
  since: Date;
}

export interface PasskeyTable {
  id: string;
  person: PersonEmail;
  label: string;
  public_key: Buffer;
  counter: number;
  transports: RequiredJson<readonly string[]>;
  created_at: Date;
  last_used_at: Date | null;
}

export interface PasskeyChallengeTable {
  hash: string;
  /** Who registers a passkey; null for signing in. */
  person: PersonEmail | null;
  expires_at: Date;
}

/** Whom an account at an OpenID provider belongs to. */
export interface IdentityTable {
  issuer: string;
  subject: string;
  person: PersonEmail;
  created_at: Date;
}

/** A sign-in that is under way at the OpenID provider. */
export interface OidcSignInTable {
  hash: string;
  browser_hash: string;
  nonce: string;
  verifier: string;
  expires_at: Date;
}

/** A program that waits to be let in by its person. */
export interface DeviceSignInTable {
  /** Of the secret that the program has. */
  hash: string;
  /** As it is shown to the person, without the dash. */
  user_code: string;
  label: string;
  scopes: RequiredJson<readonly TokenScope[]>;
  token_expires_at: Date;
  address: string;
  /** Who decided. */
  person: PersonEmail | null;
  state: Generated<'asked' | 'allowed' | 'refused'>;
  created_at: Date;
  expires_at: Date;
  /** When the program asked last, and how long it is to wait between. */
  asked_at: Date | null;
  interval_seconds: number;
}

/** What a token may be used for. */
export type TokenScopes = ColumnType<readonly TokenScope[], string | undefined, string>;

export interface PeopleSchema {
  mails: MailTable;
  sign_ups: SignUpTable;
  role_requests: RoleRequestTable;
  invitations: InvitationTable;
  password_resets: PasswordResetTable;
  address_changes: AddressChangeTable;
  sign_in_failures: SignInFailureTable;
  passkeys: PasskeyTable;
  passkey_challenges: PasskeyChallengeTable;
  identities: IdentityTable;
  oidc_sign_ins: OidcSignInTable;
  device_sign_ins: DeviceSignInTable;
}
