import rateLimit from '@fastify/rate-limit';
import type { App } from '@planetlab/contract/server';
import { MINUTE_MS, PlanetLabError } from '@planetlab/model';
import type { FastifyRequest } from 'fastify';

/** Throws `too_many_requests` when one address tries too often. */
export type Limiter = (request: FastifyRequest) => Promise<void>;

const ATTEMPTS_PER_MINUTE = 60;

/** For what is open to everybody: signing in and joining. Counts by address, in this process. */
export async function createLimiter(app: App): Promise<Limiter> {
  await app.register(rateLimit, { global: false });
  const check = app.createRateLimit({ max: ATTEMPTS_PER_MINUTE, timeWindow: MINUTE_MS });
  return async (request) => {
    const result = await check(request);
    if (result.isAllowed || !result.isExceeded) return;
    throw new PlanetLabError(
      'too_many_requests',
      `More than ${ATTEMPTS_PER_MINUTE} attempts in a minute from one address. Try again in ${result.ttlInSeconds} s.`,
    );
  };
}
