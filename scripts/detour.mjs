#!/usr/bin/env node
// The entry point of the `detour` command: in a clone it installs and builds if necessary, then it runs the compiled program.

import { setUp } from './setup.mjs';

setUp();
await import('../dist/cli/main.js');
