// The seed of random tests: printed, and taken from SEED to run the same again.

/** The seed for fast-check, which it also names when a property fails; `SEED=N npx vitest …` repeats a run. */
export function seed(): { seed: number } {
  const chosen = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.info(`SEED=${chosen}`);
  return { seed: chosen };
}
