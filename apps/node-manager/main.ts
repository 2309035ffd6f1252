import { Command } from 'commander';
import { registerDecide } from './commands/decide.ts';
import { registerImages } from './commands/images.ts';
import { registerLook } from './commands/look.ts';
import { registerNode } from './commands/node.ts';
import { fail } from './output.ts';
import manifest from './package.json' with { type: 'json' };

/** Config, wire, run, signals. What takes time to load is loaded by the command that needs it. */
const program = new Command('pl-node')
  .description('Makes this machine a node of PlanetLab, and lets its administrator see and stop anything on it.')
  .version(manifest.version, '--version')
  .addHelpText(
    'after',
    `
Examples:
  pl-node image build debian-12        build the image that slivers start from, once
  pl-node join -                       join an authority; asks for the token on standard input
  pl-node slivers                      who runs here, and what they use
  pl-node stop princeton_codeen        end it now, and keep it stopped
  pl-node drain                        let the node run empty
  pl-node leave --yes                  end and remove everything`,
  );

registerNode(program);
registerLook(program);
registerDecide(program);
registerImages(program);

await program.parseAsync().catch(fail);
