import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { createContext, useContext } from 'react';

export type PlcApi = Client<typeof plcRoutes>;

/** Tells the PLC that a request comes from its own page: a page of another origin cannot set it without being asked. */
const CONSOLE_HEADERS = { 'x-planetlab-console': '1' };

/** The PLC that served this page. Who is signed in travels in its cookie. */
export const createApi = (): PlcApi =>
  createClient(
    plcRoutes,
    withHeaders(fetchTransport(''), () => CONSOLE_HEADERS),
  );

export const ApiContext = createContext<PlcApi | undefined>(undefined);

export function useApi(): PlcApi {
  const api = useContext(ApiContext);
  if (api === undefined) throw new TypeError('useApi wants an ApiContext around it');
  return api;
}
