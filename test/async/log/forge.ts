// Files of a log, made by hand according to src/async/log/README.md, for what a log never writes itself.

import { crc32 } from 'node:zlib';

const hex = (crc: number): string => crc.toString(16).padStart(8, '0');

/** The fields of a file's header, in order. */
export type Fields = Readonly<Record<string, string | number>>;

/** Reads the fields of a file's header. */
export function fieldsOf(file: Buffer): Fields {
  const words = file.toString('latin1', 0, file.indexOf('\n')).split(' ').slice(1);
  return Object.fromEntries(words.map((word) => word.split('=') as [string, string]));
}

/** The 512 bytes that a file begins with. The CRC is right. */
export function headerOf(kind: 'SEGMENT' | 'CHECKPOINT', { crc: _, ...fields }: Fields): Buffer {
  const line = [kind, ...Object.entries(fields).map((field) => field.join('='))].join(' ');
  const bytes = Buffer.alloc(512);
  bytes.write(`${line} crc=${hex(crc32(line))}\n`, 'latin1');
  return bytes;
}

/** A whole checkpoint, in which everything is right. */
export function checkpointOf(
  fields: Fields,
  segments: readonly number[],
  ...state: readonly Buffer[]
): Buffer {
  const seed = crc32(String(fields.salt));
  const pieces = [Buffer.from(segments.join(',')), ...state, Buffer.alloc(0)].map((content, index) => {
    const piece = Buffer.concat([Buffer.alloc(8), content]);
    piece.writeUInt32LE(content.length, 4);
    piece.writeUInt32LE(crc32(piece.subarray(4), (seed ^ index) >>> 0), 0);
    return piece;
  });
  return Buffer.concat([headerOf('CHECKPOINT', fields), ...pieces]);
}
