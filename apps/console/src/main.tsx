import './style/tokens.css';
import './style/base.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { resume } from './api/session';
import { Console } from './console';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no element "root".');
void resume();
createRoot(root).render(
  <StrictMode>
    <Console />
  </StrictMode>,
);
