/** What to type to get into a sliver, with the ordinary OpenSSH client. */
export const sshLine = (slice: string, { host, port }: { readonly host: string; readonly port: number }): string =>
  port === 22 ? `ssh ${slice}@${host}` : `ssh -p ${port} ${slice}@${host}`;
