import { Button } from '@mantine/core';
import { messageOf } from '@planetlab/model';

interface ErrorNoticeProps {
  readonly error: unknown;
  /** What is still shown, for instance "This is as it was at 12:03." */
  readonly consequence?: string;
  readonly onRetry: () => void;
}

export function ErrorNotice({ error, consequence, onRetry }: ErrorNoticeProps) {
  return (
    <div className="pl-notice" data-tone="bad" role="alert">
      <p>
        {messageOf(error)} {consequence}
      </p>
      <Button size="compact-sm" variant="default" onClick={onRetry}>
        Try again
      </Button>
    </div>
  );
}
