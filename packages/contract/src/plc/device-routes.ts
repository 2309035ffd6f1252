import { Instant } from '@planetlab/model';
import { z } from 'zod';
import type { RouteTable } from '../route.ts';
import { empty, json } from './route-parts.ts';
import { ApiToken, TokenScope } from './types.ts';

/** What a program asks for that has no browser of its own: an API token. */
const NewDeviceSignIn = z
  .object({
    /** The program and its machine, as the person will know it. */
    label: z.string().trim().min(1).max(100),
    scopes: z.array(TokenScope).min(1).max(10).default(['all']),
    /** End of the token. */
    expiresAt: Instant.optional(),
  })
  .strict();

/** The program keeps `deviceCode` to itself and shows `userCode`; then it asks for the token every `intervalSeconds`. */
const StartedDeviceSignIn = z.object({
  deviceCode: z.string(),
  userCode: z.string(),
  verificationUri: z.string(),
  /** The same with the code in it. */
  verificationUriComplete: z.string(),
  expiresAt: Instant,
  intervalSeconds: z.number().int(),
});

/** What a person decides about. */
export const DeviceSignIn = z.object({
  userCode: z.string(),
  label: z.string(),
  scopes: z.array(TokenScope),
  tokenExpiresAt: Instant,
  /** From where it was asked for. */
  address: z.string(),
  askedAt: Instant,
  expiresAt: Instant,
});
export type DeviceSignIn = z.infer<typeof DeviceSignIn>;

/** As it is shown, or typed by a person: letters of either case, with or without the dash. */
const byUserCode = z.object({ code: z.string().min(1).max(20) });

/** Signing in of programs by way of the person's browser (RFC 8628, in the form of this API). */
export const deviceRoutes = {
  startDeviceSignIn: {
    method: 'POST',
    path: '/v1/device-sign-ins',
    summary: 'Begin to sign in a program: its person enters the code in a browser',
    access: 'public',
    body: NewDeviceSignIn,
    reply: json(StartedDeviceSignIn),
    status: 201,
    location: '/v1/device-sign-ins/:userCode',
    showsSecret: true,
    errors: ['too_many_requests'],
  },
  takeDeviceToken: {
    method: 'POST',
    path: '/v1/device-sign-ins/token',
    summary: 'Take the API token once the person has agreed; until then, `authorization_pending`',
    access: 'public',
    body: z.object({ deviceCode: z.string().min(1).max(200) }).strict(),
    reply: json(ApiToken.extend({ token: z.string() })),
    status: 201,
    location: '/v1/tokens/:id',
    showsSecret: true,
    errors: ['authorization_pending', 'slow_down', 'access_denied', 'expired_token'],
  },
  getDeviceSignIn: {
    method: 'GET',
    path: '/v1/device-sign-ins/:code',
    summary: 'What a program asks for that shows this code',
    access: 'person',
    params: byUserCode,
    reply: json(DeviceSignIn),
    status: 200,
    errors: ['unknown_request', 'too_many_requests'],
  },
  decideDeviceSignIn: {
    method: 'POST',
    path: '/v1/device-sign-ins/:code/decision',
    summary: 'Let the program act as oneself, or refuse it; once',
    access: 'person',
    params: byUserCode,
    body: z.object({ allow: z.boolean() }).strict(),
    reply: empty,
    status: 204,
    errors: ['unknown_request', 'too_many_requests'],
  },
} as const satisfies RouteTable;
