import type { NewPasskeyCredential, PasskeyCreation } from '@planetlab/contract';
import { PlanetLabError } from '@planetlab/model';
import { startRegistration } from '@simplewebauthn/browser';

type Options = Parameters<typeof startRegistration>[0]['optionsJSON'];

/** The browser makes a passkey, with a finger or a PIN. Throws `canceled`. */
export async function makePasskey(creation: PasskeyCreation): Promise<NewPasskeyCredential> {
  try {
    // Members that are left out are not there, rather than undefined: JSON has no undefined.
    const optionsJSON = JSON.parse(JSON.stringify(creation)) as Options;
    const { id, rawId, type, response } = await startRegistration({ optionsJSON });
    const { clientDataJSON, attestationObject, transports } = response;
    return { id, rawId, type, response: { clientDataJSON, attestationObject, transports } };
  } catch (cause) {
    throw new PlanetLabError(
      'canceled',
      'The browser made no passkey: it has one for this account already, or you stopped it.',
      { cause },
    );
  }
}
