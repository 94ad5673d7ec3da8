// The page of `detour board`: this file puts it together, hears the keys, and keeps the theme.

import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Route } from '../messages.ts';
import { Copies } from './copies.tsx';
import { Details } from './details.tsx';
import { Diagram } from './diagram.tsx';
import { dialogIsOpen } from './dialog.tsx';
import { Header } from './header.tsx';
import { Help } from './help.tsx';
import type { KeyAction, Pressed } from './keys.ts';
import { keyAction } from './keys.ts';
import { mayCommand, Notices } from './notices.tsx';
import { focusSay, Say } from './say.tsx';
import { Stage } from './stage.tsx';
import type { View } from './store.ts';
import { begin, closeDetails, playback, presentView, useView } from './store.ts';
import { choose, nextOf, StoryAsked, StoryBar, StoryQuestion } from './story.tsx';
import { startTheme, toggleTheme } from './theme.ts';
import { VerdictStrip } from './verdict.tsx';

const KINDS: Readonly<Record<Route, string>> = { direct: 'synchronous', detour: 'asynchronous' };

function Half({ route, view }: { route: Route; view: View }) {
  return (
    <section class={`half ${route}`} aria-labelledby={`title-${route}`}>
      <h2 id={`title-${route}`}>
        {route.toUpperCase()} <span>{KINDS[route]}</span>
      </h2>
      {view.stage === undefined ? null : <Stage route={route} stage={view.stage} may={mayCommand(view)} />}
      <Copies route={route} />
      <Diagram route={route} />
      <VerdictStrip route={route} />
    </section>
  );
}

function Bottom({ view }: { view: View }) {
  if (view.connection === 'gone')
    return (
      <p class="gone">
        The board has gone. Start it again with npx detour board, and open the address that it prints.
      </p>
    );
  if (view.story !== undefined) return <StoryBar story={view.story} />;
  if (view.mode !== 'stage' || view.stage === undefined) return null;
  return mayCommand(view) ? (
    <Say />
  ) : (
    <p class="watcher">You are watching. Whoever has the full address of the board commands it.</p>
  );
}

const SPEEDS = [0.01, 0.1, 1] as const;

// What a key, or a click, does to the page itself.
interface Panels {
  setHelp(open: boolean): void;
  setMenu(open: boolean): void;
}

function obey(action: KeyAction, panels: Panels): void {
  const view = presentView();
  const { paused, speed } = view.playback;
  if (action.do === 'pause') (paused ? playback.resume : playback.pause)();
  else if (action.do === 'step') playback.step(action.by);
  else if (action.do === 'live') playback.live();
  else if (action.do === 'say') focusSay();
  else if (action.do === 'menu') panels.setMenu(true);
  else if (action.do === 'theme') toggleTheme();
  else if (action.do === 'help') panels.setHelp(true);
  else if (action.do === 'speed') {
    const next = SPEEDS[SPEEDS.indexOf(speed) + action.by];
    if (next !== undefined) playback.speed(next);
  } else if (action.do === 'choose') {
    const wanted = view.stories.find(({ kind, number }) => kind === 'story' && number === action.number);
    if (wanted !== undefined && mayCommand(view)) void choose(wanted.name);
  } else if (action.do === 'next') {
    const next = view.story?.state === 'over' ? nextOf(view.stories, view.story) : undefined;
    if (next !== undefined && mayCommand(view)) void choose(next.name);
  } else if (action.do === 'close') {
    panels.setMenu(false);
    closeDetails();
  }
}

// What has the focus, and which keys it needs for itself.
function focusOf(target: EventTarget | null): Pressed['focus'] {
  if (!(target instanceof Element)) return 'page';
  if (target.matches('input[type=range], select')) return 'range';
  if (target.matches('input[type=checkbox], button, a, summary')) return 'button';
  return target.matches('input, textarea, [contenteditable]') ? 'text' : 'page';
}

function Board() {
  const view = useView();
  const [help, setHelp] = useState(false);
  const [menu, setMenu] = useState(false);
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (dialogIsOpen() || event.defaultPrevented) return;
      const modified = event.ctrlKey || event.altKey || event.metaKey;
      const action = keyAction({ key: event.key, modified, focus: focusOf(event.target) }, undefined);
      if (action === undefined) return;
      event.preventDefault();
      obey(action, { setHelp, setMenu });
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
  const { story, routes } = view;
  return (
    <div class={`board ${view.mode}`}>
      <Header menu={menu} onMenu={setMenu} onTheme={toggleTheme} onHelp={() => setHelp(true)} />
      <Notices />
      <main class={`halves ${routes.length === 1 ? 'one' : 'two'}`}>
        {routes.map((route) => (
          <Half key={route} route={route} view={view} />
        ))}
        {story?.state === 'asks' && !mayCommand(view) ? <StoryAsked story={story} /> : null}
        <Details />
      </main>
      <footer class="bottom">
        <Bottom view={view} />
      </footer>
      {story?.state === 'asks' && mayCommand(view) ? <StoryQuestion story={story} /> : null}
      {help ? <Help version={view.version} onClose={() => setHelp(false)} /> : null}
    </div>
  );
}

const root = document.getElementById('board');
if (root !== null) {
  startTheme();
  begin();
  render(<Board />, root);
}
