import { PersonEmail, PlanetLabError } from '@planetlab/model';
import * as oidc from 'openid-client';

/** An institution whose accounts are taken for signing in (OpenID Connect). */
export interface OidcSettings {
  /** For example `https://login.example.org`. */
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined for a public client: PKCE is used in either case. */
  readonly clientSecret?: string;
  /** What the button says after "Sign in with". */
  readonly label: string;
}

/** What has to be kept until the browser comes back. */
export interface OidcAttempt {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** Who somebody is, as the provider says. */
export interface OidcIdentity {
  readonly issuer: string;
  readonly subject: string;
  /** Only one that the provider vouches for. */
  readonly email: PersonEmail | undefined;
}

export interface OidcProvider {
  readonly label: string;
  /** Where to send the browser. Throws `authority_unreachable`. */
  start(redirectUri: string): Promise<OidcAttempt & { readonly url: string }>;
  /** Turns what the browser brought back into an identity. Throws `sign_in_failed`, `authority_unreachable`. */
  finish(returned: URL, attempt: OidcAttempt): Promise<OidcIdentity>;
}

const TIMEOUT_SECONDS = 15;

export function oidcProvider(settings: OidcSettings): OidcProvider {
  let known: Promise<oidc.Configuration> | undefined;
  /** Asked once; again after a failure. */
  const configuration = (): Promise<oidc.Configuration> => {
    known ??= discover(settings).catch((cause) => {
      known = undefined;
      throw new PlanetLabError(
        'authority_unreachable',
        `${settings.label} does not answer at this moment. Try again later, or sign in another way.`,
        { cause },
      );
    });
    return known;
  };
  return {
    label: settings.label,
    async start(redirectUri) {
      const config = await configuration();
      const verifier = oidc.randomPKCECodeVerifier();
      const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: 'openid email',
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      });
      return { url: url.href, state, nonce, verifier };
    },
    async finish(returned, { state, nonce, verifier }) {
      const config = await configuration();
      try {
        const checks = {
          pkceCodeVerifier: verifier,
          expectedState: state,
          expectedNonce: nonce,
          idTokenExpected: true,
        };
        return await identityOf(config, await oidc.authorizationCodeGrant(config, returned, checks));
      } catch (cause) {
        throw new PlanetLabError('sign_in_failed', `${settings.label} did not confirm who you are. Try again.`, {
          cause,
        });
      }
    },
  };
}

function discover({ issuer, clientId, clientSecret }: OidcSettings): Promise<oidc.Configuration> {
  const url = new URL(issuer);
  const local = url.protocol === 'http:' && /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
  const options = { timeout: TIMEOUT_SECONDS, ...(local ? { execute: [oidc.allowInsecureRequests] } : {}) };
  const authentication = clientSecret === undefined ? oidc.None() : undefined;
  return oidc.discovery(url, clientId, clientSecret, authentication, options);
}

type Tokens = Awaited<ReturnType<typeof oidc.authorizationCodeGrant>>;

/** Some providers say the mail address in the ID token, others only when asked. */
async function identityOf(config: oidc.Configuration, tokens: Tokens): Promise<OidcIdentity> {
  const claims = tokens.claims();
  if (claims === undefined) throw new Error('there is no ID token');
  const { iss: issuer, sub: subject } = claims;
  const said = claims['email'] === undefined ? await oidc.fetchUserInfo(config, tokens.access_token, subject) : claims;
  const email = said['email_verified'] === true ? PersonEmail.safeParse(said['email']) : undefined;
  return { issuer, subject, email: email?.success === true ? email.data : undefined };
}
