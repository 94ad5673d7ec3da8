// The page of `detour board`: this file puts it into the document.

import { render } from 'preact';

const root = document.getElementById('board');
if (root !== null) render(<main class="board">detour</main>, root);
