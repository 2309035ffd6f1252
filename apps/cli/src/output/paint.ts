import { styleText } from 'node:util';

export type Color = 'green' | 'yellow' | 'red' | 'cyan' | 'dim' | 'bold';

/** Colours text, or leaves it as it is where colours are not wanted. */
export type Paint = (color: Color | undefined, text: string) => string;

export const painter =
  (colors: boolean): Paint =>
  (color, text) =>
    colors && color !== undefined && text !== '' ? styleText(color, text, { validateStream: false }) : text;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f]+/g;

/** Text from elsewhere in one line, without characters that a terminal would obey: nodes and slivers are not trusted with it. */
export const plainLine = (text: string): string => text.replace(CONTROL, ' ').trim();
