import type { Place } from '@planetlab/model';

interface City {
  /** Name of the node that stands there. */
  readonly name: string;
  readonly place: Place;
}

const city = (name: string, label: string, country: string, latitude: number, longitude: number): City => ({
  name,
  place: { city: label, country, latitude, longitude },
});

/** Where a lab's nodes stand, in the order in which they are added. The first is also where the PLC is. */
export const CITIES: readonly [City, ...City[]] = [
  city('princeton', 'Princeton', 'US', 40.35, -74.66),
  city('berkeley', 'Berkeley', 'US', 37.87, -122.27),
  city('zurich', 'Zürich', 'CH', 47.38, 8.54),
  city('sao-paulo', 'São Paulo', 'BR', -23.55, -46.63),
  city('tokyo', 'Tokyo', 'JP', 35.68, 139.69),
  city('cambridge', 'Cambridge', 'GB', 52.21, 0.12),
  city('singapore', 'Singapore', 'SG', 1.35, 103.82),
  city('cape-town', 'Cape Town', 'ZA', -33.92, 18.42),
  city('sydney', 'Sydney', 'AU', -33.87, 151.21),
  city('bangalore', 'Bangalore', 'IN', 12.97, 77.59),
  city('toronto', 'Toronto', 'CA', 43.65, -79.38),
  city('helsinki', 'Helsinki', 'FI', 60.17, 24.94),
  city('tel-aviv', 'Tel Aviv', 'IL', 32.09, 34.78),
  city('beijing', 'Beijing', 'CN', 39.9, 116.41),
  city('santiago', 'Santiago', 'CL', -33.45, -70.67),
  city('nairobi', 'Nairobi', 'KE', -1.29, 36.82),
  city('seattle', 'Seattle', 'US', 47.61, -122.33),
  city('lisbon', 'Lisbon', 'PT', 38.72, -9.14),
  city('warsaw', 'Warsaw', 'PL', 52.23, 21.01),
  city('auckland', 'Auckland', 'NZ', -36.85, 174.76),
];
