// What the keys of the board's page do, and when they are left to the browser.

import { expect, test } from 'vitest';
import { KEYS, keyAction, type Pressed } from '../../../src/lab/board/page/keys.ts';

const press = (key: string, focus: Pressed['focus'] = 'page', modified = false): Pressed => ({
  key,
  focus,
  modified,
});

test.each([
  [' ', { do: 'pause' }],
  ['ArrowLeft', { do: 'step', by: -1 }],
  ['ArrowRight', { do: 'step', by: 1 }],
  ['L', { do: 'live' }],
  ['+', { do: 'speed', by: 1 }],
  ['-', { do: 'speed', by: -1 }],
  ['Enter', { do: 'next' }],
  ['/', { do: 'say' }],
  ['m', { do: 'menu' }],
  ['t', { do: 'theme' }],
  ['?', { do: 'help' }],
  ['Escape', { do: 'close' }],
  ['1', { do: 'choose', number: 1 }],
  ['9', { do: 'choose', number: 9 }],
  ['0', { do: 'choose', number: 10 }],
] as const)('%j on the page: %j', (key, action) => {
  expect(keyAction(press(key), undefined)).toEqual(action);
});

test.each(['x', 'd', 'n', 'u', 's', 'Tab', 'toString', 'F5', '10', ''])(
  '%j does nothing while no question is open',
  (key) => {
    expect(keyAction(press(key), undefined)).toBeUndefined();
  },
);

test('an open question takes its own keys, in both cases, and S; nothing else does anything', () => {
  const answers = ['d', 'n', 'u'];
  expect(keyAction(press('d'), answers)).toEqual({ do: 'answer', key: 'd' });
  expect(keyAction(press('U'), answers)).toEqual({ do: 'answer', key: 'u' });
  expect(keyAction(press('s'), answers)).toEqual({ do: 'skip' });
  for (const key of ['a', ' ', '1', '?', 'ArrowLeft', 'Escape', 'Enter'])
    expect(keyAction(press(key), answers), key).toBeUndefined();
  expect(keyAction(press('a'), ['a', 'b', 'c'])).toEqual({ do: 'answer', key: 'a' });
  // A question that has an answer S cannot be skipped by S.
  expect(keyAction(press('s'), ['r', 's'])).toEqual({ do: 'answer', key: 's' });
});

test('every key is left to the browser while somebody types, or with Ctrl, Alt or Meta', () => {
  for (const key of ['d', ' ', '1', '?', 't', 'ArrowLeft', 'Escape', 'Enter', '/']) {
    for (const answers of [undefined, ['d', 'n', 'u']]) {
      expect(keyAction(press(key, 'text'), answers), key).toBeUndefined();
      expect(keyAction(press(key, 'page', true), answers), key).toBeUndefined();
    }
  }
});

test('a button keeps space and Enter for itself, a slider its arrows too; other keys work', () => {
  for (const focus of ['button', 'range'] as const) {
    expect(keyAction(press(' ', focus), undefined)).toBeUndefined();
    expect(keyAction(press('Enter', focus), undefined)).toBeUndefined();
    expect(keyAction(press('l', focus), undefined)).toEqual({ do: 'live' });
  }
  expect(keyAction(press('ArrowLeft', 'range'), undefined)).toBeUndefined();
  expect(keyAction(press('ArrowLeft', 'button'), undefined)).toEqual({ do: 'step', by: -1 });
});

test('the list for a person has every key that does something', () => {
  const listed = KEYS.map(([keys]) => keys).join(' ');
  for (const key of [
    'D',
    'N',
    'U',
    'S',
    '1',
    '9',
    '0',
    'M',
    '/',
    'Enter',
    'space',
    '←',
    '→',
    '−',
    '+',
    'L',
    'T',
    '?',
    'Esc',
  ])
    expect(listed).toContain(key);
});
