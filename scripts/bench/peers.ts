// Who is measured: detour's relay, and the brokers that people would pick instead, each as it is installed, with the settings that are named.

import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { MAIN } from '../lib/process.ts';
import { ROOT } from '../terminal.ts';

/** A store that is measured. */
export interface Peer {
  readonly name: string;
  /** What the load driver speaks to it. */
  readonly protocol: 'detour' | 'redis' | 'nats' | 'mqtt' | 'beanstalkd';
  /** Does it sync before it acknowledges? */
  readonly synced: boolean;
  /** Debian's package, and the program in it. */
  readonly package: string | undefined;
  readonly program: string;
  /** Arguments with which it says its version. */
  readonly version: readonly string[];
  /** Its arguments. @param dir an empty folder. @param port on 127.0.0.1 */
  args(dir: string, port: number): readonly string[];
  /** Makes what it needs before messages come. */
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

/** All that are measured beside it. */
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
    // Without somebody who has subscribed and is away, it keeps nothing.
    prepare: (port) => talk(port, subscribeAndLeave(), '\x90\x03\x00\x01\x01'),
  },
];

/** The path of a program, looked for where root finds it, too; undefined if it is not installed. */
export function find(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
  return [program, ...folders.map((folder) => path.join(folder, program))]
    .filter((file) => path.isAbsolute(file))
    .find(existsSync);
}

function makeStream(): string {
  const stream = JSON.stringify({ name: 'mail', subjects: ['mail.*'], storage: 'file' });
  const create = `PUB $JS.API.STREAM.CREATE.mail made ${stream.length}\r\n${stream}\r\n`;
  return `CONNECT {"verbose":false}\r\nSUB made 1\r\n${create}`;
}

// MQTT 3.1.1: CONNECT of a session that stays, SUBSCRIBE to mail/# with quality of service 1.
function subscribeAndLeave(): string {
  const text = (words: string): string => `\0${String.fromCharCode(words.length)}${words}`;
  const packet = (kind: string, rest: string): string => kind + String.fromCharCode(rest.length) + rest;
  const hello = packet('\x10', `${text('MQTT')}\x04\x00\x00\x00${text('keeper')}`);
  return hello + packet('\x82', `\x00\x01${text('mail/#')}\x01`);
}

// Says something, and waits until it has heard an answer.
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
