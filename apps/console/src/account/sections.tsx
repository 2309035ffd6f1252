import { Button, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { type Person, TokenScope } from '@planetlab/contract';
import { useQuery } from '@tanstack/react-query';
import { useApi } from '../api/api.ts';
import { signInMethodsQuery } from '../api/queries.ts';
import { ago } from '../parts/ago.ts';
import { CopyLine } from '../parts/copy-line.tsx';
import { useChange } from '../people/use-change.ts';
import { fieldsOf } from '../session/fields.ts';
import { browserName } from './browser-name.ts';
import { ListSection } from './list-section.tsx';
import { makePasskey } from './new-passkey.ts';

interface SectionProps {
  readonly nowMs: number;
}

const used = (at: string | null, nowMs: number): string => (at === null ? 'never used' : `used ${ago(at, nowMs)}`);

export function PasskeysSection({ nowMs }: SectionProps) {
  const api = useApi();
  const methods = useQuery(signInMethodsQuery(api));
  const passkeys = useQuery({ queryKey: ['account', 'passkeys'], queryFn: () => api.listPasskeys({}) });
  const remove = useChange('account', (passkey: string) => api.deletePasskey({ params: { passkey } }));
  const add = useChange('account', async (label: string) => {
    const credential = await makePasskey(await api.startPasskey({}));
    await api.addPasskey({ body: { label, credential } });
  });
  const things = (passkeys.data?.items ?? []).map(({ id, label, lastUsedAt }) => {
    return { id, name: label, words: used(lastUsedAt, nowMs), action: 'Remove' };
  });
  return (
    <ListSection
      title="Passkeys"
      things={things}
      empty="None yet. A passkey signs you in by a finger or a PIN, and cannot be guessed or phished."
      error={passkeys.error ?? remove.error ?? add.error}
      onRemove={(id) => remove.mutate(id)}
    >
      {methods.data?.passkeys === false && (
        <p className="pl-quiet">Browsers know no passkeys here: open this console by https and a name.</p>
      )}
      {methods.data?.passkeys === true && (
        <form
          className="pl-form-line"
          onSubmit={(event) => {
            event.preventDefault();
            const form = event.currentTarget;
            add.mutate(fieldsOf(form, 'label').label, { onSuccess: () => form.reset() });
          }}
        >
          <TextInput name="label" label="Name of the passkey" placeholder="my laptop" maxLength={100} required />
          <Button type="submit" variant="default" loading={add.isPending}>
            Add a passkey
          </Button>
        </form>
      )}
    </ListSection>
  );
}

export function SessionsSection({ nowMs }: SectionProps) {
  const api = useApi();
  const sessions = useQuery({ queryKey: ['account', 'sessions'], queryFn: () => api.listSessions({}) });
  const end = useChange('account', (session: string) => api.deleteSession({ params: { session } }));
  const things = (sessions.data?.items ?? []).map(({ id, browser, method, lastUsedAt, current }) => ({
    id,
    name: current ? 'This browser' : browserName(browser),
    words: `signed in by ${method}, ${used(lastUsedAt, nowMs)}`,
    ...(current ? {} : { action: 'End' }),
  }));
  return (
    <ListSection
      title="Sessions"
      things={things}
      empty="You are signed in nowhere."
      error={sessions.error ?? end.error}
      onRemove={(id) => end.mutate(id)}
    />
  );
}

export function TokensSection({ nowMs }: SectionProps) {
  const api = useApi();
  const tokens = useQuery({ queryKey: ['account', 'tokens'], queryFn: () => api.listTokens({}) });
  const revoke = useChange('account', (token: string) => api.deleteToken({ params: { token } }));
  const create = useChange('account', ({ label, scope }: Record<'label' | 'scope', string>) =>
    api.createToken({ body: { label, scopes: [TokenScope.parse(scope)] } }),
  );
  const made = create.data as { readonly token: string } | undefined; // what createToken answers
  const things = (tokens.data?.items ?? []).map(({ id, label, scopes, lastUsedAt }) => {
    return { id, name: label, words: `for ${scopes.join(', ')}; ${used(lastUsedAt, nowMs)}`, action: 'Revoke' };
  });
  return (
    <ListSection
      title="API tokens"
      things={things}
      empty="None. Programs sign in by a token; pl login makes one for itself."
      error={tokens.error ?? revoke.error ?? create.error}
      onRemove={(id) => revoke.mutate(id)}
    >
      {made !== undefined && (
        <div role="status">
          <p>Copy it now: it is shown only this once.</p>
          <CopyLine text={made.token} label="Copy the token" />
        </div>
      )}
      <form
        className="pl-form-line"
        onSubmit={(event) => {
          event.preventDefault();
          const form = event.currentTarget;
          create.mutate(fieldsOf(form, 'label', 'scope'), { onSuccess: () => form.reset() });
        }}
      >
        <TextInput name="label" label="What it is for" maxLength={100} required />
        <NativeSelect name="scope" label="May" data={SCOPES} />
        <Button type="submit" variant="default" loading={create.isPending}>
          Make a token
        </Button>
      </form>
    </ListSection>
  );
}

const SCOPES: readonly { readonly value: TokenScope; readonly label: string }[] = [
  { value: 'read', label: 'read only' },
  { value: 'slices', label: 'change slices' },
  { value: 'nodes', label: 'change nodes' },
  { value: 'all', label: 'do all that you may' },
];

export function KeysSection({ person }: { readonly person: Person }) {
  const api = useApi();
  const params = { person: person.email };
  const keys = useQuery({ queryKey: ['account', 'keys'], queryFn: () => api.listKeys({ params }) });
  const remove = useChange('account', (fingerprint: string) => api.deleteKey({ params: { ...params, fingerprint } }));
  const add = useChange('account', (key: string) => api.addKey({ params, body: { key: key.trim() } }));
  const things = (keys.data?.items ?? []).map(({ fingerprint, key }) => {
    const [type = '', , ...comment] = key.split(' ');
    return { id: fingerprint, name: comment.join(' ') || type, words: fingerprint, action: 'Remove' };
  });
  return (
    <ListSection
      title="SSH keys"
      things={things}
      empty="None yet. With a key you log in to your slivers by ssh."
      error={keys.error ?? remove.error ?? add.error}
      onRemove={(id) => remove.mutate(id)}
    >
      <form
        className="pl-form"
        onSubmit={(event) => {
          event.preventDefault();
          const form = event.currentTarget;
          add.mutate(fieldsOf(form, 'key').key, { onSuccess: () => form.reset() });
        }}
      >
        <Textarea name="key" label="Public key" placeholder="ssh-ed25519 AAAA… you@laptop" rows={3} required />
        <div>
          <Button type="submit" variant="default" loading={add.isPending}>
            Add the key
          </Button>
        </div>
      </form>
    </ListSection>
  );
}
