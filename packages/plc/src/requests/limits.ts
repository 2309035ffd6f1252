import rateLimit from '@fastify/rate-limit';
import type { App, Conventions, LimitState } from '@planetlab/contract/server';
import { MINUTE_MS, type Principal } from '@planetlab/model';
import type { FastifyRequest } from 'fastify';

/** Generous: a program of a person that asks this often is out of hand. */
export const REQUESTS_PER_MINUTE = 12_000;

/** Counts requests by person, and by address for who is not signed in; in this process. */
export async function createRequestLimit(
  app: App,
  perMinute: number,
  principalOf: (request: FastifyRequest) => Principal | undefined,
): Promise<NonNullable<Conventions['limit']>> {
  await app.register(rateLimit, { global: false });
  const check = app.createRateLimit({
    max: perMinute,
    timeWindow: MINUTE_MS,
    keyGenerator: (request) => principalOf(request) ?? request.ip,
  });
  return async (request): Promise<LimitState> => {
    const result = await check(request);
    if (result.isAllowed) return { limit: perMinute, remaining: perMinute, resetSeconds: 0, isExceeded: false };
    const { remaining, ttlInSeconds, isExceeded } = result;
    return { limit: perMinute, remaining, resetSeconds: ttlInSeconds, isExceeded };
  };
}
