import { createHash } from 'node:crypto';
import { PlanetLabError } from '@planetlab/model';

/** A public key as OpenSSH writes it, looked into: the contract's pattern has only seen its outside. */
export interface ParsedSshKey {
  /** `SHA256:...` as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  /** Type and key, with the comment if there was one. */
  readonly line: string;
}

const CURVES: Readonly<Record<string, { readonly name: string; readonly pointBytes: number }>> = {
  'ecdsa-sha2-nistp256': { name: 'nistp256', pointBytes: 65 },
  'ecdsa-sha2-nistp384': { name: 'nistp384', pointBytes: 97 },
  'ecdsa-sha2-nistp521': { name: 'nistp521', pointBytes: 133 },
  'sk-ecdsa-sha2-nistp256@openssh.com': { name: 'nistp256', pointBytes: 65 },
};
const ED25519_BYTES = 32;
const RSA_BITS_MIN = 2048;
const RSA_BITS_MAX = 16_384;

/** Reads one line such as `ssh-ed25519 AAAA... name`. Throws `malformed_key`. */
export function parseSshKey(line: string): ParsedSshKey {
  const [type = '', base64 = ''] = line.trim().split(/\s+/);
  const blob = Buffer.from(base64, 'base64');
  if (blob.toString('base64').replaceAll('=', '') !== base64.replaceAll('=', '')) {
    throw malformed('its base64 part is damaged');
  }
  const fields = readFields(blob);
  if (fields[0]?.toString('latin1') !== type) throw malformed(`it says "${type}" but contains another type of key`);
  checkKey(type, fields.slice(1));
  const fingerprint = `SHA256:${createHash('sha256').update(blob).digest('base64').replaceAll('=', '')}`;
  return { fingerprint, line: line.trim() };
}

/** RFC 4251 strings: each a length as 4 bytes and that many bytes, to the very end. */
function readFields(blob: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0; at < blob.length; ) {
    if (blob.length - at < 4) throw malformed('it is cut off');
    const length = blob.readUInt32BE(at);
    if (length > blob.length - at - 4) throw malformed('it is cut off');
    fields.push(blob.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}

function checkKey(type: string, fields: readonly Buffer[]): void {
  const hardware = type.startsWith('sk-');
  const curve = CURVES[type];
  if (type === 'ssh-rsa') {
    checkRsa(fields);
    return;
  }
  const wanted = (curve === undefined ? 1 : 2) + (hardware ? 1 : 0);
  if (fields.length !== wanted) throw malformed('it does not have the parts of such a key');
  if (curve === undefined) {
    if (fields[0]?.length !== ED25519_BYTES) throw malformed('its key does not have 32 bytes');
    return;
  }
  const [name, point] = fields;
  if (name?.toString('latin1') !== curve.name || point?.length !== curve.pointBytes || point[0] !== 4) {
    throw malformed('its key is not a point of its curve');
  }
}

function checkRsa(fields: readonly Buffer[]): void {
  const [exponent, modulus] = fields;
  if (fields.length !== 2 || exponent === undefined || modulus === undefined || exponent.length === 0) {
    throw malformed('it does not have the parts of an RSA key');
  }
  const bits = BigInt(`0x0${modulus.toString('hex')}`).toString(2).length;
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
    throw malformed(`it is an RSA key of ${bits} bits; ${RSA_BITS_MIN} to ${RSA_BITS_MAX} are accepted`);
  }
}

const malformed = (why: string) =>
  new PlanetLabError(
    'malformed_key',
    `This is not a usable SSH public key: ${why}. Copy the whole line of a file such as ~/.ssh/id_ed25519.pub.`,
  );
