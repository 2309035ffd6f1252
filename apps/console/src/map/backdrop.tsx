import { type GeoProjection, geoPath } from 'd3-geo';
import { memo, useMemo } from 'react';
import { graticuleShape, landShape } from './land.ts';

/** Sea, graticule and land: drawn once for each size. */
export const Backdrop = memo(function Backdrop({ projection }: { readonly projection: GeoProjection }) {
  const shapes = useMemo(() => {
    const path = geoPath(projection).digits(1);
    return {
      sea: path({ type: 'Sphere' }) ?? '',
      graticule: path(graticuleShape()) ?? '',
      land: path(landShape()) ?? '',
    };
  }, [projection]);
  return (
    <g>
      <path className="pl-sea" d={shapes.sea} />
      <path className="pl-graticule" d={shapes.graticule} />
      <path className="pl-land" d={shapes.land} />
    </g>
  );
});
