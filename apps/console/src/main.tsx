import './no-eval.ts';

import { createRoot } from 'react-dom/client';
import { createApi } from './api/api.ts';
import { App } from './app.tsx';
import { takeMailLink } from './session/mail-link.ts';
import { takeSignInCode } from './session/sign-in-code.ts';

const root = document.getElementById('root');
if (root === null) throw new TypeError('index.html has an element #root');
const code = takeSignInCode(window.location, window.history);
const mailLink = takeMailLink(window.location, window.history);
createRoot(root).render(<App api={createApi()} code={code} mailLink={mailLink} />);
