/** Samples of what a PLC answers, for tests of whatever reads it. They are not for programs: nothing but tests imports them. */
export { aNode, aSite, aSlice, aSliver, before, facts, NOW_MS } from './samples.ts';
