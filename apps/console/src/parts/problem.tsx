import { messageOf } from '@planetlab/model';

/** Why what was just tried did not work, beside it. Nothing when it did. */
export const Problem = ({ error }: { readonly error: unknown }) =>
  error === null || error === undefined ? null : (
    <p role="alert" className="pl-sign-in-problem">
      {messageOf(error)}
    </p>
  );
