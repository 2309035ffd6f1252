/**
 * The expected failures of PlanetLab. Each has a stable code that programs may compare, an HTTP status for the edges,
 * and whose fault it is, so that a person knows whom to ask. Programmer errors are not here: they assert and crash.
 */
export type Fault = 'caller' | 'node' | 'authority' | 'platform';

interface ErrorKind {
  readonly status: number;
  readonly fault: Fault;
  /** A few words for a heading (RFC 9457 `title`). */
  readonly title: string;
}

const kind = (status: number, fault: Fault, title: string): ErrorKind => ({ status, fault, title });

export const ERROR_KINDS = {
  // what the caller sent
  malformed_request: kind(400, 'caller', 'Malformed request'),
  malformed_name: kind(400, 'caller', 'Malformed name'),
  malformed_key: kind(400, 'caller', 'Malformed key'),
  malformed_expression: kind(400, 'caller', 'Malformed expression'),
  passkey_invalid: kind(400, 'caller', 'Passkey not valid'),
  body_too_large: kind(413, 'caller', 'Body too large'),
  no_such_route: kind(404, 'caller', 'No such route'),
  too_many_requests: kind(429, 'caller', 'Too many requests'),
  // who the caller is
  not_signed_in: kind(401, 'caller', 'Not signed in'),
  sign_in_link_invalid: kind(401, 'caller', 'Sign-in link not valid'),
  sign_in_failed: kind(401, 'caller', 'Sign-in failed'),
  // as RFC 8628 names them, for a program that waits to be let in
  authorization_pending: kind(400, 'caller', 'Not decided yet'),
  slow_down: kind(400, 'caller', 'Asked too often'),
  access_denied: kind(403, 'caller', 'Refused'),
  expired_token: kind(400, 'caller', 'Code expired'),
  mail_link_invalid: kind(401, 'caller', 'Link not valid'),
  forbidden: kind(403, 'caller', 'Not allowed'),
  scope_insufficient: kind(403, 'caller', 'The token’s scopes do not cover this'),
  credential_missing: kind(401, 'caller', 'Credential missing'),
  credential_invalid: kind(401, 'caller', 'Credential not valid'),
  credential_foreign: kind(403, 'caller', 'Authority not trusted'),
  credential_expired: kind(401, 'caller', 'Credential expired'),
  credential_insufficient: kind(403, 'caller', 'Credential does not cover this'),
  proof_invalid: kind(401, 'caller', 'Proof of possession not valid'),
  proof_replayed: kind(401, 'caller', 'Proof of possession used twice'),
  clock_skew: kind(400, 'caller', 'Clocks disagree'),
  // what the caller named
  unknown_site: kind(404, 'caller', 'No such site'),
  unknown_person: kind(404, 'caller', 'No such person'),
  unknown_key: kind(404, 'caller', 'No such key'),
  unknown_group: kind(404, 'caller', 'No such group'),
  unknown_session: kind(404, 'caller', 'No such session'),
  unknown_request: kind(404, 'caller', 'No such request'),
  unknown_invitation: kind(404, 'caller', 'No such invitation'),
  unknown_node: kind(404, 'caller', 'No such node'),
  unknown_slice: kind(404, 'caller', 'No such slice'),
  not_stopped: kind(404, 'caller', 'Not stopped'),
  unknown_announcement: kind(404, 'caller', 'No such announcement'),
  unknown_selector: kind(404, 'caller', 'No selector kept'),
  unknown_sliver: kind(404, 'caller', 'No such sliver'),
  unknown_operation: kind(404, 'caller', 'No such operation'),
  unknown_image: kind(404, 'caller', 'No such image'),
  unknown_lease: kind(404, 'caller', 'No such lease'),
  already_exists: kind(409, 'caller', 'Already exists'),
  conflict: kind(409, 'caller', 'In conflict with what is there'),
  precondition_failed: kind(412, 'caller', 'Changed meanwhile'),
  idempotency_key_reused: kind(422, 'caller', 'Idempotency key used for something else'),
  idempotency_reply_gone: kind(409, 'caller', 'Done already; the reply is not kept'),
  // joining
  join_token_invalid: kind(401, 'caller', 'Join token not valid'),
  join_token_used: kind(409, 'caller', 'Join token already used'),
  join_token_expired: kind(401, 'caller', 'Join token expired'),
  authority_fingerprint_mismatch: kind(400, 'authority', 'This is not the authority you were invited to'),
  node_name_taken: kind(409, 'caller', 'Another machine has this name'),
  // what a node answers
  admission_refused: kind(403, 'node', 'Refused by the owner’s policy'),
  insufficient_resources: kind(409, 'node', 'The node has not enough left'),
  lease_expired: kind(409, 'caller', 'The lease has ended'),
  lease_too_long: kind(400, 'caller', 'The lease would be too long'),
  sliver_not_running: kind(409, 'node', 'The sliver is not running'),
  command_not_found: kind(400, 'caller', 'Command not found'),
  step_failed: kind(500, 'node', 'A step on the node failed'),
  feature_missing: kind(501, 'node', 'The host lacks a feature'),
  // slices
  slice_expired: kind(409, 'caller', 'The slice has expired'),
  renewal_too_far: kind(400, 'caller', 'Renewed too far ahead'),
  slice_not_described: kind(409, 'caller', 'The slice does not say what it is for'),
  site_closed: kind(403, 'caller', 'The site gets no new slices'),
  quota_exceeded: kind(403, 'caller', 'Quota exceeded'),
  selection_too_small: kind(409, 'caller', 'Too few nodes match'),
  // the way between them
  node_floods: kind(429, 'node', 'The node sends too much'),
  node_unreachable: kind(503, 'node', 'The node is not connected'),
  authority_unreachable: kind(503, 'authority', 'The authority does not answer'),
  database_unavailable: kind(503, 'platform', 'The database does not answer'),
  timed_out: kind(504, 'platform', 'Timed out'),
  canceled: kind(499, 'caller', 'Canceled'),
  internal: kind(500, 'platform', 'Internal error'),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;
export const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(ERROR_KINDS, text);

/** More about a failure, for programs: plain JSON values. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/**
 * An expected failure. `message` is one or two full sentences for a person: what is wrong and what to do about it.
 * It never carries a secret.
 */
export class PlanetLabError extends Error {
  override readonly name = 'PlanetLabError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  get fault(): Fault {
    return ERROR_KINDS[this.code].fault;
  }

  get status(): number {
    return ERROR_KINDS[this.code].status;
  }
}

export const isPlanetLabError = (error: unknown, code?: ErrorCode): error is PlanetLabError =>
  error instanceof PlanetLabError && (code === undefined || error.code === code);

/** The sentence of any thrown value. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
