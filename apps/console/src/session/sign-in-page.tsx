import { Brand } from '../parts/brand.tsx';
import { CopyLine } from '../parts/copy-line.tsx';

/** There is no password to type: the command line, which knows who one is, gives a link. */
export function SignInPage({ problem }: { readonly problem: string | null }) {
  return (
    <main className="pl-alone">
      <div className="pl-sign-in">
        <Brand />
        <h1>Sign in</h1>
        {problem !== null && (
          <p role="alert" className="pl-sign-in-problem">
            {problem}
          </p>
        )}
        <p>Ask for a link where you are signed in already, on the command line:</p>
        <CopyLine text="pl console" label="Copy the command" />
        <p className="pl-quiet">
          It prints an address that opens this console once, for you alone. No account yet? The principal investigator
          of your site registers you.
        </p>
      </div>
    </main>
  );
}
