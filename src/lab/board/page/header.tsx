// The top of the page: what is played, whether it is live, the time, and what can be taken away.

import { useRef, useState } from 'preact/hooks';
import { useLeave } from './leave.ts';
import type { View } from './store.ts';
import { presentView, useView } from './store.ts';
import { headline, Menu } from './story.tsx';
import { Timeline } from './timeline.tsx';

/** How the connection to the board is, in words. */
const CONNECTIONS: Readonly<Record<View['connection'], string>> = {
  connecting: 'connecting …',
  live: 'live',
  lost: 'lost, trying again …',
  gone: 'the board has gone',
  export: 'a recorded run',
};

interface HeaderProps {
  readonly menu: boolean;
  readonly onMenu: (open: boolean) => void;
  readonly onTheme: () => void;
  readonly onHelp: () => void;
}

/** The header of the page. */
export function Header({ menu, onMenu, onTheme, onHelp }: HeaderProps) {
  const { connection, mode, may, stories, story } = useView();
  const served = connection !== 'export' && connection !== 'gone';
  return (
    <header class="header">
      <h1>detour</h1>
      {stories.length > 0 && served ? <Menu open={menu} onOpen={onMenu} /> : null}
      {story !== undefined && !served ? <p class="chosen">{headline(story)}</p> : null}
      <p class={`connection ${connection}`} role="status" data-testid="connection">
        <span class="dot" aria-hidden="true" />
        {CONNECTIONS[connection]}
      </p>
      {mode === 'stage' && served && !may ? <p class="watching">watching</p> : null}
      <Timeline />
      <nav class="tools" aria-label="the page">
        {served ? (
          <>
            <a class="tool" href="export" download title="this run as one HTML file" data-testid="export">
              export
            </a>
            <Logs />
          </>
        ) : null}
        <button
          type="button"
          class="quiet"
          onClick={onTheme}
          aria-label="dark or light"
          title="dark or light"
          data-testid="theme"
        >
          ☾
        </button>
        <button
          type="button"
          class="quiet"
          onClick={onHelp}
          aria-label="help: all keys"
          title="all keys"
          data-testid="help"
        >
          ?
        </button>
      </nav>
    </header>
  );
}

/** The log files of this run, one for each process, to be taken away. */
function Logs() {
  const [open, setOpen] = useState(false);
  const names = open
    ? [...new Set(presentView().events.map(({ recorded }) => `${recorded.actor}-${recorded.pid}`))]
    : [];
  const panel = useRef<HTMLDivElement>(null);
  useLeave(panel, open, () => setOpen(false));
  return (
    <div class="files" ref={panel}>
      <button
        type="button"
        class="quiet"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        data-testid="logs"
      >
        logs
      </button>
      {open ? (
        <div class="menu-panel">
          {names.length === 0 ? <p>Nothing has been recorded yet.</p> : null}
          {names.map((name) => (
            <a key={name} class="item" href={`logs/${encodeURIComponent(name)}.log`} download>
              {name}.log
            </a>
          ))}
        </div>
      ) : null}
    </div>
  );
}
