// When messages arrive and when the receiver is there, drawn from a seed before anything is started. Pure.
// All times are milliseconds from the beginning of the measurement. What really happens is measured later and may be a little late.

/** A time during which the receiver is to be there. */
export interface Presence {
  readonly from: number;
  /** Infinity: it stays. */
  readonly to: number;
}

/** What is drawn for one availability. */
export interface Plan {
  /** The share of the time that the receiver is there on average, 0 to 1. */
  readonly availability: number;
  /** The arrival of each message, in order. */
  readonly arrivals: readonly number[];
  /** Messages arrive from 0 until this time. */
  readonly span: number;
  readonly presences: readonly Presence[];
}

/** What a plan is drawn from. */
export interface PlanOptions {
  readonly availability: number;
  readonly messages: number;
  readonly span: number;
  /** The mean length of an absence, D. */
  readonly absence: number;
  /** How long the receiver comes and goes after `span`, in milliseconds. Then it comes for good, so that every wait ends. */
  readonly tail: number;
}

// The mean time between two messages, in mean absences. Several messages arrive in each absence, but few enough that a receiver that has
// just started can handle them all in a short presence: theory assumes that handling takes no time.
const GAP = 0.36;
/** The mean time between two messages at 100 %, where nothing depends on absences. Milliseconds. */
const CALM_GAP_MS = 60;

/** When an availability is measured, in milliseconds. */
export interface Slot {
  /** How long after the others it begins. */
  readonly begin: number;
  /** How long messages arrive. */
  readonly span: number;
}

/**
 * The slot of one availability within the time that all of them take together. Low availabilities come and go most often, so half of
 * the time is enough for as many absences. That way fewer processes are started at the same time; starts are the greatest cost here.
 */
export function slotOf(availability: number, messages: number, absence: number): Slot {
  const whole = messages * GAP * absence;
  if (availability >= 1) return { begin: 0, span: messages * CALM_GAP_MS };
  if (availability > 0.6) return { begin: 0, span: whole };
  return { begin: availability > 0.2 ? 0 : whole / 2, span: whole / 2 };
}

/** A time drawn from the exponential distribution. @param random returns numbers from 0 to below 1 */
export const exponential = (mean: number, random: () => number): number => -mean * Math.log(1 - random());

/**
 * The mean length of a presence, U, if absences last D on average: a = U / (U + D).
 * Infinity if the receiver is always there.
 */
export const meanPresence = (availability: number, absence: number): number =>
  (availability * absence) / (1 - availability);

/** Draws a plan; the same random numbers give the same plan. */
export function drawPlan(options: PlanOptions, random: () => number): Plan {
  const { availability, messages, span } = options;
  // Given their number, Poisson arrivals are uniform over the time and independent of each other.
  const arrivals = Array.from({ length: messages }, () => random() * span).sort((a, b) => a - b);
  return { availability, arrivals, span, presences: drawPresences(options, random) };
}

function drawPresences({ availability, span, absence, tail }: PlanOptions, random: () => number): Presence[] {
  if (availability <= 0) return [];
  const forGood = { from: 0, to: Number.POSITIVE_INFINITY };
  if (availability >= 1) return [forGood];
  const presence = meanPresence(availability, absence);
  const end = span + tail;
  const presences: Presence[] = [];
  // Exponential times have no memory: what is left of one in progress is distributed like a whole one. So this starts in the steady state.
  let there = random() < availability;
  let now = 0;
  while (now < end) {
    const until = now + exponential(there ? presence : absence, random);
    if (there) presences.push({ from: now, to: until < end ? until : Number.POSITIVE_INFINITY });
    there = !there;
    now = until;
  }
  if (presences.at(-1)?.to !== Number.POSITIVE_INFINITY) presences.push({ ...forGood, from: end });
  return presences;
}

/** The full lengths of the absences that begin between 0 and `span`. @param presences in order, without overlap */
export function absencesOf(presences: readonly Presence[], span: number): number[] {
  const begins = [0, ...presences.map(({ to }) => to)];
  return presences.flatMap(({ from }, index) => {
    const begin = begins[index] ?? 0;
    return from > begin && begin < span ? [from - begin] : [];
  });
}

/** The share of the time from 0 to `span` that presences cover. @param presences in order, without overlap */
export function shareOf(presences: readonly Presence[], span: number): number {
  const covered = presences.reduce(
    (sum, { from, to }) => sum + Math.max(0, Math.min(to, span) - Math.max(0, from)),
    0,
  );
  return covered / span;
}
