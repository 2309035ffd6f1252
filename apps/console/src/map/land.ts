import { type GeoPermissibleObjects, geoGraticule } from 'd3-geo';
import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import land from 'world-atlas/land-110m.json';

/** The land of the planet (Natural Earth, 1:110 million). The file is a topology, which its inferred type does not say. */
export const landShape = (): GeoPermissibleObjects => {
  const topology = land as unknown as Topology<{ land: GeometryCollection }>;
  return feature(topology, topology.objects.land);
};

export const graticuleShape = (): GeoPermissibleObjects => geoGraticule().step([20, 20])();
