import type { Command } from 'commander';
import { leaf } from '../leaf.ts';
import { GROUPS, type Register } from '../program.ts';

export const register: Register = (completion, io) => {
  leaf(
    completion.command('bash'),
    io,
    { summary: 'print a script for bash', example: 'source <(pl completion bash)' },
    async () => {
      const program = completion.parent;
      if (program === null) throw new Error('completion stands in a program');
      for (const group of GROUPS) {
        const stub = program.commands.find((command) => command.name() === group.name);
        if (stub !== undefined && stub !== completion) await (await group.load()).register(stub, io);
      }
      io.stdout.write(bashScript(program));
    },
  );
};

/** Completes commands, subcommands and long options; names of things are not asked for. */
export function bashScript(program: Command): string {
  const words = (command: Command) => [
    ...command.commands.map((sub) => sub.name()),
    ...command.options.flatMap((option) => option.long ?? []),
  ];
  const cases = program.commands.flatMap((group) => [
    ...group.commands.map((sub) => `    '${group.name()} ${sub.name()}') words='${words(sub).join(' ')}' ;;`),
    `    '${group.name()} '*) words='${words(group).join(' ')}' ;;`,
  ]);
  return `_planetlab() {
  local words=''
  if [ "$COMP_CWORD" -le 1 ]; then words='${words(program).join(' ')}'
  else case "\${COMP_WORDS[1]} $([ "$COMP_CWORD" -gt 2 ] && printf %s "\${COMP_WORDS[2]}")" in
${cases.join('\n')}
  esac; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _planetlab pl planetlab
`;
}
