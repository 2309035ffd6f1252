import { ERROR_KINDS, type ErrorDetails, isErrorCode, PlanetLabError } from '@planetlab/model';
import { z } from 'zod';

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** RFC 9457 problem details, with our stable `code` and whose `fault` it is. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string(),
  fault: z.enum(['caller', 'node', 'authority', 'platform']),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])).optional(),
});
export type Problem = z.infer<typeof Problem>;

export function problemOf(error: PlanetLabError): Problem {
  const { status, title, fault } = ERROR_KINDS[error.code];
  return {
    type: `urn:planetlab:error:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    fault,
    ...(Object.keys(error.details).length === 0 ? {} : { details: { ...error.details } as Record<string, string> }),
  };
}

/** The error that a problem document describes; anything else becomes `internal` with the status in its sentence. */
export function problemToError(status: number, text: string): PlanetLabError {
  const problem = Problem.safeParse(tryJson(text));
  if (problem.success && isErrorCode(problem.data.code)) return errorOf(problem.data);
  return new PlanetLabError('internal', `The server answered ${status} without saying why.`);
}

/** The error that `problemOf` was given; one of a newer version, whose code is not known here, becomes `internal`. */
export function errorOf({ code, detail, details = {} }: Problem): PlanetLabError {
  const known: ErrorDetails = details;
  return new PlanetLabError(isErrorCode(code) ? code : 'internal', detail, { details: known });
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not a problem document: the caller says so
  }
}
