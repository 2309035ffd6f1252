/**
 * The vocabulary of PlanetLab: names, resources, states, errors, units, places.
 * It imports nothing of ours, does no I/O, and runs in a browser; it must not know who stores or sends these values.
 */
export * from './errors.ts';
export * from './identity.ts';
export { whatIsWrong } from './malformed.ts';
export * from './names.ts';
export * from './places.ts';
export * from './resources.ts';
export * from './selection.ts';
export * from './states.ts';
export * from './units.ts';
