// Tests docker-compose.yml for real: starts the four containers, sends on both routes, kills, pauses and disconnects them, and checks exit
// codes and key words. It prints a transcript: each command with its output. It needs a Docker engine with Compose, uses its own project
// name, and removes what it started. `npx tsx scripts/containers.ts`

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { errnoOf } from '../src/core/error.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The project name. It is unique, because a class may have its containers running. */
const PROJECT = `detour-try-${process.pid}`;
/** The longest wait, in milliseconds. A healthy run never comes near it. */
const PATIENCE_MS = 90_000;

interface Done {
  readonly code: number;
  /** stdout and stderr together, in the order in which they came. */
  readonly output: string;
}

const children = new Set<ChildProcess>();

function launch(args: readonly string[]): ChildProcess {
  const env = { ...process.env, COMPOSE_PROJECT_NAME: PROJECT, COMPOSE_ANSI: 'never', NO_COLOR: '1' };
  const child = spawn('docker', args, { cwd: ROOT, env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  children.add(child);
  child.once('close', () => children.delete(child));
  child.once('error', () => children.delete(child));
  child.stdin?.on('error', () => {});
  return child;
}

// Kills a command and everything that it started: Compose is a child of `docker` and would live on. So each has its own process group.
function end({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

/** Runs `docker …` to its end. @param input for its standard input */
function docker(args: readonly string[], input = ''): Promise<Done> {
  return new Promise((resolve, reject) => {
    const child = launch(args);
    const patience = setTimeout(() => end(child), PATIENCE_MS);
    let output = '';
    const add = (bytes: Buffer): void => {
      output += bytes.toString();
    };
    child.stdout?.on('data', add);
    child.stderr?.on('data', add);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(patience);
      resolve({ code: code ?? -1, output });
    });
    child.stdin?.end(input);
  });
}

/** Runs `docker …` to its end and prints it in the transcript. @param input for its standard input */
async function told(args: readonly string[], input?: string): Promise<Done> {
  const typed = args.map((arg) => (/^[\w./:=-]+$/.test(arg) ? arg : `'${arg}'`)).join(' ');
  const done = await docker(args, input);
  console.log(`$ docker ${typed}`);
  // The steps of a build are left out.
  const lines = done.output.split('\n').filter((line) => line.trim() !== '' && !/^#\d+ /.test(line));
  for (const line of lines) console.log(`  ${line}`);
  console.log(`  (exit ${done.code})`);
  return done;
}

/** Runs a detour command in a container, as a person would. */
const detour = (who: string, ...args: string[]): Promise<Done> =>
  told(['compose', 'exec', '-T', who, 'detour', ...args]);

const compose = (...args: string[]): Promise<Done> => told(['compose', ...args]);

/**
 * Resolves when a container has written a text, before or after this call.
 * @param times how often it must have written it
 * @throws Error if it has not in time
 */
function says(container: string, text: string, times = 1): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = launch(['logs', '--follow', container]);
    const patience = setTimeout(() => end(child), PATIENCE_MS);
    let seen = 0;
    const said: string[] = [];
    const look = (line: string): void => {
      said.push(line);
      if (line.includes(text)) seen += 1;
      if (seen >= times) end(child);
    };
    for (const stream of [child.stdout, child.stderr])
      if (stream !== null) createInterface({ input: stream }).on('line', look);
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(patience);
      if (seen >= times) resolve();
      else
        reject(new Error([`${container} did not say "${text}" ${times} times, but:`, ...said].join('\n  ')));
    });
  });
}

const container = (service: string): string => `${PROJECT}-${service}-1`;

/** Checks the exit code and that the output has all these texts. @throws Error if not */
function expect(done: Done, code: number, ...texts: string[]): void {
  if (done.code !== code) throw new Error(`exit ${done.code}, expected ${code}`);
  // Sentences are wrapped to the terminal's width, so white space is ignored.
  const words = done.output.replace(/\s+/g, ' ');
  for (const text of texts) if (!words.includes(text)) throw new Error(`"${text}" is not in the output`);
}

const RELAY = ['--relay', 'relay:4100'];

/** The steps, in order. Each starts with the containers as the last one left them. */
const STEPS: Readonly<Record<string, () => Promise<void>>> = {
  async 'up: four containers, the relay answers'() {
    expect(await compose('up', '--build', '--detach', '--wait', '--quiet-pull'), 0);
    await says(container('bob'), 'bob listens on 0.0.0.0:4101');
  },

  async 'nobody is root, and the journal belongs to the relay'() {
    const { output } = await told([
      'compose',
      'exec',
      '-T',
      'relay',
      'sh',
      '-c',
      'id -u && ls -ldn /journal',
    ]);
    const [user, listing] = output.trim().split('\n');
    if (user === '0' || listing?.split(/\s+/)[2] !== user)
      throw new Error('the relay is root, or the journal is not its own');
  },

  async 'both are there: the direct route delivers'() {
    expect(await detour('alice', 'sync', 'send', '--to', 'bob:4101', 'hello bob'), 0, 'DELIVERED');
    await says(container('bob'), 'alice: hello bob');
  },

  async 'both are there: the detour delivers'() {
    expect(await detour('alice', 'async', 'send', ...RELAY, 'hello by relay'), 0, 'STORED', 'number 1');
    await says(container('bobs-mail'), 'alice: hello by relay');
    await says(container('relay'), 'bob 1 acknowledged');
  },

  async 'the other way: bob writes to alice, who collects later'() {
    const sent = await detour(
      'bob',
      'async',
      'send',
      ...RELAY,
      '--as',
      'bob',
      '--to',
      'alice',
      'hello alice',
    );
    expect(sent, 0, 'STORED', 'never seen an alice');
    const got = await detour('alice', 'async', 'receive', ...RELAY, '--as', 'alice');
    expect(got, 0, 'bob: hello alice', '1 message');
  },

  async 'bob killed: his name is gone, NOT DELIVERED'() {
    expect(await compose('kill', 'bob'), 0);
    expect(await detour('alice', 'sync', 'send', '--to', 'bob:4101', 'are you there'), 10, 'NOT DELIVERED');
    const { code, output } = await docker([
      'compose',
      'exec',
      '-T',
      'alice',
      'detour',
      'sync',
      'send',
      '--to',
      'bob:4101',
      '--json',
      'and now',
    ]);
    // Which of the two it is depends on the name server that Docker's own one asks.
    if (code !== 10 || !/"code":"(ENOTFOUND|EAI_AGAIN)"/.test(output)) throw new Error(output);
  },

  async 'a computer that is up, without the program: refused'() {
    const sent = await detour('alice', 'sync', 'send', '--to', 'alice:4101', 'are you there');
    expect(sent, 10, 'NOT DELIVERED', 'ECONNREFUSED');
  },

  async "bob's mail program killed: still STORED"() {
    expect(await compose('kill', 'bobs-mail'), 0);
    await says(container('relay'), 'bob is gone: closed without BYE');
    expect(await detour('alice', 'async', 'send', ...RELAY, 'are you there'), 0, 'STORED', 'bob is away');
    expect(await detour('alice', 'async', 'status', ...RELAY), 0, 'bob');
  },

  async 'relay killed and its container thrown away: NOT DELIVERED, for now'() {
    expect(await compose('kill', 'relay'), 0);
    expect(await compose('rm', '--force', 'relay'), 0);
    const sent = await detour('alice', 'async', 'send', ...RELAY, '--timeout', '2s', 'nobody there');
    expect(sent, 10, 'NOT DELIVERED');
  },

  async 'a new relay on the same volume: the mail is there'() {
    expect(await compose('up', '--detach', '--wait', 'relay'), 0);
    await says(container('relay'), 'Waiting: bob 1');
  },

  async 'a second relay on the same volume is rejected'() {
    expect(await compose('run', '--rm', '-T', 'relay'), 1, 'journal');
  },

  async 'bob comes back: he gets what was kept'() {
    expect(await compose('start', 'bob', 'bobs-mail'), 0);
    await says(container('bobs-mail'), 'alice: are you there');
    await says(container('relay'), 'bob 2 acknowledged');
    await says(container('bob'), 'bob listens on', 2);
    expect(await detour('alice', 'sync', 'send', '--to', 'bob:4101', 'welcome back'), 0, 'DELIVERED');
  },

  async 'bob paused: his kernel answers, his program does not'() {
    expect(await compose('pause', 'bob'), 0);
    const sent = await detour('alice', 'sync', 'send', '--to', 'bob:4101', '--timeout', '2s', 'wake up');
    expect(sent, 10, 'connected', 'NOT DELIVERED');
    expect(await compose('unpause', 'bob'), 0);
    expect(await detour('alice', 'sync', 'send', '--to', 'bob:4101', 'good morning'), 0, 'DELIVERED');
  },

  async 'killed after showing it, before answering: UNKNOWN'() {
    const slow = await slowBob('killed');
    const sending = detour('alice', 'sync', 'send', '--to', `${slow}:4101`, '--timeout', '1m', 'important');
    await says(slow, 'alice: important');
    expect(await told(['kill', slow]), 0);
    expect(await sending, 20, 'UNKNOWN');
  },

  async 'cut off after showing it: no error, only silence, UNKNOWN'() {
    const slow = await slowBob('cut');
    const sending = detour('alice', 'sync', 'send', '--to', `${slow}:4101`, '--timeout', '4s', 'important');
    await says(slow, 'alice: important');
    expect(await told(['network', 'disconnect', `${PROJECT}_lan`, slow]), 0);
    expect(await sending, 20, 'UNKNOWN');
  },

  async "cut off: the relay keeps bob's mail until the cable is back"() {
    expect(await told(['network', 'disconnect', `${PROJECT}_lan`, container('bobs-mail')]), 0);
    expect(await detour('alice', 'async', 'send', ...RELAY, 'over a cut cable'), 0, 'STORED', 'number 3');
    const back = ['network', 'connect', '--alias', 'bobs-mail', `${PROJECT}_lan`, container('bobs-mail')];
    expect(await told(back), 0);
    await says(container('bobs-mail'), 'alice: over a cut cable');
    await says(container('relay'), 'bob 3 acknowledged');
  },

  async 'attach, and type kill'() {
    expect(await told(['compose', 'attach', 'bob'], 'kill\n'), 137);
  },

  async 'stop is polite: the signal reaches the program'() {
    expect(await compose('stop', 'relay'), 0);
    await says(container('relay'), 'stopped');
    expect(await told(['inspect', '--format', '{{.State.ExitCode}}', container('relay')]), 0, '0');
  },
};

/** Starts another bob, who answers only after a minute. @returns its name, which is also its address */
async function slowBob(name: string): Promise<string> {
  const slow = `${PROJECT}-${name}`;
  const listen = ['detour', 'sync', 'receive', '--host', '0.0.0.0', '--work', '1m'];
  expect(await told(['compose', 'run', '--detach', '-T', '--name', slow, 'bob', ...listen]), 0);
  await says(slow, 'bob listens on');
  return slow;
}

async function tidyUp(): Promise<void> {
  for (const child of children) end(child);
  await docker(['compose', 'down', '--volumes', '--remove-orphans', '--timeout', '1']);
  const label = `label=com.docker.compose.project=${PROJECT}`;
  const { output: left } = await docker(['ps', '--all', '--quiet', '--filter', label]);
  if (left.trim() !== '') await docker(['rm', '--force', '--volumes', ...left.trim().split('\n')]);
  await docker(['compose', 'down', '--volumes']);
}

let passed = 0;
let failed = 0;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    interrupted = true;
    for (const child of children) end(child);
  });
for (const [name, step] of Object.entries(STEPS)) {
  if (interrupted) break;
  console.log(`\n# ${name}`);
  try {
    await step();
    passed += 1;
    console.log('ok');
  } catch (error) {
    failed += 1;
    console.log(`FAILED: ${error instanceof Error ? error.message : String(error)}`);
    // Without the first step, the rest cannot work.
    if (passed === 0) break;
  }
}
await tidyUp();
console.log(`\n${passed} passed, ${failed} failed`);
if (failed > 0 || interrupted) process.exitCode = 1;
