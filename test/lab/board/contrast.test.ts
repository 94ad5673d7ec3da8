// The colours of the board's page have enough contrast in both themes: WCAG 2.2, level AA, computed from the style sheet.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const css = readFileSync(new URL('../../../src/lab/board/page/page.css', import.meta.url), 'utf8');

/** The colours of a theme: the variables in the rule with this selector. */
function coloursOf(selector: string): Readonly<Record<string, string>> {
  const start = css.indexOf(`${selector} {`);
  expect(start, selector).toBeGreaterThanOrEqual(0);
  const rule = css.slice(start, css.indexOf('}', start));
  return Object.fromEntries(
    [...rule.matchAll(/--(\w+):\s*(#[0-9a-f]{6});/g)].map(([, name = '', colour = '']) => [name, colour]),
  );
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

test('the contrast is computed as WCAG defines it', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5);
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
  expect(contrast('#abcdef', '#abcdef')).toBe(1);
});

const THEMES = { light: ':root', dark: ':root[data-theme="dark"]' } as const;
const TEXT = ['fg', 'dim', 'good', 'bad', 'unknown', 'accent'] as const;
const GROUNDS = ['bg', 'panel'] as const;

describe.each(Object.entries(THEMES))('%s', (_, selector) => {
  const colours = coloursOf(selector);
  const colour = (name: string): string => {
    expect(colours, name).toHaveProperty(name);
    return colours[name] ?? '';
  };

  test.each(TEXT.flatMap((text) => GROUNDS.map((ground) => [text, ground] as const)))(
    'text in %s on %s has at least 4.5 to 1',
    (text, ground) => {
      expect(contrast(colour(text), colour(ground))).toBeGreaterThanOrEqual(4.5);
    },
  );

  test('text on a button in the accent colour has at least 4.5 to 1', () => {
    expect(contrast(colour('bg'), colour('accent'))).toBeGreaterThanOrEqual(4.5);
  });

  test.each(GROUNDS)('borders and lines on %s have at least 3 to 1', (ground) => {
    expect(contrast(colour('line'), colour(ground))).toBeGreaterThanOrEqual(3);
  });
});
