import { chmod, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Io } from '../io.ts';
import { temporaryHome } from '../testing/cli.ts';
import { configFileOf, DEFAULT_URL, normalUrl, resolveSettings, saveSignIn } from './settings.ts';

const LAB = { url: 'http://198.18.0.1:8420', token: 'lab-token', sshConfigFile: '/lab/ssh_config' };

const ioWith = (env: Readonly<Record<string, string>>, lab?: typeof LAB): Io => ({
  env,
  stdin: new PassThrough(),
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  now: Date.now,
  interrupted: new AbortController().signal,
  findLab: async () => lab,
  openBrowser: async () => false,
});
const asked = (env: Readonly<Record<string, string>>, url?: string) => ({
  io: ioWith(env),
  url,
  configFile: undefined,
});

describe('settings', () => {
  it('come from the flag, then the environment, then the file, then the default', async () => {
    await using home = await temporaryHome();
    const env = { HOME: home.path };
    expect(await resolveSettings(asked(env))).toMatchObject({ url: DEFAULT_URL, token: undefined });
    await saveSignIn(configFileOf(asked(env)), { url: 'https://file.example', token: 'file-token' });
    expect(await resolveSettings(asked(env))).toMatchObject({ url: 'https://file.example', token: 'file-token' });
    const withEnvironment = { ...env, PLANETLAB_URL: 'https://env.example/', PLANETLAB_TOKEN: 'env-token' };
    expect(await resolveSettings(asked(withEnvironment))).toMatchObject({
      url: 'https://env.example',
      token: 'env-token',
    });
    expect(await resolveSettings(asked(withEnvironment, 'https://flag.example'))).toMatchObject({
      url: 'https://flag.example',
    });
  });

  it('never give a saved token to another PLC than it was saved for', async () => {
    await using home = await temporaryHome();
    const env = { HOME: home.path };
    await saveSignIn(configFileOf(asked(env)), { url: 'https://mine.example', token: 'secret' });
    expect((await resolveSettings(asked(env, 'https://other.example'))).token).toBeUndefined();
    expect((await resolveSettings(asked(env, 'https://mine.example/'))).token).toBe('secret');
  });

  it('are those of the lab that is up here when nothing else is said, or when its address is', async () => {
    await using home = await temporaryHome();
    const io = ioWith({ HOME: home.path }, LAB);
    const configFile = undefined;
    expect(await resolveSettings({ io, url: undefined, configFile })).toMatchObject(LAB);
    expect(await resolveSettings({ io, url: LAB.url, configFile })).toMatchObject(LAB);
    const elsewhere = await resolveSettings({ io, url: 'https://mine.example', configFile });
    expect(elsewhere).toMatchObject({ url: 'https://mine.example', token: undefined });
    await saveSignIn(configFileOf(asked({ HOME: home.path })), { url: 'https://mine.example', token: 'secret' });
    expect(await resolveSettings({ io, url: undefined, configFile })).toMatchObject({ token: 'secret' });
  });

  it('are saved for their owner alone, in one step', async () => {
    await using home = await temporaryHome();
    const file = join(home.path, 'new', 'config.json');
    await saveSignIn(file, { url: DEFAULT_URL, token: 'one' });
    await saveSignIn(file, { url: DEFAULT_URL, token: 'two' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(home.path, 'new'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(home.path, 'new'))).toEqual(['config.json']);
  });

  it('are refused from a file that others can read, or that is something else', async () => {
    await using home = await temporaryHome();
    const configFile = join(home.path, 'config.json');
    await saveSignIn(configFile, { url: DEFAULT_URL, token: 'one' });
    await chmod(configFile, 0o644);
    await expect(resolveSettings({ ...asked({}), configFile })).rejects.toThrow('chmod 600');
    await writeFile(configFile, 'not json');
    await chmod(configFile, 0o600);
    await expect(resolveSettings({ ...asked({}), configFile })).rejects.toThrow('not a configuration');
  });
});

describe('addresses', () => {
  it('are http or https, without a slash at the end', () => {
    expect(normalUrl('plc.example.org:8420')).toBe('http://plc.example.org:8420');
    expect(normalUrl('https://example.org/plc/')).toBe('https://example.org/plc');
  });

  it('are refused with a sentence otherwise', () => {
    for (const wrong of ['ftp://x', 'https://user:password@x', '://', 'http://']) {
      expect(() => normalUrl(wrong)).toThrow('not the address of a PLC');
    }
  });
});
