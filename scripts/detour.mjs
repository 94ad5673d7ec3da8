#!/usr/bin/env node
// The entry point of the `detour` command: in a clone it installs and builds if necessary, then it runs the compiled program.

import { setUp } from './setup.mjs';

setUp();
// Not awaited: a Node that is too old for `await` here must get as far as the check in setup.mjs.
import('../dist/cli/main.js');
