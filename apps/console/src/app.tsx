import './styles.ts';
import { MantineProvider } from '@mantine/core';
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import { ApiContext, type PlcApi } from './api/api.ts';
import { Page } from './page/page.tsx';
import { usePath } from './path/use-path.ts';
import { KeepAddressPage, NewAddressPage } from './session/address-pages.tsx';
import { ChoosePasswordPage, isPasswordLink } from './session/choose-password-page.tsx';
import { DEVICE_PATH, DevicePage } from './session/device-page.tsx';
import type { MailLink } from './session/mail-link.ts';
import { OIDC_RETURN_PATH, OidcReturnPage } from './session/oidc-return-page.tsx';
import { isSignedOut, SIGNED_OUT } from './session/open-session.ts';
import { SessionGate } from './session/session-gate.tsx';
import { keepWayBack } from './session/way-back.ts';
import { theme } from './theme.ts';

interface AppProps {
  readonly api: PlcApi;
  /** The one-time code of a sign-in link, when the page was opened by one. */
  readonly code: string | undefined;
  /** Of a mail, when the page was opened by one. */
  readonly mailLink: MailLink | undefined;
}

export function App({ api, code, mailLink }: AppProps) {
  const [queries] = useState(createQueryClient);
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <ApiContext value={api}>
          <Way mailLink={mailLink}>
            <SessionGate code={code}>{(person) => <Page person={person} />}</SessionGate>
          </Way>
        </ApiContext>
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** Links of mails, and the way back from an institution, lead past the question who is signed in. */
function Way({ mailLink, children }: { readonly mailLink: MailLink | undefined; readonly children: ReactNode }) {
  const path = usePath();
  if (path === OIDC_RETURN_PATH) return <OidcReturnPage />;
  if (path === DEVICE_PATH) return <DeviceWay code={mailLink?.path === path ? mailLink.code : undefined} />;
  if (mailLink?.path !== path) return children;
  if (isPasswordLink(mailLink)) return <ChoosePasswordPage link={mailLink} />;
  return mailLink.path === '/keep-address' ? (
    <KeepAddressPage code={mailLink.code} />
  ) : (
    <NewAddressWay link={mailLink} />
  );
}

function DeviceWay({ code }: { readonly code: string | undefined }) {
  useEffect(() => keepWayBack(`${DEVICE_PATH}#${code ?? ''}`), [code]);
  return <SessionGate code={undefined}>{() => <DevicePage code={code} />}</SessionGate>;
}

/** Who is not signed in does that first, and comes back. */
function NewAddressWay({ link: { path, code } }: { readonly link: MailLink }) {
  useEffect(() => keepWayBack(`${path}#${code}`), [path, code]);
  return <SessionGate code={undefined}>{() => <NewAddressPage code={code} />}</SessionGate>;
}

/** Whatever answers "nobody is signed in" leads to the sign-in page. */
function createQueryClient(): QueryClient {
  const queries: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        if (isSignedOut(error)) queries.setQueryData(['session'], SIGNED_OUT);
      },
    }),
    defaultOptions: {
      queries: { retry: (failures, error) => failures < 1 && !isSignedOut(error), retryDelay: 500, staleTime: 5000 },
    },
  });
  return queries;
}
