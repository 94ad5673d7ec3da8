// When messages arrive, and when the receiver is there: drawn from a seed before anything is started. Pure.
// All times are milliseconds from the beginning of the measurement. What really happened is measured later and may be a little late.

/** A time during which the receiver is to be there. */
export interface Presence {
  readonly from: number;
  /** Infinity: he stays. */
  readonly to: number;
}

/** What is drawn for one availability. */
export interface Plan {
  /** The share of the time that the receiver is there on average, 0 to 1. */
  readonly availability: number;
  /** One for each message, in order. */
  readonly arrivals: readonly number[];
  /** Messages arrive until then. */
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
  /** Coming and going ends so long after the last arrival: then the receiver comes for good, so that all that waits ends. */
  readonly tail: number;
}

// Between two messages, on average, in mean absences: some come in each absence, and so few that even in a short presence of a receiver
// who has just started all that waited can be handled: theory takes handling to be instantaneous.
const GAP = 0.36;
/** Where nobody comes or goes, nothing depends on absences. Milliseconds. */
const CALM_GAP_MS = 60;

/** When an availability is measured: it begins so long after the others, and messages arrive for so long. Milliseconds. */
export interface Slot {
  readonly begin: number;
  readonly span: number;
}

/**
 * The time that all availabilities together take, and the slot of one in it. He who is away most comes and goes most often, so that
 * half of the time brings as many absences, and fewer processes are started at a time: a start is what costs most here.
 */
export function slotOf(availability: number, messages: number, absence: number): Slot {
  const whole = messages * GAP * absence;
  if (availability >= 1) return { begin: 0, span: messages * CALM_GAP_MS };
  if (availability > 0.6) return { begin: 0, span: whole };
  return { begin: availability > 0.2 ? 0 : whole / 2, span: whole / 2 };
}

/** A length of time drawn from the exponential distribution. @param random from 0 to below 1 */
export const exponential = (mean: number, random: () => number): number => -mean * Math.log(1 - random());

/**
 * The mean time the receiver is there at a stretch, U, if absences last D on average: a = U / (U + D).
 * Infinity if he is always there.
 */
export const meanPresence = (availability: number, absence: number): number =>
  (availability * absence) / (1 - availability);

/** Draws a plan; the same random numbers give the same plan. */
export function drawPlan(options: PlanOptions, random: () => number): Plan {
  const { availability, messages, span } = options;
  // Poisson arrivals of which one knows how many there were: each is anywhere in the time, independent of the others.
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
  // Exponential times have no memory: begun in the middle, each lasts as long as begun anew, so this start is already the steady state.
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

/** The lengths of the absences that begin from 0 to before `span`, each to its end. Presences are in order and do not overlap. */
export function absencesOf(presences: readonly Presence[], span: number): number[] {
  const begins = [0, ...presences.map(({ to }) => to)];
  return presences.flatMap(({ from }, index) => {
    const begin = begins[index] ?? 0;
    return from > begin && begin < span ? [from - begin] : [];
  });
}

/** The share of the time from 0 to `span` that is covered by presences. They are in order and do not overlap. */
export function shareOf(presences: readonly Presence[], span: number): number {
  const covered = presences.reduce(
    (sum, { from, to }) => sum + Math.max(0, Math.min(to, span) - Math.max(0, from)),
    0,
  );
  return covered / span;
}
