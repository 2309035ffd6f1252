import { type Client, createClient, fetchTransport, plcRoutes } from '@planetlab/contract';
import { createContext, useContext } from 'react';

export type PlcApi = Client<typeof plcRoutes>;

/** The PLC that served this page. Who is signed in travels in its cookie. */
export const createApi = (): PlcApi => createClient(plcRoutes, fetchTransport(''));

export const ApiContext = createContext<PlcApi | undefined>(undefined);

export function useApi(): PlcApi {
  const api = useContext(ApiContext);
  if (api === undefined) throw new TypeError('useApi wants an ApiContext around it');
  return api;
}
