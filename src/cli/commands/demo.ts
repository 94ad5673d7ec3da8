// `detour demo [STORY]`: tells the stories. This file is about what a person types and sees; lab/demo/ tells them.

import type { Command } from 'commander';
import { DetourError } from '../../core/error.ts';
import type { Emit } from '../../core/event.ts';
import { visible } from '../../core/visible.ts';
import { findStory, numbered, runDemo } from '../../lab/demo/demo.ts';
import { openKeyboard } from '../../lab/demo/keys.ts';
import type { CommandSpec } from '../command.ts';
import { path } from '../input.ts';
import { columns, obeysEscapes, paint, say, screenOf, shownIn, statusLine } from '../render/output.ts';
import { startedEvent } from '../version.ts';

interface Options {
  readonly fast?: boolean;
  readonly json?: boolean;
  readonly log?: string;
}

/** The command `detour demo`. */
export const demo: CommandSpec = {
  summary: 'both routes side by side, in ten stories with real processes',
  build(command: Command): void {
    command
      .argument(
        '[story...]',
        `one story only: ${numbered()
          .map(({ number, story }) => `${number} or ${story.name}`)
          .join(', ')}`,
      )
      .option('--fast', 'ask no questions, and do not wait for Enter between stories')
      .option('--json', 'print the verdicts as one JSON line per route')
      .option('--log <file>', 'append the guesses and the verdicts to a file', path)
      .action(async (words: string[], options: Options) => {
        // People type `npm start story 4`, and the name of a story in words.
        const wanted = words.filter((word) => word !== 'story').join('-');
        process.exitCode = (await run(wanted, options)) ? 0 : 1;
      });
  },
};

async function run(wanted: string, { fast, json, log }: Options): Promise<boolean> {
  const found = findStory(wanted);
  if (wanted !== '' && found === undefined) {
    const names = numbered().map(({ number, story }) => `${number} ${story.name}`);
    throw new DetourError(
      'usage',
      `there is no story "${visible(wanted, { max: 40 })}"; choose one of: ${names.join(', ')}`,
    );
  }
  const emit = log === undefined ? undefined : await record(log);
  const { stdin, stdout } = process;
  const talking = stdout.isTTY === true && json !== true;
  const keyboard = talking && stdin.isTTY === true && fast !== true ? openKeyboard(stdin) : undefined;
  return runDemo({
    stories: found === undefined ? numbered() : [found],
    columns: () => columns(stdout),
    rows: () => screenOf(stdout).rows,
    breaksAt: () => screenOf(stdout).columns,
    paint: (style, text) => paint(style, text, stdout),
    write: (text) => stdout.write(shownIn(text)),
    ask: keyboard?.ask,
    json,
    emit,
    busy: talking && obeysEscapes(stdout) ? (text) => statusLine(text, stdout) : undefined,
  }).finally(() => keyboard?.close());
}

// Starts the log. pino is loaded only if there is one.
async function record(file: string): Promise<Emit> {
  const { createRecorder } = await import('../../trace/log.ts');
  const recorder = createRecorder({
    actor: 'demo',
    file,
    onLost: ({ message, hint }) => say(`${message}; ${hint}`),
  });
  process.once('exit', () => recorder.close());
  recorder.emit(startedEvent());
  return recorder.emit;
}
