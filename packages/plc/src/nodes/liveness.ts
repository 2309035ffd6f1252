import type { NodeFacts, Reason, Reboot } from '@planetlab/contract';
import {
  formatTime,
  fromInstant,
  type Instant,
  MINUTE_MS,
  type NodeName,
  type NodeState,
  SECOND_MS,
} from '@planetlab/model';
import { type NodeDecisions, ordersOf } from './orders.ts';

/** How often a PLC process says that it is alive, and after how long the others take it for dead. */
export const PROCESS_HEARTBEAT_MS = 5 * SECOND_MS;
export const PROCESS_DEAD_AFTER_MS = 15 * SECOND_MS;

/** What is known of a node's connection. */
export interface Liveness {
  readonly name: NodeName;
  readonly joinedAt: Date | null;
  readonly lastSeenAt: Date | null;
  readonly connected: boolean;
  /** What was wrong when the PLC last spoke to it. */
  readonly trouble: Reason | null;
  /** When its newest join token ends, or ended; null without one that could still be used. */
  readonly invitedUntil?: Date | null;
  /** Why it was not let in when it last tried, since it last was. */
  readonly refused?: (Reason & { readonly at: Instant }) | null;
  /** Why its last connection ended. */
  readonly disconnectedBecause?: string | null;
  /** Until when its connections are not taken, since it has flooded. */
  readonly heldOffUntil?: Date | null;
}

/** Whether a node is connected and, if not, why, in a sentence that says what to do (N12). */
export function nodeStateOf(node: Liveness, now = new Date()): { state: NodeState; reason: Reason | null } {
  if (node.joinedAt === null) return { state: 'registered', reason: notJoined(node, now) };
  if (node.connected) return { state: 'connected', reason: node.trouble };
  if (node.refused != null) return { state: 'disconnected', reason: turnedAway(node, node.refused) };
  return { state: 'disconnected', reason: node.heldOffUntil == null ? gone(node) : cutOff(node) };
}

function notJoined({ name, invitedUntil, refused }: Liveness, now: Date): Reason {
  const said = (message: string): Reason => ({ code: 'node_not_joined', message });
  if (refused != null) {
    return {
      code: refused.code,
      message: `It has not joined yet. It tried at ${formatTime(refused.at)}: ${refused.message}`,
    };
  }
  if (invitedUntil == null) {
    return said(
      `It has not joined yet. Make an invitation with "pl node invite ${name}" and type on the machine: sudo pl node join`,
    );
  }
  const end = formatTime(invitedUntil);
  if (invitedUntil > now) return said(`It has not joined yet. Its join token is good until ${end}: sudo pl node join`);
  return {
    code: 'join_token_expired',
    message: `It has not joined, and its join token expired at ${end}. Make a new one with: pl node invite ${name}`,
  };
}

const turnedAway = ({ lastSeenAt }: Liveness, { code, message, at }: Reason & { readonly at: Instant }): Reason => ({
  code,
  message: `${since(lastSeenAt)}. It tried at ${formatTime(at)} and was not let in: ${message}`,
});

const gone = ({ lastSeenAt, disconnectedBecause }: Liveness): Reason => ({
  code: 'node_unreachable',
  message: `${since(lastSeenAt)}${disconnectedBecause == null ? '.' : `: ${disconnectedBecause}`} Check that the machine is up, that its network reaches this authority, and that its node manager runs.`,
});

const cutOff = ({ lastSeenAt, disconnectedBecause }: Liveness): Reason => ({
  code: 'node_floods',
  message: `${since(lastSeenAt)}: ${disconnectedBecause}`,
});

const since = (at: Date | null): string =>
  at === null ? 'It joined, but has not connected since' : `It has been disconnected since ${formatTime(at)}`;

/** What an authority asks of its nodes. */
export interface NodeRequirements {
  /** Such as `1.4.0`; empty for none. */
  readonly oldestVersion: string;
  readonly features: readonly string[];
}

/** What of its facts can keep a node from serving. */
export type ServiceFacts = Pick<NodeFacts, 'version' | 'features' | 'drain'>;
export const serviceFactsOf = ({ version, features, drain }: NodeFacts): ServiceFacts => ({
  version,
  features,
  ...(drain === undefined ? {} : { drain }),
});

export interface NodeService extends Liveness, NodeDecisions {
  readonly facts: ServiceFacts | null;
  readonly reboot?: Reboot | null;
}

/**
 * Whether a node is in service and, if not, why: what people decided, then its connection, then what is wrong with it. Of
 * a node that is neither to be in service nor connected both are told.
 */
export function serviceOf(
  node: NodeService,
  wanted: NodeRequirements,
  now: Date,
): { state: NodeState; reason: Reason | null } {
  const { state, reason } = nodeStateOf(node, now);
  if (node.reboot?.askedAt != null) return { state, reason: rebooting(node.reboot, node.reboot.askedAt, reason, now) };
  const { closed } = ordersOf(node);
  if (closed !== null && reason === null) return { state, reason: closed };
  if (closed !== null && reason !== null) {
    return { state, reason: { code: closed.code, message: `${closed.message} ${reason.message}` } };
  }
  return { state, reason: reason ?? (node.facts === null ? null : shortcoming(node.facts, wanted)) };
}

/** A node that was told to reboot has some time for it, in which its absence is no trouble. */
export const REBOOT_MS = 15 * MINUTE_MS;

function rebooting({ reason: why }: Reboot, askedAt: Instant, reason: Reason | null, now: Date): Reason {
  const message = `It is rebooting since ${formatTime(askedAt)} (${why}).`;
  const late = reason !== null && now.getTime() - fromInstant(askedAt) > REBOOT_MS;
  return late ? { code: reason.code, message: `${message} ${reason.message}` } : { code: 'node_rebooting', message };
}

/** What keeps a connected node from serving. */
function shortcoming(facts: ServiceFacts, wanted: NodeRequirements): Reason | null {
  if (facts.drain !== undefined) return facts.drain;
  if (isOlder(facts.version, wanted.oldestVersion)) {
    const message = `Its node manager is of version ${facts.version}, and this authority asks for ${wanted.oldestVersion} at least. Update it on the machine.`;
    return { code: 'node_too_old', message };
  }
  const missing = wanted.features.filter(
    (name) => !facts.features.some((one) => one.feature === name && one.available),
  );
  if (missing.length === 0) return null;
  const why = missing.map((name) => {
    const found = facts.features.find(({ feature }) => feature === name);
    return `${name} (${found?.reason ?? 'it does not know it'})`;
  });
  return { code: 'feature_missing', message: `It lacks what this authority asks of its nodes: ${why.join('; ')}.` };
}

/** By the numbers of a version, from the left. What is no version is older than every one. */
export function isOlder(version: string, than: string): boolean {
  if (than === '') return false;
  const [a, b] = [numbers(version), numbers(than)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

const numbers = (version: string): number[] => /^\d+(\.\d+)*/.exec(version)?.[0].split('.').map(Number) ?? [];
