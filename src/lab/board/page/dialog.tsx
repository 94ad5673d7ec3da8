// A card in the middle of the page that must be dealt with first: the browser keeps the focus inside, and Esc closes it.

import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/** Is a dialog open? Then the keys of the page do nothing. */
export const dialogIsOpen = (): boolean => document.querySelector('dialog[open]') !== null;

interface DialogProps {
  /** The title, above everything. */
  readonly title: string;
  readonly testId: string;
  /** Called for Esc, and for the button in the corner. */
  readonly onClose: () => void;
  /** What the button in the corner does, in a word or two. */
  readonly closeText?: string;
  readonly children: ComponentChildren;
}

/** A modal dialog; it is open as long as it is part of the page. */
export function Dialog({ title, testId, onClose, closeText = 'close', children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    const opened = dialog.current;
    opened?.showModal();
    return () => opened?.close();
  }, []);
  // The title has the focus first: if an answer had it, an Enter that was typed a moment ago would choose it.
  useEffect(() => heading.current?.focus(), [title]);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-label={title}
      data-testid={testId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div class="dialog-head">
        <h2 ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <button type="button" class="quiet" onClick={onClose} data-testid={`${testId}-close`}>
          {closeText} <kbd>Esc</kbd>
        </button>
      </div>
      {children}
    </dialog>
  );
}
