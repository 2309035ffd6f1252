/** What the exit codes say by which shells and container runtimes tell that a program was not even started. */
export function notStarted(code: number): string | undefined {
  if (code === 127) return 'not found';
  return code === 126 ? 'found, but cannot be executed' : undefined;
}
