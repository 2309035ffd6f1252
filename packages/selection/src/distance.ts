import { distanceKm, type Near, type NodeName, type Place, PlanetLabError, plausibleRttMs } from '@planetlab/model';
import type { AllAttributes } from './attributes.ts';
import type { Candidate, MeasuredLatency } from './candidate.ts';

/** What distances are counted from: a place, and the node there when one was named. */
interface Origin {
  readonly place: Place | null;
  readonly node: NodeName | undefined;
}

/** Throws `unknown_node`. */
export function originOf(near: Near | null, candidates: readonly Candidate[]): Origin | undefined {
  if (near === null) return undefined;
  if (!('node' in near)) return { place: toPlace(near.latitude, near.longitude), node: undefined };
  const candidate = candidates.find(({ node }) => node === near.node);
  if (candidate !== undefined) return { place: placeOf(candidate), node: candidate.node };
  throw new PlanetLabError('unknown_node', `There is no node "${near.node}" to be near to.`);
}

export function placeOf({ attributes: { latitude, longitude } }: Candidate): Place | null {
  return latitude === null || longitude === null ? null : toPlace(latitude, longitude);
}

/** Only its position counts. */
const toPlace = (latitude: number, longitude: number): Place => ({ city: '-', country: 'ZZ', latitude, longitude });

export function allAttributes(
  candidate: Candidate,
  origin: Origin | undefined,
  measured: MeasuredLatency,
): AllAttributes {
  const place = origin === undefined ? null : placeOf(candidate);
  const between = place !== null && origin?.place != null;
  const known = origin?.node === undefined ? undefined : latencyTo(candidate.node, origin.node, measured);
  return {
    ...candidate.attributes,
    distance_km: between && origin.place !== null ? distanceKm(place, origin.place) : null,
    latency_ms: known ?? (between && origin.place !== null ? plausibleRttMs(place, origin.place) : null),
  };
}

const latencyTo = (a: NodeName, b: NodeName, measured: MeasuredLatency): number | undefined =>
  a === b ? 0 : measured(a, b);

/** Round-trip time between two nodes that have places: measured where known, else estimated. */
export function latencyBetween(a: Located, b: Located, measured: MeasuredLatency): number {
  return latencyTo(a.node, b.node, measured) ?? plausibleRttMs(a.place, b.place);
}

export interface Located {
  readonly node: NodeName;
  readonly place: Place;
}
