// The exact bytes of each frame: they can be logged and hashed without writing the frame again.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameDecoder } from '../../src/wire/decoder.ts';
import { encodeFrame, type Frame } from '../../src/wire/frame.ts';
import { seed } from '../seed.ts';

/** The frames of a stream that comes in these chunks. */
function framesOf(chunks: readonly Buffer[], maxBody = 1000): Frame[] {
  const decoder = new FrameDecoder(maxBody);
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let found = decoder.next(); found !== undefined; found = decoder.next()) {
      if (found.kind === 'fault') throw new Error(found.reason);
      if (found.kind === 'frame') frames.push(found.frame);
    }
  }
  expect(decoder.started).toBe(0);
  return frames;
}

/** Frames as text that can be compared, including the raw bytes. */
const shown = (frames: readonly Frame[]): unknown[] =>
  frames.map(({ verb, fields, body, raw }) => [
    verb,
    [...fields],
    body?.toString('latin1'),
    raw.toString('latin1'),
  ]);

const rawOf = (frames: readonly Frame[]): string => frames.map(({ raw }) => raw.toString('latin1')).join('');

/** Every kind of line end, with and without a body, and bodies that look like line ends and frames. */
const STREAM = [
  'PING\n',
  'PONG\r\n',
  'A id=1 size=5\nhello\n',
  'B size=5 id=1\r\nhello\r\n',
  'C size=0\n\n',
  'D size=0\r\n\r\n',
  'E size=2\n\r\n\r\n',
  'F size=1\n\r\n',
  'G size=5\nPING\n\n',
  'BYE\n',
];
const BYTES = Buffer.from(STREAM.join(''), 'latin1');
const EXPECTED = shown(framesOf([BYTES]));

test('a stream in one chunk: raw is each frame as it came', () => {
  expect(framesOf([BYTES]).map(({ raw }) => raw.toString('latin1'))).toEqual(STREAM);
});

describe('the same frames with the same bytes, however the stream is split', () => {
  test('into single bytes', () => {
    expect(shown(framesOf([...BYTES].map((byte) => Buffer.of(byte))))).toEqual(EXPECTED);
  });

  test('at any two places', { tags: ['slow'] }, () => {
    for (let one = 0; one <= BYTES.length; one += 1)
      for (let two = one; two <= BYTES.length; two += 1) {
        const frames = framesOf([BYTES.subarray(0, one), BYTES.subarray(one, two), BYTES.subarray(two)]);
        expect(shown(frames), `cut at ${one} and ${two}`).toEqual(EXPECTED);
      }
  });

  test('at random, whatever the frames', () => {
    const frame = fc
      .tuple(fc.option(fc.uint8Array({ maxLength: 200 }), { nil: undefined }), fc.boolean(), fc.boolean())
      .map(([body, crLine, crBody]) => {
        const line = Buffer.from(
          `X a=1${body === undefined ? '' : ` size=${body.length}`}${crLine ? '\r\n' : '\n'}`,
        );
        return body === undefined ? line : Buffer.concat([line, body, Buffer.from(crBody ? '\r\n' : '\n')]);
      });
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 8 }), fc.array(fc.nat()), (frames, cuts) => {
        const bytes = Buffer.concat(frames);
        const at = [0, ...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b);
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        const found = framesOf(chunks);
        expect(shown(found)).toEqual(shown(framesOf([bytes])));
        expect(rawOf(found)).toBe(bytes.toString('latin1'));
      }),
      seed(),
    );
  });
});

test('what detour itself writes is read back as the same bytes', () => {
  const bytes = encodeFrame('SEND', [['id', '1']], Buffer.from('hello'));
  expect(framesOf([bytes])[0]?.raw).toEqual(bytes);
});

test('a body is part of the raw bytes', () => {
  for (const chunks of [[BYTES], [BYTES.subarray(0, 20), BYTES.subarray(20)]])
    for (const { body, raw } of framesOf(chunks)) {
      if (body === undefined) continue;
      expect(body.buffer).toBe(raw.buffer);
      expect(body.byteOffset).toBe(raw.byteOffset + raw.indexOf('\n') + 1);
    }
});

test('a frame within one chunk is not copied, wherever it is in the chunk', () => {
  for (const { raw } of framesOf([BYTES])) expect(raw.buffer).toBe(BYTES.buffer);
  // The chunk may begin with the end of a frame and end with the beginning of one.
  const chunk = BYTES.subarray(2, BYTES.length - 2);
  const frames = framesOf([BYTES.subarray(0, 2), chunk, BYTES.subarray(BYTES.length - 2)]);
  expect(frames).toHaveLength(STREAM.length);
  for (const { raw } of frames.slice(1, -1)) expect(raw.buffer).toBe(BYTES.buffer);
});

test('a frame that came in several chunks does not change when the chunks do', () => {
  const whole = Buffer.from('X a=1 size=5\r\nhello\r\n');
  for (let cut = 1; cut < whole.length; cut += 1) {
    const chunks = [Buffer.from(whole.subarray(0, cut)), Buffer.from(whole.subarray(cut))];
    const decoder = new FrameDecoder();
    for (const chunk of chunks) {
      decoder.push(chunk);
      const found = decoder.next();
      chunk.fill('!');
      if (found === undefined) continue;
      expect(found.kind === 'frame' && found.frame.raw.toString(), `cut at ${cut}`).toBe(whole.toString());
    }
  }
});

test('a frame next to one that is too large has its own bytes', () => {
  const small = 'X size=3\nabc\n';
  const bytes = Buffer.from(`${small}X size=4\nabcd\n${small}`);
  for (let cut = 0; cut <= bytes.length; cut += 1)
    expect(rawOf(framesOf([bytes.subarray(0, cut), bytes.subarray(cut)], 3))).toBe(small + small);
});

test.runIf(process.platform === 'linux')(
  'a large body takes memory as it arrives, not when it is announced',
  () => {
    const decoders: FrameDecoder[] = [];
    const before = process.memoryUsage.rss();
    for (let count = 0; count < 300; count += 1) {
      const decoder = new FrameDecoder();
      decoder.push(Buffer.from(`SEND id=1 size=${1024 * 1024}\nhello`));
      expect(decoder.next()).toBeUndefined();
      expect(decoder.body).toEqual({ have: 5, size: 1024 * 1024 });
      decoders.push(decoder);
    }
    const grown = process.memoryUsage.rss() - before;
    expect(decoders).toHaveLength(300);
    expect(grown).toBeLessThan(100 * 1024 * 1024);
  },
);
