// The progress of a large body is reported while it comes slowly: in tenths, and never for one that is here immediately.

import { expect, test } from 'vitest';
import { BodyProgress, PROGRESS_QUIET_MS } from '../../src/net/body-progress.ts';
import { FrameDecoder } from '../../src/wire/decoder.ts';
import { FakeClock } from '../fake-clock.ts';

function watched() {
  const clock = new FakeClock();
  const decoder = new FrameDecoder();
  const told: string[] = [];
  const progress = new BodyProgress(clock, decoder, (have, size) => told.push(`${have}/${size}`));
  const push = (text: string): void => {
    decoder.push(Buffer.from(text));
    while (decoder.next() !== undefined) {
      // Whole frames do not matter here.
    }
    progress.check();
  };
  return { clock, told, push };
}

test('a body that is here immediately is not reported; a slow one is, once for each tenth', () => {
  const { clock, told, push } = watched();
  push('SEND id=1 size=1000\n');
  push('x'.repeat(450));
  expect(told).toEqual([]);
  clock.advance(PROGRESS_QUIET_MS);
  push('x'.repeat(20));
  push('x'.repeat(20));
  push('x'.repeat(20));
  push('x'.repeat(489));
  push('x\n');
  expect(told).toEqual(['470/1000', '510/1000', '999/1000']);
});

test('each frame begins anew, and between frames there is nothing to report', () => {
  const { clock, told, push } = watched();
  for (const _ of [1, 2]) {
    push(`SEND id=1 size=100\n${'x'.repeat(50)}`);
    clock.advance(PROGRESS_QUIET_MS);
    push('x');
    push(`${'x'.repeat(49)}\n`);
    clock.advance(PROGRESS_QUIET_MS);
    push('PING\n');
  }
  expect(told).toEqual(['51/100', '51/100']);
});
