// Verdicts are readable in colour: the colours of common terminals are compared with a black and a white background.

import { expect, test } from 'vitest';
import { COLOUR } from '../../src/core/verdicts.ts';

type Colour = (typeof COLOUR)[keyof typeof COLOUR] | 'yellow' | 'bright green';

/** The colours of each terminal by default, as RRGGBB, from published lists of palettes; no terminal was measured. */
const TERMINALS: Readonly<Record<string, Readonly<Record<Colour, string>>>> = {
  VGA: { green: '00aa00', red: 'aa0000', magenta: 'aa00aa', yellow: 'aa5500', 'bright green': '55ff55' },
  xterm: { green: '00cd00', red: 'cd0000', magenta: 'cd00cd', yellow: 'cdcd00', 'bright green': '00ff00' },
  Windows: { green: '13a10e', red: 'c50f1f', magenta: '881798', yellow: 'c19c00', 'bright green': '16c60c' },
  'Terminal.app': {
    green: '00a600',
    red: '990000',
    magenta: 'b200b2',
    yellow: '999900',
    'bright green': '00d900',
  },
  GNOME: { green: '26a269', red: 'c01c28', magenta: 'a347ba', yellow: 'a2734c', 'bright green': '33d17a' },
  Tango: { green: '4e9a06', red: 'cc0000', magenta: '75507b', yellow: 'c4a000', 'bright green': '8ae234' },
  PuTTY: { green: '00bb00', red: 'bb0000', magenta: 'bb00bb', yellow: 'bbbb00', 'bright green': '55ff55' },
  'VS Code': {
    green: '0dbc79',
    red: 'cd3131',
    magenta: 'bc3fbc',
    yellow: 'e5e510',
    'bright green': '23d18b',
  },
  'VS Code, light': {
    green: '107c10',
    red: 'cd3131',
    magenta: 'bc05bc',
    yellow: '949800',
    'bright green': '14ce14',
  },
};

/** Relative luminance, from 0 (black) to 1 (white), as WCAG 2 defines it. */
function luminance(rgb: string): number {
  const [red = 0, green = 0, blue = 0] = (rgb.match(/../g) ?? []).map((hex) => {
    const part = Number.parseInt(hex, 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The lower of the contrasts with black and with white; from 1 (invisible) to 4.6. */
const contrast = (rgb: string): number =>
  Math.min((luminance(rgb) + 0.05) / 0.05, 1.05 / (luminance(rgb) + 0.05));

const worst = (colour: Colour): number =>
  Math.min(...Object.values(TERMINALS).map((palette) => contrast(palette[colour])));

test('the colour of each verdict can be read on black and on white, in every terminal of the table', () => {
  for (const [verdict, colour] of Object.entries(COLOUR)) expect(worst(colour), verdict).toBeGreaterThan(2.1);
});

test('why UNKNOWN is not yellow, and a verdict is not bold', () => {
  expect(worst('yellow')).toBeLessThan(1.5);
  expect(worst('bright green')).toBeLessThan(1.4);
});
