// Checks what the page asks for: the JSON of a POST /commands. Nothing else decides what a command may look like; whether it can be done
// now is the source's business.

import { DetourError } from '../../core/error.ts';
import type { ActorAction, ActorId, Command, Guess, LineAction, LineId, Route } from './messages.ts';

const ACTORS: readonly ActorId[] = [
  'direct/alice',
  'direct/bob',
  'detour/alice',
  'detour/relay',
  'detour/bob',
];
const LINES: readonly LineId[] = ['direct/line', 'detour/up', 'detour/down'];
const TO_ACTORS: readonly ActorAction[] = ['start', 'kill', 'freeze', 'thaw', 'stop'];
const TO_LINES: readonly LineAction[] = ['cut', 'heal', 'slow', 'reset', 'full', 'slice'];
const ROUTES: readonly Route[] = ['direct', 'detour'];
const GUESSES: readonly Guess[] = ['d', 'n', 'u'];

/**
 * Reads a command.
 * @throws DetourError `usage` if it is none: with a sentence that says what is wrong with it
 */
export function parseCommand(text: string): Command {
  const fields = objectOf(parse(text), 'a command');
  if (fields.has('actor'))
    return { actor: oneOf(fields, 'actor', ACTORS), do: oneOf(only(fields, 'actor', 'do'), 'do', TO_ACTORS) };
  if (fields.has('line'))
    return { line: oneOf(fields, 'line', LINES), do: oneOf(only(fields, 'line', 'do'), 'do', TO_LINES) };
  if (fields.has('say')) {
    only(fields, 'say', 'by', 'guesses');
    const by = oneOf(fields, 'by', [...ROUTES, 'both']);
    const guesses = guessesOf(fields.get('guesses'));
    return { say: textOf(fields, 'say'), by, ...(guesses === undefined ? {} : { guesses }) };
  }
  if (fields.has('stage')) return { stage: oneOf(only(fields, 'stage'), 'stage', ['reset']) };
  if (fields.has('story')) {
    const story = textOf(fields, 'story');
    if (oneOf(fields, 'do', ['choose', 'answer']) === 'choose') {
      only(fields, 'story', 'do');
      return { story, do: 'choose' };
    }
    only(fields, 'story', 'do', 'guesses', 'choice');
    const choice = fields.has('choice') ? { choice: textOf(fields, 'choice') } : {};
    return { story, do: 'answer', guesses: guessesOf(fields.get('guesses')) ?? {}, ...choice };
  }
  throw wrong('It has neither "actor", "line", "say", "stage" nor "story".');
}

type Fields = ReadonlyMap<string, unknown>;

const wrong = (what: string): DetourError => new DetourError('usage', `That is not a command. ${what}`);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw wrong('It is not JSON.');
  }
}

function objectOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(`An object was expected for ${what}.`);
  return new Map(Object.entries(value));
}

function only(fields: Fields, ...keys: readonly string[]): Fields {
  for (const key of fields.keys())
    if (!keys.includes(key)) throw wrong(`Only ${keys.join(', ')} may be in it.`);
  return fields;
}

function oneOf<T extends string>(fields: Fields, key: string, words: readonly T[]): T {
  const value = fields.get(key);
  const found = words.find((word) => word === value);
  if (found === undefined) throw wrong(`"${key}" must be one of: ${words.join(', ')}.`);
  return found;
}

function textOf(fields: Fields, key: string): string {
  const value = fields.get(key);
  if (typeof value !== 'string' || value === '') throw wrong(`"${key}" must be a text that is not empty.`);
  return value;
}

function guessesOf(value: unknown): Partial<Record<Route, Guess>> | undefined {
  if (value === undefined) return undefined;
  const fields = only(objectOf(value, 'the guesses'), ...ROUTES);
  const guesses: Partial<Record<Route, Guess>> = {};
  for (const route of ROUTES) if (fields.has(route)) guesses[route] = oneOf(fields, route, GUESSES);
  return guesses;
}
