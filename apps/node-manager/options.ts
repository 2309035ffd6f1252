/** Options that several commands have. */
export const STATE = ['--state <dir>', 'state folder of the node', '/var/lib/planetlab/node'] as const;
export const IMAGES = ['--images <dir>', 'folder of the images', '/var/lib/planetlab/images'] as const;
export const REASON = ['--reason <words>', 'why; shown to the people concerned'] as const;
export const JSON_OUTPUT = ['--json', 'print JSON'] as const;

export interface StateOptions {
  readonly state: string;
  readonly json?: boolean;
}

export interface ReasonOptions extends StateOptions {
  readonly reason?: string;
}

export interface ImageOptions {
  readonly images: string;
  readonly json?: boolean;
}

/** Help ends with one example that can be typed as it is. */
export const example = (line: string): string => `\nExample:\n  ${line}`;
