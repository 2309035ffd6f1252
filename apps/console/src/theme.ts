import { createTheme } from '@mantine/core';

/** Fonts are the reader's own: nothing is fetched for looks. */
export const theme = createTheme({
  fontFamily: 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  primaryColor: 'indigo',
  colors: {
    // From the text's grey to the page's, in the blue-grey of styles/colours.css.
    dark: [
      '#e6ebf0',
      '#c3ccd6',
      '#9aa8b6',
      '#6b7a89',
      '#3a4855',
      '#26313c',
      '#1b242d',
      '#151c23',
      '#0e1318',
      '#090d11',
    ],
  },
  defaultRadius: 'md',
  cursorType: 'pointer',
  focusRing: 'auto',
  respectReducedMotion: true,
});
