// `detour demo [STORY]`: tells the stories. This file is about what a person types and sees; lab/demo/ tells them.

import type { Command } from 'commander';
import { DetourError } from '../../core/error.ts';
import { visible } from '../../core/visible.ts';
import { findStory, numbered, runDemo } from '../../lab/demo/demo.ts';
import { createKeyPrompt } from '../../lab/demo/keys.ts';
import type { CommandSpec } from '../command.ts';
import { paint } from '../render/output.ts';

interface Options {
  readonly fast?: boolean;
  readonly json?: boolean;
}

const DEFAULT_WIDTH = 80;

/** The command `detour demo`. */
export const demo: CommandSpec = {
  summary: 'both routes side by side, in ten stories with real processes',
  build(command: Command): void {
    command
      .argument(
        '[story]',
        `one story only: ${numbered()
          .map(({ number, story }) => `${number} or ${story.name}`)
          .join(', ')}`,
      )
      .option('--fast', 'ask no questions')
      .option('--json', 'print the verdicts as one JSON line per route')
      .action(async (wanted: string | undefined, options: Options) => {
        process.exitCode = (await run(wanted, options)) ? 0 : 1;
      });
  },
};

async function run(wanted: string | undefined, { fast, json }: Options): Promise<boolean> {
  const found = wanted === undefined ? undefined : findStory(wanted);
  if (wanted !== undefined && found === undefined) {
    const names = numbered().map(({ number, story }) => `${number} ${story.name}`);
    throw new DetourError(
      'usage',
      `there is no story "${visible(wanted, { max: 40 })}"`,
      `choose one of: ${names.join(', ')}`,
    );
  }
  const { stdin, stdout } = process;
  const talking = stdout.isTTY === true && json !== true;
  const asking = talking && stdin.isTTY === true && fast !== true;
  return runDemo({
    stories: found === undefined ? numbered() : [found],
    columns: stdout.columns ?? DEFAULT_WIDTH,
    paint: (style, text) => paint(style, text, stdout),
    write: (text) => stdout.write(text),
    ask: asking ? createKeyPrompt(stdin) : undefined,
    json,
    busy: talking ? (text) => void stdout.write(`\r\x1b[K${text}`) : undefined,
  });
}
