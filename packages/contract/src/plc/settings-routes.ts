import type { RouteTable } from '../route.ts';
import { json } from './route-parts.ts';
import { AuthoritySettings, SettingsChange } from './settings.ts';

/** What holds for the whole authority and is changed while it runs. */
export const settingsRoutes = {
  getSettings: {
    method: 'GET',
    path: '/v1/settings',
    summary: 'What the admins have decided for the whole authority: quotas, renewal, escalation',
    access: 'person',
    reply: json(AuthoritySettings),
    status: 200,
    errors: [],
  },
  changeSettings: {
    method: 'PUT',
    path: '/v1/settings',
    summary: 'Change settings of the authority; what is left out stays as it is',
    access: 'person',
    body: SettingsChange,
    reply: json(AuthoritySettings),
    status: 200,
    errors: [],
  },
} as const satisfies RouteTable;
