/** How good a state is, for the eye: each tone has a colour and a shape of its own, so that colour is never alone. */
export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'off';
export const TONES: readonly Tone[] = ['good', 'busy', 'warn', 'bad', 'off'];
