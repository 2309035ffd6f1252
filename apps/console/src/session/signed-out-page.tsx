import { usePath } from '../path/use-path.ts';
import { ForgotPage } from './forgot-page.tsx';
import { SignInPage } from './sign-in-page.tsx';
import { SignUpPage } from './sign-up-page.tsx';

/** Whoever is not signed in can do that, sign up, or ask for a new password, wherever they meant to go. */
export function SignedOutPage({ problem }: { readonly problem: string | null }) {
  const path = usePath();
  if (path === '/sign-up') return <SignUpPage />;
  return path === '/forgot' ? <ForgotPage /> : <SignInPage problem={problem} />;
}
