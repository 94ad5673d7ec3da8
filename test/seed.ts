// The seed of random tests: it is printed, and taken from SEED to repeat a run.

/** The seed for fast-check, which also names it when a property fails; `SEED=N npx vitest …` repeats a run. */
export function seed(): { seed: number } {
  const chosen = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.info(`SEED=${chosen}`);
  return { seed: chosen };
}
