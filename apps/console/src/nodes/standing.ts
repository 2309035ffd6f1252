import type { Person, PlcNode } from '@planetlab/contract';
import { ago } from '../parts/ago.ts';
import type { Tone } from '../parts/tone.ts';

/** What a person wants to know of a node at a glance. `held`: connected, but not in service. */
export type Standing = 'in_service' | 'held' | 'disconnected' | 'registered';

export const STANDINGS: Readonly<Record<Standing, { readonly tone: Tone; readonly label: string }>> = {
  in_service: { tone: 'good', label: 'in service' },
  held: { tone: 'warn', label: 'not in service' },
  disconnected: { tone: 'bad', label: 'not connected' },
  registered: { tone: 'off', label: 'has not joined' },
};

export function standingOf(node: PlcNode): Standing {
  if (node.state !== 'connected') return node.state;
  return node.reason === null && node.runLevel === 'boot' ? 'in_service' : 'held';
}

export const toneOfNode = (node: PlcNode): Tone => STANDINGS[standingOf(node)].tone;
export const labelOfNode = (node: PlcNode): string => STANDINGS[standingOf(node)].label;

/** Why a node is not in service, in a sentence; null when it is. */
export function whyNotInService(node: PlcNode): string | null {
  if (node.reason !== null) return node.reason.message;
  switch (standingOf(node)) {
    case 'in_service':
      return null;
    case 'held':
      return `Its run level is ${node.runLevel}.`;
    case 'disconnected':
      return 'Its uplink is closed.';
    case 'registered':
      return 'No machine has joined as this node yet.';
  }
}

/** Whether somebody looks after a node: what is offered. The PLC decides by the same rule. */
export const mayManageNode = ({ roles }: Pick<Person, 'roles'>, node: Pick<PlcNode, 'site'>): boolean =>
  roles.some(({ role, site }) => role === 'admin' || ((role === 'pi' || role === 'tech') && site === node.site));

/** What people have decided about a node, each with its name. That it is drained for its reboot is not told apart. */
export function decisionsOf(node: PlcNode) {
  const forReboot = node.reboot !== null && node.reboot.at === node.drain?.at;
  const level = { name: `Run level ${node.runLevel}`, decision: node.runLevelDecision };
  const all = [
    level,
    { name: 'Drained', decision: forReboot ? null : node.drain },
    { name: 'In quarantine', decision: node.quarantine },
    { name: 'To be rebooted', decision: node.reboot },
  ];
  return all.flatMap(({ name, decision }) => (decision === null ? [] : { name, decision }));
}

export const tagsInWords = (tags: PlcNode['tags']): string =>
  Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');

/** "192.0.2.7 (planetlab1.example.org)" */
export const interfacesInWords = (interfaces: PlcNode['interfaces']): string =>
  interfaces
    .map(({ address, hostname, use }) => {
      const about = [hostname, use === 'management' ? use : ''].filter((word) => word !== '');
      return about.length === 0 ? address : `${address} (${about.join(', ')})`;
    })
    .join(', ');

/** How long it has been so, as far as the authority knows. */
export function sinceOfNode(node: PlcNode, nowMs: number): string {
  if (node.state === 'registered') return `registered ${ago(node.createdAt, nowMs)}`;
  if (node.state === 'connected' && node.facts !== null) return `started ${ago(node.facts.startedAt, nowMs)}`;
  return node.lastSeenAt === null ? 'never seen' : `last seen ${ago(node.lastSeenAt, nowMs)}`;
}

/** What runs the slivers; when it only pretends to, that is said. */
export function vmmOfNode(node: PlcNode): string {
  if (node.facts === null) return '–';
  return node.facts.vmm.simulated ? 'simulated' : node.facts.vmm.driver;
}

export const sliversOfNode = ({ slivers }: PlcNode): string => (slivers === 1 ? '1 sliver' : `${slivers} slivers`);

/** "Zürich, Switzerland"; null for a node without a place. */
export function placeOfNode(node: PlcNode): string | null {
  return node.place === null ? null : `${node.place.city}, ${countryName(node.place.country)}`;
}

export function countryName(code: string): string {
  try {
    return new Intl.DisplayNames(['en'], { type: 'region' }).of(code) ?? code;
  } catch {
    return code; // two letters that are no region: shown as they are
  }
}

/** The place that a node declares of itself stands in where the authority has none. */
export const withPlace = (node: PlcNode): PlcNode =>
  node.place === null && node.facts !== null && node.facts.place !== null ? { ...node, place: node.facts.place } : node;
