// Options that may come from the environment: in a class each student sets a name and the addresses once in each terminal, and types the same
// commands as everybody else.

import { Command, type Option } from 'commander';
import { asTyped } from '../core/command-name.ts';
import { visible } from '../core/visible.ts';

/** The variable that is read if an option is not given. It holds for every command that has the option. */
const VARIABLES: Readonly<Record<string, string>> = {
  '--as': 'DETOUR_AS',
  '--to': 'DETOUR_TO',
  '--host': 'DETOUR_HOST',
  '--port': 'DETOUR_PORT',
  '--relay': 'DETOUR_RELAY',
  '--journal': 'DETOUR_JOURNAL',
};

/**
 * A command whose options read their variable. `--help` names it, and so does the error if its value is not valid. Commands in the texts of
 * options are shown as the person types them.
 */
export class DetourCommand extends Command {
  override createCommand(name?: string): DetourCommand {
    return new DetourCommand(name);
  }

  override addOption(option: Option): this {
    const variable = option.hidden ? undefined : VARIABLES[option.long ?? ''];
    // An empty variable counts as not set.
    if (variable !== undefined && process.env[variable] !== '') option.env(variable);
    option.description = asTyped(option.description);
    return super.addOption(option);
  }
}

/** Which values of a command come from the environment, as in `DETOUR_AS=anna, DETOUR_PORT=4111`; undefined if none does. */
export function fromEnvironment(command: Command): string | undefined {
  const used = command.options.flatMap((option) => {
    const { envVar = '' } = option;
    if (command.getOptionValueSource(option.attributeName()) !== 'env') return [];
    return [`${envVar}=${visible(process.env[envVar] ?? '', { max: 60 })}`];
  });
  return used.length === 0 ? undefined : used.join(', ');
}
