// Sizes of files: their sum, and which files are large enough for which sizes. Pure.

interface Sized {
  readonly size: number;
}

/** The sizes of all files together, in bytes. */
export const sizeOf = (files: readonly Sized[]): number => files.reduce((sum, { size }) => sum + size, 0);

/**
 * Assigns to each size, the largest first, the smallest file that is large enough.
 * @returns `missing`: the first of `sizes` for which there is no file; `left`: the files that were not assigned
 */
export function match<F extends Sized>(
  sizes: readonly number[],
  files: readonly F[],
): { readonly missing: number | undefined; readonly left: readonly F[] } {
  const left = files.toSorted((a, b) => a.size - b.size);
  const without: number[] = [];
  for (const size of sizes.toSorted((a, b) => b - a)) {
    const index = left.findIndex((file) => file.size >= size);
    if (index === -1) without.push(size);
    else left.splice(index, 1);
  }
  return { missing: sizes.find((size) => without.includes(size)), left };
}
