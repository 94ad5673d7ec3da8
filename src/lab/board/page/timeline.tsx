// Pause, step, scrub, speed, live.
export function Timeline() {
  return <div class="timeline" />;
}
