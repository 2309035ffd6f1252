import type { Register } from '../program.ts';
export const register: Register = () => {};
