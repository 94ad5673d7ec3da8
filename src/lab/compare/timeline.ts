// The time of the measurement, in milliseconds since its beginning, for plans and for the timestamps of other processes; and waits that
// Ctrl-C ends.

/** Ends waits early: on Ctrl-C, or when something that they depend on is over. */
export class Interruption {
  /** Resolves when it comes. */
  readonly came: Promise<void>;
  #over = false;
  #resolve: () => void = () => {};

  constructor() {
    this.came = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Has it come? */
  get over(): boolean {
    return this.#over;
  }

  /** Ends all waits, now and later. */
  stop(): void {
    this.#over = true;
    this.#resolve();
  }
}

// Now, by the stage's clock, by which all its processes timestamp what they record. Milliseconds.
const epochNow = (clock: bigint): number => Number(process.hrtime.bigint() + clock) / 1e6;

/** Counts time from a beginning. */
export class Timeline {
  readonly #clock: bigint;
  readonly #zero: number;
  readonly #interruption: Interruption;

  /** Begins now. @param clock the stage's clock */
  constructor(clock: bigint, interruption: Interruption) {
    this.#clock = clock;
    this.#zero = epochNow(clock);
    this.#interruption = interruption;
  }

  /** Has Ctrl-C ended it? */
  get over(): boolean {
    return this.#interruption.over;
  }

  /** Milliseconds since the beginning. */
  now(): number {
    return epochNow(this.#clock) - this.#zero;
  }

  /** When a process of the stage recorded something, in milliseconds since the beginning. @param time ISO 8601 UTC, with nanoseconds */
  of(time: string): number {
    const [seconds = '', fraction = '0'] = time.slice(0, -1).split('.');
    return Date.parse(`${seconds}Z`) + Number(`0.${fraction}`) * 1000 - this.#zero;
  }

  /** Waits until that time, in milliseconds since the beginning. @returns false if Ctrl-C or `other` came first */
  async at(ms: number, other?: Interruption): Promise<boolean> {
    const over = (): boolean => this.over || other?.over === true;
    if (over()) return false;
    let timer: NodeJS.Timeout | undefined;
    const due = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.max(0, ms - this.now()));
    });
    await Promise.race([due, this.#interruption.came, ...(other === undefined ? [] : [other.came])]);
    clearTimeout(timer);
    return !over();
  }
}
