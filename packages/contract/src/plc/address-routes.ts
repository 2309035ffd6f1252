import { PersonEmail } from '@planetlab/model';
import { z } from 'zod';
import type { RouteTable } from '../route.ts';
import { MailCode, Password } from './people-types.ts';
import { empty, json } from './route-parts.ts';
import { Person } from './types.ts';

const byCode = z.object({ code: MailCode }).strict();

/** Another mail address for one's account. */
export const addressRoutes = {
  askForAddress: {
    method: 'POST',
    path: '/v1/me/address-changes',
    summary:
      'Ask for another mail address; a link is mailed there, whether somebody has it or not. Who has a password gives it, others have just signed in',
    access: 'person',
    body: z.object({ email: PersonEmail, password: Password.optional() }).strict(),
    reply: empty,
    status: 202,
    location: '/v1/me/address-changes/confirm',
    errors: ['sign_in_failed', 'too_many_requests'],
  },
  confirmAddress: {
    method: 'POST',
    path: '/v1/me/address-changes/confirm',
    summary: 'Take the new mail address, by the code that was mailed there',
    access: 'person',
    body: byCode,
    reply: json(Person),
    status: 200,
    errors: ['mail_link_invalid', 'already_exists'],
  },
  objectToAddress: {
    method: 'POST',
    path: '/v1/address-objections',
    summary:
      'Keep the mail address that the code was mailed to; a change is undone, and sessions, API tokens and the password end',
    access: 'public',
    body: byCode,
    reply: empty,
    status: 204,
    errors: ['mail_link_invalid', 'already_exists'],
  },
} as const satisfies RouteTable;
