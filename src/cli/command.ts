// The shape of a command. Each file in commands/ exports one, and program.ts lists them.

import type { Command } from 'commander';

/** A subcommand of detour. */
export interface CommandSpec {
  /** One line for `--help`. */
  readonly summary: string;
  /**
   * Adds arguments, options and the action to a commander command that program.ts made. The action sets `process.exitCode`, and
   * throws DetourError for what the person can put right.
   */
  build(command: Command): void;
}
