// The top of the page: what is played, whether it is live, the time, and what can be taken away.

import type { ComponentChildren } from 'preact';
import type { View } from './store.ts';
import { useView } from './store.ts';
import { Menu } from './story.tsx';
import { Timeline } from './timeline.tsx';

/** How the connection to the board is, in words. */
const CONNECTIONS: Readonly<Record<View['connection'], string>> = {
  connecting: 'connecting …',
  live: 'live',
  lost: 'connection lost, trying again …',
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
  const { connection, mode, may, stories } = useView();
  const served = connection !== 'export';
  return (
    <header class="header">
      <h1>detour</h1>
      {stories.length > 0 && served ? <Menu open={menu} onOpen={onMenu} /> : null}
      <p class={`connection ${connection}`} role="status" data-testid="connection">
        <span class="dot" aria-hidden="true" />
        {CONNECTIONS[connection]}
      </p>
      {mode === 'stage' && served && !may ? <p class="watching">watching</p> : null}
      <Timeline />
      <nav class="tools" aria-label="the page">
        {served ? (
          <>
            <Tool href="export" testId="export" title="this run as one HTML file">
              export
            </Tool>
            <Tool href="logs" testId="logs" title="the log files of the processes">
              logs
            </Tool>
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

interface ToolProps {
  readonly href: string;
  readonly testId: string;
  readonly title: string;
  readonly children: ComponentChildren;
}

function Tool({ href, testId, title, children }: ToolProps) {
  return (
    <a class="tool" href={href} download title={title} data-testid={testId}>
      {children}
    </a>
  );
}
