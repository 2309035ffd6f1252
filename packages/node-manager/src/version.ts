/** Of the node manager; the workspace is released as one. */
export const VERSION = '0.1.0';
