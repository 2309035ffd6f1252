import { z } from 'zod';

/** Where a machine stands. Sites declare it; nothing is guessed from addresses. Degrees, WGS 84. */
export const Place = z
  .object({
    city: z.string().min(1).max(100),
    /** ISO 3166-1 alpha-2. */
    country: z.string().regex(/^[A-Z]{2}$/, 'a country is two capital letters, such as "CH"'),
    latitude: z.number().min(-90).max(90),
    longitude: z.number().min(-180).max(180),
  })
  .strict();
export type Place = z.infer<typeof Place>;

const EARTH_RADIUS_KM = 6371;
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Great-circle distance in kilometres (haversine). */
export function distanceKm(a: Place, b: Place): number {
  const dLat = radians(b.latitude - a.latitude);
  const dLon = radians(b.longitude - a.longitude);
  const h =
    Math.sin(dLat / 2) ** 2 + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * Math.sin(dLon / 2) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

/**
 * A plausible round-trip time between two places in milliseconds: light in fibre (200 km/ms), paths half as long again
 * as the great circle, and 2 ms of access and queueing. Used by the lab's emulated network and by the simulated VMM.
 */
export const plausibleRttMs = (a: Place, b: Place): number => 2 + (2 * 1.5 * distanceKm(a, b)) / 200;
