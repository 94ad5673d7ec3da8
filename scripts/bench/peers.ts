// What is measured: detour's relay, and the brokers that people would pick instead, each as it is installed, with the settings that are named.

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { MAIN } from '../lib/process.ts';
import { ROOT } from '../terminal.ts';

/** A store that is measured. */
export interface Peer {
  readonly name: string;
  /** The protocol that the load driver speaks to it. */
  readonly protocol: 'detour' | 'redis' | 'nats' | 'mqtt' | 'beanstalkd' | 'postgres' | 'amqp';
  /** Is it measured only where messages are stored? The load driver does not collect from it. */
  readonly storesOnly?: true;
  /** Does it sync before it acknowledges? */
  readonly synced: boolean;
  /** Debian's package, and the program in it. */
  readonly package: string | undefined;
  readonly program: string;
  /** The user that it runs as when root starts it, if it refuses to run as root. */
  readonly user?: string;
  /** The arguments that make it print its version, and the program that prints it, if that is a different one. */
  readonly version: readonly string[];
  readonly versionProgram?: string;
  /** Its arguments. @param dir an empty folder. @param port on 127.0.0.1 */
  args(dir: string, port: number): readonly string[];
  /** A command to put before the program: it starts the program and is replaced by it. @param port on 127.0.0.1 */
  within?(dir: string, port: number): readonly string[];
  /** Sets up what it needs before messages can come. */
  prepare?(port: number): Promise<void>;
}

/** The one that the others are compared with. */
export const DETOUR: Peer = {
  name: 'detour',
  protocol: 'detour',
  synced: true,
  package: undefined,
  program: process.execPath,
  version: ['-p', 'require(process.argv[1]).version', path.join(ROOT, 'package.json')],
  args: (dir, port) => [MAIN, 'async', 'relay', '--journal', path.join(dir, 'journal'), '--port', `${port}`],
};

/** The brokers that are measured beside it. */
export const PEERS: readonly Peer[] = [
  {
    name: 'Redis Streams, appendfsync always',
    protocol: 'redis',
    synced: true,
    package: 'redis-server',
    program: 'redis-server',
    version: ['--version'],
    args: (dir, port) => [
      ...['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', ''],
      ...['--appendonly', 'yes', '--appendfsync', 'always'],
    ],
  },
  {
    name: 'beanstalkd -f0',
    protocol: 'beanstalkd',
    synced: true,
    package: 'beanstalkd',
    program: 'beanstalkd',
    version: ['-v'],
    args: (dir, port) => ['-l', '127.0.0.1', '-p', `${port}`, '-b', dir, '-f', '0'],
  },
  {
    name: 'NATS JetStream, default settings',
    protocol: 'nats',
    synced: false,
    package: 'nats-server',
    program: 'nats-server',
    version: ['--version'],
    args: (dir, port) => ['-a', '127.0.0.1', '-p', `${port}`, '-js', '-sd', dir],
    prepare: (port) => talk(port, makeStream(), '\nMSG made '),
  },
  {
    name: 'Mosquitto, default settings, persistent',
    protocol: 'mqtt',
    synced: false,
    package: 'mosquitto',
    program: 'mosquitto',
    version: ['-h'],
    args: (dir, port) => {
      const file = path.join(dir, 'mosquitto.conf');
      const lines = [
        `listener ${port} 127.0.0.1`,
        'allow_anonymous true',
        'persistence true',
        `persistence_location ${dir}/`,
        'max_queued_messages 0',
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      return ['-c', file];
    },
    // It keeps messages only for a subscriber that is offline.
    prepare: (port) => talk(port, subscribeAndLeave(), '\x90\x03\x00\x01\x01'),
  },
  {
    name: 'PostgreSQL, an INSERT each',
    protocol: 'postgres',
    storesOnly: true,
    synced: true,
    package: 'postgresql',
    program: 'postgres',
    user: 'postgres',
    version: ['--version'],
    args(dir, port) {
      const data = path.join(dir, 'data');
      const [program = '', ...words] = asUser(this, [find('initdb') ?? 'initdb']);
      const { status, stderr } = spawnSync(program, [...words, '-D', data, '-A', 'trust', '-U', 'bench']);
      if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
      return ['-D', data, '-h', '127.0.0.1', '-p', `${port}`, '-k', dir];
    },
    async prepare(port) {
      const ask = (): Promise<void> => talk(port, makeTable(), 'CREATE TABLE');
      // It listens before it is ready.
      const again = async (error: unknown): Promise<void> => {
        if (!String(error).includes('starting up')) throw error;
        await pause(20);
        await ask().catch(again);
      };
      await ask().catch(again);
    },
  },
  {
    name: 'RabbitMQ, a quorum queue each',
    protocol: 'amqp',
    storesOnly: true,
    synced: true,
    package: 'rabbitmq-server',
    program: '/usr/lib/rabbitmq/bin/rabbitmq-server',
    user: 'rabbitmq',
    versionProgram: 'dpkg-query',
    version: ['--show', 'rabbitmq-server'],
    args: () => [],
    within(dir, port) {
      // Erlang's port mapper outlives a node that is killed, so a shell starts one for this node alone and ends it after the node.
      const mapper =
        'epmd & mapper=$!; (while kill -0 $$; do sleep 0.2; done; kill $mapper) & exec "$0" "$@"';
      const settings = {
        ...{ HOME: dir, RABBITMQ_MNESIA_BASE: dir, RABBITMQ_LOG_BASE: dir },
        ...{ RABBITMQ_CONFIG_FILE: `${dir}/none`, RABBITMQ_CONF_ENV_FILE: `${dir}/none` },
        ...{ RABBITMQ_ENABLED_PLUGINS_FILE: `${dir}/plugins`, RABBITMQ_NODENAME: 'bench@localhost' },
        ...{ RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1', RABBITMQ_NODE_PORT: port, RABBITMQ_DIST_PORT: port + 1 },
        ...{ ERL_EPMD_PORT: port + 2, ERL_EPMD_ADDRESS: '127.0.0.1' },
        // With this its start script becomes the node, instead of waiting for it.
        NOTIFY_SOCKET: 'none',
      };
      const words = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
      return ['env', ...words, 'sh', '-c', mapper];
    },
  },
];

/** Can the load driver collect from it, too? */
export const collects = ({ storesOnly }: Peer): boolean => storesOnly !== true;

/** The command that starts a peer, as another user if it refuses to be root's. @throws Error if there is no such user */
export function asUser({ user }: Pick<Peer, 'user'>, command: readonly string[]): readonly string[] {
  if (user === undefined || process.getuid?.() !== 0) return command;
  return ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', ...command];
}

/** Gives a folder to the user that a peer runs as. @throws Error if there is no such user, and the errno */
export function giveFolder({ user }: Pick<Peer, 'user'>, dir: string): void {
  if (user === undefined || process.getuid?.() !== 0) return;
  const entry = readFileSync('/etc/passwd', 'latin1').match(new RegExp(`^${user}:.*`, 'm'))?.[0];
  if (entry === undefined) throw new Error(`there is no user ${user}`);
  const [, , uid, gid] = entry.split(':');
  // The user must be able to pass through the folder above it.
  chmodSync(path.dirname(dir), 0o711);
  chownSync(dir, Number(uid), Number(gid));
}

/** The path of a program, looked for in root's folders, too; undefined if it is not installed. */
export function find(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
  // Debian keeps the programs of each version of PostgreSQL in a folder of their own.
  const postgres = '/usr/lib/postgresql';
  if (existsSync(postgres))
    for (const each of readdirSync(postgres)) folders.push(path.join(postgres, each, 'bin'));
  return [program, ...folders.map((folder) => path.join(folder, program))]
    .filter((file) => path.isAbsolute(file))
    .find(existsSync);
}

// PostgreSQL, protocol 3.0: a startup message, and a query.
function makeTable(): string {
  const long = (value: number): string => String.fromCharCode(0, 0, value >> 8, value & 0xff);
  const startup = '\0\x03\0\0user\0bench\0database\0postgres\0\0';
  const query = 'CREATE TABLE mail (id bigserial PRIMARY KEY, box int, body bytea)\0';
  return `${long(4 + startup.length)}${startup}Q${long(4 + query.length)}${query}`;
}

function makeStream(): string {
  const stream = JSON.stringify({ name: 'mail', subjects: ['mail.*'], storage: 'file' });
  const create = `PUB $JS.API.STREAM.CREATE.mail made ${stream.length}\r\n${stream}\r\n`;
  return `CONNECT {"verbose":false}\r\nSUB made 1\r\n${create}`;
}

// MQTT 3.1.1: CONNECT with a session that outlives the connection, SUBSCRIBE to mail/# with quality of service 1.
function subscribeAndLeave(): string {
  const text = (words: string): string => `\0${String.fromCharCode(words.length)}${words}`;
  const packet = (kind: string, rest: string): string => kind + String.fromCharCode(rest.length) + rest;
  const hello = packet('\x10', `${text('MQTT')}\x04\x00\x00\x00${text('keeper')}`);
  return hello + packet('\x82', `\x00\x01${text('mail/#')}\x01`);
}

// Sends bytes, and waits for an answer.
function talk(port: number, bytes: string, answer: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    socket.write(bytes, 'latin1');
    socket.on('data', (data) => {
      heard += data.toString('latin1');
      if (!heard.includes(answer)) return;
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
    socket.once('end', () => reject(new Error(`it hung up after ${JSON.stringify(heard.slice(0, 200))}`)));
  });
}
