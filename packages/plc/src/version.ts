/** Of the PLC; the workspace is released as one. */
export const PLC_VERSION = '0.1.0';
