// Dark or light: as the system says, until somebody presses the button.

const KEY = 'detour-theme';
type Theme = 'dark' | 'light';

const system = matchMedia('(prefers-color-scheme: dark)');

// A page that was opened from a disk, or by a browser that keeps nothing, may have no storage.
function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function store(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Then it holds until the page is closed.
  }
}

function show(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
}

/** Shows the theme that was chosen before, else the system's, also when that changes. */
export function startTheme(): void {
  const follow = (): void => {
    const chosen = stored();
    show(chosen === 'dark' || chosen === 'light' ? chosen : system.matches ? 'dark' : 'light');
  };
  follow();
  system.addEventListener('change', follow);
}

/** The other theme, from now on. */
export function toggleTheme(): void {
  const theme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  show(theme);
  store(theme);
}
