/** How a client reaches a server: fetch, an HTTP/2 session, or a connection that the node dialled. */
export interface TransportRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface TransportResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: AsyncIterable<Uint8Array>;
}

export type Transport = (request: TransportRequest) => Promise<TransportResponse>;

/** Adds headers to each request, computed from it: credentials and proofs. */
export const withHeaders =
  (transport: Transport, headers: (request: TransportRequest) => Readonly<Record<string, string>>): Transport =>
  (request) =>
    transport({ ...request, headers: { ...request.headers, ...headers(request) } });
