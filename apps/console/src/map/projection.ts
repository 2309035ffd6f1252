import { type GeoProjection, geoEqualEarth } from 'd3-geo';

export interface Size {
  readonly width: number;
  readonly height: number;
}
export interface Point {
  readonly x: number;
  readonly y: number;
}
export interface LatitudeRange {
  readonly southernmost: number;
  readonly northernmost: number;
}
const EVERYWHERE: LatitudeRange = { southernmost: 0, northernmost: 0 };

/** Turned a little eastward, so that the cut runs through the Bering Strait and not through Siberia. */
const CENTRAL_LONGITUDE = 11;
/** Where people put machines; a node beyond it widens the view. */
const SOUTH = -57;
const NORTH = 77;
const MARGIN_DEGREES = 4;

export interface View {
  readonly projection: GeoProjection;
  readonly size: Size;
}

/** An equal-area view of the inhabited planet, of the given width and as high as that makes it. */
export function viewFor(width: number, latitudes: LatitudeRange = EVERYWHERE): View {
  const south = Math.max(-90, Math.min(SOUTH, latitudes.southernmost - MARGIN_DEGREES));
  const north = Math.min(90, Math.max(NORTH, latitudes.northernmost + MARGIN_DEGREES));
  const projection = geoEqualEarth().rotate([-CENTRAL_LONGITUDE, 0]).scale(1).translate([0, 0]);
  const [halfWidth = 1] = projection([CENTRAL_LONGITUDE + 179.999, 0]) ?? [];
  const [, top = 0] = projection([CENTRAL_LONGITUDE, north]) ?? [];
  const [, bottom = 0] = projection([CENTRAL_LONGITUDE, south]) ?? [];
  const scale = width / 2 / halfWidth;
  return {
    projection: projection.scale(scale).translate([width / 2, -scale * top]),
    size: { width, height: Math.round(scale * (bottom - top)) },
  };
}
