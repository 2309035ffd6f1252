import type { Logger } from 'pino';
import type { SmtpSettings } from './mail/smtp.ts';
import type { OidcSettings } from './oidc/provider.ts';

export interface PlcOptions {
  /** Folder with keys, the bootstrap admin's token and the private database. Made when it is not there. */
  readonly state: string;
  /**
   * Folder of the authority's keys (`authority.name`, `.key`, `.pem`, `broker.key`), only read when they are there.
   * Default: the state folder. All processes over one database need the same.
   */
  readonly keys?: string;
  /**
   * Where people and programs connect: `host:port`. Plain HTTP, unless `tls` is given: put a proxy with TLS before it on a network. One on this
   * machine is believed about whom it speaks for (`X-Forwarded-For`): limits count by that address.
   */
  readonly listen: string;
  /** The certificate chain and key, PEM, with which `listen` speaks TLS. */
  readonly tls?: TlsFiles;
  /** Where nodes connect, TLS under the authority's own root: `host:port`. */
  readonly nodeListen: string;
  /**
   * `host:port` under which nodes reach `nodeListen`; stands in join tokens. Of several processes all, with commas
   * between: a node goes to the next when one does not answer. Default: where it listens.
   */
  readonly nodeAddress?: string;
  /** `host:port` under which other processes of this authority reach `nodeListen`. Default: where it listens. */
  readonly processAddress?: string;
  /** How people reach `listen`, for links and cookies. Default: `http://` and where it listens. */
  readonly publicUrl?: string;
  /** Folder of the built console; none is served without. */
  readonly consoleFolder?: string;
  /** Name of the authority, fixed at the first start. Default `planetlab`. */
  readonly authority?: string;
  /** Mail address of the admin made at the first start. Default `admin@planetlab.internal`. */
  readonly adminEmail?: string;
  /** Length of the leases that the default broker asks for. Default four hours. */
  readonly leaseMs?: number;
  /** A PostgreSQL of yours. Default: a private server in the state folder. */
  readonly databaseUrl?: string;
  /** How mail leaves. Without, it stays in the outbox, where admins read it and pass it on. */
  readonly smtp?: SmtpSettings;
  /** An institution whose accounts are taken for signing in. */
  readonly oidc?: OidcSettings;
  /** How many requests a person, or an address without one, may make in a minute. Default 12,000. */
  readonly requestsPerMinute?: number;
  readonly log: Logger;
  /** For people who wait for the start: what takes long. */
  readonly progress?: (sentence: string) => void;
  /** The clock; default the machine's. */
  readonly nowMs?: () => number;
}

export interface TlsFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** A running PLC. Disposing stops it in order: no new requests, uplinks, then the database. */
export interface Plc extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly publicUrl: string;
  /** What join tokens carry. */
  readonly nodeAddress: string;
  /** File with the API token of the admin made at the first start. */
  readonly adminTokenFile: string;
  /** How many requests of people and their programs have come so far. */
  requests(): number;
  /** Reads the TLS files again, for connections from now on. When they cannot be used the old ones stay, and the log says why. */
  reloadCertificate(): void;
}
