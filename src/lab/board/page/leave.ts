// A panel that is open until somebody goes elsewhere.

import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

/**
 * Closes what is open when the focus leaves it, when somebody clicks outside, or at Esc; then its button gets the focus again.
 * @param whole the panel together with its button, which is its first button
 */
export function useLeave(whole: RefObject<HTMLElement | null>, open: boolean, onClose: () => void): void {
  useEffect(() => {
    if (!open) return;
    const away = (event: Event): void => {
      if (event.target instanceof Node && !whole.current?.contains(event.target)) onClose();
    };
    const pressed = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return;
      // Esc closes one thing at a time.
      event.preventDefault();
      onClose();
      whole.current?.querySelector('button')?.focus();
    };
    document.addEventListener('focusin', away);
    document.addEventListener('pointerdown', away);
    document.addEventListener('keydown', pressed, { capture: true });
    return () => {
      document.removeEventListener('focusin', away);
      document.removeEventListener('pointerdown', away);
      document.removeEventListener('keydown', pressed, { capture: true });
    };
  }, [open]);
}
