// The page as documents: the one that the server sends, and the one that a person keeps (the export), which needs no server.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

// What scripts/bundle.mjs made. The path is right from src/lab/board/ and from dist/lab/board/.
const BUNDLE = new URL('../../../dist/lab/board/', import.meta.url);

/** A file of the page's bundle. */
export const bundled = (name: 'page.js' | 'style.css'): string => readFileSync(new URL(name, BUNDLE), 'utf8');

/**
 * What a page of the board may load: its own program and style, and no more. Nothing from outside, no inline scripts, and no other page
 * may show it in a frame.
 */
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEAD = `<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">`;
const BODY = `<div id="board"></div>
<noscript>This page needs JavaScript.</noscript>`;

/** The document that the server sends. */
export const LIVE = `<!doctype html>
<html lang="en">
<head>
${HEAD}
<title>detour board</title>
<link rel="stylesheet" href="style.css">
<script type="module" src="page.js"></script>
</head>
<body>
${BODY}
</body>
</html>
`;

/**
 * The document that a person keeps: the page, its style and a run in one file. It allows nothing but these two, by their hashes.
 * @param messages the JSON of each message that the page would have got from the server
 * @returns the document in parts, because a run may be large
 */
export function* exported(messages: readonly string[]): Generator<string> {
  const script = bundled('page.js');
  const style = bundled('style.css');
  const policy = `default-src 'none'; script-src '${hash(script)}'; style-src '${hash(style)}'; img-src data:; base-uri 'none'; form-action 'none'`;
  yield `<!doctype html>
<html lang="en">
<head>
${HEAD}
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>detour board: a recorded run</title>
<style>${style}</style>
</head>
<body>
${BODY}
<script type="application/json" id="run">{"messages":[`;
  for (const [index, json] of messages.entries()) {
    // A text from the network may contain "</script>", which would end the element.
    yield `${index === 0 ? '' : ','}${json.replaceAll('<', '\\u003c')}`;
  }
  yield `]}</script>
<script type="module">${script}</script>
</body>
</html>
`;
}

const hash = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`;
