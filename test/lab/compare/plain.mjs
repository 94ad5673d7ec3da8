// detour on a system whose only loopback address is 127.0.0.1.
const args = process.argv.slice(2);
const host = args.indexOf('--host');
if (host !== -1 && args[host + 1] !== '127.0.0.1') process.exit(1);
await import('../../../dist/cli/main.js');
