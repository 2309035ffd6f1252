import type { Point, Size } from './projection.ts';

export interface Labelled extends Point {
  readonly name: string;
  readonly radius: number;
}
export interface Label extends Point {
  readonly name: string;
  readonly anchor: 'start' | 'end' | 'middle';
}
interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Widths are estimated, on the wide side: measuring text would cost a layout for each label. */
const CHARACTER_WIDTH = 6.6;
const LINE_HEIGHT = 13;
const GAP = 4;

/** Labels that touch neither a dot, nor an obstacle, nor one another, nor the edge; what finds no room stays without. First come, first served. */
export function placeLabels(dots: readonly Labelled[], obstacles: readonly Labelled[], size: Size): readonly Label[] {
  const taken: Box[] = [...dots, ...obstacles].map(({ x, y, radius }) => ({
    left: x - radius,
    right: x + radius,
    top: y - radius,
    bottom: y + radius,
  }));
  const labels: Label[] = [];
  for (const dot of dots) {
    for (const { label, box } of candidates(dot)) {
      if (!inside(box, size) || taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      labels.push(label);
      break;
    }
  }
  return labels;
}

function candidates({ name, x, y, radius }: Labelled): readonly { label: Label; box: Box }[] {
  const width = name.length * CHARACTER_WIDTH;
  const side = radius + GAP;
  const place = (anchor: Label['anchor'], labelX: number, labelY: number) => {
    const left = anchor === 'start' ? labelX : anchor === 'end' ? labelX - width : labelX - width / 2;
    const box = { left, right: left + width, top: labelY - LINE_HEIGHT / 2, bottom: labelY + LINE_HEIGHT / 2 };
    return { label: { name, x: labelX, y: labelY, anchor }, box };
  };
  return [
    place('start', x + side, y),
    place('end', x - side, y),
    place('middle', x, y - radius - GAP - LINE_HEIGHT / 2),
    place('middle', x, y + radius + GAP + LINE_HEIGHT / 2),
  ];
}

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const inside = (box: Box, size: Size): boolean =>
  box.left >= 2 && box.top >= 2 && box.right <= size.width - 2 && box.bottom <= size.height - 2;
