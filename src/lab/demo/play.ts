// Plays one route of one story on its own stage, and has it verified before the stage is cleared.

import type { Actor } from '../stage/actor.ts';
import { Stage, type StageOptions } from '../stage/stage.ts';
import type { Guess, PlayedScene } from './page.ts';
import type { Scene } from './story.ts';
import { type ProcessRecord, verifyScene } from './verify.ts';

/**
 * Plays a scene.
 * @param stages the stage is added to it, so that the caller can see at the end whether any process is left
 * @param options for the stage
 * @throws DetourError `stage` if the processes do not do what the story needs
 */
export async function playScene(
  scene: Scene,
  guess: Guess | undefined,
  stages: Stage[],
  options: StageOptions,
): Promise<PlayedScene> {
  const stage = new Stage(options);
  stages.push(stage);
  try {
    const { alice, cast, places } = await scene.play(stage);
    await Promise.all(cast.map((actor) => actor.caughtUp()));
    const records = new Map(cast.map((actor) => [actor, recordOf(actor)]));
    const verification = verifyScene(scene, records.get(alice) ?? recordOf(alice), [...records.values()]);
    return { scene, verification, places, guess };
  } finally {
    await stage.close();
  }
}

/** What a process has recorded so far. */
export function recordOf(actor: Actor): ProcessRecord {
  // The printed events are read first, so that the file has at least as many.
  const printed = [...actor.events];
  return { name: actor.name, printed, recorded: actor.recorded(), exit: actor.exit };
}
