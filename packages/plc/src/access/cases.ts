/** Statuses for `anonymous stranger member user tech pi admin`, the order of the table in routes.test.ts. */
export const EVERYBODY = '200 200 200 200 200 200 200';
export const SIGNED_IN = '401 200 200 200 200 200 200';
export const MANAGERS = (status: number) => `401 403 403 403 ${status} ${status} ${status}`;
export const CHANGERS = (status: number) => `401 403 ${status} 403 403 ${status} ${status}`;
export const PIS = (status: number) => `401 403 403 403 403 ${status} ${status}`;
export const ADMINS = (status: number) => `401 403 403 403 403 403 ${status}`;
export const READERS = '401 403 200 200 200 200 200';
