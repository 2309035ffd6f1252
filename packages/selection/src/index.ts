/**
 * Choosing nodes (P5): one pure function over candidates, the same for API, command line and brokers.
 * It runs in a browser and must not know where candidates come from, nor what is done with the choice.
 */
export type { Attribute, AttributeName, Attributes } from './attributes.ts';
export { ATTRIBUTE_NAMES, ATTRIBUTES } from './attributes.ts';
export type { Candidate, MeasuredLatency } from './candidate.ts';
export { compile, type Expression, type Verdict } from './expression.ts';
export { type Choice, type ChoiceCode, type Selection, select } from './select.ts';
